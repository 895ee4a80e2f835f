"""Run the hardware-in-the-loop tests on a rig; write JUnit XML and an HTML report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bg95_host.cli import _rig_options as on
from bg95_host.cli import _sim_options as sim
from bg95_host.cli._files import Files, placed
from bg95_host.hil.settings import PIN_VARIABLE

_PANEL = "A real module"


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("hil", help=__doc__)(_hil)


def _hil(
    rig: on.Rig = "virtual",
    port: on.Port = None,
    module: on.Module = None,
    board: on.Board = None,
    firmware: on.Firmware = None,
    place: on.Place = None,
    file: Files = None,
    profile: sim.Profile = None,
    apn: Annotated[
        str | None,
        typer.Option(rich_help_panel=_PANEL, help="Access point. Default: the network's own."),
    ] = None,
    pin: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_PANEL, envvar=PIN_VARIABLE, help="Of the SIM, tried once only."
        ),
    ] = None,
    server: Annotated[
        str,
        typer.Option(
            rich_help_panel=_PANEL,
            metavar="HOST:PORT",
            help="An echo server over TLS, for instance of `bg95 testbed --public`.",
        ),
    ] = "",
    ca: Annotated[
        str,
        typer.Option(
            rich_help_panel=_PANEL,
            metavar="FILE",
            help="That server's CA: a PEM file here, or the name of one on the module.",
        ),
    ] = "",
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="For the reports.")
    ] = Path("build/hil"),
    tests: Annotated[
        list[str] | None, typer.Argument(help="Some of the tests, as pytest takes them.")
    ] = None,
) -> None:
    from bg95_host import hil
    from bg95_host.hil.settings import Settings
    from bg95_host.rigs import RigOptions, make_rig

    # What is missing is said in one sentence, not in a report.
    make_rig(rig, RigOptions(None, port, module, board, firmware, place)).close()
    uf2 = str(firmware.resolve()) if firmware else None
    files = {path: str(each.resolve()) for path, each in placed(file).items()}
    here = str(Path(ca).resolve()) if Path(ca).is_file() else ca
    try:
        settings = Settings(
            rig, port, module, board, uf2, place, apn, pin, server, here, files, _readable(profile)
        )
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--server") from None
    reports = [output / "report.html", output / "results.xml"]
    for report in reports:  # of an earlier run
        report.unlink(missing_ok=True)
    status = hil.run(settings, output.resolve(), tests or ())
    for report in filter(Path.exists, reports):
        print(f"wrote {report}")
    raise typer.Exit(min(status, 1))


def _readable(profile: Path | None) -> str | None:
    """A profile that can be read, wherever the tests run."""
    from bg95_host.probe.profile import read

    if profile is None:
        return None
    read(profile)
    return str(profile.resolve())
