"""Runs a script in the real MicroPython VM, its UART wired to a simulated module with real TLS behind it."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from pathlib import Path

from bg95_host.compat import FIRMWARE
from bg95_host.module_sim import SimOptions, SimServer
from bg95_host.rigs import unix_vm

PRELUDE = Path(__file__).with_name("vm_prelude.py").read_text()
HEAP = "192k"  # what a Pico has


def run(
    script: str, sim: SimServer, options: SimOptions, port: int = 0, timeout: float = 60
) -> str:
    """Run `script` behind the prelude; returns what it printed. Fails with its output where it raised."""
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
                    f"heapsize={HEAP}",
                    file.name,
                    str(board.fileno()),
                    str(port),
                ],
                cwd=FIRMWARE,
                env={"MICROPYPATH": f"{FIRMWARE}:.frozen"},
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
