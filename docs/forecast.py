#!/usr/bin/env python3
"""Takes the picture of `spike forecast` that the README shows.

    docs/forecast.py            writes docs/forecast.svg
    docs/forecast.py --check    fails if that is not what the command prints now

A week of a small shop is made up, the command reads it, and what it prints becomes an SVG of text.
"""

import html
import json
import os
import random
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
COLUMNS = 84
BEGINS = 1_795_392_000  # Monday, 2026-11-23
HOUR, DAY = 3_600, 86_400

# A terminal's colours, by the codes that the command uses.
COLOURS = {"1": "#ffffff", "2": "#8b949e", "31": "#ff7b72", "32": "#7ee787", "33": "#e3b341"}
PLAIN, BACKGROUND = "#d0d7de", "#0d1117"
WIDTH, HEIGHT, MARGIN = 8.43, 19, 18


def log():
    """The lines of a week, in order."""
    lines = []
    chance = random.Random(7)

    def event(at, level, target, message, line, **fields):
        whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(BEGINS + at))
        stamp = f"{whole}.{int(at % 1 * 1e6):06d}Z"
        event = {
            "timestamp": stamp,
            "level": level,
            "fields": {"message": message, **fields},
            "target": target,
            "filename": "src/" + target.split("::")[-1] + ".rs",
            "line_number": line,
        }
        lines.append((at, json.dumps(event)))

    for at in range(0, 7 * DAY, 40):
        event(at, "INFO", "shop::orders", "order taken", 12, order=at)
    # Payments fail in the evenings, and the database goes away at night, until somebody sees to it.
    for day in range(7):
        evening = day * DAY + 18 * HOUR + chance.randrange(3 * HOUR)
        for _ in range(chance.randrange(40, 400)):
            at = evening + chance.randrange(HOUR)
            order = chance.randrange(10**5)
            event(at, "ERROR", "shop::payments", f"card payment failed for order {order}", 88)
        event(evening + HOUR, "INFO", "shop::payments", "card payment failed for order 0", 97,
              **{"spike.status": "resolve"})
        if day in (1, 2, 4):
            night = day * DAY + 3 * HOUR + chance.randrange(HOUR)
            for n in range(chance.randrange(20, 60)):
                event(night + n * 7, "ERROR", "shop::db",
                      f"connection to 10.0.0.{n}:5432 lost after {n} s", 41)
            event(night + 600, "INFO", "shop::db", "connection to 10.0.0.1:5432 lost after 1 s", 45,
                  **{"spike.status": "resolve"})
    plans = ["gold", "silver", "basic", "trial", "team", "campus", "family"]
    for n, plan in enumerate(plans):
        event(n * 22 * HOUR + 10 * HOUR, "ERROR", "shop::plans",
              f"plan {plan} of a customer is gone", 63)
    # A disk dies, and everything that is on it says so.
    parts = ["cart", "stock", "search", "prices", "invoices", "mail", "reviews", "coupons",
             "images", "sessions", "exports", "returns", "taxes", "labels"]
    for n, part in enumerate(parts * 30):
        event(3 * DAY + 9 * HOUR + n * 0.2, "ERROR", f"shop::{part}",
              f"{part} can't be read: input/output error", 30)
    lines.sort()
    return "".join(line + "\n" for _, line in lines)


def forecast():
    """What the command prints, with colours."""
    subprocess.run(["cargo", "build", "-q", "--features", "cli", "--bin", "spike"], cwd=ROOT,
                   check=True)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("SPIKE_", "NO_COLOR"))}
    environment |= {"CLICOLOR_FORCE": "1", "COLUMNS": str(COLUMNS)}
    command = [os.path.join(target, "debug", "spike"), "forecast", "-", "--service", "shop"]
    done = subprocess.run(command, input=log(), env=environment, capture_output=True, text=True,
                          check=True)
    return "$ spike forecast app.log\n" + done.stdout.replace("stdin", "app.log")


def svg(text):
    """The text on a terminal."""
    lines = text.rstrip("\n").split("\n")
    width = COLUMNS * WIDTH + 2 * MARGIN
    height = len(lines) * HEIGHT + 2 * MARGIN
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
        f'width="{width:.0f}" height="{height}" role="img" '
        'aria-label="What spike forecast prints for a week of logs">',
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>',
        '<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, '
        f'monospace" font-size="14" fill="{PLAIN}" xml:space="preserve">',
    ]
    for row, line in enumerate(lines):
        y = MARGIN + row * HEIGHT + 14
        column, colour = 0, None
        for part in re.split(r"(\x1b\[\d+m)", line):
            code = re.fullmatch(r"\x1b\[(\d+)m", part)
            if code:
                colour = COLOURS.get(code.group(1))
                continue
            # Words with a space between them: more would be taken for one.
            for words in re.finditer(r"\S+(?: \S+)*", part):
                shown = words.group()
                x = MARGIN + (column + words.start()) * WIDTH
                fill = f' fill="{colour}"' if colour else ""
                # As wide as its columns, whatever the font.
                length = f' textLength="{len(shown) * WIDTH:.1f}"'
                out.append(f'<text x="{x:.1f}" y="{y}"{fill}{length} '
                           f'lengthAdjust="spacingAndGlyphs">{html.escape(shown)}</text>')
            column += len(part)
    out.append("</g>\n</svg>\n")
    return "\n".join(out)


def main():
    path = os.path.join(HERE, "forecast.svg")
    picture = svg(forecast())
    if sys.argv[1:] == ["--check"]:
        with open(path, encoding="utf-8") as known:
            if known.read() != picture:
                sys.exit("docs/forecast.svg is out of date: run docs/forecast.py")
        return
    with open(path, "w", encoding="utf-8") as file:
        file.write(picture)


if __name__ == "__main__":
    main()
