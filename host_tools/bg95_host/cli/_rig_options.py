"""Which rig, as every sub-command that works on one takes it."""

from pathlib import Path
from typing import Annotated

import typer

from bg95_host.cli import _names

_PANEL = "Rig"

Rig = Annotated[
    str,
    typer.Option(
        rich_help_panel=_PANEL,
        help="virtual, pico-emulator, serial or labgrid.",
        **_names.one_of("rig", _names.rigs),
    ),
]
Port = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_PANEL,
        help="serial: the board's port, as `mpremote connect` takes it. Default: the only one.",
    ),
]
Module = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_PANEL,
        help="serial, labgrid: `real` (default), or `simulated` where the board has one of its "
        "own. serial: also a device to put the simulated module on.",
    ),
]
Board = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_PANEL,
        help="A folder of boards/. Default: what the board says.",
        **_names.one_of("board", _names.boards),
    ),
]
Firmware = Annotated[
    Path | None,
    typer.Option(
        rich_help_panel=_PANEL,
        metavar="FILE",
        help="pico-emulator: a MicroPython UF2. Default: a release, downloaded once.",
    ),
]
Place = Annotated[
    str | None, typer.Option(rich_help_panel=_PANEL, help="labgrid: the place to acquire.")
]
