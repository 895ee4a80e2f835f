"""Compile the driver for a board's firmware, copy only what changed, verify, soft-reset."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bg95_host.cli import _names
from bg95_host.cli._files import Debug, Files, placed
from bg95_host.cli._terminal import complain, console, progress, shown

if TYPE_CHECKING:
    from rich.console import Console

    from bg95_host.deploy import Report


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("deploy", help=__doc__)(_deploy)


def _deploy(
    port: Annotated[
        str, typer.Option(help="As `mpremote connect` takes it: a device, id:SERIAL or auto.")
    ] = "auto",
    board: Annotated[
        str | None,
        typer.Option(
            help="A folder of boards/. Default: what the firmware says it runs on.",
            **_names.one_of("board", _names.boards),
        ),
    ] = None,
    app: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An app to put there as main.py.", exists=True),
    ] = None,
    file: Files = None,
    debug: Debug = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and deploy again whenever a source changes.")
    ] = False,
) -> None:
    from bg95_host.deploy import deploy, sources

    terminal = console(quiet=as_json)
    files = placed(file)

    def once() -> None:
        with progress(terminal, "compiling") as show:
            report = deploy(port, board, app, show, files=files, debug=debug)
        _show(terminal, report, as_json)

    if watch:
        with suppress(KeyboardInterrupt):
            _watch(terminal, sources(board, app, files.values()), once)
    else:
        once()


def _show(terminal: Console, report: Report, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(report)), flush=True)
        return
    terminal.print(f"[bold]{report.board}[/]: {shown(report.firmware)}")
    for file, size in report.copied.items():
        terminal.print(f"  [green]+[/] {file}  {size:,} bytes")
    for file in report.removed:
        terminal.print(f"  [red]-[/] {shown(file)}")
    if report.copied or report.removed:
        terminal.print(f"{len(report.unchanged)} files were up to date; all verified by SHA-256")
    else:
        terminal.print(f"all {len(report.unchanged)} files are up to date")


def _watch(terminal: Console, files: list[Path], deploy_again: Callable[[], None]) -> None:
    from watchfiles import watch

    from bg95_host.deploy import DeployStopped
    from bg95_host.errors import ToolError

    def matters(_change: object, path: str) -> bool:
        return Path(path) in files or Path(path).parent in files

    # Folders, since an editor may put a new file in the place of the old one.
    folders = {file if file.is_dir() else file.parent for file in files}
    first = True  # the watch is on by now, so that no change falls between it and the first deploy
    for changes in watch(
        *folders, watch_filter=matters, recursive=False, yield_on_timeout=True, rust_timeout=100
    ):
        if not changes and not first:
            continue
        try:
            deploy_again()
        except DeployStopped:
            raise
        except ToolError as e:  # the next save may mend it
            complain(f"not deployed: {e}")
        if first:
            terminal.print("watching; Ctrl-C ends it")
        first = False
