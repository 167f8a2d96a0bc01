"""Which types of other crates are in our public API: those that MAY lists, and no others. Whatever
is listed can't have a new major version without one of ours.

    python3 .ci/public.py

Reads what rustdoc tells of the crate as JSON, with all features. Stable rustdoc prints that only
when told so by RUSTC_BOOTSTRAP, which is set for our own crate alone; nothing is built with it."""

import json
import os
import subprocess
import sys

# The standard library, the crates that this one is a layer for, JSON, which is what a body is, and
# serde, by which the counters are told.
MAY = {
    "std", "core", "alloc", "tracing", "tracing_core", "tracing_subscriber", "serde_core", "serde_json",
}
# What must be found, or nothing was looked at.
MUST = {"std", "tracing_core", "tracing_subscriber", "serde_json"}

meta = json.loads(
    subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"],
        check=True, capture_output=True,
    ).stdout
)
subprocess.run(
    ["cargo", "rustdoc", "-q", "--locked", "--lib", "--all-features", "--",
     "-Zunstable-options", "--output-format", "json"],
    check=True, env=os.environ | {"RUSTC_BOOTSTRAP": "tracing_spike"},
)
with open(os.path.join(meta["target_directory"], "doc", "tracing_spike.json")) as file:
    doc = json.load(file)
paths = doc["paths"]
crates = {int(id): crate["name"] for id, crate in doc["external_crates"].items()}


def named(node):
    """The ids of all types and traits that a signature names."""
    if isinstance(node, dict):
        if "path" in node and "id" in node:
            yield node["id"]
        node = list(node.values())
    for part in node if isinstance(node, list) else []:
        yield from named(part)


def is_ours_to_keep(kind, inner):
    """Not a module, which is its items, nor what is implemented for each type of the world."""
    is_general = kind == "impl" and (inner["is_synthetic"] or inner["blanket_impl"])
    return kind not in ("module", "use") and not is_general


found = {}
for item in doc["index"].values():
    kind, inner = next(iter(item["inner"].items()))
    if item["crate_id"] != 0 or not is_ours_to_keep(kind, inner):
        continue
    for path in (paths.get(str(id)) for id in named(inner)):
        if path and path["crate_id"] != 0:
            where = f"{item['span']['filename']}:{item['span']['begin'][0]}" if item["span"] else kind
            crate = crates[path["crate_id"]]
            found.setdefault(crate, set()).add(f"{where}: {'::'.join(path['path'])}")

wrong = [place for crate in sorted(set(found) - MAY) for place in sorted(found[crate])]
if wrong:
    sys.exit(f"expected types of {', '.join(sorted(MAY))} in the public API, found\n  " + "\n  ".join(wrong))
if not MUST <= set(found):
    sys.exit(f"expected types of {', '.join(sorted(MUST - set(found)))}, too: rustdoc's JSON has changed")
print("in the public API: " + ", ".join(f"{crate} ({len(found[crate])})" for crate in sorted(found)))
