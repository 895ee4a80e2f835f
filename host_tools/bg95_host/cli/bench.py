"""Measure on a rig: goodput, round trips, heap, AT commands. Writes JSON and plots, prints a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bg95_host.cli import _rig_options as on
from bg95_host.cli import _sim_options as on_module
from bg95_host.cli._terminal import console, shown

if TYPE_CHECKING:
    from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("bench", help=__doc__)(_bench)


def _bench(
    rig: on.Rig = "virtual",
    port: on.Port = None,
    module: on.Module = None,
    board: on.Board = None,
    firmware: on.Firmware = None,
    place: on.Place = None,
    profile: on_module.Profile = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="For results and plots.")
    ] = Path("build/bench"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    from bg95_host.bench import measure, records
    from bg95_host.module_sim import SimOptions
    from bg95_host.probe.profile import sim_options
    from bg95_host.rigs import RigOptions, make_rig
    from bg95_host.testbed.pki import Authority
    from bg95_host.testbed.servers import TlsServer

    terminal = console(quiet=as_json)
    output.mkdir(parents=True, exist_ok=True)  # fails now, if it does, and not in the end
    authority = Authority()
    known = sim_options(profile)
    sim = SimOptions(resolve={measure.HOST: "127.0.0.1"}, powered=False, **known)
    with (
        TlsServer(authority.server(measure.HOST), measure.serve) as server,
        make_rig(rig, RigOptions(sim, port, module, board, firmware, place)) as started,
        terminal.status(f"measuring on {rig}"),
    ):
        found = measure.measure(
            started, server.port, authority.cert_pem, lambda record: _show(terminal, record)
        )
    records.write(found, output / "results.json")
    plots = _plot(terminal, found, output)
    for file in (output / "results.json", *plots):
        terminal.print(f"wrote {file}")
    if as_json:
        print(json.dumps([record.as_dict() for record in found]))
    if any(record.error for record in found):
        raise typer.Exit(1)


def _show(terminal: Console, record) -> None:
    value = f"{record.value:,.0f} {record.unit}" if record.value is not None else "failed"
    share = ""
    if record.ratio is not None:  # a time is at least its limit, all else at most
        times = f"{record.ratio:7.1f} ×" if record.unit == "us" else f"{record.ratio:7.0%} of"
        share = f"{times} {record.limit:,.0f}"
    terminal.print(f"{record.name:<34} {value:>14} {share}  [red]{shown(record.error)}[/]")


def _plot(terminal: Console, found, output: Path) -> list[Path]:
    try:
        from bg95_host.bench import plots
    except ModuleNotFoundError as missing:
        terminal.print(
            f"no plots: {missing.name} is not installed (pip install 'bg95_host[bench]')"
        )
        return []
    return plots.write(found, output)
