"""A million inputs for each parser (SPIKE_FUZZ_RUNS says how many else), from libFuzzer on stable
Rust, which goes on from those inputs that reach more code. Begins with the inputs of tests/parsers.

Before, a panic behind eight bytes shows that there is a guide: without, nobody gets there. Exits
with 1 when a parser panics, is slow or breaks a promise. Such an input is in target/fuzz/found;
as a line of tests/parsers it is a test."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

RUNS = int(os.environ.get("SPIKE_FUZZ_RUNS", "1000000"))
PLANTED_RUNS = 20_000_000
WORK = Path("target/fuzz")
COVERAGE = [
    "-Cpasses=sancov-module",
    "-Ccodegen-units=1",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
]


def build():
    versions = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    host = re.search(r"^host: (.*)$", versions, re.M)[1]
    command = "cargo build -q --release --locked --manifest-path .ci/fuzz/Cargo.toml --target"
    env = os.environ | {"RUSTFLAGS": " ".join(["--cfg spike_internals", *COVERAGE])}
    subprocess.run([*command.split(), host, "--target-dir", WORK], check=True, env=env)
    return WORK / host / "release/tracing-spike-fuzz"


def seeded(parser, lines):
    folder = WORK / "corpus" / parser
    folder.mkdir(parents=True, exist_ok=True)
    inputs = [json.loads(line) for line in lines if not line.startswith("#")]
    for number, text in enumerate(inputs):
        (folder / f"seed-{number}").write_bytes(text.encode())
    return folder


def fuzz(program, parser, folder, runs):
    """Whether an input was found that must not be, and one line of what was tried."""
    log = WORK / f"{parser}.log"
    options = f"-runs={runs} -seed=1 -max_len=4096 -timeout=10 -use_value_profile=1"
    found = f"-artifact_prefix={WORK}/found/{parser}-"
    with log.open("w") as out:
        ended = subprocess.run(
            [program, folder, *options.split(), "-print_final_stats=1", found],
            env=os.environ | {"SPIKE_PARSER": parser},
            stdout=out,
            stderr=out,
        )
    text = log.read_text(errors="replace")
    last = lambda pattern: (re.findall(pattern, text) or ["?"])[-1]
    told = (
        f"{parser:12} {last(r'(?m)^#([0-9]+)'):>8} inputs,"
        f" {last(r'cov: ([0-9]+)'):>5} edges of {last(r'Loaded 1 PC tables .([0-9]+) PCs')},"
        f" {last(r'corp: ([0-9]+)'):>5} inputs kept"
    )
    why = re.findall(r"panicked at.*\n.*|SUMMARY.*|Test unit.*", text)
    return ended.returncode != 0, told, why


def main():
    program = build()
    shutil.rmtree(WORK / "corpus/planted", ignore_errors=True)
    (WORK / "found").mkdir(exist_ok=True)
    found, told, _ = fuzz(program, "planted", seeded("planted", []), PLANTED_RUNS)
    print(f"{told}: {'found' if found else 'NOT FOUND'}", flush=True)
    failed = not found
    for file in sorted(Path("tests/parsers").glob("*.txt")):
        parser = file.stem
        folder = seeded(parser, file.read_text().splitlines())
        found, told, why = fuzz(program, parser, folder, RUNS)
        print(f"{told}: {'FAILED' if found else 'no crash'}", flush=True)
        failed |= found
        print("\n".join(f"  {line[:2000]}" for line in why if found), end="\n" if found else "")
    sys.exit(failed)


main()
