"""Run an app on a rig, with the driver deployed, and stream its output.

Exit status 0 if the app ended, 1 if it raised or the board died.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from bg95_host.cli import _rig_options as on
from bg95_host.cli import _sim_options as sim
from bg95_host.cli._files import Debug, Files, placed


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("run", help=__doc__)(_run)


def _run(
    file: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="The app, a .py file. Without it the board is kept up for mpremote.",
        ),
    ] = None,
    rig: on.Rig = "virtual",
    port: on.Port = None,
    module: on.Module = None,
    board: on.Board = None,
    firmware: on.Firmware = None,
    place: on.Place = None,
    on_board: Files = None,
    debug: Debug = False,
    resolve: sim.Resolve = None,
    fault: sim.Fault = None,
    trait: sim.Trait = None,
    profile: sim.Profile = None,
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
    from bg95_host.run_app import keep_up, run_app

    options = sim.sim_options(
        resolve=resolve,
        fault=fault,
        trait=trait,
        profile=profile,
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
    with make_rig(
        rig, RigOptions(options, port, module, board, firmware, place, placed(on_board), debug)
    ) as started:
        try:
            if file is not None:
                run_app(started, file, _write)
            else:
                keep_up(started, _announce)
        except (BoardException, KeyboardInterrupt) as error:
            print(error, file=sys.stderr)
            raise typer.Exit(1) from None


def _announce(port: str) -> None:
    print(f"the board is at {port}; try: mpremote connect {port}   (Ctrl-C ends it)", flush=True)


def _write(data: bytes) -> None:
    """Output of the board, unchanged and at once."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
