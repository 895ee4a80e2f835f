"""A simulated module on a pty, a TCP port or a serial device."""

from __future__ import annotations

import dataclasses
import signal
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from bg95_host.cli import _sim_options
from bg95_host.errors import said_by

if TYPE_CHECKING:
    from bg95_host.module_sim import SimOptions, SimServer

REFRESH_S = 0.25  # of --ui


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("sim", help=__doc__)(sim)


def sim(
    listen: Annotated[
        str,
        typer.Option(
            help="pty, tcp:HOST:PORT (no host: this machine only; port 0: a free one) or serial:DEVICE"
        ),
    ] = "pty",
    baud: _sim_options.Baud = 115200,
    pace: _sim_options.Pace = True,
    model: _sim_options.Model = "BG95-M3",
    resolve: _sim_options.Resolve = None,
    clock: _sim_options.Clock = None,
    fault: _sim_options.Fault = None,
    trait: _sim_options.Trait = None,
    profile: _sim_options.Profile = None,
    files: _sim_options.Files = None,
    trace: _sim_options.Trace = None,
    keylog: _sim_options.Keylog = None,
    seed: _sim_options.Seed = 0,
    count: Annotated[int, typer.Option(min=1, help="how many modules")] = 1,
    ui: Annotated[bool, typer.Option("--ui", help="show contexts and connections, live")] = False,
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
        profile=profile,
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
            for index in range(count):
                name = f"{model} {index + 1}" if count > 1 else ""
                module = server.add_module(
                    _own(options, index, count), listen=_place(listen, index, count), name=name
                )
                print(f"listening on {module.path}", flush=True)
        except (ValueError, OSError) as error:
            raise typer.BadParameter(said_by(error)) from None
        _wait(server, done, ui)


def _own(options: SimOptions, index: int, count: int) -> SimOptions:
    """One of several modules: its own seed, its own flash."""
    if count == 1:
        return options
    files = options.files / str(index + 1) if options.files else None
    return dataclasses.replace(options, seed=options.seed + index, files=files)


def _place(listen: str, index: int, count: int) -> str:
    """One of several places: TCP ports follow each other, unless the kernel picks them."""
    kind, _, rest = listen.partition(":")
    host, _, port = rest.rpartition(":")
    if kind == "serial" and count > 1:
        raise ValueError("one serial device holds one module; leave --count out")
    if kind == "tcp" and port.isdigit() and int(port):
        return f"tcp:{host}:{int(port) + index}"
    return listen


def _wait(server: SimServer, done: threading.Event, ui: bool) -> None:
    """Until Ctrl-C or SIGTERM; then the counters, on stderr."""
    from bg95_host.module_sim.view import render, totals

    if ui:
        from rich.live import Live

        with Live(render(server.snapshots()), auto_refresh=False, screen=True) as live:
            while not done.wait(REFRESH_S):
                live.update(render(server.snapshots()), refresh=True)
    else:
        done.wait()
    print(totals(server.snapshots()), file=sys.stderr)


def _list(faults: bool, traits: bool) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    from bg95_host.module_sim.faults import FAULTS
    from bg95_host.module_sim.traits import TRAITS

    console = Console()
    narrow = 12 if console.is_terminal else None
    if not console.is_terminal:
        console.width = 200  # whole lines, for grep

    def whole(name: str) -> Column:
        return Column(name, no_wrap=True)

    def folded(name: str, most: int | None = None) -> Column:
        return Column(name, overflow="fold", max_width=most)

    if faults:
        table = Table(
            whole("fault"),
            "kind",
            folded("default", narrow),
            folded("what happens"),
            folded("spec", narrow),
            box=None,
        )
        for fault in FAULTS.values():
            table.add_row(fault.name, fault.kind, fault.default, fault.help, fault.section)
        console.print(table)
        console.print(
            "\nNAME\\[=VALUE]\\[@WHEN]\\[*COUNT]; WHEN is seconds, rx:N, tx:N, in:N, out:N (bytes) or"
            " +COMMAND\\[:N]"
        )
    if traits:
        table = Table(
            whole("trait"),
            folded("default", narrow),
            folded("what it decides"),
            folded("spec", narrow),
            box=None,
        )
        for trait in TRAITS.values():
            choices = f" ({', '.join(trait.choices)})" if trait.choices else ""
            table.add_row(trait.name, repr(trait.default), trait.help + choices, trait.section)
        console.print(table)
