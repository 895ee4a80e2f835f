"""A connection to a board, through mpremote's transport: the one way host tools talk to a board."""

from __future__ import annotations

import contextlib
import io
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import serial
import serial.tools.list_ports
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport
from pydantic import TypeAdapter, ValidationError
from typing_extensions import Self

from bg95_host.errors import ToolError, said_by
from bg95_host.visible import visible

_READ_S = 5  # mpremote looks at its own deadlines this often where a read blocks (ptys)
_CONNECT_S = 10
_NOISE_S = 30  # mpremote's own deadlines do not pass while something talks
_SILENCE_S = 60  # a slow board renames and hashes files for as long without a word
_BUSY_S = 1.0  # a program that is just ending still holds the port
_BUSY = "another program uses it; close that first"
_SHOWN = 60  # characters of what a port says
_SWALLOWS = "an app that catches Ctrl-C, as a bare `except:` in its loop does"
_CTRL_C = b"\x03"
_CTRL_D = b"\x04"


class BoardError(ToolError):
    """The board cannot be reached, or it went away."""


class BoardException(Exception):
    """A program on the board raised; `str()` is the board's traceback."""

    @property
    def last(self) -> str:
        """Its last line, which names the exception."""
        return (str(self).splitlines() or ["?"])[-1]


def resolve_port(port: str) -> str:
    """What pyserial opens for a port as `mpremote connect` takes it.

    `auto` takes the one USB serial port that is there and refuses to choose among several.
    """
    if port.startswith("port:"):
        return port.removeprefix("port:")
    if port != "auto" and not port.startswith("id:"):
        return port
    usb = [p for p in serial.tools.list_ports.comports() if p.vid is not None]
    wanted = port.removeprefix("id:")
    found = [p.device for p in usb if port == "auto" or p.serial_number == wanted]
    if len(found) == 1:
        return found[0]
    seen = ", ".join(f"{p.device} (id:{p.serial_number})" for p in usb) or "none"
    if port == "auto" and not usb:
        raise BoardError("no board is connected: there is no USB serial port; or name a port")
    if found:
        raise BoardError(f"more than one board is connected, name one with --port: {seen}")
    raise BoardError(f"no board was found at {port}; the USB serial ports here: {seen}")


class _Listener:
    """The port while an end is waited for: what came is kept, and after so many seconds nothing more is taken."""

    def __init__(self, port: Any, seconds: float) -> None:
        self.heard = bytearray()
        self._port = port
        self._deadline = time.monotonic() + seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def read(self, size: int = 1) -> bytes:
        if time.monotonic() > self._deadline:
            raise TransportError("it goes on talking")
        data = self._port.read(size)
        self.heard += data
        return data


class BoardLink:
    """A board in its raw REPL, for the length of a `with` block.

    Raises BoardError, with a sentence for the user, for all that can go wrong with the connection;
    BoardException if the program given to `execute` raises.
    """

    def __init__(self, port: str, soft_reset: bool = True) -> None:
        self.port = port
        self._soft_reset = soft_reset
        self._transport: SerialTransport | None = None

    @property
    def transport(self) -> SerialTransport:
        """mpremote's transport."""
        assert self._transport is not None, "use it in a with block"
        return self._transport

    def __enter__(self) -> Self:
        device = resolve_port(self.port)
        self._transport = _open(device)
        port = self.transport.serial
        listener = self.transport.serial = _Listener(port, _NOISE_S)
        try:
            # mpremote prints what it received when no prompt came.
            with contextlib.redirect_stdout(io.StringIO()):
                self.transport.enter_raw_repl(self._soft_reset, timeout_overall=_CONNECT_S)
        except (TransportError, serial.SerialException, OSError) as e:
            self._close()
            raise BoardError(_no_prompt(device, listener.heard)) from e
        except BaseException:
            self._close()
            raise
        self.transport.serial = port
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(TransportError, serial.SerialException, OSError):
            if self.transport.in_raw_repl:
                self.transport.exit_raw_repl()
        self._close()

    def _close(self) -> None:
        with contextlib.suppress(serial.SerialException, OSError):
            self.transport.close()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except TransportExecError as e:
            raise BoardException(_lines(e.error_output.encode()).strip()) from None
        except (TransportError, serial.SerialException, OSError, struct.error) as e:
            raise BoardError(f"the board on {self.port} went away ({said_by(e)})") from e

    def execute(self, program: str) -> str:
        """Run a short program; what it printed. Ctrl-C as in `run`."""
        printed = bytearray()
        self._run(program, printed.extend, _SILENCE_S)
        return _lines(printed)

    def ask(self, program: str, kind: Any = Any) -> Any:
        """Run a short program that prints JSON last; that value, which must be of the type `kind`."""
        try:
            return self.decoded(self.execute(program), kind)
        except BoardException as e:
            raise self.failed(e) from e

    def failed(self, error: BoardException) -> BoardError:
        """What to tell of a program of these tools that ended in an exception there."""
        return BoardError(f"the board on {self.port} failed ({error.last})")

    def decoded(self, printed: str, kind: Any = Any) -> Any:
        """The JSON in the last line of what a program printed; BoardError where it is not of that type."""
        answer = printed.rstrip().rpartition("\n")[2]
        try:
            return TypeAdapter(kind).validate_json(answer)
        except ValidationError:
            raise BoardError(
                f"the board on {self.port} answered {_excerpt(answer) or 'nothing'}, which makes no "
                "sense: does something else print there, or are bytes lost?"
            ) from None

    def evaluate(self, expression: str) -> object:
        """The value of an expression whose repr() is a literal."""
        with self._translated():
            return self.transport.eval(expression)

    def run(self, program: str, on_output: Callable[[bytes], None]) -> None:
        """Run a program of any length in time, handing on its output as it comes.

        Ctrl-C here ends it there, too: KeyboardInterrupt, its text the board's traceback.
        """
        self._run(program, on_output, None)

    def _run(self, program: str, on_output: Callable[[bytes], None], silence_s: int | None) -> None:
        def consume(data: bytes) -> None:
            if data != _CTRL_D:
                on_output(data)

        with self._translated():
            with contextlib.redirect_stdout(io.StringIO()):  # mpremote prints what it cannot use
                self.transport.exec_raw_no_follow(program)
            try:
                _, error = self.transport.follow(silence_s, consume)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(_lines(self._stop(consume)).strip()) from None
        if error:
            raise BoardException(_lines(error).strip())

    def _stop(self, consume: Callable[[bytes], None]) -> bytes:
        """Send Ctrl-C; the traceback of what ran. BoardError where that goes on."""
        port = self.transport.serial
        port.write(_CTRL_C)
        self.transport.serial = _Listener(port, _READ_S)
        try:
            return self.transport.follow(_READ_S, consume)[1]
        except TransportError:
            raise BoardError(
                f"what runs on {self.port} goes on: it is {_SWALLOWS}; reset the board"
            ) from None
        finally:
            self.transport.serial = port

    def write_file(
        self, path: str, data: bytes, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Create or replace a file. OSError is the board's own, ENOSPC for instance."""
        try:
            self.transport.fs_writefile(path, data, chunk_size=512, progress_callback=progress)
        except serial.SerialException as e:
            raise BoardError(f"the board on {self.port} went away ({said_by(e)})") from e
        except TransportError as e:
            with self._translated():
                raise e

    def soft_reset_into_app(self) -> None:
        """Leave the raw REPL and soft-reset, so that boot.py and main.py run."""
        with self._translated():
            self.transport.exit_raw_repl()
            self.transport.serial.write(_CTRL_D)
            if not self.transport.read_until(1, b"soft reboot", timeout=_READ_S).endswith(b"boot"):
                raise TransportError("no soft reset")


def _no_prompt(device: str, heard: bytes | bytearray) -> str:
    """Why there may be no MicroPython, the likeliest first."""
    way_out = "reset it and press Ctrl-C before that loop begins, or erase its flash"
    check = "check that it is the right port and that the board runs MicroPython"
    if said := _excerpt(_lines(heard)):
        return (
            f"nothing on {device} answers as MicroPython, though it says {said}: either it runs "
            f"{_SWALLOWS} ({way_out}), or it is something else: {check}"
        )
    return (
        f"nothing on {device} answers as MicroPython: {check} (https://micropython.org/download); "
        f"or it runs {_SWALLOWS}: {way_out}"
    )


def _excerpt(text: str) -> str:
    """The last whole line of what was said, in quotes; "" if there is none."""
    last = max(text.strip().splitlines()[-2:], key=len, default="")
    return f"'{visible(last)[-_SHOWN:]}'" if last else ""


def _lines(data: bytes | bytearray) -> str:
    return data.decode(errors="replace").replace("\r\n", "\n")


def _open(device: str) -> SerialTransport:
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            return SerialTransport(device, baudrate=115200, timeout=_READ_S)
        except (TransportError, serial.SerialException, OSError, ValueError):
            reason = why_not_opened(device)
        if reason not in (_BUSY, None) or time.monotonic() > deadline:
            raise BoardError(f"the port {device} cannot be opened: {reason or 'try again'}")
        time.sleep(0.05)


def why_not_opened(device: str) -> str | None:
    """The reason that mpremote keeps to itself; None where it would open now."""
    if "://" not in device and not Path(device).exists():
        seen = ", ".join(p.device for p in serial.tools.list_ports.comports()) or "none"
        raise BoardError(f"there is no port {device}; the serial ports here: {seen}")
    try:
        serial.serial_for_url(device, exclusive=True).close()
        return None
    except (serial.SerialException, OSError, ValueError) as e:
        reason, words = str(e), said_by(e)
    if "exclusively lock" in reason or "busy" in reason.lower():
        return _BUSY
    if "Inappropriate ioctl" in reason or Path(device).is_dir():
        return "it is not a serial port"
    if "Permission denied" in reason:
        return "no permission; add yourself to the group that owns it (dialout, uucp)"
    return words
