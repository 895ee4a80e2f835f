"""The grammar of a command line: `AT`, then basic and extended commands (spec 0.3, 3.4).

    line      = ("AT" / "at") *(basic / extended [";"])
    basic     = ["&"] letter [number]  /  "S" number ("=" number / "?")
    extended  = "+" name [ "=?" / "?" / "=" parameters ]

Knows bytes and forms, not what any command means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Form(Enum):
    """The four forms of a command (spec 0.3)."""

    TEST = "=?"
    READ = "?"
    WRITE = "="
    EXECUTE = ""


@dataclass(frozen=True)
class Param:
    """One parameter as written: its text and whether it stood in quotes."""

    text: str
    quoted: bool


@dataclass(frozen=True)
class Call:
    """One command of a line. `params` holds None where a parameter was left out."""

    name: str
    form: Form
    params: tuple[Param | None, ...] = ()


class LineError(ValueError):
    """The line is not a command line; the module answers ERROR."""


_BASIC = re.compile(r"(&?[A-Z])(\d*)")
_S_REGISTER = re.compile(r"S(\d+)(\?|=(\d*))")
_EXTENDED_NAME = re.compile(r"\+[A-Z0-9]+(?:/[A-Z0-9]+)*")


def parse_line(text: str) -> list[Call]:
    """The commands of one line (without its CR).

    Raises LineError where the line does not follow the grammar: then nothing of it runs.
    """
    if text[:2] not in ("AT", "at"):
        raise LineError("a command line starts with AT or at")
    calls: list[Call] = []
    at = 2
    while at < len(text):
        if text[at] in " ;":
            at += 1
        elif text[at] == "+":
            end = _end_of_command(text, at)
            calls.append(_extended(text[at:end]))
            at = end
        else:
            call, at = _basic(text, at)
            calls.append(call)
    return calls


def _end_of_command(text: str, start: int) -> int:
    """Index of the `;` that ends the extended command at `start`, or the end of the line."""
    quoted = False
    for i in range(start, len(text)):
        if text[i] == '"':
            quoted = not quoted
        elif text[i] == ";" and not quoted:
            return i
    if quoted:
        raise LineError("a quotation mark is not closed")
    return len(text)


def _basic(text: str, at: int) -> tuple[Call, int]:
    upper = text.upper()
    if match := _S_REGISTER.match(upper, at):
        number, tail, value = match.groups()
        if tail == "?":
            return Call("S", Form.READ, (Param(number, False),)), match.end()
        return Call("S", Form.WRITE, (Param(number, False), Param(value, False))), match.end()
    if match := _BASIC.match(upper, at):
        name, value = match.groups()
        params = (Param(value, False),) if value else ()
        return Call(name, Form.EXECUTE, params), match.end()
    raise LineError(f"no command starts with {text[at]!r}")


def _extended(text: str) -> Call:
    match = _EXTENDED_NAME.match(text.upper())
    if not match:
        raise LineError("a plus sign without a command name")
    name, tail = match.group(), text[match.end() :].rstrip(" ")  # a space before it is wrong, 0.3
    if not tail:
        return Call(name, Form.EXECUTE)
    if tail == "?":
        return Call(name, Form.READ)
    if tail == "=?":
        return Call(name, Form.TEST)
    if tail[0] != "=":
        raise LineError(f"{name} is followed by {tail[0]!r}")
    return Call(name, Form.WRITE, parse_parameters(tail[1:]))


def parse_parameters(text: str) -> tuple[Param | None, ...]:
    """Words between commas, some of them in quotes; raises LineError."""
    params: list[Param | None] = []
    for field in _split(text):
        word = field.strip(" ")
        if word.startswith('"'):
            if len(word) < 2 or not word.endswith('"') or '"' in word[1:-1]:
                raise LineError("text outside the quotation marks")
            params.append(Param(word[1:-1], True))
        elif '"' in word:
            raise LineError("text outside the quotation marks")
        else:
            params.append(Param(word, False) if word else None)
    return tuple(params)


def _split(text: str) -> list[str]:
    """Split at commas that stand outside quotation marks."""
    fields, start, quoted = [], 0, False
    for i, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            fields.append(text[start:i])
            start = i + 1
    fields.append(text[start:])
    return fields
