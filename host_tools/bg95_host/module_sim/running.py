"""One command line on its way from its CR to its final result: one command after the other.

Commands are generators that ask for what they need (results.py); this grants it. How an answer
looks on the wire is the port's business, what a command does is its handler's.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

from .reader import Ending, Reader
from .registry import COMMANDS, Command, Family
from .results import (
    Aborted,
    AtError,
    CmeError,
    EnterData,
    Final,
    Raw,
    Receive,
    TcpipError,
    Until,
    UrcPlace,
    Wait,
    Word,
)
from .schedule import Timer
from .syntax import Call, Form
from .tables import CME_ERRORS, HTTP_ERRORS

if TYPE_CHECKING:
    from .at_port import AtPort
    from .core import Module

log = logging.getLogger(__name__)

SLOW = 0.9  # of the maximum response time, where trait slow_answers asks for it


class Running:
    """The commands of one line; the port takes no other line until it has ended."""

    def __init__(self, port: AtPort, module: Module, calls: Sequence[Call]) -> None:
        self._port = port
        self._m = module
        self._calls = deque(calls)
        self._command: Command | None = None
        self._form = Form.EXECUTE
        self._steps: Generator[Any, Any, Any] | None = None
        self._timer: Timer | None = None
        self._first_info = True
        self._afterwards: list[Callable[[], None]] = []  # once the final result has left
        self.reader: Reader | None = None

    def begin(self) -> None:
        """Run the first command, as soon as a module would."""
        self._heard()
        self._wait(self._m.traits.command_latency_s, self._next_call)

    def refuse(self) -> None:
        """The line could not be read: ERROR, as soon as a module would say it."""
        self._wait(self._m.traits.command_latency_s, lambda: self._end("ERROR"))

    def _wait(self, seconds: float, action: Callable[[], None]) -> None:
        self._timer = self._m.after(seconds, action)

    def _next_call(self) -> None:
        if not self._calls:
            self._end("OK")
            return
        call = self._calls.popleft()
        command = COMMANDS.get(call.name)
        if command is None:
            log.warning("%s: unknown command AT%s", self._m.name, call.name)
            self._m.count("unknown_commands")
            self._end("ERROR")
            return
        self._command, self._form, self._first_info = command, call.form, True
        self._m.count("commands")
        self._guarded(lambda: self._admit(command, call))

    def _heard(self) -> None:
        """Trace the next command now: the first one with the CR of its line, another where the one before it ends."""
        if not self._calls:
            return
        call = self._calls[0]
        command = COMMANDS.get(call.name)
        if command is None:
            self._m.trace("host", text=f"AT{call.name}{call.form.value}...", note="unknown command")
        else:
            self._m.trace("host", text="AT" + command.shown(call))

    def _admit(self, command: Command, call: Call) -> None:
        """Faults may refuse, delay or swallow the command."""
        self._m.faults.command_started(call.name)
        delay = self._m.faults.delay(call.name)
        if delay is not None and self._m.traits.slow_answers:
            delay += SLOW * command.max_time
        if delay:
            self._wait(delay, lambda: self._guarded(lambda: self._start(command, call)))
        elif delay is not None:
            self._start(command, call)

    def _start(self, command: Command, call: Call) -> None:
        self._port.urc_place("after_echo")
        started = command.run(self._m, call)
        if isinstance(started, Generator):
            self._steps = started
            self._run(None)
        else:
            self._ended(started)

    def _resume(self, value: Any = None) -> None:
        self._guarded(lambda: self._run(value))

    def _run(self, value: Any) -> None:
        """Let the command go on until it waits or ends."""
        while self._steps is not None:
            try:
                wanted = self._steps.send(value)
            except StopIteration as end:
                self._ended(end.value)
                return
            if not self._grant(wanted):
                return
            value = None

    def _grant(self, wanted: Any) -> bool:
        """Do what the command asked for. False: it continues later."""
        if isinstance(wanted, str):
            assert self._command is not None
            shown = self._command.shown_answer(self._form, wanted)
            self._port.information(wanted, shown, first=self._first_info)
            self._first_info = False
        elif isinstance(wanted, Raw):
            self._m.transmit(wanted.data)
        elif isinstance(wanted, Word):
            self._port.result(wanted.text)
        elif isinstance(wanted, UrcPlace):
            self._port.urc_place("inside")
        elif isinstance(wanted, Wait):
            self._wait(wanted.seconds, self._resume)
            return False
        elif isinstance(wanted, Receive):
            self._port.expect_data()
            self.reader = Reader(self._m, wanted, self._read)
            return False
        elif isinstance(wanted, Until):
            return self._until(wanted)
        else:
            raise TypeError(f"a command asked for {wanted!r}")
        return True

    def _until(self, wanted: Until) -> bool:
        signal = wanted.signal
        if signal.is_set:
            return True
        signal.on_set(lambda: self._wait(0.0, self._resume))
        return False

    def _read(self, reader: Reader, ending: Ending) -> None:
        """The data that the command asked for is there, or as much of it as comes."""
        self.reader = None
        note = {} if ending is Ending.COMPLETE else {"note": ending.value}
        self._m.trace("host", len=len(reader.data), **note)
        data = bytes(reader.data)
        if ending is Ending.ABORTED:
            self._guarded(lambda: self._abort(data))
        else:
            self._resume(data)

    def _abort(self, data: bytes) -> None:
        """The command stores what it got, and reports."""
        assert self._steps is not None
        try:
            wanted = self._steps.throw(Aborted(data))
        except StopIteration as end:
            self._ended(end.value)
            return
        if self._grant(wanted):
            self._run(None)

    def _guarded(self, action: Callable[[], None]) -> None:
        """A command may end in an error; a defect of ours must not take the module down."""
        try:
            action()
        except AtError as error:
            self._failed(error)
        except Exception:
            log.exception("%s: a command handler broke", self._m.name)
            self._m.count("internal_errors")
            self._end("ERROR")

    # -- the end -------------------------------------------------------------------------------

    def _ended(self, result: Any) -> None:
        """A command has succeeded: the next one, or the end of the line."""
        self._steps = None
        if self._command and self._command.sets_error and self._command.family in TCPIP_FAMILIES:
            self._m.last_error = 0
        if isinstance(result, EnterData):
            self._port.enter_data(result.socket)
            return
        if isinstance(result, Final):
            if result.then is not None:
                self._afterwards.append(result.then)
            if result.text != "OK":
                self._end(result.text)
                return
        self._heard()
        self._next_call()

    def _failed(self, error: AtError) -> None:
        """A command has failed: the rest of the line is not executed (spec 2.4)."""
        if isinstance(error, TcpipError):
            self._m.last_error = error.code
            self._m.trace("log", text=f"refused with {error.code}")
        if isinstance(error, CmeError) and self._m.profile.cmee:
            text = (
                str(error.code)
                if self._m.profile.cmee == 1
                else (CME_ERRORS | HTTP_ERRORS)[error.code]
            )
            self._end(f"+CME ERROR: {text}")
        else:
            self._end("ERROR")

    def _end(self, result: str) -> None:
        self._steps = None
        self._port.result(result)
        left = max(self._m.tx.free_at, self._m.now)
        for action in self._afterwards:
            self._m.at(left, action)
        self._port.line_ended()


TCPIP_FAMILIES = (Family.SSL, Family.TCPIP)
