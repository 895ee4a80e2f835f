"""Commands and answers as a prober needs them: every byte of an answer, how long it took, URCs apart."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

from bg95_host.module_sim.registry import COMMANDS
from bg95_host.probe.line import Line

_FINAL = re.compile(
    rb"(?:^|\r\n)(OK|ERROR|\+CM[ES] ERROR: [^\r\n]*|NO CARRIER|SEND OK|SEND FAIL|CONNECT[^\r\n]*)\r\n"
)
_URC = re.compile(
    r"\+Q(SSL|I)URC: |\+Q(SSL|I)OPEN: |\+QPING: |\+C[GE]?REG: \d|\+Q(USIM|IND|CSCON): |\+CGEV: |\+CTZ"
)
_NAME = re.compile(r"AT([+&]?[A-Z0-9]+)([=?]*)", re.IGNORECASE)
PATIENCE = 2  # times the documented maximum response time, and some: a module is only given up once
SLACK_S = 5.0
SILENCE_S = 1.0  # a line that gets no answer at all has got none by then


@dataclass
class Answer:
    """What came back. `raw` ends with the final result; `result` is "" where none came."""

    raw: bytes
    result: str
    lines: list[str]
    seconds: float  # from the command's CR to the answer's first byte, as if all came at once
    end: float  # on the line's clock, when the last byte was there

    @property
    def ok(self) -> bool:
        """Whether it ended with OK."""
        return self.result == "OK"

    @property
    def text(self) -> str:
        """The information lines, or the final result where there are none."""
        return "\n".join(self.lines) or self.result or "(no answer)"


@dataclass
class Dialogue:
    """A line, what it has not told yet, and what was said so far."""

    line: Line
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    said: list[str] = field(default_factory=list)  # the transcript
    _rest: bytes = b""

    def write(self, data: bytes) -> None:
        """Bytes to the module."""
        self.said.append(f"> {shown(data)}")
        self.line.write(data)

    def listen(self, seconds: float, until: bytes = b"", quiet: float = 0.0) -> bytes:
        """All that comes within a time, up to and with `until`; `quiet`: and no longer than that after a byte."""
        heard, self._rest = self._rest, b""
        end = self.line.now + seconds
        while True:
            at = heard.find(until) if until else -1
            if at >= 0:
                heard, self._rest = heard[: at + len(until)], heard[at + len(until) :]
                break
            left = end - self.line.now
            wait = min(left, quiet) if quiet and heard else left
            if left <= 0:
                break
            more = self.line.read(wait, bool)
            if not more and quiet and heard:
                break
            heard += more
        if heard:
            self.said.append(f"< {shown(heard)}")
        return heard

    def ask(self, command: str, seconds: float | None = None, record: bool = True) -> Answer:
        """Send a line and wait for its final result."""
        self.hush()
        data = command.encode("latin-1") + b"\r"
        start = self.line.now
        self.write(data)
        heard, found = b"", None
        end = start + (time_limit(command) if seconds is None else seconds)
        while found is None and self.line.now < end:
            more = self.line.read(end - self.line.now, bool)
            heard += more
            found = _FINAL.search(heard) if more else None
        ended, start = self.line.now, self.line.wrote_at
        raw, self._rest = (heard[: found.end()], heard[found.end() :]) if found else (heard, b"")
        byte_time = self.line.byte_time
        took = max(ended - start - (len(data) + len(heard)) * byte_time, 0.0)
        if heard:
            self.said.append(f"< {shown(raw)}")
        result = found.group(1).decode("latin-1") if found else ""
        if record and found and (name := _NAME.match(command)):
            self.times["AT" + name[1].upper() + name[2]].append(took)
        return Answer(raw, result, _lines(raw, command, result), took, ended)

    def hush(self) -> None:
        """Take what nobody has asked for off the line."""
        self._rest += self.line.read(0.0, lambda heard: False)
        if self._rest:
            self.said.append(f"< {shown(self._rest)}")
            self._rest = b""

    def waiting(self, text: bytes) -> bool:
        """Whether this has come and was not asked for yet."""
        return text in self._rest

    def urc(self, pattern: str, seconds: float) -> re.Match[str] | None:
        """The next line that matches, whatever else comes before it; None if it does not come in time."""
        wanted = re.compile(pattern)
        end = self.line.now + seconds
        heard, self._rest = self._rest, b""
        while True:
            at = 0
            while (eol := heard.find(b"\r\n", at)) >= 0:
                match = wanted.match(heard[at:eol].decode("latin-1"))
                if match:
                    self._rest = heard[eol + 2 :]
                    self.said.append(f"< {shown(heard[: eol + 2])}")
                    return match
                at = eol + 2
            left = end - self.line.now
            if left <= 0:
                if heard:
                    self.said.append(f"< {shown(heard)}")
                return None
            heard += self.line.read(left, bool)

    def rest(self, seconds: float) -> None:
        """Say nothing for a while; what comes meanwhile is kept."""
        self._rest += self.line.read(seconds, lambda heard: False)


def name_of(command: str) -> str:
    """The name of a line's first command, as the command table has it."""
    match = _NAME.match(command)
    return match[1].upper() if match else ""


def time_limit(command: str) -> float:
    """The longest that a command may take by the documents, and some."""
    known = COMMANDS.get(name_of(command))
    return PATIENCE * (known.max_time if known else 0.3) + SLACK_S


def _lines(raw: bytes, command: str, result: str) -> list[str]:
    """The information lines: neither echo, nor final result, nor URCs that came in between."""
    lines = [line for line in raw.decode("latin-1").replace("\r", "\n").split("\n") if line]
    if lines and lines[0] == command:
        del lines[0]
    if lines and lines[-1] == result:
        del lines[-1]
    own = [line for line in lines if line.startswith(f"{name_of(command)}:")]
    return own or [line for line in lines if not _URC.match(line)]


def shown(data: bytes) -> str:
    """Bytes as a transcript shows them: one line, payload cut short."""
    text = data.decode("latin-1").encode("unicode_escape").decode()
    return text if len(text) <= 160 else f"{text[:120]}… ({len(data)} bytes)"
