"""`bg95 sim`: a simulated module on a pty, a TCP port or a serial device."""

from __future__ import annotations

import signal
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("sim", help=__doc__)(sim)


def sim(
    listen: Annotated[
        str, typer.Option(help="pty, tcp:HOST:PORT (port 0 picks a free one) or serial:DEVICE")
    ] = "pty",
    baud: Annotated[int, typer.Option(help="rate of the module's UART, bit/s")] = 115200,
    pace: Annotated[
        bool, typer.Option("--pace/--no-pace", help="bytes take the time they take on a UART")
    ] = True,
    model: Annotated[str, typer.Option(help="what ATI answers")] = "BG95-M3",
    resolve: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=ADDRESS", help="answer a DNS name; repeatable"),
    ] = None,
    clock: Annotated[
        str | None, typer.Option(metavar="ISO8601", help="the module's time at the start")
    ] = None,
    fault: Annotated[
        list[str] | None, typer.Option(metavar="NAME[=ARG]", help="inject a fault; repeatable")
    ] = None,
    trait: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="set a trait; repeatable")
    ] = None,
    files: Annotated[
        Path | None, typer.Option(metavar="DIR", help="its flash file system (default: memory)")
    ] = None,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write a trace, one JSON object a line")
    ] = None,
    keylog: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write TLS secrets for Wireshark")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="how many modules")] = 1,
    seed: Annotated[int, typer.Option(help="seed of everything that is random")] = 0,
    list_faults: Annotated[bool, typer.Option("--list-faults", help="list them and exit")] = False,
    list_traits: Annotated[bool, typer.Option("--list-traits", help="list them and exit")] = False,
) -> None:
    from bg95_host.module_sim import SimOptions, SimServer
    from bg95_host.module_sim.traits import parse_assignments

    if list_faults or list_traits:
        _list(faults=list_faults, traits=list_traits)
        return
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    with SimServer() as server:
        try:
            options = SimOptions(
                baud=baud,
                pace=pace,
                model=model,
                resolve=parse_assignments(resolve or ()),
                clock=datetime.fromisoformat(clock.replace("Z", "+00:00")) if clock else None,
                faults=fault or (),
                traits=parse_assignments(trait or ()),
                files=files,
                trace=trace,
                keylog=keylog,
                seed=seed,
            )
            modules = [server.add_module(options, listen=listen) for _ in range(count)]
        except (ValueError, OSError) as error:
            print(f"bg95 sim: {error}", file=sys.stderr)
            raise typer.Exit(2) from None
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
