"""Compile the driver for a board's firmware, copy only what changed, verify, soft-reset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from bg95_host.deploy import Progress, Report


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("deploy", help=__doc__)(_deploy)


def _deploy(
    port: Annotated[
        str, typer.Option(help="As `mpremote connect` takes it: a device, id:SERIAL or auto.")
    ] = "auto",
    board: Annotated[
        str | None,
        typer.Option(help="A folder of boards/; without it, what the firmware says it runs on."),
    ] = None,
    app: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An app to put there as main.py.", exists=True),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and deploy again whenever a source changes.")
    ] = False,
) -> None:
    from rich.console import Console

    from bg95_host.deploy import deploy, sources

    console = Console(highlight=False, quiet=as_json)

    def once() -> None:
        with _progress(console) as progress:
            report = deploy(port, board, app, progress)
        _show(console, report, as_json)

    if watch:
        with suppress(KeyboardInterrupt):
            _watch(console, sources(board, app), once)
    else:
        once()


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task("compiling", total=None)

        def show(file: str, done: int, total: int) -> None:
            bar.update(task, description=file, completed=done, total=total)

        yield show


def _show(console: Console, report: Report, as_json: bool) -> None:
    if as_json:
        import json
        from dataclasses import asdict

        print(json.dumps(asdict(report)))
        return
    console.print(f"[bold]{report.board}[/]: {report.firmware}")
    for file, size in report.copied.items():
        console.print(f"  [green]+[/] {file}  {size:,} bytes")
    for file in report.removed:
        console.print(f"  [red]-[/] {file}")
    if report.copied or report.removed:
        console.print(f"{len(report.unchanged)} files were up to date; all verified by SHA-256")
    else:
        console.print(f"all {len(report.unchanged)} files are up to date")


def _watch(console: Console, files: list[Path], deploy_again: Callable[[], None]) -> None:
    from watchfiles import watch

    from bg95_host.errors import ToolError

    first = True  # the watch is on by now, so that no change falls between it and the first deploy
    for changes in watch(*files, yield_on_timeout=True, rust_timeout=100):
        if not changes and not first:
            continue
        try:
            deploy_again()
        except ToolError as e:  # the next save may mend it
            console.print(f"[bold red]not deployed:[/] {e}", soft_wrap=True)
        if first:
            console.print("watching; Ctrl-C ends it")
        first = False
