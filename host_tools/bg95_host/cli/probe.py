"""Find out how a module really behaves: a profile that `bg95 sim --profile` behaves like, and a report.

Leaves the module as it was, and sends nothing that costs money without --network.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bg95_host.cli import _module_options as where
from bg95_host.cli._terminal import console

if TYPE_CHECKING:
    from bg95_host.probe.line import Line


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("probe", help=__doc__)(_probe)


def _probe(
    port: where.Port = None,
    board_port: where.BoardPort = None,
    baud: where.Baud = 115200,
    network: Annotated[
        bool,
        typer.Option(
            "--network", help="Go online with the APN that AT+QICSGP holds: may cost money."
        ),
    ] = False,
    server: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="The far side, for what needs a connection; see --serve."
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Restart the module: boot URCs, what is kept.")
    ] = False,
    dtr: Annotated[
        bool, typer.Option("--dtr", help="The port's DTR is wired to the module's MAIN_DTR.")
    ] = False,
    pin: Annotated[
        str, typer.Option(envvar="BG95_PIN", help="The SIM's PIN; tried once, written nowhere.")
    ] = "",
    name: Annotated[str, typer.Option(help="A DNS name to look up, and to ping.")] = "example.com",
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="For profile.toml and report.md.")
    ] = Path("build/probe"),
    serve: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Be the far side: on a machine that the module reaches as HOST, on five ports from PORT on.",
        ),
    ] = None,
    as_json: where.Json = False,
) -> None:
    if serve:
        _serve(*_place(serve, "--serve"))
        return
    from bg95_host.errors import UsageError
    from bg95_host.probe.line import BoardLine, SerialLine
    from bg95_host.probe.serve import fetch_ca
    from bg95_host.probe.session import Allowed

    if bool(port) == bool(board_port):
        raise UsageError("name either the module's AT port (--port) or a board (--board-port)")
    if server and not network:
        raise typer.BadParameter("it needs --network", param_hint="--server")
    place = _place(server, "--server") if server else None
    allowed = Allowed(network, restart, place, name, pin, fetch_ca(*place) if place else b"")
    line = BoardLine(board_port, baud) if board_port else SerialLine(port or "", baud, dtr)
    try:
        _write(line, allowed, output, as_json)
    finally:
        line.close()


def _write(line: Line, allowed, output: Path, as_json: bool) -> None:
    import json

    from rich.markup import escape

    from bg95_host.probe.probing import probe
    from bg95_host.probe.report import markdown

    terminal = console(quiet=as_json)
    with terminal.status("probing") as status:
        profile = probe(line, allowed, lambda what: status.update(escape(what)))
    output.mkdir(parents=True, exist_ok=True)
    profile.write(output / "profile.toml")
    (output / "report.md").write_text(markdown(profile), encoding="utf-8")
    for trait, value in profile.differences.items():
        terminal.print(escape(f"{trait} = {value!r}"))
    terminal.print(
        f"{len(profile.traits)} traits found, {len(profile.differences)} of them differ from the "
        f"documents; {len(profile.unknown)} are unknown"
    )
    for file in ("profile.toml", "report.md"):
        terminal.print(f"wrote {escape(str(output / file))}")
    if as_json:
        print(
            json.dumps(
                {
                    "identity": profile.identity,
                    "traits": profile.traits,
                    "differences": profile.differences,
                    "unknown": profile.unknown,
                }
            )
        )


def _serve(host: str, port: int) -> None:
    from bg95_host.probe.serve import Server

    with Server(host, port):
        print(
            f"bg95 probe --network --server {host}:{port} --port ...   (Ctrl-C ends it)", flush=True
        )
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


def _place(text: str, option: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65531:
        raise typer.BadParameter(f"write HOST:PORT, not {text!r}", param_hint=option)
    return host, int(port)
