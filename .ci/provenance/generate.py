#!/usr/bin/env python3
"""Writes a Rust program that logs each message of the titles' data with a real `error!` or `warn!`
at a callsite of its own, and with typed arguments: in `target/provenance`, or `--out DIR`.

The data are the call sites of real services with generated values, without which this says so and
ends. A message is matched against its template to recover its arguments (`recover.py`); each gets
the Rust type that prints its text (`typed.py`, `errors.py`); what is not sure is counted and said.
"""

import argparse
import collections
import json
import pathlib
import re
import shutil

import recover
import typed

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CALLS_PER_FILE = 400


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--data", action="append", type=pathlib.Path)
    args.add_argument("--out", type=pathlib.Path, default=ROOT / "target/provenance")
    args.add_argument("--verbose", action="store_true", help="say each doubtful argument")
    args = args.parse_args()
    folders = [f for d in args.data or [ROOT / "../shared/titles/rust"] if d.is_dir()
               for f in sorted(d.iterdir())]
    if not folders:
        raise SystemExit("no data, nothing generated")
    types, calls, report = typed.Types(), [], Report(args.verbose)
    for folder in folders:
        dataset(folder, types, calls, report, args.out / "data" / folder.name)
    write_crate(args.out, types, calls)
    report.show(calls)


class Report:
    """What became of the arguments."""

    def __init__(self, verbose):
        self.verbose = verbose
        self.messages, self.arguments = 0, 0
        self.unmatched, self.ambiguous, self.examples = 0, 0, {}
        self.tags, self.untyped = collections.Counter(), collections.Counter()

    def add(self, template, message, errkind, found):
        self.messages += 1
        if found is None:
            self.unmatched += 1
            self.examples.setdefault(("unmatched", template.record["template"]), message)
            return
        texts, values, readings = found
        if len(readings) > 1:
            self.ambiguous += 1
            self.examples.setdefault(("ambiguous", template.record["template"]), readings[:2])
        kinds = template.kinds_of(errkind)
        for (spec, kind), text, (quality, value), error in zip(template.args, texts, values, kinds):
            self.arguments += 1
            self.tags[value[0]] += 1
            if quality == 0:
                what = (error or kind, spec)
                self.untyped[what] += 1
                self.examples.setdefault(("untyped", what), text)

    def show(self, calls):
        print(f"{len(calls)} call sites, {self.messages} messages, {self.arguments} arguments")
        print(f"unmatched {self.unmatched}, ambiguous {self.ambiguous}, "
              f"untyped arguments {sum(self.untyped.values())}")
        print("values:", ", ".join(f"{tag} {n}" for tag, n in self.tags.most_common()))
        for (kind, spec), n in self.untyped.most_common(None if self.verbose else 12):
            print(f"  untyped {n}: {kind} {{:{spec}}}", self.examples["untyped", (kind, spec)][:90])
        if self.verbose:
            for (what, which), example in self.examples.items():
                print(" ", what, which, "=>", example)


def dataset(folder, types, calls, report, out):
    templates = {}
    for line in (folder / "templates.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        templates[str(record["cid"])] = (recover.Template(record, types), len(calls))
        calls.append(templates[str(record["cid"])][0])
    rows = [line.split("\t", 3) for line in
            (folder / "messages.tsv").read_text(encoding="utf-8").split("\n") if line]
    by_call = collections.defaultdict(list)
    for _, cid, errkind, message in rows:
        by_call[cid].append((message, errkind))
    for cid, messages in by_call.items():
        templates[cid][0].learn_constants(messages)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "messages").open("w", encoding="utf-8") as messages, \
            (out / "events").open("w", encoding="utf-8") as events:
        for _, cid, errkind, message in rows:
            template, call = templates[cid]
            found = template.recover(message, errkind)
            report.add(template, message, errkind, found)
            for i, text in enumerate(found[0] if found else []):
                if template.args[i][0] == "#?" and typed.is_pretty(text):
                    template.pretty.add(i)
            values = [v for _, v in found[1]] if found else [["bare", "?"]] * len(template.args)
            messages.write(message + "\n")
            events.write(typed.encode([call, values]) + "\n")


def write(path, text):
    """Only what has changed, so that cargo builds no more than that."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def write_crate(out, types, calls):
    write(out / "Cargo.toml", (HERE / "Cargo.toml.in").read_text().replace("@ROOT@", str(ROOT)))
    for source in (HERE / "src").iterdir():
        write(out / "src" / source.name, source.read_text(encoding="utf-8"))
    shutil.copy(ROOT / "Cargo.lock", out / "Cargo.lock")
    write(out / "src/types.rs", "\n".join(types_rs(types)))
    chunks = [calls[i : i + CALLS_PER_FILE] for i in range(0, len(calls), CALLS_PER_FILE)]
    lines = ["// Generated by .ci/provenance/generate.py.", "use crate::value::Value;", ""]
    for n, chunk in enumerate(chunks):
        write(out / f"src/calls/c{n}.rs", calls_rs(n * CALLS_PER_FILE, chunk))
        lines.append(f"mod c{n};")
    lines.append(f"pub(crate) static CALLS: [fn(&[Value]); {len(calls)}] = [")
    lines += [f"    c{i // CALLS_PER_FILE}::call_{i}," for i in range(len(calls))] + ["];", ""]
    write(out / "src/calls/mod.rs", "\n".join(lines))


def calls_rs(first, calls):
    out = ["// Generated by .ci/provenance/generate.py.", "use crate::value::Value;",
           "use tracing::{error, warn};", ""]
    for i, call in enumerate(calls, first):
        args = "".join(f", a[{n}]" for n in range(len(call.args)))
        level = "error" if call.record["level"] == "error" else "warn"
        out += [f"pub(super) fn call_{i}({'a' if args else '_'}: &[Value]) {{",
                f"    {level}!(target: {quote(call.record['target'])}, "
                f"{call.format_string()}{args});", "}"]
    return "\n".join(out) + "\n"


def quote(text):
    return json.dumps(text, ensure_ascii=False)


def types_rs(types):
    yield "// Generated by .ci/provenance/generate.py."
    yield "#![allow(non_camel_case_types, dead_code, reason = \"named as in the data\")]"
    yield "use crate::value::{Debugged, Displayed, Value};"
    yield "use std::fmt;"
    yield f"pub(crate) static LITERALS: [&str; {len(types.literals)}] = ["
    yield from (f"    {quote(text)}," for text in types.literals)
    yield "];"
    yield "#[derive(Clone, Copy, Debug)] pub(crate) enum Unit {"
    yield from (f"    {name}," for name in types.units)
    yield "}"
    yield f"pub(crate) static UNITS: [Unit; {len(types.units)}] = ["
    yield from (f"    Unit::{name}," for name in types.units)
    yield "];"
    yield "#[derive(Clone, Copy)] pub(crate) enum Name {"
    yield from (f"    N{i}," for i in range(len(types.names)))
    yield "}"
    yield "impl fmt::Display for Name {"
    yield "    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { match self {"
    for text, i in types.names.items():
        yield f"        Name::N{i} => f.write_str({quote(text)}),"
    yield "    } }\n}"
    yield f"pub(crate) static NAMES: [Name; {len(types.names)}] = ["
    yield from (f"    Name::N{i}," for i in range(len(types.names)))
    yield "];"
    yield from shapes_rs(types.shapes)
    yield from patterns_rs(types.patterns)
    yield ""


def is_derived(name, more):
    """Whether `derive` can print it: a name that a Rust type can have, and all of its fields."""
    return "::" not in name and name != "Self" and not more


def shapes_rs(shapes):
    for (name, fields, more), i in shapes.items():
        yield f"mod s{i} {{" + (" use crate::value::Value;" if fields else "")
        derived = is_derived(name, more)
        own = name if derived else "T"
        head = "#[derive(Debug)] " if derived else ""
        if isinstance(fields, int):
            yield f"    {head}pub(super) struct {own}({', '.join(['pub(super) Value'] * fields)});"
        else:
            inside = ", ".join(f"pub(super) r#{field}: Value" for field in fields)
            yield f"    {head}pub(super) struct {own} {{ {inside} }}"
        if not derived:
            yield f"    impl std::fmt::Debug for T {{"
            yield "        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {"
            if isinstance(fields, int):
                chain = "".join(f".field(&self.{n})" for n in range(fields))
                yield f"            f.debug_tuple({quote(name)}){chain}.finish()"
            else:
                chain = "".join(f".field({quote(n)}, &self.r#{n})" for n in fields)
                end = "finish_non_exhaustive" if more else "finish"
                yield f"            f.debug_struct({quote(name)}){chain}.{end}()"
            yield "        }\n    }"
        yield "}"
    yield "pub(crate) fn shape(number: usize, values: Vec<Value>) -> Value {"
    yield "    let mut v = values.into_iter();"
    yield "    let mut next = || v.next().expect(\"a value for each field\");"
    yield "    match number {"
    for (name, fields, more), i in shapes.items():
        own = name if is_derived(name, more) else "T"
        if isinstance(fields, int):
            made = f"s{i}::{own}({', '.join(['next()'] * fields)})"
        else:
            made = f"s{i}::{own} {{ {', '.join(f'r#{n}: next()' for n in fields)} }}"
        yield f"        {i} => Value::new(Debugged({made})),"
    yield "        _ => panic!(\"no shape {number}\"),\n    }\n}"


def patterns_rs(patterns):
    for text, i in patterns.items():
        literal, args = "", ""
        for n, part in enumerate(re.split(r"(\{(?::\?)?\})", text)):
            literal += part if n % 2 else recover.Template.quote(part)
            args += f", self.0[{n // 2}]" if n % 2 else ""
        yield f"struct P{i}(Vec<Value>);"
        yield f"impl fmt::Display for P{i} {{"
        yield "    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {"
        yield f"        write!(f, \"{literal}\"{args})"
        yield "    }\n}"
    yield "pub(crate) fn pattern(number: usize, values: Vec<Value>) -> Value {"
    yield "    match number {"
    yield from (f"        {i} => Value::new(Displayed(P{i}(values)))," for i in patterns.values())
    yield "        _ => panic!(\"no pattern {number}\"),\n    }\n}"


if __name__ == "__main__":
    main()
