"""An AT console: history, completion, URCs apart. Commands from a pipe work, too."""

from __future__ import annotations

import sys

import typer

from bg95_host.cli import _module_options as where

_STYLES = {"answer": "", "ok": "green", "error": "red", "urc": "magenta"}


def register(app: typer.Typer) -> None:
    """Add the sub-command."""
    app.command("at", help=__doc__)(_at)


def _at(
    port: where.Port = None,
    board_port: where.BoardPort = None,
    baud: where.Baud = 115200,
) -> None:
    from rich.console import Console as Terminal
    from rich.markup import escape

    from bg95_host.console import Console
    from bg95_host.module_link import open_link

    terminal = Terminal(highlight=False)

    def show(kind: str, text: str) -> None:
        mark = "◂ " if kind == "urc" else ""
        terminal.print(f"[{_STYLES[kind] or 'none'}]{mark}{escape(text)}[/]", soft_wrap=True)

    with open_link(port, board_port, baud) as link:
        show("ok", link.activate())
        with Console(link, show) as console:
            answered = _interact(console) if sys.stdin.isatty() else _play(console)
    if not answered:
        raise typer.Exit(1)


def _play(console) -> bool:
    """Commands from a file or a pipe; False if any was refused."""
    lines = [line.strip() for line in sys.stdin if line.strip()]
    return all([console.send(line) for line in lines])


def _interact(console) -> bool:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory
    from prompt_toolkit.patch_stdout import patch_stdout

    from bg95_host.console import HISTORY, keeps

    class History(FileHistory):
        def store_string(self, string: str) -> None:
            if keeps(string):
                super().store_string(string)

    session: PromptSession[str] = PromptSession(
        history=History(str(HISTORY)), completer=console.completer, complete_while_typing=True
    )
    while True:
        try:
            with patch_stdout(raw=True):
                line = session.prompt("at> ").strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return True
        if line in ("exit", "quit"):
            return True
        if line:
            console.send(line)
