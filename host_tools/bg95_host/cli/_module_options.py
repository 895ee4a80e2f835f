"""How a sub-command that works on a module is told where the module is."""

from typing import Annotated

import typer

_PANEL = "Where the module is"

Port = Annotated[
    str | None,
    typer.Option(
        metavar="PORT",
        rich_help_panel=_PANEL,
        help="The module's AT port: /dev/ttyUSB2, or what `bg95 sim` listens on.",
    ),
]
BoardPort = Annotated[
    str | None,
    typer.Option(
        metavar="PORT",
        rich_help_panel=_PANEL,
        help="The port of a board with the driver, which the module is wired to.",
    ),
]
Baud = Annotated[
    int,
    typer.Option(
        rich_help_panel=_PANEL, help="Rate of the module's AT port, bit/s.", min=300, max=4_000_000
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
