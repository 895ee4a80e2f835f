"""Run an app on a rig, with the driver deployed, and stream its output."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from bg95_host.cli import _sim_options as sim


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("run", help=__doc__)(_run)


def _run(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The app, a .py file.")],
    rig: Annotated[
        str, typer.Option(help="virtual, pico-emulator, serial or labgrid.")
    ] = "virtual",
    port: Annotated[
        str | None, typer.Option(help="The board's port (rig serial).", metavar="PORT")
    ] = None,
    module: Annotated[
        str | None,
        typer.Option(help="`real`, or the serial device to put the simulator on (rig serial)."),
    ] = None,
    board: Annotated[str | None, typer.Option(help="A folder of boards/.")] = None,
    firmware: Annotated[
        Path | None, typer.Option(help="A MicroPython UF2 (rig pico-emulator).", exists=True)
    ] = None,
    place: Annotated[str | None, typer.Option(help="A labgrid place (rig labgrid).")] = None,
    resolve: sim.Resolve = None,
    fault: sim.Fault = None,
    trait: sim.Trait = None,
    trace: sim.Trace = None,
    clock: sim.Clock = None,
    files: sim.Files = None,
    keylog: sim.Keylog = None,
    pace: sim.Pace = True,
    baud: sim.Baud = 115200,
    model: sim.Model = "BG95-M3",
    seed: sim.Seed = 0,
) -> None:
    from bg95_host.mpremote_link import BoardException
    from bg95_host.rigs import RigOptions, make_rig
    from bg95_host.run_app import run_app

    options = sim.sim_options(
        resolve=resolve,
        fault=fault,
        trait=trait,
        trace=trace,
        clock=clock,
        files=files,
        keylog=keylog,
        pace=pace,
        baud=baud,
        model=model,
        seed=seed,
        powered=False,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwinds, so that the rig is closed
    with make_rig(rig, RigOptions(options, port, module, board, firmware, place)) as started:
        try:
            run_app(started, file, _write)
        except BoardException as error:
            print(error, file=sys.stderr)
            raise typer.Exit(1) from None


def _write(data: bytes) -> None:
    """Output of the board, unchanged and at once."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
