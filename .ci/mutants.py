"""The mutants that cargo-mutants makes of what loses nothing and leaks nothing, and whether the
tests notice each. All are built into one program, in which SPIKE_MUTANT names the one that is
alive: fifteen hundred builds would take a day.

    python3 .ci/mutants.py [GROUP…] [--again]

A mutant is caught when a test fails, unviable when it does not compile, late when the tests take
ten times as long or more than their memory; those count as caught, too. Exits with 1 when a group
has less than 95 % caught. Those that are missed are in target/mutants/GROUP.missed, and what they
are in tests/MUTANTS.md; `--again` tries no others. Needs cargo-mutants 27.1.0 in the PATH."""

import concurrent.futures
import contextlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

LEAST = 95
WORK = Path("target/mutants")
COPY = WORK / "copy"
# Files, and the tests that are to notice, the quick ones first.
GROUPS = {
    "outcome": (["src/delivery/outcome.rs"], ["delivery::outcome", "delivery::outbox"]),
    "outbox": (
        ["src/delivery/outbox.rs", "src/delivery/outbox/*.rs"],
        ["delivery::outbox", "proofs::nights", "proofs::exhaustive", "it health:: storms::"],
    ),
    "spool": (
        ["src/delivery/spool.rs", "src/delivery/spool/*.rs", "src/delivery/kept.rs",
         "src/delivery/adopter.rs"],
        ["delivery::spool delivery::adopter delivery::kept --skip truncation --skip thousand"
         " --skip f108 --skip fills --skip whatever --skip bounded --skip kill",
         "delivery::spool", "it spool:: health::"],
    ),
    "redact": (
        ["src/capture/redact.rs", "src/capture/redact/*.rs"],
        ["capture::redact --skip ::properties --skip ::cost", "capture::redact::tests::properties",
         "internals::parsers::tests::f0", "it data:: secrets::"],
    ),
}
ENV = {"CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_PROFILE_TEST_DEBUG": "0",
       "CARGO_PROFILE_TEST_OPT_LEVEL": "1", "CARGO_TERM_COLOR": "never", "CARGO_INCREMENTAL": "0"}
# The tests of the spool write a great deal.
if Path("/dev/shm").is_dir():
    ENV["TMPDIR"] = "/dev/shm"
MEMORY = 6 << 30


def listed(files):
    command = ["cargo", "mutants", "--list", "--json"]
    for file in files:
        command += ["-f", file]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    mutants = json.loads(told)
    for mutant in mutants:
        if not mutant["function"]:
            mutant["state"] = "const"
    return mutants


def offset(starts, place):
    return starts[place["line"] - 1] + place["column"] - 1


def written(text, mutants):
    """The file with all of its mutants, each in a copy of the body of its function."""
    starts, functions = [0], {}
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for mutant in mutants:
        if not mutant["function"]:
            continue
        span = mutant["function"]["span"]
        functions.setdefault((offset(starts, span["start"]), offset(starts, span["end"])), []).append(mutant)
    edits = []
    for (start, end), inside in functions.items():
        name = re.escape(inside[0]["function"]["function_name"].split("::")[-1].split(" ")[-1])
        signature = re.compile(r"\bfn " + name + r"\b").search(text, start, end)
        assert signature, (inside[0]["name"], text[start:end][:200])
        if re.search(r"\bconst\s*$", text[start:signature.start()]):
            for mutant in inside:
                mutant["state"] = "const"
            continue
        body = text.index("{", signature.end(), end)
        arms = []
        for mutant in inside:
            if mutant.get("state"):
                continue
            a, b = offset(starts, mutant["span"]["start"]), offset(starts, mutant["span"]["end"])
            changed = text[body:a] + mutant["replacement"] + " " + text[b:end]
            # One line, so that an error tells which it is.
            arms.append(f"{mutant['id']} => {oneline(changed)}")
        edits.append((body, end, arms))
    out, at = [], 0
    for body, end, arms in sorted(edits):
        assert body >= at, "a function in another"
        out += [text[at:body], "{ match crate::alive() {\n", *(f"{arm}\n" for arm in arms), "_ => ",
                text[body:end], "} }"]
        at = end
    return "".join(out) + text[at:]


def oneline(code):
    code = re.sub(r"(^|\s)//.*", r"\1", code)
    code = re.sub(r"\\\n\s*", "", code)
    return " ".join(line.strip() for line in code.splitlines())


def build(mutants):
    """The programs with the tests, after all that does not compile was left out."""
    shutil.rmtree(COPY, ignore_errors=True)
    ignored = shutil.ignore_patterns("target", ".git")
    shutil.copytree(".", COPY, ignore=ignored)
    originals, by_file = {}, {}
    for mutant in mutants:
        by_file.setdefault(mutant["file"], []).append(mutant)
    lib = COPY / "src/lib.rs"
    lib.write_text(lib.read_text().replace("#![forbid(unsafe_code)]", "").replace("mod at_exit;", '''
fn alive() -> u32 {
    static ALIVE: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *ALIVE.get_or_init(|| std::env::var("SPIKE_MUTANT").map_or(0, |id| id.parse().unwrap()))
}
mod at_exit;''', 1))
    for file in by_file:
        originals[file] = Path(file).read_text()
    for _ in range(40):
        lines = {}
        for file, inside in by_file.items():
            (COPY / file).write_text(written(originals[file], inside))
            for number, line in enumerate((COPY / file).read_text().splitlines(), 1):
                if found := re.match(r"(\d+) => \{", line):
                    lines[file, number] = int(found[1])
        command = "cargo test --features sandbox --lib --test it --no-run --locked --message-format=json"
        env = os.environ | ENV | {"RUSTFLAGS": "--cap-lints=allow"}
        run = subprocess.run([*command.split(), "--target-dir", (WORK / "build").resolve()], cwd=COPY,
                             env=env, capture_output=True, text=True)
        messages = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
        if run.returncode == 0:
            programs = [m for m in messages if m.get("executable")]
            return {program["target"]["name"]: program["executable"] for program in programs}
        wrong = set()
        for message in messages:
            if message["reason"] == "compiler-message" and message["message"]["level"] == "error":
                for span in message["message"]["spans"]:
                    if (id := lines.get((span["file_name"], span["line_start"]))):
                        wrong.add(id)
        if not wrong:
            sys.exit(run.stderr[-3000:] + "\n".join(
                m["message"]["rendered"] for m in messages if m["reason"] == "compiler-message"
                and m["message"]["level"] == "error")[:6000])
        for mutant in mutants:
            if mutant["id"] in wrong:
                mutant["state"] = "unviable"
        print(f"  {len(wrong)} do not compile", flush=True)
    sys.exit("it never compiled")


def limits():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def tried(programs, filters, id, most):
    """`caught`, `late` or `missed`."""
    program = programs["it" if filters.startswith("it ") else "tracing_spike"]
    filters = filters.removeprefix("it ")
    env = os.environ | ENV | {"SPIKE_MUTANT": str(id)}
    run = subprocess.Popen([program, *filters.split(), "--test-threads=1"], env=env, cwd=COPY,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                           errors="replace", preexec_fn=limits, start_new_session=True)
    late = threading.Timer(most, end, [run])
    late.start()
    try:
        # The first that fails is enough.
        if any(line.endswith("FAILED\n") for line in run.stdout):
            return "caught"
        code = run.wait()
        return "late" if code == -signal.SIGKILL else "caught" if code else "missed"
    finally:
        late.cancel()
        end(run)
        run.wait()


def end(run):
    """With all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)


def main():
    groups = [name for name in sys.argv[1:] if name in GROUPS] or list(GROUPS)
    WORK.mkdir(parents=True, exist_ok=True)
    mutants = []
    for group in groups:
        missed = WORK / f"{group}.missed"
        again = missed.read_text().splitlines() if "--again" in sys.argv else None
        for mutant in listed(GROUPS[group][0]):
            if again is None or mutant["name"] in again:
                mutants.append(mutant | {"group": group, "id": len(mutants) + 1})
    programs = build(mutants)
    failed = False
    for group in groups:
        inside = [mutant for mutant in mutants if mutant["group"] == group]
        left = [mutant for mutant in inside if "state" not in mutant]
        start = time.monotonic()
        for filters in GROUPS[group][1]:
            begun = time.monotonic()
            if tried(programs, filters, 0, 600) != "missed":
                sys.exit(f"the tests fail without a mutant: {filters}")
            most = 20 + 10 * (time.monotonic() - begun)
            with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
                states = pool.map(lambda m: tried(programs, filters, m["id"], most), left)
                for mutant, state in zip(left, states):
                    mutant["state"] = state
            left = [mutant for mutant in left if mutant["state"] == "missed"]
            missed = "".join(f"{mutant['name']}\n" for mutant in left)
            (WORK / f"{group}.missed").write_text(missed)
            print(f"  {group}: {len(left)} missed by {filters}", flush=True)
        count = lambda state: sum(mutant["state"] == state for mutant in inside)
        told = {state: count(state) for state in ("caught", "late", "missed", "unviable", "const")}
        viable = told["caught"] + told["late"] + told["missed"]
        share = 100 * (viable - told["missed"]) / max(viable, 1)
        print(f"{group}: {len(inside)} mutants, {told}, {share:.1f} % caught,"
              f" {time.monotonic() - start:.0f} s", flush=True)
        failed |= share < LEAST
        names = "".join(f"{mutant['name']}\n" for mutant in inside if mutant["state"] == "const")
        (WORK / f"{group}.const").write_text(names)
    sys.exit(failed)


main()
