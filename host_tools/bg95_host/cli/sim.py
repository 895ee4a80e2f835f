"""A simulated module on a pty, a TCP port or a serial device."""

from __future__ import annotations

import dataclasses
import json
import signal
import sys
import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from bg95_host.cli import _sim_options
from bg95_host.errors import said_by

if TYPE_CHECKING:
    from bg95_host.module_sim import SimOptions


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("sim", help=__doc__)(sim)


def sim(
    listen: Annotated[
        str,
        typer.Option(
            help="pty, pty:LINK (a name for it), tcp:HOST:PORT (no host: this machine only; port 0: a "
            "free one) or serial:DEVICE"
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
    ui: Annotated[
        bool, typer.Option("--ui", help="show modules, connections, files and AT line; q ends it")
    ] = False,
    list_faults: Annotated[bool, typer.Option("--list-faults", help="list them and exit")] = False,
    list_traits: Annotated[bool, typer.Option("--list-traits", help="list them and exit")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="print lists, or where it listens, as JSON")
    ] = False,
) -> None:
    from bg95_host.cli import _sim_lists, _sim_screen
    from bg95_host.module_sim import SimServer
    from bg95_host.module_sim.view import totals

    if list_faults or list_traits:
        _sim_lists.show(list_faults, list_traits, as_json)
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
    with _sim_screen.AtLine(trace) if ui else nullcontext() as line, SimServer() as server:
        if line:
            options = dataclasses.replace(options, trace=line)
        try:
            for index in range(count):
                name = f"{model} {index + 1}" if count > 1 else ""
                module = server.add_module(
                    _own(options, index, count), listen=_place(listen, index, count), name=name
                )
                told = json.dumps({"listening": module.path}) if as_json else None
                print(told or f"listening on {module.path}", flush=True)
        except (ValueError, OSError) as error:
            raise typer.BadParameter(said_by(error)) from None
        if line:
            _sim_screen.show(server, line, done)
        else:
            done.wait()
        print(totals(server.snapshots()), file=sys.stderr)


def _own(options: SimOptions, index: int, count: int) -> SimOptions:
    """One of several modules: its own seed, its own flash."""
    if count == 1:
        return options
    files = options.files / str(index + 1) if options.files else None
    return dataclasses.replace(options, seed=options.seed + index, files=files)


def _place(listen: str, index: int, count: int) -> str:
    """One of several places: links and TCP ports are numbered, unless the kernel picks the port."""
    kind, _, rest = listen.partition(":")
    host, _, port = rest.rpartition(":")
    if kind == "serial" and count > 1:
        raise ValueError("one serial device holds one module; leave --count out")
    if kind == "pty" and rest and count > 1:
        return f"pty:{rest}{index + 1}"
    if kind == "tcp" and port.isdigit() and int(port):
        return f"tcp:{host}:{int(port) + index}"
    return listen
