"""From the text of an argument to a Rust value that prints it: what kind of value it is, and the
types that must be generated for it.

A value is a JSON array, `[tag, …]`, which `src/value.rs` builds at run time.
"""

import ipaddress
import json
import re

import errors

TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?: UTC|Z|[+-]\d\d:\d\d)"
DURATION = r"\d+(?:\.\d+)?(?:ns|µs|ms|s)"
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
FLOAT = r"-?\d+(?:\.\d+(?:e-?\d+)?|e-?\d+)"
SOCKET = r"(?:\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\]):\d+"
STRING = r'"(?:[^"\\]|\\.)*"'

# Kinds of arguments whose text is a literal in real code: names of variants, constants.
NAMES = {"enum", "lenum", "evariant", "enumdbg", "enumdata", "optenum", "method", "constant"}
CONSTANTS = {"const", "constant"}
# Kinds that print themselves without quotes in `{:?}`, too, as newtypes of ids do.
BARE = {
    "uuid", "ulid", "base58", "nanoid", "ksuid", "prefid", "hex16", "hex32", "shardid", "regionid",
    "sock", "peer", "ip", "lsn", "peerid", "uuid_b", "uuid_s", "x32", "mid", "nano10", "nano7",
}  # fmt: skip
# Kinds whose own `Display` has literals between the values.
COMPOSED = {
    "regionid": "{int}({int}, {int})",
    "lsn": "{hex}/{hex}",
    "shardid": "{str}-{str}",
    "peer": "peer-{int}({str})",
    "qname": "{str}/{str}",
}
PLAIN = {
    "int", "bigint", "u64", "smallint", "port", "unixts", "small", "neg", "snow",
}  # fmt: skip

HOLES = {
    "int": r"-?\d+",
    "hex": r"[0-9A-F]+",
    "x8": r"0x[0-9a-f]{8}",
    "str": r".+?",
    "name": r"\w[\w ]*?",
    "dur": DURATION,
    "time": TIME,
    "char": r".",
    "os": r"[A-Z][\w /-]+? \(os error \d+\)",
    "json": r".+? at line \d+ column \d+",
    "maddr": r"/[\w/.]+",
    "tree": r".+?",
    "kind": r"unexpected end of file",
    "fill": r"failed to fill whole buffer",
    "custom": r"operation timed out",
    "overflow": r"number too large to fit in target type",
    "send": r"sending on a closed channel",
    "utf8": r"invalid utf-8 sequence of 1 bytes from index \d+",
}
HOLE = re.compile(r"\{(\w+)\}")


def pattern_regex(pattern):
    out, at = "", 0
    for hole in HOLE.finditer(pattern):
        out += re.escape(pattern[at : hole.start()]) + f"(?:{HOLES[hole[1]]})"
        at = hole.end()
    return out + re.escape(pattern[at:])


def one_line(text):
    """What `{:#?}` writes, its lines joined by spaces, as `{:?}` writes it."""
    text = re.sub(r"([(\[]) ", r"\1", text)
    return re.sub(r", ?([)\]])", r"\1", text).replace(", }", " }")


def is_pretty(text):
    return one_line(text) != text and text.count(", }") + text.count(", )") > 0


def placeholder(hole):
    return "{:?}" if hole[1] == "tree" else "{}"


class Types:
    """What has to be generated, each under its number."""

    def __init__(self):
        self.literals, self.units, self.names, self.shapes, self.patterns = {}, {}, {}, {}, {}

    @staticmethod
    def number(table, key):
        return table.setdefault(key, len(table))

    def literal(self, text):
        return ["lit", self.number(self.literals, text)]

    def name(self, text):
        return ["name", self.number(self.names, text)]

    def unit(self, text):
        return ["unit", self.number(self.units, text)]

    def shape(self, name, fields, values, more=False):
        """`fields` is a tuple of names, or how many unnamed ones there are."""
        return ["shape", self.number(self.shapes, (name, fields, more)), values]

    # From here on: text to value, `None` when the text is not what it should be.

    def pattern(self, pattern, text):
        holes, regex, at = [], "", 0
        for hole in HOLE.finditer(pattern):
            regex += re.escape(pattern[at : hole.start()]) + f"({HOLES[hole[1]]})"
            holes.append(hole[1])
            at = hole.end()
        found = re.fullmatch(regex + re.escape(pattern[at:]), text, re.S)
        if not found:
            return None
        values = [self.hole(kind, part) for kind, part in zip(holes, found.groups())]
        if None in values:
            return None
        if pattern == "{" + (holes or [""])[0] + "}":
            return values[0]
        return ["pattern", self.number(self.patterns, HOLE.sub(placeholder, pattern)), values]

    def hole(self, kind, text):
        if kind == "int":
            return ["int", text]
        if kind in ("str", "time", "maddr", "json"):
            return [kind, text]
        if kind == "hex":
            return ["hex", text] if format(int(text, 16), "X") == text else None
        if kind == "x8":
            return ["x8", text]
        if kind == "name":
            return self.name(text)
        if kind == "dur":
            return ["dur", text]
        if kind == "char":
            return ["char", text]
        if kind == "os":
            return ["os", re.search(r"os error (\d+)\)$", text)[1]]
        if kind == "utf8":
            return ["utf8", text.rsplit(" ", 1)[1]]
        if kind == "tree":
            return self.tree(text)
        return [kind]

    def error(self, kind, spec, text):
        """An error, perhaps with contexts before it, as `{:#}` of an `anyhow::Error` writes it."""
        if "?" in spec:
            debugged = errors.DEBUG.get(kind)
            value = debugged and self.pattern(debugged, text)
            if value or (value := self.tree(text) or self.tree(one_line(text))):
                return value
            # Its `Debug` writes what its `Display` does.
            value = self.error(kind, "", text)
            return value and ["displayed", value]
        pattern = errors.DISPLAY.get(kind)
        if pattern is None:
            return None
        if spec == "#" and (found := re.fullmatch(r"([a-z][a-z ]+): (.+)", text)):
            inner = self.pattern(pattern, found[2])
            if inner and (errors.DISPLAY[kind] != "{str}" or self.context(found[1])):
                return ["context", self.literal(found[1])[1], inner]
        return self.pattern(pattern, text)

    @staticmethod
    def context(text):
        return text in (
            "could not write batch", "load snapshot", "handshake failed", "request failed",
        )  # fmt: skip

    def tree(self, text):
        """What a derived `Debug` writes."""
        try:
            value, at = Tree(self, text).value(0)
        except (ValueError, IndexError):
            return None
        return value if at == len(text) else None


class Tree:
    def __init__(self, types, text):
        self.types, self.text = types, text

    def at(self, regex, at):
        return re.compile(regex).match(self.text, at)

    def expect(self, what, at):
        if not self.text.startswith(what, at):
            raise ValueError(what)
        return at + len(what)

    def value(self, at):
        start = self.text[at]
        if found := self.at(STRING, at):
            return self.string(found[0]), found.end()
        if found := self.at(r"'(.|\\.)'", at):
            return ["char", found[1]], found.end()
        if start == "[":
            values, at = self.values(at + 1, "]")
            return ["vec", values], at
        if start == "(":
            values, at = self.values(at + 1, ")")
            return ["tuple", values], at
        if start == "{":
            return self.braces(at)
        end = r"(?=[,)\]}: ]|$)"
        for tag, regex in [
            ("time", TIME),
            ("bare", UUID),
            ("sock", SOCKET),
            ("dur", DURATION),
            ("float", FLOAT),
            ("int", r"-?\d+"),
            ("bare", r"0x[0-9a-f]+"),
            ("bare", r"https?://[^\s,)\]}]+"),
            ("bare", r'b"(?:[^"\\]|\\.)*"'),
            ("maddr", r"/\w+/[^\s,)\]}:]+"),
        ]:
            if found := self.at(f"({regex}){end}", at):
                return [tag, found[1]], found.end()
        return self.named(at)

    def string(self, quoted):
        text = re.sub(r"\\u\{([0-9a-f]+)\}", lambda m: chr(int(m[1], 16)), quoted[1:-1])
        escapes = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}
        text = re.sub(r"\\(.)", lambda m: escapes.get(m[1], m[1]), text)
        return self.types.literal(text) if text in errors.STATIC else ["str", text]

    def values(self, at, end):
        values = []
        while not self.text.startswith(end, at):
            value, at = self.value(at)
            values.append(value)
            if not self.text.startswith(end, at):
                at = self.expect(", ", at)
        return values, at + 1

    def braces(self, at):
        at, pairs, values = at + 1, [], []
        while not self.text.startswith("}", at):
            value, at = self.value(at)
            if self.text.startswith(": ", at):
                other, at = self.value(at + 2)
                pairs.append([value, other])
            else:
                values.append(value)
            if not self.text.startswith("}", at):
                at = self.expect(", ", at)
        if pairs and values:
            raise ValueError("neither a set nor a map")
        return (["set", values] if values else ["map", pairs]), at + 1

    def known(self, at):
        """Errors that are built as the real ones."""
        for tag, regex in [
            ("os", r"Os \{ code: (\d+), kind: \w+, message: " + STRING + r" \}"),
            ("json", r"(Error\(" + STRING + r", line: \d+, column: \d+\))"),
            ("fill", r'Error \{ kind: UnexpectedEof, message: "failed to fill whole buffer" \}()'),
            ("tryint", r"TryFromIntError\(\(\)\)()"),
            ("utf8", r"Utf8Error \{ valid_up_to: (\d+), error_len: Some\(1\) \}"),
            ("send", r"SendError \{ \.\. \}()"),
        ]:
            if found := self.at(regex, at):
                return [tag, found[1]], found.end()
        return None

    def named(self, at):
        if known := self.known(at):
            return known
        if found := self.at(r"[A-Z]\w*\(\.\.\)", at):
            return self.types.name(found[0]), found.end()
        found = self.at(r"[A-Za-z_]\w*(?:::\w+)*", at)
        if not found:
            raise ValueError("a name")
        name, at = found[0], found.end()
        if name in ("true", "false"):
            return ["bool", name], at
        if name == "None":
            return ["none"], at
        if self.text.startswith("(", at):
            values, at = self.values(at + 1, ")")
            if name == "Some" and len(values) == 1:
                return ["some", values[0]], at
            return self.types.shape(name, len(values), values), at
        if self.text.startswith(" { ", at):
            return self.fields(name, at + 3)
        return (self.types.unit if "::" not in name else self.types.name)(name), at

    def fields(self, name, at):
        names, values = [], []
        while True:
            if self.text.startswith(".. }", at):
                return self.types.shape(name, tuple(names), values, True), at + 4
            field = self.at(r"(\w+): ", at)
            if not field:
                raise ValueError("a field")
            value, at = self.value(field.end())
            names.append(field[1])
            values.append(value)
            if self.text.startswith(" }", at):
                return self.types.shape(name, tuple(names), values), at + 2
            at = self.expect(", ", at)


def quality_and_value(types, kind, spec, text, error):
    """The value, and how well it is known: 2 as what it is, 1 as some text, 0 not at all."""
    if kind == "error":
        value = types.error(error, spec, text)
        return (2, value) if value else (0, ["bare", text])
    if kind in CONSTANTS:
        if re.fullmatch(r"\d{1,19}", text):
            return 2, ["int", text]
        # In `{:?}` without quotes it is the name of something.
        return 2, types.name(text) if "?" in spec else types.literal(text)
    if "?" in spec and kind not in BARE:
        value = types.tree(text) or types.tree(one_line(text))
        if value and kind in NAMES and value[0] == "str":
            value = types.literal(value[1])
        if value and value[0] == "str" and kind == "path":
            value = ["path", value[1]]
        return (2, value) if value else (0, ["bare", text])
    return display(types, kind, text)


def display(types, kind, text):
    if kind in COMPOSED:
        if value := types.pattern(COMPOSED[kind], text):
            return 2, value
    if kind in NAMES:
        return 2, types.name(text)
    if text in ("true", "false") and kind == "bool":
        return 2, ["bool", text]
    if re.fullmatch(r"-?(0|[1-9]\d{0,37})", text) and text != "-0":
        return 2 if kind in PLAIN else 1, ["int", text]
    if kind in PLAIN:
        return 0, ["bare", text]
    if re.fullmatch(SOCKET, text):
        return 2, ["sock", text]
    if kind == "path":
        return 2, ["path", text]
    if kind == "ip":
        try:
            return 2, ["ip", str(ipaddress.ip_address(text))]
        except ValueError:
            return 0, ["bare", text]
    if kind == "ptr":
        return 2, ["ptr", text]
    for tag, regex in [("time", TIME), ("dur", DURATION), ("float", FLOAT)]:
        if re.fullmatch(regex, text):
            return 2, [tag, text]
    if kind in ("version", "ver"):
        if value := types.pattern("{int}.{int}.{int}", text) or types.pattern(
            "{int}.{int}.{int}-{str}", text
        ):
            return 2, value
    return 2, ["bare", text]


def encode(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
