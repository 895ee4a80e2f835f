"""Terminal logs of any tool, as who said what: PuTTY, minicom, Arduino's monitor, ESP-IDF, TinyGSM, << and >>.

A line of a log is taken apart from the outside in: colours, a time or a tag in front, a mark for the
direction. Where no line is marked, what starts with AT is the host's, be it an echo or a copy
(TinyGSM's StreamDebugger), and what the AT manual knows as an answer is the module's; what else is
printed between is left out.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Entry:
    """What one side said: a line of `text`, or `size` bytes of payload. `at` is its place in the file, in bytes."""

    side: str  # "host", "module" or "pin"
    text: str = ""
    size: int = 0
    time: float | None = None
    at: int = 0
    line: int = 0
    data: bytes = b""  # the payload, as far as the log shows it


@dataclass(frozen=True)
class _Said:
    """A line of a log without what its tool put in front."""

    text: str
    at: int
    line: int
    time: float | None = None
    mark: str = ""
    fronted: bool = False


_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CLOCK = r"(?:\d{4}[-/.]\d\d[-/.]\d\d[ T])?(\d\d):(\d\d):(\d\d(?:[.,:]\d+)?)"
# What tools put in front of a line. A group `ms` is a time, else hours, minutes and seconds are.
_FRONTS = (
    re.compile(r"[EWIDV] \((?P<ms>\d+)\) [^:]+: ?"),  # ESP-IDF
    re.compile(r"\[ *(?P<ms>\d+)\]\[[EWIDV]\]\[[^\]]*\](?: \w+\(\):)? ?"),  # Arduino-ESP32
    re.compile(_CLOCK + r" -> ?"),  # Arduino's monitor
    re.compile(r"\[" + _CLOCK + r"\] ?"),  # minicom, PuTTY, screen
    re.compile(_CLOCK + r"[:;,]? +"),
    re.compile(r"\[? *(?P<s>\d+\.\d+)\]?:? +"),
)
_MARK = re.compile(
    r"(?:\[?(?:AT|modem|MODEM|UART|uart)\]?[: ] ?)?"
    r"(<<+|>>+|<-+|-+>|<=+|=+>|[<>]|\[?(?:TX|RX|Tx|Rx|tx|rx|SEND|RECV|Send|Recv)\]?[:>]?)\s*(?=\S)"
)
_LINE_ENDS = re.compile(r"(?:\\[rn]|<CR>|<LF>|\[CR\]|\[LF\]|␍|␊)+")
_COMMAND = re.compile(r"(?:AT|at)(?:[+&*A-Za-z].*|)$|A/$|\+\+\+$")
_BANNER = re.compile(
    r"=~=~=.*|Welcome to minicom.*|\*{3}.*log.*|Script (started|done).*", re.IGNORECASE
)
# Final result codes (at-commands.md 0.3, 1.6); CONNECT begins data, or ends a command.
FINAL = re.compile(r"(?:OK|ERROR|NO CARRIER|SEND OK|SEND FAIL|CONNECT(?: .*)?|\+CM[ES] ERROR: .*)$")
_UNASKED = re.compile(r"\+[A-Z]+: ?|RDY$|APP RDY$|(?:NORMAL |PSM )?POWER(?:ED)? DOWN$")
_SEND = re.compile(r"AT\+(?:QSSLSEND|QISEND)=\d+(?:,(\d+))?", re.IGNORECASE)
_UPLOAD = re.compile(r"AT\+QF(?:UPL|WRITE)=[^,]+(?:,(\d+))?", re.IGNORECASE)
_READ = re.compile(r"\+(?:QSSLRECV|QIRD): (\d+)$")
_PUSH = re.compile(r'\+Q(?:SSL|I)URC: "recv",\d+,(\d+)$')
CTRL_Z = b"\x1a"


def entries(content: bytes) -> list[Entry]:
    """Who said what in a log; empty where nothing in it is an AT conversation."""
    said = [_unfronted(*line) for line in _lines(content)]
    said = [line for line in said if line.text.strip() and not _BANNER.match(line.text)]
    host_marks = _host_marks(said)
    sided = _marked(said, host_marks) if host_marks else _unmarked(said)
    found = list(_payloads(list(sided)))
    return found if any(entry.side == "host" for entry in found) else []


def _lines(content: bytes) -> Iterator[tuple[str, int, int]]:
    """Each line with the place of its first byte and its number."""
    number = 1
    for match in re.finditer(rb"[^\r\n]*(\r\n|\r|\n|$)", content):
        text = match[0].rstrip(b"\r\n").decode("utf-8", "replace")
        if text:
            yield text.replace("\x00", ""), match.start(), number
        number += match[1].endswith(b"\n")


def _unfronted(raw: str, at: int, number: int) -> _Said:
    text = _COLOUR.sub("", raw)
    time = None
    front = next((found for front in _FRONTS if (found := front.match(text))), None)
    if front:
        time, text = _seconds(front), text[front.end() :]
    mark = _MARK.match(text)
    start = raw.rfind(text)
    return _Said(
        text,
        at + len(raw[: max(start, 0)].encode()),
        number,
        time,
        mark[1] if mark else "",
        bool(front),
    )


def _seconds(front: re.Match[str]) -> float:
    groups = front.groupdict()
    if "ms" in groups:
        return int(groups["ms"]) / 1000
    if "s" in groups:
        return float(groups["s"])
    hours, minutes, seconds = front.groups()[:3]
    return 3600 * int(hours) + 60 * int(minutes) + float(re.sub("[,:]", ".", seconds))


# -- logs with marks -------------------------------------------------------------------------------


def _host_marks(said: Sequence[_Said]) -> set[str]:
    """The marks before commands; none where commands stand without marks, or everything has the same one."""
    marked = Counter(
        line.mark for line in said if line.mark and _COMMAND.match(_behind_mark(line).text)
    )
    bare = sum(bool(_COMMAND.match(line.text)) for line in said)
    if sum(marked.values()) <= bare:
        return set()
    host = {mark for mark, _count in marked.most_common(1)}
    return host if any(line.mark and line.mark not in host for line in said) else set()


def _behind_mark(line: _Said) -> _Said:
    mark = _MARK.match(line.text)
    if not mark:
        return line
    return replace(
        line, text=line.text[mark.end() :], at=line.at + len(line.text[: mark.end()].encode())
    )


def _marked(said: Sequence[_Said], host_marks: set[str]) -> Iterator[Entry]:
    """Lines without a mark go on with the one before, unless their tool put something in front of them."""
    side = ""
    for line in said:
        if line.mark:
            side = "host" if line.mark in host_marks else "module"
            for part in _split(_behind_mark(line)):
                yield _entry(side, part)
        elif side and not line.fronted:
            for part in _split(line):
                yield _entry(side, part)


def _split(line: _Said) -> Iterator[_Said]:
    """A line whose CR and LF are written out is several; b'...' is Python's way to write it."""
    text = line.text
    if re.fullmatch(r"""b?(['"])AT.*\1|b(['"]).*\2""", text):
        try:
            value = ast.literal_eval(text)
            text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
            text = text.replace("\r", "\\r").replace("\n", "\\n")
        except (ValueError, SyntaxError):
            pass
    start = 0
    for part in (*_LINE_ENDS.finditer(text), None):
        piece = text[start : part.start() if part else None]
        if piece.strip():
            yield replace(line, text=piece, at=line.at + len(text[:start].encode()))
        start = part.end() if part else start


def _entry(side: str, line: _Said) -> Entry:
    return Entry(
        side,
        line.text.rstrip() if side == "module" else line.text.strip(),
        0,
        line.time,
        line.at,
        line.line,
    )


# -- logs without marks ------------------------------------------------------------------------------


def _unmarked(said: Sequence[_Said]) -> Iterator[Entry]:
    """Commands, what comes until their final result, and what the module says unasked."""
    running, last = False, ""
    for line in said:
        text = line.text.strip()
        if _COMMAND.match(text):
            if text != last:  # the echo of what is there already
                yield _entry("host", line)
            running, last = True, text
        elif running or _UNASKED.match(text):
            last = ""
            yield _entry("module", line)
            if FINAL.match(text) and not text.startswith("CONNECT"):
                running = False
        elif FINAL.match(text):
            yield _entry("module", line)  # a result that comes late: SEND OK, NO CARRIER


# -- payload -----------------------------------------------------------------------------------------


def _payloads(said: list[Entry]) -> Iterator[Entry]:
    """Payload as payload: what follows a prompt, a CONNECT of an upload, the head of received data."""
    at = 0
    command = ""
    while at < len(said):
        entry = said[at]
        at += 1
        if entry.side == "host":
            command = entry.text
            yield entry
        elif entry.text.startswith(">") and (match := _SEND.match(command)):
            rest = replace(entry, text=entry.text[1:].strip())
            first = [rest] if rest.text else []
            taken, at = _until_final(said, at)
            yield _sent(first + taken, entry, int(match[1] or 0), b"" if match[1] else CTRL_Z)
        elif entry.text == "CONNECT" and (match := _UPLOAD.match(command)):
            yield entry
            taken, at = _until_final(said, at)
            yield _sent(taken, entry, int(match[1] or 0), b"")
        elif match := _READ.match(entry.text) or _PUSH.match(entry.text):
            yield entry
            if size := int(match[1]):
                at = _skip(said, at, size)
                yield replace(entry, text="", size=size)
        else:
            yield entry


def _until_final(said: Sequence[Entry], at: int) -> tuple[list[Entry], int]:
    """The lines up to a final result, a report of an upload, or the next command."""
    start = at
    while at < len(said) and not (
        FINAL.match(said[at].text)
        or said[at].text.startswith(("+QFUPL:", "+QFWRITE:"))
        or (said[at].side == "host" and _COMMAND.match(said[at].text))
    ):
        at += 1
    return list(said[start:at]), at


def _sent(taken: Sequence[Entry], at: Entry, size: int, end: bytes) -> Entry:
    """The host's payload: as much of it as the log shows, filled up to what was announced."""
    data = b"\r\n".join(entry.text.encode("utf-8") for entry in taken).rstrip(CTRL_Z)
    if size:
        data = data[:size].ljust(size, b".")
    return replace(at, side="host", text="", size=len(data), data=data + end)


def _skip(said: Sequence[Entry], at: int, size: int) -> int:
    """Past the lines that received data of this size takes up in the log."""
    while (
        size > 0 and at < len(said) and not (FINAL.match(said[at].text) or said[at].side == "host")
    ):
        size -= len(said[at].text.encode()) + 2
        at += 1
    return at
