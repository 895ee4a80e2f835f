"""Servers for trying: echo over TLS and DTLS, MQTT, HTTPS, with a CA made on the spot. Ctrl-C ends them."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bg95_host.cli._terminal import complain, console, shown

if TYPE_CHECKING:
    from bg95_host.testbed.stand import Stand


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("testbed", help=__doc__)(_testbed)


def _testbed(
    name: Annotated[
        str, typer.Option(help="What the certificates are for: a DNS name, or an address.")
    ] = "server.bg95.test",  # .test is reserved for this (RFC 6761)
    public: Annotated[
        bool,
        typer.Option(
            "--public", help="On all interfaces: for a real module, which comes from outside."
        ),
    ] = False,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="For the certificates.")
    ] = Path("build/testbed"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    from dataclasses import asdict

    from bg95_host.testbed import stand

    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    with stand.running(output, name, public) as running:
        if public:
            complain(f"warning: {stand.WARNING}")
        if as_json:
            print(json.dumps(asdict(running), default=str), flush=True)
        else:
            _show(running)
        done.wait()


def _show(running: Stand) -> None:
    from bg95_host.wrapped import say

    name, ports = running.name, running.ports
    rows = (
        ("echo over TLS", f"{name}:{ports['echo']}"),
        ("echo over DTLS", f"{name}:{ports['dtls']} (UDP)"),
        ("MQTT over TLS", f"{name}:{ports['mqtt']}"),
        ("HTTPS", f"https://{name}:{ports['https']}/"),
        ("CA", str(running.ca)),
        ("client certificate", f"{running.cert}, {running.key}"),
        ("PSK of DTLS", f"{running.psk_identity}, {running.psk_key}"),
    )
    terminal = console()
    for what, where in rows:
        say(terminal, shown(where), f"[bold]{what:<18}[/]  ")
    say(
        terminal,
        f"A simulated module finds them with --resolve {shown(name)}=127.0.0.1. Ctrl-C ends them.",
    )
    terminal.file.flush()
