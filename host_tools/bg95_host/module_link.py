"""A module to work on, reached straight over its AT port or through a board: the same driver either way.

Straight: the driver runs here on CPython (`bg95_host.compat`). Through a board: it runs there, and
`on_module` is sent along.
"""

from __future__ import annotations

import contextlib
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import serial
from typing_extensions import Self

from bg95_host import compat, on_module
from bg95_host.errors import ToolError, UsageError, said_by
from bg95_host.mpremote_link import BoardException, BoardLink, why_not_opened
from bg95_host.tool_words import for_a_terminal

Progress = Callable[[int], None]  # bytes handed over so far


class Finding(NamedTuple):
    """One line of `diagnose`: what was looked at, whether it is well (None: unknown), and why."""

    what: str
    ok: bool | None
    seen: str
    advice: str


def _findings(found: Iterable[tuple[str, bool | None, str, str]]) -> list[Finding]:
    return [
        Finding(what, ok, for_a_terminal(seen), for_a_terminal(advice))
        for what, ok, seen, advice in found
    ]


class ModuleError(ToolError):
    """The module refused or did not answer; the driver's own sentence."""


class ModuleLink(ABC):
    """A context manager. Every method raises ModuleError or another ToolError, and blocks."""

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    @abstractmethod
    def activate(self) -> str:
        """Get in step with the module; its model and revision."""

    @abstractmethod
    def upload(self, name: str, data: bytes, progress: Progress | None = None) -> bool:
        """Store a file; size and checksum are compared. False: the module held it already."""

    @abstractmethod
    def examine(self, apn: str, server: str, port: int, cafile: str) -> list[Finding]:
        """The checklist of `on_module.examine`."""

    @abstractmethod
    def command(self, text: str, timeout_s: float) -> list[str]:
        """Send one AT command; the lines of its answer, without OK."""

    @abstractmethod
    def urcs(self) -> list[str]:
        """URCs that came since the last call."""


class DirectLink(ModuleLink):
    """The module's AT port at this PC: a device, or any URL that pyserial opens."""

    def __init__(self, port: str, baudrate: int = 115200):
        self._port = port
        self._baudrate = baudrate

    def __enter__(self) -> Self:
        compat.install()
        import bg95

        self._bg95: Any = bg95
        try:
            self._uart = compat.UART(self._port, self._baudrate)
        except (serial.SerialException, OSError, ValueError):
            reason = why_not_opened(self._port) or "try again"
            raise ToolError(f"the port {self._port} cannot be opened: {reason}") from None
        self._modem = bg95.Modem(self._uart, baudrate=self._baudrate, sockets=1)
        self._urcs = on_module.Urcs(self._modem)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(serial.SerialException, OSError):
            self._uart.deinit()

    def activate(self) -> str:
        with self._translated():
            self._modem.active(True)
        return f"{self._modem.model} {self._modem.revision}"

    def upload(self, name: str, data: bytes, progress: Progress | None = None) -> bool:
        with self._translated():
            return self._modem.files.upload(name, _Observed(data, progress))

    def examine(self, apn: str, server: str, port: int, cafile: str) -> list[Finding]:
        with self._translated():
            found = on_module.examine(self._modem, self._bg95, apn, server, port, cafile)
        return _findings(found)

    def command(self, text: str, timeout_s: float) -> list[str]:
        with self._translated():
            return on_module.command(self._modem, self._bg95, text, int(timeout_s * 1000))

    def urcs(self) -> list[str]:
        with self._translated():
            return self._urcs.take()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (self._bg95.ModemError, ValueError) as error:  # ValueError: nothing was sent
            raise ModuleError(for_a_terminal(str(error))) from error
        except OSError as error:  # pyserial's own exception is one, too
            raise ToolError(f"the port {self._port} went away ({said_by(error)})") from error


class _Observed(io.BytesIO):
    """Data on its way to the module, which tells how far it is."""

    def __init__(self, data: bytes, progress: Progress | None):
        super().__init__(data)
        self._progress = progress

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if self._progress:
            self._progress(self.tell())
        return data


_SETUP = """
import json
from binascii import unhexlify
import bg95, wiring
modem = wiring.modem(sockets=1)
urcs = Urcs(modem)
def answer(call, *args):
    try:
        print(json.dumps([0, call(*args)]))
    except (bg95.ModemError, ValueError) as e:
        print(json.dumps([1, str(e)]))
def identify():
    modem.active(True)
    return modem.model + " " + modem.revision
data = bytearray()
"""
_PIECE = 1024  # bytes of a file sent to the board at a time


class _There(str):
    """The name of something on the board."""

    def __repr__(self) -> str:
        return str(self)


class ThroughBoard(ModuleLink):
    """The module on the UART of a MicroPython board that holds the driver (`bg95 deploy`)."""

    def __init__(self, port: str):
        self._link = BoardLink(port)

    def __enter__(self) -> Self:
        self._link.__enter__()
        try:
            self._link.execute(Path(on_module.__file__).read_text(encoding="utf-8"))
            self._link.execute(_SETUP)
        except BoardException as error:
            self._link.__exit__(None, None, None)
            raise ToolError(
                f"the board on {self._link.port} cannot run the driver ({error.last}): "
                "put it there with `bg95 deploy`"
            ) from error
        except BaseException:
            self._link.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._link.__exit__(kind, error, trace)

    def activate(self) -> str:
        return self._ask("identify")

    def upload(self, name: str, data: bytes, progress: Progress | None = None) -> bool:
        # Into the board's RAM, not onto its flash: it may be a private key.
        self._run("data = bytearray()")
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            self._run(f"data.extend(unhexlify({piece.hex()!r}))")
            if progress:
                progress(start + len(piece))
        try:
            return self._ask("modem.files.upload", name, _There("data"))
        finally:
            self._run("data = bytearray()")

    def examine(self, apn: str, server: str, port: int, cafile: str) -> list[Finding]:
        found = self._ask("examine", _There("modem"), _There("bg95"), apn, server, port, cafile)
        return _findings(found)

    def command(self, text: str, timeout_s: float) -> list[str]:
        ms = int(timeout_s * 1000)
        return self._ask("command", _There("modem"), _There("bg95"), text, ms)

    def urcs(self) -> list[str]:
        return self._ask("urcs.take")

    def _run(self, statement: str) -> str:
        try:
            return self._link.execute(statement)
        except BoardException as error:
            raise self._link.failed(error) from error

    def _ask(self, call: str, *args: object) -> Any:
        """Call something on the board with literals, or with a `_There`."""
        words = ", ".join([call, *map(repr, args)])
        failed, value = self._link.decoded(self._run(f"answer({words})"), tuple[int, Any])
        if failed:
            raise ModuleError(for_a_terminal(value))
        return value


def open_link(port: str | None, board_port: str | None, baudrate: int) -> ModuleLink:
    """The link that the options `--port` and `--board-port` ask for; UsageError if not one of them."""
    if bool(port) == bool(board_port):
        raise UsageError("name either the module's AT port (--port) or a board (--board-port)")
    return ThroughBoard(board_port) if board_port else DirectLink(port or "", baudrate)
