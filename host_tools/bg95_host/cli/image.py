"""Make one flashable file: a MicroPython firmware with driver, wiring and app in its file system."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bg95_host.cli import _names
from bg95_host.cli._files import Debug, Files, placed
from bg95_host.cli._terminal import console, shown


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("image", help=__doc__)(_image)


def _image(
    board: Annotated[
        str, typer.Option(help="A folder of boards/.", **_names.one_of("board", _names.boards))
    ],
    firmware: Annotated[
        Path, typer.Option(metavar="FILE", help="MicroPython: .uf2 for RP2, .bin for ESP32.")
    ],
    app: Annotated[Path | None, typer.Option(metavar="FILE", help="Becomes main.py.")] = None,
    file: Files = None,
    debug: Debug = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Default: build/image/BOARD.uf2 or .bin."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    from dataclasses import asdict

    from bg95_host.errors import ToolError

    try:
        from bg95_host import image
    except ModuleNotFoundError as missing:
        raise ToolError(
            f"{missing.name} is not installed: pip install 'bg95_host[image]'"
        ) from missing

    terminal = console(quiet=as_json)
    with terminal.status("compiling the driver, writing the file system"):
        made = image.make(board, firmware, output, app, placed(file), debug)
    if as_json:
        print(json.dumps({**asdict(made), "path": str(made.path)}))
        return
    for folder, sizes in _by_folder(made.files).items():
        what = f"{folder} ({len(sizes)} files)" if len(sizes) > 1 else folder
        terminal.print(f"{sum(sizes):9,} B  {shown(what)}", style="dim")
    total = made.path.stat().st_size
    where = shown(str(made.path))
    terminal.print(f"[green]✓[/] {where} ({total:,} bytes), files at 0x{made.offset:x}")
    terminal.print(f"  to flash: {shown(made.how_to_flash)}")


def _by_folder(files: dict[str, int]) -> dict[str, list[int]]:
    """Sizes by folder; files of the root stand for themselves."""
    folders: dict[str, list[int]] = {}
    for path, size in files.items():
        folder = path.rpartition("/")[0] or path
        folders.setdefault(folder, []).append(size)
    return folders
