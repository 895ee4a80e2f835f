"""The rig `pico-emulator`: an emulated RP2040 boots a real MicroPython firmware; the simulated
module is on its UART and GPIOs, in simulated time.

A simulated second takes about 25 s, so that a spell of it has to be short. See `emulator/`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import threading
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bg95_host import deploy, flash_image
from bg95_host.rigs import Rig, RigError, RigOptions, SimulatedModule
from bg95_host.rigs.emulator import uf2

if TYPE_CHECKING:
    from bg95_host.module_sim import SimOptions
    from bg95_host.rigs.emulator.process import Ready

_EMULATOR = "rp2040py"
_VERSION = "0.3.6"  # the one whose UART model is replaced (emulator/pl011.py)
_PROGRAM = "from bg95_host.rigs.emulator.process import main; main()"
_BRISK = {
    "status_s": 0.05,
    "boot_s": 0.1,
    "boot_urc_gap_s": 0.005,
    "power_down_s": 0.05,
    "registration_s": 0.05,
}
_START_S = 120.0
_END_S = 10.0


class EmulatedModule:
    """The module in the emulator's process (rigs.SimulatedModule). Its host's UART is wired: the
    baud rate comes from the chip. Pins that the chip drives should be left to it."""

    on_pin = None  # its pins are wired to the chip

    def __init__(self, rig: PicoEmulatorRig) -> None:
        self._rig = rig

    def set_pin(self, name: str, level: int) -> None:
        """Drive a pin that the board does not."""
        self._rig.request("set_pin", name, level)

    def pin(self, name: str) -> int:
        """The level of a pin now."""
        return self._rig.request("pin", name)

    def set_host_baud(self, bps: int) -> None:
        """Not here: the rate is the one that the chip's UART has."""
        raise RigError(f"the emulated UART has its own rate and cannot be told {bps} bit/s")

    @property
    def counters(self) -> dict[str, int]:
        """The module's counters, and host_uart_overruns: what the chip's FIFO had no room for."""
        return self._rig.request("counters")


class PicoEmulatorRig(Rig):
    """See the module. `firmware` is a MicroPython UF2 for a Pico or a Pico W; `board` None: the one
    folder of boards/ that it is for.

    `ready` tells how long the boot took once the rig is started, `version` which MicroPython it is.
    """

    name = "pico-emulator"
    features = frozenset({"simulated-module", "pins", "timing", "local-server"})

    def __init__(
        self, firmware: Path, options: SimOptions | None = None, board: str | None = None
    ) -> None:
        _check_emulator()
        self.board, self.version = uf2.identify(firmware, board)
        self.ready: Ready | None = None
        self._firmware = firmware.resolve()
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._closing = False

    @property
    def port(self) -> str:
        """The pty of the chip's USB serial port."""
        assert self.ready is not None, "the rig is not started"
        return self.ready.port

    @property
    def module(self) -> SimulatedModule:
        """The simulated module."""
        return EmulatedModule(self)

    @property
    def simulated_s(self) -> float:
        """Simulated seconds since power-on."""
        return self.request("now")

    def start(self) -> None:
        """Boot the firmware up to its prompt."""
        from bg95_host.module_sim import SimOptions
        from bg95_host.rigs.emulator.process import Job

        ours, theirs = socket.socketpair()
        self._connection = Connection(ours.detach())
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=self._stderr,
                stderr=self._stderr,
                start_new_session=True,  # Ctrl-C at the terminal is for the tool, not for the chip
                env=_environment(),
            )
        files = deploy.build(self.board, files=self.files, debug=self.debug)
        image = flash_image.build(self.board.flash, files)
        options = self._options or SimOptions()
        self._connection.send(Job(self._firmware, image, self.board, options))
        self.ready = self._receive(_START_S)

    def install(self) -> None:
        """Nothing to do: the flash held the driver at power-on, since a copy of it over the
        emulated USB takes three minutes."""

    def close(self) -> None:
        """End the emulator."""
        self._closing = True
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            try:
                self._process.wait(_END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._stderr.close()

    def check(self) -> None:
        """RigError if the emulator has died."""
        if self._process is not None and not self._closing and self._process.poll() is not None:
            raise RigError(self._cause())

    def request(self, name: str, *arguments: object) -> Any:
        """Ask the emulator's process (see emulator/process.py)."""
        with self._lock:
            assert self._connection is not None, "the rig is not started"
            with contextlib.suppress(OSError):  # then there is no answer either, but a cause
                self._connection.send((name, arguments))
            return self._receive(_END_S)

    def _receive(self, timeout_s: float) -> Any:
        assert self._connection is not None
        assert self._process is not None
        try:
            if self._connection.poll(timeout_s):
                return self._connection.recv()
        except (EOFError, OSError):
            self._process.wait(_END_S)
            raise RigError(self._cause()) from None
        raise RigError(f"the emulated board did not answer within {timeout_s:.0f} s")

    def _cause(self) -> str:
        assert self._process is not None
        self._stderr.seek(0)
        said = self._stderr.read().decode(errors="replace").strip().splitlines()
        last_words = f": {said[-1]}" if said else ""
        return f"the emulated board died (exit status {self._process.returncode}){last_words}"


def _environment() -> dict[str, str]:
    """Without the settings that change how exact the emulator's time is."""
    return {key: value for key, value in os.environ.items() if not key.startswith("RP2040PY_")}


def _check_emulator() -> None:
    if importlib.util.find_spec(_EMULATOR) is None:
        raise RigError("the emulator is not installed: pip install 'bg95_host[pico-emulator]'")
    if version(_EMULATOR) != _VERSION:
        raise RigError(
            f"the rig pico-emulator works with {_EMULATOR} {_VERSION}, whose faults it mends, and "
            f"found {version(_EMULATOR)}: pip install {_EMULATOR}=={_VERSION}"
        )


def from_options(options: RigOptions) -> PicoEmulatorRig:
    """The rig as the command line asks for it.

    The module is on, and quicker to switch than a real one where `traits` do not say otherwise: a
    power cycle at the pace of silicon takes some two minutes here.
    """
    from bg95_host.module_sim import SimOptions

    _check_emulator()
    given = options.sim or SimOptions()
    sim = dataclasses.replace(given, powered=True, traits={**_BRISK, **given.traits})
    return PicoEmulatorRig(uf2.find(options.firmware), sim, options.board)
