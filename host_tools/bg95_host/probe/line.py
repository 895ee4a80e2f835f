"""The wire to a module that is probed: bytes and times, on the wall clock or on a simulated one."""

from __future__ import annotations

import ast
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bg95_host.errors import ToolError, said_by
from bg95_host.mpremote_link import BoardException, BoardLink, why_not_opened

if TYPE_CHECKING:
    from bg95_host.module_sim.manual import ManualHost

Done = Callable[[bytes], bool]
BITS_PER_BYTE = 10  # 8N1, at-commands.md 2.5
QUECTEL = 0x2C7C  # USB vendor ID
EXCHANGE_S = 5.0  # the longest that a board is left to itself
POLL_S = 0.05  # how often a wait looks whether it is over


class Line(ABC):
    """Bytes to and from a module. Times are seconds on the line's own clock.

    `features` says which pins the line reaches beside the UART: "dtr", "pwrkey", "status".
    """

    features: frozenset[str] = frozenset()
    baud: int = 115200
    wrote_at = 0.0  # when the last write began
    urc_port = "uart1"  # what AT+QURCCFG calls the module's end of this line

    @property
    def byte_time(self) -> float:
        """Seconds that a byte takes."""
        return BITS_PER_BYTE / self.baud

    @property
    @abstractmethod
    def now(self) -> float:
        """The time."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Put bytes on the wire."""

    @abstractmethod
    def read(self, seconds: float, done: Done) -> bytes:
        """What comes until `done(all of it)`, or until the time is over."""

    def set_dtr(self, level: int) -> None:
        """Drive MAIN_DTR; only with feature "dtr"."""
        raise NotImplementedError

    def press_power(self, seconds: float) -> None:
        """Hold PWRKEY low; only with feature "pwrkey"."""
        raise NotImplementedError

    def status_rose(self) -> float | None:
        """When STATUS last went high; only with feature "status"."""
        raise NotImplementedError


class ManualLine(Line):
    """A simulated module on a manual clock: an hour of probing takes no longer than its commands."""

    features = frozenset({"dtr", "pwrkey", "status"})

    def __init__(self, host: ManualHost) -> None:
        self.host = host
        self.baud = host.module.options.baud
        self._rose: float | None = None
        host.module.on_pin = self._pin_changed

    def _pin_changed(self, name: str, level: int) -> None:
        if name == "STATUS" and level:
            self._rose = self.host.module.now

    @property
    def now(self) -> float:
        return self.host.now

    def write(self, data: bytes) -> None:
        self.wrote_at = self.now
        self.host.write(data)

    def read(self, seconds: float, done: Done) -> bytes:
        self.host.wait_until(lambda: done(bytes(self.host.unread)), seconds)
        return self.host.read()

    def set_dtr(self, level: int) -> None:
        self.host.set_pin("DTR", level)

    def press_power(self, seconds: float) -> None:
        self.host.set_pin("PWRKEY", 0)
        self.host.run_quietly(seconds)
        self.host.set_pin("PWRKEY", 1)

    def status_rose(self) -> float | None:
        return self._rose


class BoardLine(Line):
    """The module on the UART of a MicroPython board that holds the driver, in the board's time.

    What is written leaves with the next read, so that one call of the board's does both.
    """

    features = frozenset({"dtr", "pwrkey", "status"})  # of those, the ones that are wired

    def __init__(self, port: str, baud: int) -> None:
        self.baud = baud
        self._link = BoardLink(port)
        self._unsent = b""
        self._rose = -1
        self._known, self._known_at = 0.0, time.monotonic()
        self._link.__enter__()
        try:
            program = Path(__file__).with_name("on_board.py").read_text(encoding="utf-8")
            self._run(f"{program}\nimport wiring\nmodem = wiring.modem(sockets=1, baudrate={baud})")
            wired = ast.literal_eval(
                self._run(
                    "print([p is not None for p in (modem.dtr, modem.pwrkey, modem.status_pin)])"
                )
            )
        except BaseException:
            self._link.__exit__(None, None, None)
            raise
        names = zip(("dtr", "pwrkey", "status"), wired, strict=True)
        self.features = frozenset(name for name, is_wired in names if is_wired)

    def close(self) -> None:
        """Let the board go."""
        self._link.__exit__(None, None, None)

    @property
    def now(self) -> float:
        return self._known + time.monotonic() - self._known_at

    def write(self, data: bytes) -> None:
        self.wrote_at = self.now
        self._unsent += data

    def read(self, seconds: float, done: Done) -> bytes:
        heard = self._exchange(min(seconds, EXCHANGE_S))
        end = self.wrote_at + seconds if seconds else 0.0
        while not done(heard) and self.now < end:
            heard += self._exchange(min(end - self.now, EXCHANGE_S))
        return heard

    def _exchange(self, seconds: float) -> bytes:
        data, self._unsent = self._unsent.hex(), b""
        call = f"print(exchange(modem, {data!r}, {max(0, round(1000 * seconds))}))"
        began, last, heard, rose = ast.literal_eval(self._run(call))
        if data:
            self.wrote_at = began / 1000
        self._rose = rose
        self._known, self._known_at = last / 1000, time.monotonic()
        return bytes.fromhex(heard)

    def set_dtr(self, level: int) -> None:
        self._run(f"modem.dtr.value({level})")

    def press_power(self, seconds: float) -> None:
        self._exchange(0.0)
        self._run(f"press(modem, {round(1000 * seconds)})")

    def status_rose(self) -> float | None:
        return self._rose / 1000 if self._rose >= 0 else None

    def _run(self, statement: str) -> str:
        try:
            return self._link.execute(statement)
        except BoardException as error:
            last = str(error).splitlines()[-1]
            raise ToolError(
                f"the board on {self._link.port} failed ({last}): put the driver there with `bg95 deploy`"
            ) from error


class SerialLine(Line):
    """The module's AT port at this PC: a device, or any URL that pyserial opens.

    `dtr` says that the adapter's DTR really is wired to MAIN_DTR.
    """

    def __init__(self, port: str, baud: int, dtr: bool = False) -> None:
        from bg95_host.compat.uart import UART

        self.baud = baud
        self._name = port
        self.features = frozenset({"dtr"} if dtr else ())
        self.urc_port = "usbmodem" if _is_of_the_module(port) else "uart1"
        try:
            self._port = UART(port, baud).port
        except (OSError, ValueError):
            reason = why_not_opened(port) or "try again"
            raise ToolError(f"the port {port} cannot be opened: {reason}") from None

    def close(self) -> None:
        """Give the port back."""
        self._port.close()

    @property
    def now(self) -> float:
        return time.monotonic()

    def write(self, data: bytes) -> None:
        self.wrote_at = self.now
        try:
            self._port.write(data)
            self._port.flush()
        except OSError as error:
            raise ToolError(f"the port {self._name} went away ({said_by(error)})") from error

    def read(self, seconds: float, done: Done) -> bytes:
        heard = bytearray()
        end = self.now + seconds
        try:
            while True:
                left = end - self.now
                self._port.timeout = min(max(left, 0.0), POLL_S)
                heard += self._port.read(max(left > 0, self._port.in_waiting))
                if done(bytes(heard)) or left <= 0:
                    break
        except OSError as error:
            raise ToolError(f"the port {self._name} went away ({said_by(error)})") from error
        return bytes(heard)

    def set_dtr(self, level: int) -> None:
        self._port.dtr = not level  # pyserial's True is an active, that is a low, line


def _is_of_the_module(port: str) -> bool:
    """Whether a device is the module's own USB port, not an adapter on its UART."""
    from serial.tools.list_ports import comports

    return any(each.device == port and each.vid == QUECTEL for each in comports())
