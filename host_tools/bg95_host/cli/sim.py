"""`bg95 sim`: a simulated module on a pty, a TCP port or a serial device."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from bg95_host.cli import _sim_options


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("sim", help=__doc__)(sim)


def sim(
    listen: Annotated[
        str, typer.Option(help="pty, tcp:HOST:PORT (port 0 picks a free one) or serial:DEVICE")
    ] = "pty",
    baud: _sim_options.Baud = 115200,
    pace: _sim_options.Pace = True,
    model: _sim_options.Model = "BG95-M3",
    resolve: _sim_options.Resolve = None,
    clock: _sim_options.Clock = None,
    fault: _sim_options.Fault = None,
    trait: _sim_options.Trait = None,
    files: _sim_options.Files = None,
    trace: _sim_options.Trace = None,
    keylog: _sim_options.Keylog = None,
    seed: _sim_options.Seed = 0,
    count: Annotated[int, typer.Option(min=1, help="how many modules")] = 1,
    list_faults: Annotated[bool, typer.Option("--list-faults", help="list them and exit")] = False,
    list_traits: Annotated[bool, typer.Option("--list-traits", help="list them and exit")] = False,
) -> None:
    from bg95_host.module_sim import SimServer

    if list_faults or list_traits:
        _list(faults=list_faults, traits=list_traits)
        return
    options = _sim_options.sim_options(
        baud=baud,
        pace=pace,
        model=model,
        resolve=resolve,
        clock=clock,
        fault=fault,
        trait=trait,
        files=files,
        trace=trace,
        keylog=keylog,
        seed=seed,
    )
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    with SimServer() as server:
        try:
            modules = [server.add_module(options, listen=listen) for _ in range(count)]
        except (ValueError, OSError) as error:
            raise typer.BadParameter(str(error)) from None
        for module in modules:
            print(f"listening on {module.path}", flush=True)
        done.wait()


def _list(faults: bool, traits: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from bg95_host.module_sim.faults import FAULTS
    from bg95_host.module_sim.traits import TRAITS

    console = Console()
    if faults:
        table = Table("fault", "what happens", "spec", box=None)
        for fault in FAULTS.values():
            table.add_row(fault.name, fault.help, fault.section)
        console.print(table)
    if traits:
        table = Table("trait", "default", "what it decides", "spec", box=None)
        for trait in TRAITS.values():
            table.add_row(trait.name, repr(trait.default), trait.help, trait.section)
        console.print(table)
