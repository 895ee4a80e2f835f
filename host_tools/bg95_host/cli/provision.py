"""Put certificates, keys or a PSK on the module: checked here, compared there, never printed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bg95_host.cli import _module_options as where
from bg95_host.cli._terminal import console, progress, shown

if TYPE_CHECKING:
    from rich.console import Console

    from bg95_host.provision import Item

_MARKS = {"ok": "[green]ok   [/]", "warning": "[yellow]note [/]", "error": "[red]wrong[/]"}


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("provision", help=__doc__)(_provision)


def _provision(
    port: where.Port = None,
    board_port: where.BoardPort = None,
    baud: where.Baud = 115200,
    ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CA certificate that servers must have.")
    ] = None,
    cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Client certificate (with its chain).")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Private key of the client certificate.")
    ] = None,
    psk_identity: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Identity of a pre-shared key.")
    ] = None,
    psk_key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Its key in hex; else it is asked for, or read from a pipe."
        ),
    ] = None,
    context: Annotated[
        int, typer.Option(min=0, max=5, help="SSL context that the PSK is for.")
    ] = 0,
    check: Annotated[
        bool, typer.Option("--check", help="Look at the files, send nothing.")
    ] = False,
    fix: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Make clean copies there of files whose lines are not those of PEM."
        ),
    ] = None,
    as_json: where.Json = False,
) -> None:
    from bg95_host import provision
    from bg95_host.module_link import open_link

    terminal = console(quiet=as_json)
    psk = None
    if psk_identity is not None:
        psk = (context, psk_identity, _psk_key(psk_key_file))
    elif psk_key_file:
        raise typer.BadParameter("it needs a --psk-identity", param_hint="--psk-key-file")
    items = provision.plan(ca, cert, key, psk, fix)
    _show_findings(terminal, items)
    try:
        provision.refuse_errors(items)
        if not check:
            with open_link(port, board_port, baud) as link, progress(terminal, "") as show:
                provision.provision(link, items, show)
    finally:
        _show_sent(terminal, items)
        if as_json:
            print(json.dumps([_record(item) for item in items]))


def _psk_key(file: Path | None) -> str:
    from bg95_host.errors import ToolError

    if file is None and sys.stdin.isatty():
        return typer.prompt("PSK key (hex)", hide_input=True)
    if file is None:
        return sys.stdin.readline().strip()
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise ToolError(f"{file} cannot be read as a PSK key in hex") from None


def _show_findings(terminal: Console, items: list[Item]) -> None:
    from bg95_host.wrapped import say

    for item in items:
        for finding in item.findings:
            say(terminal, shown(f"{item.name}: {finding.text}"), f"{_MARKS[finding.level]} ")


def _show_sent(terminal: Console, items: list[Item]) -> None:
    for item in items:
        if item.sent is not None:
            done = "sent, size and checksum agree" if item.sent else "was there already"
            what = shown(f"{item.name} ({item.kind}, {len(item.data)} bytes)")
            terminal.print(f"[green]✓[/] {what}: {done}")


def _record(item: Item) -> dict:
    return {
        "name": item.name,
        "kind": item.kind,
        "bytes": len(item.data),
        "sent": item.sent,
        "findings": [finding.__dict__ for finding in item.findings],
    }
