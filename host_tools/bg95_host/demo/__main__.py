"""`python -m bg95_host.demo`, which `make demo` runs."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bg95_host.demo import payload, story
from bg95_host.demo.view import View
from bg95_host.errors import ToolError


def main(
    size: Annotated[int, typer.Option(min=4096, help="Bytes to echo in each mode.")] = payload.SIZE,
    trait: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the module.")] = None,
    fault: Annotated[list[str] | None, typer.Option(help="NAME[=ARG] of the module.")] = None,
    trace: Annotated[Path, typer.Option(help="Where the AT trace goes.")] = Path(
        "build/demo/trace.jsonl"
    ),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON only.")
    ] = False,
) -> None:
    """Run the demo; exit status 0 only if every byte came back right."""
    console = Console(quiet=as_json, highlight=False)
    view = View(console)
    view.begin()
    try:
        from bg95_host.module_sim.traits import parse_assignments

        options = story.Options(
            size=size, traits=parse_assignments(trait or ()), faults=fault or (), trace=trace
        )
        summary = story.Demo(options, view.show).run()
    except (ToolError, ValueError) as error:
        view.fail(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        view.fail("interrupted")
        sys.exit(1)
    view.finish(summary)
    if as_json:
        import json

        print(json.dumps(asdict(summary)))


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(main)
app()
