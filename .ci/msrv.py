"""The oldest supported Rust is the newest of: 1.89 (std::fs::File::try_lock) and what each
dependency that ships with the crate asks for. Fails when Cargo.toml says anything else."""

import json
import subprocess
import sys

FLOOR = (1, 89)


def version(text):
    return tuple(int(part) for part in text.split(".")[:2])


meta = json.loads(
    subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--all-features", "--locked"],
        check=True,
        capture_output=True,
    ).stdout
)
packages = {package["id"]: package for package in meta["packages"]}
nodes = {node["id"]: node for node in meta["resolve"]["nodes"]}
root = meta["resolve"]["root"]

reached, waiting = set(), [root]
while waiting:
    for dep in nodes[waiting.pop()]["deps"]:
        ships = any(kind["kind"] in (None, "build") for kind in dep["dep_kinds"])
        if ships and dep["pkg"] not in reached:
            reached.add(dep["pkg"])
            waiting.append(dep["pkg"])

needs = [(FLOOR, "std::fs::File::try_lock")]
for package in (packages[i] for i in reached):
    if package["rust_version"]:
        name = f"{package['name']} {package['version']}"
        needs.append((version(package["rust_version"]), name))
oldest, why = max(needs)
stated = version(packages[root]["rust_version"])
show = lambda v: ".".join(map(str, v))
if stated != oldest:
    sys.exit(f"Cargo.toml: expected rust-version {show(oldest)} ({why}), found {show(stated)}")
print(f"rust-version {show(stated)}, because of {why}; {len(reached)} dependencies looked at")
