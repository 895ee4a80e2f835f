"""The emulator's process, started by the rig with the number of a descriptor as its argument.

The descriptor is a multiprocessing connection. The rig sends a Job; this process answers with Ready once the
board is at its prompt, then answers requests (the name of a Circuit's or a Module's attribute, with
arguments if it is called), and ends when the connection does.
"""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rp2040py.boards import BOARDS, FlashLayout
from rp2040py.cli.pty_repl import PtyInteractiveRepl
from rp2040py.device import MicroPythonDevice

from bg95_host.boards import Board
from bg95_host.module_sim import SimOptions
from bg95_host.rigs.emulator.circuit import Circuit

_NUDGE_NS = 10_000_000
_BOOT_S = 60.0
_EMULATED = {"RPI_PICO": "pico", "RPI_PICO_W": "pico_w"}  # our names for the boards, and rp2040py's


@dataclasses.dataclass(frozen=True)
class Job:
    """What to emulate. `files` is the image of the board's file system (flash_image)."""

    firmware: Path
    files: bytes
    board: Board
    options: SimOptions


@dataclasses.dataclass(frozen=True)
class Ready:
    """The board is at its prompt. `port` is for mpremote; times in seconds."""

    port: str
    boot_wall_s: float
    boot_simulated_s: float


class Emulation:
    """One board, from power-on to the end of the connection."""

    def __init__(self, job: Job, connection: Connection) -> None:
        self._connection = connection
        self._over = asyncio.Event()
        self.circuit = Circuit(job.board, job.options)
        emulated = BOARDS[_EMULATED[job.board.name]]
        flash = job.board.flash
        board = dataclasses.replace(
            emulated,
            extras=(*emulated.extras, lambda: self.circuit),
            image=str(job.firmware),
            layout=FlashLayout(
                fs_start=flash.fs_offset,
                fs_blockcount=flash.fs_size // flash.block_size,
                fs_blocksize=flash.block_size,
            ),
        )
        with tempfile.NamedTemporaryFile() as image:
            image.write(job.files)
            image.flush()
            self._device = MicroPythonDevice(board=board, filesystem=Path(image.name))

    async def run(self) -> None:
        """Boot, serve, end; raises what the emulated machine died of."""
        started = time.monotonic()
        await self._device.astart(_BOOT_S)
        await self._reach_prompt()
        simulator = self._device.simulator
        console = PtyInteractiveRepl(self._device.cdc, simulator, lambda _status: self._over.set())
        await console.start()
        ready = Ready(str(console.slave_path), time.monotonic() - started, self.circuit.now)
        self._connection.send(ready)
        asyncio.get_running_loop().add_reader(self._connection.fileno(), self._answer)
        await simulator.wait_for(self._over, None)

    async def _reach_prompt(self) -> None:
        """Wait for the first prompt; astart() returns while _boot.py is still running.

        A Ctrl-C would end _boot.py before the file system is there, so the prompt is asked for with
        carriage returns, in simulated time.
        """
        seen = bytearray()
        ready = asyncio.Event()

        def take(data: bytes | bytearray) -> None:
            seen.extend(data)
            if b">>> " in seen:
                ready.set()

        def nudge() -> None:
            if not ready.is_set():
                self._device.cdc.send_serial_byte(ord("\r"))
                alarm.schedule(_NUDGE_NS)

        self._device.cdc.on_serial_data = take
        alarm = self._device.simulator.clock.create_alarm(nudge)
        alarm.schedule(_NUDGE_NS)
        await self._device.simulator.wait_for(ready, _BOOT_S)

    def _answer(self) -> None:
        try:
            request, arguments = self._connection.recv()
        except (EOFError, OSError):
            self._over.set()
            return
        self._connection.send(getattr(self, f"_{request}_request")(*arguments))

    def _counters_request(self) -> dict[str, int]:
        return self.circuit.counters

    def _now_request(self) -> float:
        return self.circuit.now

    def _pin_request(self, name: str) -> int:
        return self.circuit.module.pins[name]

    def _set_pin_request(self, name: str, level: int) -> None:
        self.circuit.module.set_pin(name, level, self.circuit.now)


async def _emulate(connection: Connection) -> None:
    job: Any = connection.recv()
    await Emulation(job, connection).run()


def main() -> None:
    """Serve the connection that the rig has passed."""
    with Connection(int(sys.argv[1])) as connection:
        asyncio.run(_emulate(connection))
