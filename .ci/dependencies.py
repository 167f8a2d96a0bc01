"""What Cargo.toml asks for is used, and may be shipped: each dependency is named in the code that may
use it, and each crate that is built into a program has a licence that LICENCES allows.

    python3 .ci/dependencies.py"""

import json
import re
import subprocess
import sys
from pathlib import Path

# What a program under any licence may link, with a notice at most.
LICENCES = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CDLA-Permissive-2.0", "CC0-1.0",
    "ISC", "MIT", "MIT-0", "Unicode-3.0", "Unlicense", "Zlib",
}
# Where a dependency of this kind may be used.
PLACES = {None: ["src"], "build": ["build.rs"], "dev": ["src", "tests", "benches", "examples"]}


def cargo(*args):
    return subprocess.run(["cargo", *args, "--locked"], check=True, capture_output=True, text=True).stdout


def may(expression):
    """Whether an SPDX expression can be met: by one of OR, by all of AND."""
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))
    said = {"(": "(", ")": ")", "OR": "or", "AND": "and"}
    # An exception gives more than the licence.
    words = [word for at, word in enumerate(words) if word != "WITH" and words[at - 1] != "WITH"]
    return eval(" ".join(said.get(word, str(word in LICENCES)) for word in words))


def shipped():
    """The crates that are built into a program somewhere, each with its licence."""
    tree = cargo("tree", "-e", "normal,build", "--all-features", "--target", "all", "--prefix", "none",
                 "--format", "{p}|{l}")
    lines = {line.removesuffix(" (*)") for line in tree.splitlines()}
    return sorted(line.split("|") for line in lines if not line.startswith("tracing-spike "))


def texts(kind):
    for place in PLACES[kind]:
        path = Path(place)
        files = path.rglob("*.rs") if path.is_dir() else [path] if path.exists() else []
        for file in files:
            yield file.read_text()


def is_used(dep):
    name = (dep["rename"] or dep["name"]).replace("-", "_")
    word = re.compile(rf"\b{name}(::|\b.*;$)", re.M)
    return any(word.search(text) for text in texts(dep["kind"]))


assert may("(MIT OR GPL-3.0) AND ISC") and not may("MIT AND GPL-3.0") and may("GPL-2.0/MIT")
assert may("Apache-2.0 WITH LLVM-exception") and not may("GPL-2.0 WITH Classpath-exception-2.0")
assert not is_used({"name": "no-such-crate", "rename": None, "kind": "dev"})

root = json.loads(cargo("metadata", "--format-version", "1", "--no-deps"))["packages"][0]
crates = shipped()
wrong = [f"Cargo.toml: expected a use of {dep['name']} ({dep['kind'] or 'normal'}), found none"
         for dep in root["dependencies"] if not is_used(dep)]
wrong += [f"{crate}: expected a licence that is allowed, found {licence or 'none'}"
          for crate, licence in crates if not may(licence or "none")]
if wrong:
    sys.exit("\n".join(wrong))
print(f"{len(root['dependencies'])} dependencies, all used; {len(crates)} crates are shipped, all with "
      "licences that are allowed")
