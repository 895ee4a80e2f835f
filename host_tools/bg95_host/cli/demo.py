"""See it work on this PC: driver, virtual board, simulated module, and real TLS at both ends.

Exit status 0 only if every byte came back right.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bg95_host.cli import _names, _sim_options


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("demo", help=__doc__)(_demo)


def _demo(
    size: Annotated[int, typer.Option(min=4096, help="Bytes to echo in each mode.")] = 65536,
    trait: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Set a trait of the module; repeatable.",
            **_names.completed(_names.traits),
        ),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=ARG]",
            help="Inject a fault; repeatable.",
            **_names.completed(_names.faults),
        ),
    ] = None,
    profile: _sim_options.Profile = None,
    trace: Annotated[Path, typer.Option(metavar="FILE", help="Where the AT trace goes.")] = Path(
        "build/demo/trace.jsonl"
    ),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON only.")
    ] = False,
) -> None:
    from dataclasses import asdict

    from rich.console import Console

    from bg95_host.demo import story
    from bg95_host.demo.view import View
    from bg95_host.errors import ToolError
    from bg95_host.module_sim.traits import parse_assignments
    from bg95_host.probe.profile import sim_options

    view = View(Console(quiet=as_json, highlight=False))
    view.begin()
    try:
        known = sim_options(profile).get("traits", {})
        traits = {**known, **parse_assignments(trait or ())}
        options = story.Options(size=size, traits=traits, faults=fault or (), trace=trace)
        summary = story.Demo(options, view.show).run()
    except (ToolError, ValueError) as error:
        view.fail(str(error))
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        view.fail("interrupted")
        raise typer.Exit(1) from None
    view.finish(summary)
    if as_json:
        print(json.dumps(asdict(summary)))
