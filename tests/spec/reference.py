"""Load the rows of `*.toml`, and match a module's bytes against the answers they allow.

Imports nothing of the driver or the simulator, since both are tested against it.
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tomli

HERE = Path(__file__).parent
FORMS = ("test", "read", "write", "exec", "data", "urc")
TAGS = ("D", "D96", "Obs", "Inf")

_ESCAPE = re.compile(r"\\(r|n|\\|x[0-9a-f]{2})")
_PLACEHOLDER = re.compile(r"\{(?P<kind>[a-z]+)(?::(?P<argument>[0-9-]+))?(?:=(?P<sample>[^}]*))?\}")
_SERVER = re.compile(rb'"220\.180\.239\.2\d\d",80\d\d')

# What each placeholder stands for, and the value it has in an example unless it gives its own.
_KINDS = {
    "int": (rb"\d+", "1"),
    "signed": (rb"-?\d+", "-84"),
    "hex": (rb"[0-9A-Fa-f]+", "1a2b"),
    "str": (rb'[^"\r\n]*', "text"),
    "word": (rb"[^,\r\n]+", "word"),
    "rest": (rb"[^\r\n]*", "rest"),
    "lines": (rb"(?:[^\r\n]+\r\n)+", "line\r\n"),
    "ip": (rb"\d{1,3}(?:\.\d{1,3}){3}", "10.0.0.1"),
    "clock": (rb"\d\d/\d\d/\d\d,\d\d:\d\d:\d\d[+-]\d\d", "26/11/22,08:00:00+00"),
}


def decode(text: str) -> bytes:
    """Return the bytes that `text` writes in the reference's notation (\\r, \\n, \\xhh)."""
    named = {"r": "\r", "n": "\n", "\\": "\\"}
    return _ESCAPE.sub(
        lambda found: named.get(found[1]) or chr(int(found[1][1:], 16)), text
    ).encode("latin-1")


def at_server(data: bytes, host: str, port: int) -> bytes:
    """Return `data` with the server of the note's examples replaced by `host` and `port`."""
    return _SERVER.sub(f'"{host}",{port}'.encode(), data)


@dataclass(frozen=True)
class Answer:
    """What the module may send: the documented answer, or an alternative with a name."""

    template: str
    name: str = ""  # "" for the answer the row's tag vouches for
    tag: str = ""  # the alternative's own evidence
    source: str = ""

    @functools.cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        parts, end = [], 0
        for found in _PLACEHOLDER.finditer(self.template):
            parts.append(re.escape(decode(self.template[end : found.start()])))
            parts.append(_expression(found["kind"], found["argument"]))
            end = found.end()
        parts.append(re.escape(decode(self.template[end:])))
        return re.compile(b"".join(parts), re.DOTALL)

    @functools.cached_property
    def _ranges(self) -> list[tuple[int, int]]:
        ranged = re.findall(r"\{int:(\d+)-(\d+)[=}]", self.template)
        return [(int(low), int(high)) for low, high in ranged]

    def matches(self, data: bytes) -> bool:
        """Return whether `data` is this answer, no more and no less."""
        return self._in_range(self._pattern.fullmatch(data))

    def length_in(self, data: bytes) -> int | None:
        """Return how many bytes at the start of `data` are this answer; None if they are not."""
        found = self._pattern.match(data)
        return found.end() if found and self._in_range(found) else None

    def _in_range(self, found: re.Match[bytes] | None) -> bool:
        return found is not None and all(
            low <= int(number) <= high
            for number, (low, high) in zip(found.groups(), self._ranges, strict=True)
        )

    @property
    def example(self) -> bytes:
        """The answer with a plausible value in each placeholder."""
        return decode(_PLACEHOLDER.sub(_sample, self.template))


@dataclass(frozen=True)
class Row:
    """One request and its answer; README.md says what each field means."""

    id: str
    section: str
    tag: str
    form: str
    send: bytes = b""
    answers: tuple[Answer, ...] = ()
    event: str = ""
    given: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    max_ms: int = 300
    api: str = ""
    why: str = ""
    notes: str = ""

    @property
    def documented(self) -> bool:
        """Whether a vendor document vouches for the row (tags D and D96)."""
        return self.tag in ("D", "D96")

    def match(self, data: bytes) -> Answer | None:
        """Return the answer that `data` is, or None."""
        return next((answer for answer in self.answers if answer.matches(data)), None)

    def before(self) -> list["Row | bytes"]:
        """Return what brings a freshly started module to where this row begins, in order.

        Rows are to be played like this one; bytes are commands whose answer is OK.
        """
        steps: list[Row | bytes] = []
        for step in self.setup:
            row = ROWS.get(step)
            steps += [*row.before(), row] if row else [decode(step)]
        return steps


@dataclass(frozen=True)
class Sequence:
    """A transcript: steps of who ("H" host, "M" module, "E" event) and what, in order."""

    id: str
    section: str
    tag: str
    title: str
    steps: tuple[tuple[str, str], ...]
    api: str = ""
    why: str = ""
    notes: str = ""


def _expression(kind: str, argument: str | None) -> bytes:
    if kind == "data":
        return b".{%d}" % int(argument or 0)
    if kind == "int" and argument:
        return rb"(\d+)"  # the only capturing group: its range is checked after the match
    return _KINDS[kind][0]


def _sample(found: re.Match[str]) -> str:
    if found["sample"] is not None:
        return found["sample"]
    if found["kind"] == "data":
        return "x" * int(found["argument"])
    if found["kind"] == "int" and found["argument"]:
        return found["argument"].split("-")[0]
    return _KINDS[found["kind"]][1].replace("\r\n", r"\r\n")


def _read(name: str) -> dict[str, Any]:
    return tomli.loads((HERE / name).read_text(encoding="utf-8"))


def _rows(entry: dict[str, Any]) -> list[Row]:
    """Return the row of a TOML table, or one for each value of its `each`."""
    if "each" not in entry:
        return [_row(entry)]
    template = {key: value for key, value in entry.items() if key != "each"}
    return [
        replace(_row(_filled(template, value)), id=f"{entry['id']}-{value}")
        for value in entry["each"]
    ]


def _filled(value: Any, each: str) -> Any:
    if isinstance(value, str):
        return value.replace("{each}", each)
    if isinstance(value, list):
        return [_filled(item, each) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, each) for key, item in value.items()}
    return value


def _row(entry: dict[str, Any]) -> Row:
    plain = {key: value for key, value in entry.items() if key != "variants"}
    answers = [Answer(template) for template in plain.pop("answers", [])]
    answers += [
        Answer(variant["answer"], variant["name"], variant["tag"], variant.get("source", ""))
        for variant in entry.get("variants", [])
    ]
    plain["send"] = decode(plain.get("send", "")) * plain.pop("repeat", 1)
    plain["given"] = tuple(plain.get("given", ()))
    plain["setup"] = tuple(plain.get("setup", ()))
    return Row(answers=tuple(answers), **plain)


def _by_id(rows: Iterable[Row]) -> dict[str, Row]:
    known: dict[str, Row] = {}
    for row in rows:
        if row.id in known:
            raise ValueError(f"two rows have the id {row.id}")
        known[row.id] = row
    return known


def _sequence(entry: dict[str, Any]) -> Sequence:
    steps = tuple((step[0], step[2:]) for step in entry["steps"])
    return Sequence(**{**entry, "steps": steps})


# What `given` and `event` may say, each with its meaning.
WORDS: dict[str, dict[str, str]] = _read("words.toml")
SECTIONS: dict[str, dict[str, Any]] = {
    section["number"]: section for section in _read("sections.toml")["section"]
}
_FILES = [_read(path.name) for path in sorted(HERE.glob("*.toml"))]
ROWS: dict[str, Row] = _by_id(
    row for file in _FILES for entry in file.get("row", ()) for row in _rows(entry)
)
SEQUENCES: dict[str, Sequence] = {
    entry["id"]: _sequence(entry) for file in _FILES for entry in file.get("sequence", ())
}
