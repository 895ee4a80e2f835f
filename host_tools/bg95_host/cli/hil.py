"""Run the hardware-in-the-loop tests on a rig; write JUnit XML and an HTML report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("hil", help=__doc__)(_hil)


def _hil(
    rig: Annotated[
        str, typer.Option(help="virtual, pico-emulator, serial or labgrid.")
    ] = "virtual",
    port: Annotated[str | None, typer.Option(help="The board's port (rig serial).")] = None,
    module: Annotated[
        str | None, typer.Option(help="`real`, or a serial device for the simulator.")
    ] = None,
    board: Annotated[str | None, typer.Option(help="A folder of boards/.")] = None,
    firmware: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A MicroPython UF2 (rig pico-emulator).")
    ] = None,
    place: Annotated[str | None, typer.Option(help="A labgrid place (rig labgrid).")] = None,
    apn: Annotated[str, typer.Option(help="Access point of the SIM.")] = "hil.apn",
    server: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="For a real module: a TLS echo server.")
    ] = "",
    ca: Annotated[
        str, typer.Option(metavar="NAME", help="That server's CA, as named on the module.")
    ] = "",
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR")] = Path("build/hil"),
    tests: Annotated[
        list[str] | None, typer.Argument(help="Some of the tests, as pytest takes them.")
    ] = None,
) -> None:
    from bg95_host import hil
    from bg95_host.hil.lab import Settings

    file = str(firmware.resolve()) if firmware else None
    settings = Settings(rig, port, module, board, file, place, apn, server, ca)
    status = hil.run(settings, output.resolve(), tests or ())
    print(f"wrote {output / 'report.html'}\nwrote {output / 'results.xml'}")
    raise typer.Exit(min(status, 1))
