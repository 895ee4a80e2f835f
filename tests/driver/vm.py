"""Runs a script in the real MicroPython VM, its UART wired to a simulated module with real TLS behind it."""

from __future__ import annotations

import functools
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bg95_host import mpy
from bg95_host.compat import FIRMWARE
from bg95_host.module_sim import SimOptions, SimServer
from bg95_host.rigs import unix_vm

PRELUDE = Path(__file__).with_name("vm_prelude.py").read_text()
HEAP = "192k"  # what a Pico has


@functools.cache
def driver() -> tempfile.TemporaryDirectory:
    """A folder with the driver as it is on a board: compiled, so that its heap is free for the app."""
    folder = tempfile.TemporaryDirectory(prefix="bg95-driver-")
    for path, data in mpy.compile_package(FIRMWARE / "bg95").items():
        target = Path(folder.name, "bg95", path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


def run(
    script: str,
    sim: SimServer,
    options: SimOptions,
    port: int = 0,
    timeout: float = 60,
    libraries: Sequence[Path] = (),
    heap: str = HEAP,
) -> str:
    """Run `script` behind the prelude; returns what it printed. Fails with its output where it raised.

    libraries: folders that `import` looks in, after the driver's. heap: an app with data of its own asks for more,
    since objects are twice as large here (64 bit) as on a board.
    """
    board, module = socket.socketpair()
    board.setblocking(False)
    handle = sim.add_module(options, fd=module.fileno())
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write(PRELUDE + script)
            file.flush()
            done = subprocess.run(
                [
                    *unix_vm.command(),
                    "-X",
                    f"heapsize={heap}",
                    file.name,
                    str(board.fileno()),
                    str(port),
                ],
                cwd=driver().name,
                env={"MICROPYPATH": ":".join([driver().name, *map(str, libraries), ".frozen"])},
                pass_fds=[board.fileno()],
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
    finally:
        sim.remove_module(handle)
        board.close()
        module.close()
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
