"""Look at a module the way chapter 4 of the SSL note does, and say what to try next."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from bg95_host.cli import _module_options as where
from bg95_host.cli._terminal import console, shown

if TYPE_CHECKING:
    from bg95_host.module_link import Finding

_MARKS = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[yellow]?[/]"}


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("doctor", help=__doc__)(_doctor)


def _doctor(
    port: where.Port = None,
    board_port: where.BoardPort = None,
    baud: where.Baud = 115200,
    apn: Annotated[str, typer.Option(help="Go online with this APN first.")] = "",
    server: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Try a TLS connection to this server.")
    ] = "",
    ca: Annotated[
        str, typer.Option(metavar="NAME", help="CA file on the module to verify it with.")
    ] = "",
    as_json: where.Json = False,
) -> None:
    from bg95_host.module_link import open_link
    from bg95_host.wrapped import say

    host, server_port = _split(server)
    if bool(server) != bool(ca):
        raise typer.BadParameter("a server, and the CA file to verify it with, belong together")
    terminal = console(quiet=as_json)
    with (
        open_link(port, board_port, baud) as link,
        terminal.status("asking the module; this can take minutes without coverage"),
    ):
        found = link.examine(apn, host, server_port, ca)
    findings = [_for_a_terminal(finding, apn) for finding in found]
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        what = f"[bold]{shown(finding.what):<{width}}[/]"
        say(terminal, shown(finding.seen), f"{_MARKS[finding.ok]} {what}  ")
        if finding.advice:
            say(terminal, shown(finding.advice), f"  {'':<{width}}  → ")
    if as_json:
        print(json.dumps([finding._asdict() for finding in findings]))
    if not all(finding.ok for finding in findings):  # what could not be asked is not well
        raise typer.Exit(1)


def _for_a_terminal(finding: Finding, apn: str) -> Finding:
    """The driver advises an app; somebody at a terminal has commands for some of it."""
    if finding.ok is False and finding.what == "PDP context":
        way = "see `going online` for the reason" if apn else "--apn NAME activates it"
        return finding._replace(advice=way)
    if finding.ok is False and finding.what.startswith("CA certificate"):
        return finding._replace(advice="`bg95 provision --ca FILE` puts it there")
    return finding


def _split(server: str) -> tuple[str, int]:
    host, _, number = server.rpartition(":")
    if server and not (host and number.isdigit() and int(number) < 65536):
        raise typer.BadParameter("write HOST:PORT", param_hint="--server")
    return host, int(number or 0)
