"""One flashable file: the user's MicroPython firmware, and a file system with driver, wiring and app.

`uf2` and `esp32` join the two in the way of their chips.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bg95_host import boards
from bg95_host.deploy import build
from bg95_host.errors import ToolError


@dataclass(frozen=True)
class Image:
    """What was made. `files` are the sizes by path on the board, `offset` where they lie in flash."""

    path: Path
    board: str
    files: dict[str, int]
    offset: int
    how_to_flash: str


def make(
    board_name: str,
    firmware: Path,
    output: Path | None = None,
    app: Path | None = None,
    extra: Mapping[str, Path] | None = None,
    debug: bool = False,
) -> Image:
    """Make the image for a board; `extra` are more files by their path on the board. `debug` as deploy.build().

    Raises ToolError where the firmware is not for the board, or something does not fit.
    """
    board = boards.load(board_name)
    if board.port == "unix":
        raise ToolError(f"{board.name} is not flashed; use `bg95 run` on it")
    files = build(board, board.arch, app, extra, debug)
    data = _read(firmware)
    if board.port == "rp2":
        from bg95_host.image import uf2 as chip
    else:
        from bg95_host.image import esp32 as chip
    output = output or Path("build/image") / f"{board.name}.{chip.SUFFIX}"
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        offset = chip.join(board, data, files, output)
    except OSError as error:
        raise ToolError(f"{output} cannot be written: {error.strerror}") from error
    sizes = {path: len(content) for path, content in sorted(files.items())}
    return Image(output, board.name, sizes, offset, chip.HOW_TO_FLASH.format(file=output))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ToolError(f"{file} cannot be read: {error.strerror}") from error
