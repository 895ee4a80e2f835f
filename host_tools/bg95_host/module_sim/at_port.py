"""The AT port: command lines in, framed answers and URCs out, one line at a time.

Framing is in spec 0.3, echo and input rules in 3.4, URC timing in 3.3.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from .data_mode import DataMode
from .reader import ECHO_STEP
from .running import Running
from .syntax import LineError, parse_line

if TYPE_CHECKING:
    from .core import Module

CR, LF, BACKSPACE = 0x0D, 0x0A, 0x08
NUMERIC_RESULTS = {"OK": 0, "CONNECT": 1, "RING": 2, "NO CARRIER": 3, "ERROR": 4}


class AtPort:
    """One AT port of a module."""

    def __init__(self, module: Module) -> None:
        self._m = module
        self._line = bytearray()
        self._too_long = False
        self._after_cr = False
        self._last_line = b""
        self._urcs: deque[tuple[str, bytes, str]] = deque()
        self._running: Running | None = None
        self.data: DataMode | None = None

    @property
    def busy(self) -> bool:
        """Whether a command runs."""
        return self._running is not None

    # -- input ---------------------------------------------------------------------------------

    def step(self, data: bytes) -> int:
        """How many of the bytes on the wire the port takes next; 0: none now."""
        if self._ends_line(data):
            return 1
        if self.data:
            return self.data.step(data)
        if self._running:
            if self._running.reader:
                return self._running.reader.step(data)
            return len(data) if self._m.traits.input_while_busy == "discard" else 0
        return self._line_step(data)

    def _ends_line(self, data: bytes) -> bool:
        """Whether the LF of a command's CR LF comes next, whatever has become of the port by then."""
        return self._after_cr and data[0] == LF and self._m.traits.ignore_lf

    def expect_data(self) -> None:
        """From now on the host sends data; it was not asked for it when an LF was already on the wire."""
        self._after_cr = self._after_cr and self._m.rx.first() == b"\n"

    def _line_step(self, data: bytes) -> int:
        if bytes(self._line + data[:2])[:2].upper() == b"A/" and len(self._line) < 2:
            return 2 - len(self._line)
        end = data.find(CR) + 1
        size = end or len(data)
        if not self._m.profile.echo or self._too_long:  # whose echo nobody waits for
            return size
        return min(size, ECHO_STEP)

    def receive(self, data: bytes) -> None:
        """Take the bytes of one step."""
        if self._ends_line(data):
            self._after_cr = False
        elif self.data:
            self.data.receive(data)
        elif self._running and self._running.reader:
            self._running.reader.take(data)
        elif self._running:
            self._m.trace("host", len=len(data), note="discarded, a command is running")
        else:
            self._edit(data)

    def _edit(self, data: bytes) -> None:
        """Add the bytes of one step to the line; a CR can only be the last of them."""
        self._after_cr = data.endswith(b"\r")
        if self._m.profile.echo:
            self._m.transmit(data)
        text = data[:-1] if self._after_cr else data
        if BACKSPACE in text:
            for byte in text:
                if byte == BACKSPACE:
                    del self._line[-1:]
                else:
                    self._line.append(byte)
        else:
            self._line += text
        if len(self._line) > self._m.traits.line_limit:
            self._too_long = True
            del self._line[self._m.traits.line_limit :]
        if self._after_cr:
            self._end_of_line()
        elif len(self._line) == 2 and self._line.upper() == b"A/":
            self._line[:] = self._last_line
            self._end_of_line()

    def _end_of_line(self) -> None:
        line, too_long = bytes(self._line), self._too_long
        self._line.clear()
        self._too_long = False
        if not line.strip(b" "):
            return
        try:
            if too_long:
                raise LineError("the line is too long")
            text = line.decode("latin-1").strip(" ")
            if self._m.traits.mixed_case_at:
                text = text[:2].upper() + text[2:]
            calls = parse_line(text)
        except LineError as error:
            self._refuse(line, str(error))
            return
        self._last_line = line
        self._m.count("lines")
        self._running = Running(self, self._m, calls)
        self._running.begin()

    def _refuse(self, line: bytes, why: str) -> None:
        """Not a command line. It may be stray payload, so the trace shows its length only."""
        self._m.trace("host", len=len(line), note=f"not a command line: {why}")
        if line[:2] not in (b"AT", b"at") and self._m.traits.garbage_line == "silent":
            return
        self._running = Running(self, self._m, ())
        self._running.refuse()

    def line_ended(self) -> None:
        """The final result is out: what was held back follows."""
        self._running = None
        self._flush_urcs()

    # -- data mode -----------------------------------------------------------------------------

    def enter_data(self, socket: Any) -> None:
        """CONNECT, and the port is the socket's."""
        self.result("CONNECT")
        self._running = None
        self.expect_data()
        self.data = DataMode(self._m, socket)
        self._m.drive_carrier()
        socket.enter_transparent()

    def leave_data(self, result: str) -> None:
        """Back to command mode with OK or NO CARRIER; held URCs follow."""
        if self.data:
            self.data.stop()
            self.data = None
            self._m.drive_carrier()
            self.result(result)
            self._flush_urcs()

    def dtr_raised(self) -> None:
        """MAIN_DTR went low to high (spec 1.4.2, 2.7)."""
        if self.data:
            self.data.dtr_raised()
        elif self._running and self._running.reader:
            self._running.reader.abort()

    # -- output --------------------------------------------------------------------------------

    def urc(self, text: str, payload: bytes = b"", joint: str = "\r\n") -> None:
        """Queue an unsolicited result code; it is printed between commands (spec 3.3)."""
        self._urcs.append((text, payload, joint))
        self._flush_urcs()

    def _flush_urcs(self) -> None:
        """Print what is queued, unless a command or a data connection has the port."""
        if not self._running and not self.data:
            self._print_urcs()

    def urc_place(self, place: str) -> None:
        """A place within a command where a hostile module prints URCs (field notes)."""
        if self._m.traits.urc_placement == place:
            self._print_urcs()

    def _print_urcs(self) -> None:
        while self._urcs:
            text, payload, joint = self._urcs.popleft()
            self._m.trace("urc", text=text, **({"len": len(payload)} if payload else {}))
            self._m.transmit(f"\r\n{text}{joint}".encode("latin-1") + payload)

    def information(self, text: str, shown: str, first: bool) -> None:
        """A line of an information response, traced as `shown`; only a command's first one begins with CRLF."""
        self._m.trace("module", text=shown)
        leads = first or self._m.traits.crlf_each_line
        lead = "\r\n" if leads and self._m.profile.verbose else ""
        self._m.transmit(f"{lead}{text}\r\n".encode("latin-1"))

    def result(self, text: str) -> None:
        """A result code, as ATQ and ATV want it."""
        self._m.trace("module", text=text)
        profile = self._m.profile
        if profile.quiet:
            return
        if profile.verbose:
            self._m.transmit(f"\r\n{text}\r\n".encode("latin-1"))
        else:
            word = NUMERIC_RESULTS.get(text)
            self._m.transmit(f"{text}\r\n".encode() if word is None else f"{word}\r".encode())
