"""From a message and its template back to the text of each argument."""

import itertools
import re

import errors
import typed

PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
WORD = r"[^\s,;()\[\]{}`'\"]+"
DEBUGGED = r"(?:Some\()?" + typed.STRING + r"\)?|None"
KINDS = {
    "uuid": typed.UUID,
    "ulid": r"[0-9A-Z]{26}",
    "ksuid": r"[0-9A-Za-z]{27}",
    "base58": r"12D3Koo\w+",
    "nanoid": r"[0-9A-Za-z_-]{8,24}?",
    "prefid": r"[a-z]+_[0-9A-Za-z]+",
    "hex16": r"[0-9a-f]{16}",
    "hex32": r"[0-9a-f]{32}",
    "0xhash": r"0x[0-9a-f]+",
    "shardid": r"[0-9a-f]{32}-[0-9a-f]{4}",
    "regionid": r"\d+\(\d+, \d+\)",
    "lsn": r"[0-9A-F]+/[0-9A-F]+",
    "peer": r"peer-\d+\([^)]*\)",
    "dur": typed.DURATION,
    "time": typed.TIME,
    "bool": r"true|false",
    "email": r"[\w.+-]+@[\w.-]+\w",
    "url": r"https?://\S+",
    "origin": r"https?://\S+",
    "ptr": r"0x[0-9a-f]+",
    "float": typed.FLOAT + r"|\d+",
    "sock": r"\[[0-9a-f:]+\]:\d+|[\w.-]+:\d+",
    "ip": r"[0-9a-f:.]*?[0-9a-f:.]",
    "enum": r"\w+",
    "lenum": r"\w+",
    "env": r"[A-Z_]+",
    "user": r"\w+",
    **dict.fromkeys(["resname", "slug", "tblname", "qname", "fname", "version"], WORD + "?"),
    **dict.fromkeys(typed.PLAIN, r"-?\d+"),
}


def split(template):
    """The literal pieces of a format string, one more than it has placeholders, and these."""
    pieces, holes, at = [""], [], 0
    for hole in PLACEHOLDER.finditer(template):
        pieces[-1] += template[at : hole.start()]
        at = hole.end()
        if hole[0] in ("{{", "}}"):
            pieces[-1] += hole[0][0]
        else:
            holes.append(hole[1])
            pieces.append("")
    pieces[-1] += template[at:]
    return pieces, holes


class Template:
    def __init__(self, record, types):
        self.record, self.types = record, types
        self.pieces, self.holes = split(record["template"])
        self.args = [tuple(arg[1:3]) for arg in record["args"]]
        if len(self.args) != len(self.holes):
            raise SystemExit(f"expected an argument per placeholder in {record['template']!r}")
        self.constants = {}
        # Arguments of `{:#?}` that the data have on several lines.
        self.pretty = set()

    def kinds_of(self, errkind):
        """The kind of error each argument is, `None` for other arguments."""
        left, kinds = errkind.split("+"), []
        for _, kind in self.args:
            is_error = kind == "error"
            kinds.append(left[0] if is_error else None)
            if is_error and len(left) > 1:
                left.pop(0)
        return kinds

    def candidates(self, message, kinds):
        exact = [self.expected(i, kind) for i, kind in enumerate(kinds)]
        seen = []
        for known, open_ in itertools.product((True, False), (r".+?", r".+")):
            if seen and not known:
                break
            parts = [(known and e) or open_ for e in exact]
            regex = re.escape(self.pieces[0])
            for part, piece in zip(parts, self.pieces[1:]):
                regex += f"({part})" + re.escape(piece)
            # What ends a message was trimmed when it was written down.
            found = re.fullmatch(regex, message, re.S) or re.fullmatch(
                regex, message + " ", re.S
            )
            if found and found.groups() not in seen:
                seen.append(found.groups())
        return seen

    def expected(self, i, errkind):
        spec, kind = self.args[i]
        if i in self.constants:
            return re.escape(self.constants[i])
        if kind == "error":
            if "?" in spec:
                pattern = errors.DEBUG.get(errkind)
                if pattern:
                    return f"(?:{typed.pattern_regex(pattern)})"
            else:
                pattern = errors.DISPLAY.get(errkind)
            if pattern is None or pattern == "{str}":
                return None
            context = r"(?:[a-z ]+: )?" if spec == "#" else ""
            return context + typed.pattern_regex(pattern)
        if "?" in spec and kind not in typed.BARE:
            if kind in typed.PLAIN:
                return r"-?\d+"
            if kind in KINDS and kind not in ("enum", "dur", "float", "bool"):
                return DEBUGGED
        return KINDS.get(kind)

    def recover(self, message, errkind):
        """The values, with how well each is known, and whether another reading is as good."""
        kinds = self.kinds_of(errkind)
        best = []
        for texts in self.candidates(message, kinds):
            values = [
                typed.quality_and_value(self.types, kind, spec, text, error)
                for (spec, kind), text, error in zip(self.args, texts, kinds)
            ]
            best.append((sum(q for q, _ in values), texts, values))
        if not best:
            return None
        top = max(score for score, _, _ in best)
        ties = [b for b in best if b[0] == top]
        return ties[0][1], ties[0][2], [t[1] for t in ties]

    def learn_constants(self, messages):
        """A constant has one text: the one most messages agree on."""
        for i, (_, kind) in enumerate(self.args):
            if kind not in typed.CONSTANTS:
                continue
            texts = [r[0][i] for m, e in messages if (r := self.recover(m, e))]
            if texts:
                self.constants[i] = max(set(texts), key=texts.count)

    def format_string(self):
        """The template as a Rust literal, with unnamed placeholders."""
        out = self.quote(self.pieces[0])
        for i, ((spec, _), piece) in enumerate(zip(self.args, self.pieces[1:])):
            # Some data has `{:#?}` on one line, `{:.3}` with more digits and so on: such values
            # bring their own format, and the call keeps the trait.
            out += "{:#?}" if i in self.pretty else "{:?}" if "?" in spec else "{}"
            out += self.quote(piece)
        return f'"{out}"'

    @staticmethod
    def quote(text):
        text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return text.replace("{", "{{").replace("}", "}}")
