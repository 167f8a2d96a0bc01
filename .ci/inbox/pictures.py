"""Pictures of the inbox: empty, on a busy day, and of hostile text."""

import os
import tempfile
import time
from contextlib import ExitStack

from browser import HOSTILE, ROOT, Browser, Sandbox, ask, wait


def details(message, target, level="ERROR", count=1, **more):
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    return {
        "message": message,
        "level": level,
        "target": target,
        "location": "src/main.rs:42",
        "source": {
            "service": "orders",
            "version": "1.4.2",
            "environment": "staging",
            "host": "node-3",
            "pid": 4211,
            "thread": "worker-2",
        },
        "occurrences": {"count": count, "since_last": max(count - 1, 1), "first": now, "last": now},
        "schema": 1,
        **more,
    }


def fill(sandbox):
    """A busy day, in a few seconds."""
    send = sandbox.send
    send(
        "connection to # lost after # in pool",
        body=details("connection to 10.0.0.7:5432 lost after 31 s", "pool"),
    )
    send("connection to # lost after # in pool", status="resolve")
    send(
        "payment gateway is unreachable in orders::payments",
        severity="sev2",
        body=details("payment gateway is unreachable", "orders::payments"),
    )
    send("payment gateway is unreachable in orders::payments", status="resolve")
    send(
        "stock is counted by hand today in orders",
        priority="p4",
        body=details("stock is counted by hand today", "orders", "WARN"),
    )
    send(
        "error storm in warehouse",
        body=details("492 errors with about 480 titles were held back", "warehouse", count=492),
    )
    send(
        "could not reserve # items in orders",
        severity="sev3",
        body=details("could not reserve 20 items", "orders"),
    )
    for _ in range(24):
        send(
            "shelf # does not answer in orders::warehouse",
            body=details("shelf 17 does not answer", "orders::warehouse", count=5000),
        )
    send(
        "order book disk is full in orders",
        severity="sev1",
        priority="p1",
        body=details(
            "order book disk is full", "orders", fields={"free_mb": 3, "mount": "/var/lib/orders"}
        ),
    )
    title = "card declined by the bank in orders::charge"
    body = details(
        "charge failed",
        "orders::charge",
        count=3,
        error={
            "message": "card declined by the bank",
            "chain": "charge failed: card declined by the bank",
        },
        fields={"amount_cents": 5997, "attempt": 3, "retry": False},
        span={"path": "order > charge", "fields": {"customer": 7039, "order": 3}},
    )
    send(title, severity="sev2", priority="p2", body=body)
    for wave in (0.8, 0.5, 1.1, 0.3, 0.9):
        time.sleep(wave)
        body["occurrences"]["count"] += 14
        send(title, body=body)
    numbers = {one["title"]: one["number"] for one in sandbox.incidents()}
    ask("POST", f"{sandbox.page}api/incidents/{numbers['error storm in warehouse']}/acknowledge")
    return numbers[title]


def be_hostile(sandbox):
    long = "payment of " + "".join("x\u0336" for _ in range(60)) + " " + "W" * 160 + " failed"
    send = sandbox.send
    send(
        "\u202etxet desrever siht si \u0645\u0631\u062d\u0628\u0627 \u202c and back",
        body=[1, 2, [3, [4, []]]],
    )
    send("a\n\n\nb\tc\u0000d", body="a text alone\nin two lines")
    send(long, severity="sev1", priority="p5", body={"k" * 300: "v" * 3000})
    deep = "bottom"
    for depth in range(40):
        deep = {f"level {depth}": deep}
    send(HOSTILE, severity="sev1", body={HOSTILE: HOSTILE, "deep": deep, "many": list(range(300))})
    return sandbox.incidents()[0]["number"]


def every(folder, where):
    os.makedirs(where, exist_ok=True)
    with ExitStack() as ends:
        browser = Browser()
        ends.callback(browser.stop)
        for state, prepare in (("empty", lambda _: None), ("busy", fill), ("hostile", be_hostile)):
            sandbox = Sandbox(folder)
            ends.callback(sandbox.stop)
            number = prepare(sandbox)
            for dark in (False, True):
                browser.theme(dark)
                for width, height in ((1280, 860), (390, 844)):
                    browser.size(width, height)
                    theme, device = ("dark" if dark else "light"), (
                        "wide" if width > 600 else "phone"
                    )
                    for part in ["list"] + (["detail"] if number and width < 600 else []):
                        wanted = number and (width > 600 or part == "detail")
                        browser.open("about:blank")
                        browser.open(sandbox.page + (f"#{number}" if wanted else ""))
                        wait("the page", lambda: browser.text("#live") == "live")
                        if wanted:
                            wait("the incident", lambda: browser.text("#detail h2"))
                        browser.picture(os.path.join(where, f"{state}-{theme}-{device}-{part}.png"))


# The page asks for the system's own letters, which a bare machine has none of worth a picture.
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include>/etc/fonts/fonts.conf</include>
  <match target="pattern">
    <test name="family"><string>sans-serif</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit>
  </match>
</fontconfig>
"""


def documentation(folder):
    """The two of the README, one for each theme."""
    fonts = os.path.join(tempfile.mkdtemp(), "fonts.conf")
    with open(fonts, "w") as file:
        file.write(FONTS)
    os.environ["FONTCONFIG_FILE"] = fonts
    where = os.path.join(ROOT, "docs")
    os.makedirs(where, exist_ok=True)
    with ExitStack() as ends:
        sandbox = Sandbox(folder)
        ends.callback(sandbox.stop)
        browser = Browser(height=800)
        ends.callback(browser.stop)
        number = fill(sandbox)
        for theme in ("light", "dark"):
            browser.theme(theme == "dark")
            browser.open("about:blank")
            browser.open(f"{sandbox.page}#{number}")
            wait("the incident", lambda: browser.text("#detail h2"))
            browser.picture(os.path.join(where, f"inbox-{theme}.png"))
