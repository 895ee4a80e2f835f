"""An AT console: history, completion, URCs apart. Commands from a pipe work, too."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from bg95_host.cli import _module_options as where
from bg95_host.cli._terminal import console, shown

if TYPE_CHECKING:
    from bg95_host.console import Console

_STYLES = {"answer": "none", "ok": "green", "error": "red", "urc": "magenta"}


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("at", help=__doc__)(_at)


def _at(
    port: where.Port = None,
    board_port: where.BoardPort = None,
    baud: where.Baud = 115200,
) -> None:
    from bg95_host.console import Console
    from bg95_host.module_link import open_link

    terminal = console()

    def show(kind: str, text: str) -> None:
        mark = "◂ " if kind == "urc" else ""
        terminal.print(f"[{_STYLES[kind]}]{mark}{shown(text)}[/]")

    with open_link(port, board_port, baud) as link:
        with terminal.status("getting in step with the module"):
            identity = link.activate()
        show("ok", identity)
        with Console(link, show) as running:
            answered = _interact(running) if sys.stdin.isatty() else _play(running)
    if not answered:
        raise typer.Exit(1)


def _play(running: Console) -> bool:
    """Commands from a file or a pipe; False if any was refused."""
    return all([running.send(line) for line in map(str.strip, sys.stdin) if line])


def _interact(running: Console) -> bool:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory
    from prompt_toolkit.patch_stdout import patch_stdout

    from bg95_host.console import HISTORY, keeps

    class History(FileHistory):
        def store_string(self, string: str) -> None:
            if keeps(string):
                with suppress(OSError):  # a home that cannot be written is no reason to stop
                    super().store_string(string)

    session: PromptSession[str] = PromptSession(
        history=History(str(HISTORY)), completer=running.completer, complete_while_typing=True
    )
    while True:
        try:
            with patch_stdout(raw=True):
                line = session.prompt("at> ").strip()
            if line in ("exit", "quit"):
                return True
            if line:
                running.send(line)
        except KeyboardInterrupt:  # ends the line, or the wait for an answer
            continue
        except EOFError:
            return True
