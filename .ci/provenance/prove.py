#!/usr/bin/env python3
"""Proves that `Titles::literals` gives the same titles however a program is built and wherever it
is loaded, measures them against text alone, and tells what an event costs.

Generates the program (`generate.py`), builds it in five ways, checks every message to the last
character, compares all titles over several runs, and prints the evaluator's table. Fails when a
title differs or 1 % of the messages or more are not as in the data.
"""

import argparse
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SHARED = ROOT.parent / "shared/titles"
RUNS = 3
COST = 2000
# Name, profile, flags, whether the sources lie in another directory.
BUILDS = [
    ("debug", "dev", "", False),
    ("release", "release", "", False),
    ("static-pie", "release", "-C target-feature=+crt-static", False),
    ("no-pie", "release", "-C relocation-model=static", False),
    ("static", "release", "-C target-feature=+crt-static -C relocation-model=static", False),
    ("elsewhere", "other", "", True),
]
KINDS = {
    ("DYN", True): "position-independent, dynamic",
    ("DYN", False): "position-independent, static",
    ("EXEC", True): "fixed, dynamic",
    ("EXEC", False): "fixed, static",
}


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--data", action="append", type=pathlib.Path)
    args.add_argument("--builds", default=",".join(name for name, *_ in BUILDS))
    args.add_argument("--explain", type=int, default=0, help="what splits and what merges")
    args = args.parse_args()
    data = [d.resolve() for d in args.data or [SHARED / "rust"]]
    if not all(d.is_dir() for d in data):
        print(f"no data in {data[0]}: not run")
        return
    started = time.monotonic()
    crate = ROOT / "target/provenance"
    folders = [flag for d in data for flag in ("--data", str(d))]
    shutil.rmtree(crate / "data", ignore_errors=True)
    run([sys.executable, HERE / "generate.py", "--out", crate, *folders])
    wanted = args.builds.split(",")
    programs = {b[0]: build(crate, *b) for b in BUILDS if b[0] in wanted}
    sets = {f.name: (f / "messages").read_bytes() for f in sorted((crate / "data").iterdir())}
    first = next(iter(programs.values()))
    check_messages(first, crate)
    against_the_example(first, crate, data, sets)
    for titles in ("text", "literals"):
        same_everywhere(programs, crate, titles, sets)
    evaluate(first, crate, folders, args.explain)
    cost(programs.get("release", first))
    print(f"{time.monotonic() - started:.0f} s")


def run(command, **options):
    return subprocess.run([str(c) for c in command], check=True, **options)


def build(crate, name, profile, flags, elsewhere):
    """The program; each way to build has a directory of its own."""
    started = time.monotonic()
    if elsewhere:
        moved = ROOT / "target/provenance-elsewhere/a/longer/path"
        shutil.copytree(crate, moved, dirs_exist_ok=True, ignore=shutil.ignore_patterns("data"))
        crate = moved
    host = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    target = re.search(r"host: (\S+)", host)[1]
    out = ROOT / "target/provenance-builds" / name
    env = os.environ | {"CARGO_TARGET_DIR": str(out), "RUSTFLAGS": flags}
    # With a target, the flags are not for build scripts.
    run(["cargo", "build", "-q", "--profile", profile, "--target", target], cwd=crate, env=env)
    folder = "debug" if profile == "dev" else profile
    program = out / target / folder / "provenance"
    elf = run(["readelf", "-hl", program], capture_output=True, text=True).stdout
    kind = KINDS[re.search(r"Type:\s+(\w+)", elf)[1], "INTERP" in elf]
    print(f"{name}: {kind}; built in {time.monotonic() - started:.0f} s")
    return program


def titler(program, crate, titles):
    return [str(program), "--titles", titles, "--data", str(crate / "data")]


def check_messages(program, crate):
    told = run([*titler(program, crate, "text"), "--check"], capture_output=True).stdout.decode()
    (crate / "mismatches").write_text(told, encoding="utf-8")
    last = told.splitlines()[-1]
    print(f"{last} (target/provenance/mismatches)")
    total, wrong = map(int, re.findall(r"\d+", last))
    if wrong * 100 > total:
        sys.exit("expected fewer than 1 % of the messages to differ")


def titles_of(command, sets):
    out = {}
    for name, messages in sets.items():
        done = run(command, input=messages, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        out[name] = done.stdout
    return out


def against_the_example(program, crate, data, sets):
    """With text alone the layer must say what `title::derive` says, or the rig is wrong."""
    env = os.environ | {"CARGO_TARGET_DIR": str(ROOT / "target/provenance-builds/example")}
    run(["cargo", "build", "-q", "--release", "--no-default-features", "--example", "titles"],
        cwd=ROOT, env=env)
    example = ROOT / "target/provenance-builds/example/release/examples/titles"
    ours, differ, total = titles_of(titler(program, crate, "text"), sets), [], 0
    for folder in (f for d in data for f in d.iterdir()):
        targets = dict(re.findall(r'"cid":(\d+),"target":"([^"]*)"',
                                  (folder / "templates.jsonl").read_text(encoding="utf-8")))
        rows = (folder / "messages.tsv").read_text(encoding="utf-8").split("\n")[:-1]
        rows = [(targets[r.split("\t")[1]], r.split("\t", 3)[3]) for r in rows]
        lines = "".join(f"{target}\t{message}\n" for target, message in rows)
        told = run([example, "--tsv"], input=lines.encode(), capture_output=True).stdout.decode()
        theirs = [title.removesuffix(f" in {target}")
                  for title, (target, _) in zip(told.split("\n"), rows)]
        mine = ours[folder.name].decode().split("\n")[:-1]
        total += len(rows)
        differ += [(m, t) for m, t in zip(mine, theirs, strict=True) if m != t]
    print(f"text alone: {len(differ)} of {total} titles are not those of examples/titles")
    for mine, theirs in differ[:5]:
        print(f"  layer {mine}\n  text  {theirs}")


def same_everywhere(programs, crate, titles, sets):
    found, runs = {}, 0
    for name, program in programs.items():
        fixed = ["setarch", "-R"] if shutil.which("setarch") else []
        for before in [[]] * RUNS + [fixed]:
            out = titles_of(before + titler(program, crate, titles), sets)
            digest = hashlib.sha256(b"".join(out.values())).hexdigest()[:12]
            found.setdefault(digest, (name, out))
            runs += 1
    if len(found) > 1:
        (one, a), (other, b), *_ = found.values()
        for key in a:
            pairs = zip(a[key].decode().split("\n"), b[key].decode().split("\n"))
            for x, y in [p for p in pairs if p[0] != p[1]][:20]:
                print(f"  {one}: {x}\n  {other}: {y}")
        sys.exit(f"{titles}: {len(found)} different outcomes in {runs} runs")
    print(f"{titles}: the same titles in {runs} runs of {len(programs)} builds ({[*found][0]})")


def evaluate(program, crate, folders, explain):
    command = [sys.executable, SHARED / "title_eval.py", *folders, "--no-speed", "--summary",
               "--subset", "noerr,shaped,word,error,const,all"]
    # Of one build, since all have the same titles.
    for titles in ("text", "literals"):
        command += ["--titler", f"{titles}={' '.join(titler(program, crate, titles))}"]
    if explain:
        command += ["--explain", explain]
    run(command, stderr=subprocess.DEVNULL)


def cost(program):
    """Instructions of one more event, all of it: the call, the layer, the gate."""
    if not shutil.which("valgrind"):
        print("cost: valgrind is not installed, not measured")
        return

    def instructions(titles, times):
        done = run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program,
                    "--titles", titles, "--cost", times], capture_output=True, text=True)
        return int(re.search(r"Collected : (\d+)", done.stderr)[1])

    for titles in ("text", "literals"):
        each = (instructions(titles, 2 * COST) - instructions(titles, COST)) / COST
        print(f"cost: {titles} {each:.0f} instructions an event (58 bytes, 2 values, a repeat)")


if __name__ == "__main__":
    main()
