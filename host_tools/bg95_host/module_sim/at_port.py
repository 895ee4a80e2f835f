"""The AT port: command lines in, framed answers and URCs out, one command at a time.

Framing is in spec 0.3, echo and input rules in 3.4, URC timing in 3.3. The port knows how a
command talks (results.py), not what any command does.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from .data_mode import DataMode
from .registry import COMMANDS, Family
from .results import (
    Aborted,
    AtError,
    CmeError,
    EnterData,
    Final,
    PlainError,
    Raw,
    Receive,
    TcpipError,
    Until,
    UrcPlace,
    Wait,
    Word,
)
from .schedule import Timer
from .syntax import Call, LineError, parse_line
from .tables import CME_ERRORS

if TYPE_CHECKING:
    from .core import Module

log = logging.getLogger(__name__)

CR, LF, BACKSPACE = 0x0D, 0x0A, 0x08
SLOW = 0.9  # of the maximum response time, where trait slow_answers asks for it
ECHO_STEP = 16  # bytes echoed together: what a UART FIFO holds
NUMERIC_RESULTS = {"OK": 0, "CONNECT": 1, "RING": 2, "NO CARRIER": 3, "ERROR": 4}


class AtPort:
    """One AT port of a module."""

    def __init__(self, module: Module) -> None:
        self._m = module
        self._line = bytearray()
        self._too_long = False
        self._after_cr = False
        self._last_line = b""
        self._calls: deque[Call] = deque()
        self._command: Any = None
        self._afterwards: list[Callable[[], None]] = []  # once the final result has left
        self._steps: Generator[Any, Any, Any] | None = None
        self._reader: _Reader | None = None
        self._timer: Timer | None = None
        self._first_info = True
        self._urcs: deque[tuple[str, bytes]] = deque()
        self.busy = False
        self.data: DataMode | None = None

    # -- input ---------------------------------------------------------------------------------

    def step(self, data: bytes) -> int:
        """How many of the bytes on the wire the port takes next; 0: none now."""
        if self.data:
            return self.data.step(data)
        if self._reader:
            return self._reader.step(data)
        if self.busy:
            return len(data) if self._m.traits.input_while_busy == "discard" else 0
        return self._line_step(data)

    def _line_step(self, data: bytes) -> int:
        if bytes(self._line + data[:2])[:2].upper() == b"A/" and len(self._line) < 2:
            return 2 - len(self._line)
        end = data.find(CR) + 1
        size = end or len(data)
        return min(size, ECHO_STEP) if self._m.profile.echo else size

    def receive(self, data: bytes) -> None:
        """Take the bytes of one step."""
        if self.data:
            self.data.receive(data)
        elif self._reader:
            self._read(data)
        elif self.busy:
            self._m.trace("host", len=len(data), note="discarded, a command is running")
        else:
            self._edit(data)

    def _edit(self, data: bytes) -> None:
        """Add the bytes of one step to the line; a CR can only be the last of them."""
        if self._after_cr and self._m.traits.ignore_lf and data[0] == LF:
            data = data[1:]
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
        self._calls = deque(calls)
        self._begin(self._next_call)

    def _refuse(self, line: bytes, why: str) -> None:
        """Not a command line. It may be stray payload, so the trace shows its length only."""
        self._m.trace("host", len=len(line), note=f"not a command line: {why}")
        if line[:2] not in (b"AT", b"at") and self._m.traits.garbage_line == "silent":
            return
        self._begin(lambda: self._end_line("ERROR"))

    def _begin(self, action: Callable[[], None]) -> None:
        self.busy = True
        self._wait(self._m.traits.command_latency_s, action)

    # -- running a command ---------------------------------------------------------------------

    def _wait(self, seconds: float, action: Callable[[], None]) -> None:
        self._timer = self._m.after(seconds, action)

    def _next_call(self) -> None:
        if not self._calls:
            self._end_line("OK")
            return
        call = self._calls.popleft()
        self._command = COMMANDS.get(call.name)
        self._first_info = True
        if self._command is None:
            self._m.trace("host", text=f"AT{call.name}{call.form.value}...", note="unknown command")
            log.warning("%s: unknown command AT%s", self._m.name, call.name)
            self._m.count("unknown_commands")
            self._end_line("ERROR")
            return
        self._m.trace("host", text="AT" + self._command.shown(call))
        self._m.count("commands")
        self._guarded(lambda: self._admit(call))

    def _admit(self, call: Call) -> None:
        """Faults may refuse, delay or swallow the command."""
        self._m.faults.command_started(call.name)
        delay = self._m.faults.delay(call.name)
        if delay is not None and self._m.traits.slow_answers:
            delay += SLOW * self._command.max_time
        if delay:
            self._wait(delay, lambda: self._guarded(lambda: self._start(call)))
        elif delay is not None:
            self._start(call)

    def _start(self, call: Call) -> None:
        if self._m.traits.urc_placement == "after_echo":
            self._print_urcs()
        started = self._command.run(self._m, call)
        if isinstance(started, Generator):
            self._steps = started
            self._resume(None)
        else:
            self._ended(started)

    def _resume(self, value: Any) -> None:
        """Run the command until it waits or ends."""
        self._timer = None
        self._guarded(lambda: self._run(value))

    def _run(self, value: Any) -> None:
        steps = self._steps
        while steps is not None and steps is self._steps:
            try:
                wanted = steps.send(value)
            except StopIteration as end:
                self._steps = None
                self._ended(end.value)
                return
            if not self._grant(wanted):
                return
            value = None

    def _grant(self, wanted: Any) -> bool:
        """Do what a command asked for. False: it continues later."""
        if isinstance(wanted, str):
            self._info(wanted)
        elif isinstance(wanted, Raw):
            self._m.transmit(wanted.data)
        elif isinstance(wanted, Word):
            self._result(wanted.text)
        elif isinstance(wanted, UrcPlace):
            self.urcs_inside()
        elif isinstance(wanted, Wait):
            self._wait(wanted.seconds, lambda: self._resume(None))
            return False
        elif isinstance(wanted, Receive):
            self._reader = _Reader(self, wanted)
            return False
        elif isinstance(wanted, Until):
            return self._until(wanted)
        return True

    def _until(self, wanted: Until) -> bool:
        signal = wanted.signal
        if signal.is_set:
            return True

        def woken() -> None:
            signal.on_set(None)
            if self._timer:
                self._timer.cancel()
            self._timer = self._m.after(0.0, lambda: self._resume(None))

        signal.on_set(woken)
        if wanted.timeout is not None:

            def late() -> None:
                signal.on_set(None)
                self._resume(None)

            self._wait(wanted.timeout, late)
        return False

    def _guarded(self, action: Callable[[], None]) -> None:
        """A command may end in an error; a defect of ours must not take the module down."""
        try:
            action()
        except AtError as error:
            self._steps = None
            self._failed(error)
        except Exception:
            self._steps = None
            log.exception("%s: a command handler broke", self._m.name)
            self._m.count("internal_errors")
            self._end_line("ERROR")

    def _ended(self, result: Any) -> None:
        self._note_success()
        if result is None:
            self._next_call()
        elif isinstance(result, EnterData):
            self._enter_data(result.socket)
        elif isinstance(result, Final):
            if result.then is not None:
                self._afterwards.append(result.then)
            if result.text == "OK":
                self._next_call()
            else:
                self._end_line(result.text)

    def _note_success(self) -> None:
        command = self._command
        if command and command.family in (Family.SSL, Family.TCPIP) and command.sets_error:
            self._m.last_error = 0

    def _failed(self, error: AtError) -> None:
        if isinstance(error, TcpipError):
            self._m.last_error = error.code
            self._m.trace("log", text=f"refused with {error.code}")
            self._end_line("ERROR")
        elif isinstance(error, CmeError) and self._m.profile.cmee:
            text = str(error.code) if self._m.profile.cmee == 1 else CME_ERRORS[error.code]
            self._end_line(f"+CME ERROR: {text}")
        elif isinstance(error, (PlainError, CmeError)):
            self._end_line("ERROR")
        else:
            raise TypeError(error)

    def _end_line(self, result: str | None) -> None:
        """The line is done: its final result, then what was held back."""
        self._calls.clear()
        self._steps = self._reader = None
        if result is not None:
            self._result(result)
        left = max(self._m.tx.free_at, self._m.now)
        for action in self._afterwards:
            self._m.at(left, action)
        self._afterwards.clear()
        self.busy = False
        self.flush_urcs()

    # -- data as input of a command ------------------------------------------------------------

    def _read(self, data: bytes) -> None:
        reader = self._reader
        assert reader is not None
        if reader.take(data):
            self._reader = None
            self._m.trace("host", len=len(reader.data))
            self._resume_with(bytes(reader.data))

    def _resume_with(self, data: bytes) -> None:
        self._guarded(lambda: self._run(data))

    def reader_ended(self, reader: _Reader) -> None:
        """The reader's idle time is over: the command goes on with what there is."""
        if reader is self._reader:
            self._reader = None
            self._m.trace("host", len=len(reader.data), note="ended by timeout")
            self._resume_with(bytes(reader.data))

    def reader_aborted(self, reader: _Reader) -> None:
        """`+++` or DTR in a FILE transfer: the data so far stays in the file (spec 2.7)."""
        if reader is self._reader:
            self._reader = None
            self._m.trace("host", len=len(reader.data), note="aborted by +++ or DTR")
            self._guarded(lambda: self._throw(bytes(reader.data)))

    def _throw(self, data: bytes) -> None:
        """The command stores what it got, and reports."""
        assert self._steps is not None
        try:
            wanted = self._steps.throw(Aborted(data))
        except StopIteration as end:
            self._steps = None
            self._ended(end.value)
            return
        if self._grant(wanted):
            self._run(None)

    # -- data mode -----------------------------------------------------------------------------

    def _enter_data(self, socket: Any) -> None:
        self._calls.clear()
        self._result("CONNECT")
        self.data = DataMode(self._m, socket)
        self._m.drive_carrier()
        self.busy = False
        socket.enter_transparent()

    def leave_data(self, result: str) -> None:
        """Back to command mode with OK or NO CARRIER; held URCs follow."""
        if self.data:
            self.data.stop()
            self.data = None
            self._m.drive_carrier()
            self._result(result)
            self.flush_urcs()

    def dtr_raised(self) -> None:
        """MAIN_DTR went low to high (spec 1.4.2, 2.7)."""
        if self.data:
            self.data.dtr_raised()
        elif self._reader and self._reader.wanted.abort_on_escape and self._m.profile.dtr_mode:
            self.reader_aborted(self._reader)

    # -- output --------------------------------------------------------------------------------

    def urc(self, text: str, payload: bytes = b"") -> None:
        """Queue an unsolicited result code; it is printed between commands (spec 3.3)."""
        self._urcs.append((text, payload))
        self.flush_urcs()

    def flush_urcs(self) -> None:
        """Print what is queued, unless a command or a data connection has the port."""
        if not self.busy and not self.data:
            self._print_urcs()

    def urcs_inside(self) -> None:
        """The place inside an answer where a hostile module prints URCs (field notes)."""
        if self._m.traits.urc_placement == "inside":
            self._print_urcs()

    def _print_urcs(self) -> None:
        while self._urcs:
            text, payload = self._urcs.popleft()
            self._m.trace("urc", text=text, **({"len": len(payload)} if payload else {}))
            self._m.transmit(f"\r\n{text}\r\n".encode("latin-1") + payload)

    def _info(self, text: str) -> None:
        self._m.trace("module", text=text)
        leads = self._first_info or self._m.traits.crlf_each_line
        lead = "\r\n" if leads and self._m.profile.verbose else ""
        self._first_info = False
        self._m.transmit(f"{lead}{text}\r\n".encode("latin-1"))

    def _result(self, text: str) -> None:
        self._m.trace("module", text=text)
        profile = self._m.profile
        if profile.quiet:
            return
        if profile.verbose:
            self._m.transmit(f"\r\n{text}\r\n".encode("latin-1"))
        else:
            word = NUMERIC_RESULTS.get(text)
            self._m.transmit(f"{text}\r\n".encode() if word is None else f"{word}\r".encode())


class _Reader:
    """Collects the data that a command asked for with `Receive`."""

    def __init__(self, port: AtPort, wanted: Receive) -> None:
        self._port = port
        self.module = port._m
        self.wanted = wanted
        self.data = bytearray()
        self._idle: Timer | None = None
        self._pluses = 0
        self._escape: Timer | None = None
        self._last_at = self.module.now
        self._restart_idle()

    def step(self, data: bytes) -> int:
        """Bytes up to the next point of interest."""
        size = min(len(data), self.wanted.count - len(self.data))
        if self.wanted.ack_every:
            size = min(size, self.wanted.ack_every - len(self.data) % self.wanted.ack_every)
        for end in self.wanted.ends:
            at = data.find(end, 0, size)
            if at >= 0:
                size = at + 1
        if self.wanted.abort_on_escape and data.startswith(b"+"):
            size = min(size, 3)
        if self.wanted.echo and self.module.profile.echo:
            size = min(size, ECHO_STEP)
        return size

    def take(self, data: bytes) -> bool:
        """Add bytes; True when the data is complete."""
        self._watch_escape(data)
        self.data += data
        self._last_at = self.module.now
        if self.wanted.echo and self.module.profile.echo:
            self.module.transmit(data)
        done = len(self.data) >= self.wanted.count or (data[-1:] and data[-1] in self.wanted.ends)
        every = self.wanted.ack_every
        last = done and not self.module.traits.ack_after_last
        if every and not last and len(self.data) % every == 0:
            self.module.transmit(b"\r\nA\r\n" if self.module.traits.ack_framed else b"A")
        if done:
            self._cancel()
        else:
            self._restart_idle()
        return bool(done)

    def _watch_escape(self, data: bytes) -> None:
        """`+++` between two silent seconds aborts a FILE transfer (spec 2.7)."""
        if not self.wanted.abort_on_escape:
            return
        if self._escape:
            self._escape.cancel()
            self._escape = None
        quiet_before = self.module.now - self._last_at >= 1.0
        if data == b"+++" and quiet_before:
            self._escape = self.module.after(1.0, self._escaped)

    def _escaped(self) -> None:
        self._cancel()
        del self.data[-3:]
        self._port.reader_aborted(self)

    def _restart_idle(self) -> None:
        if self.wanted.idle is not None:
            if self._idle and not self.wanted.idle_restarts:
                return
            if self._idle:
                self._idle.cancel()
            self._idle = self.module.after(self.wanted.idle, self._timed_out)

    def _timed_out(self) -> None:
        self._cancel()
        self._port.reader_ended(self)

    def _cancel(self) -> None:
        for timer in (self._idle, self._escape):
            if timer:
                timer.cancel()
