"""What sub-commands print with: whole lines, which the terminal may wrap; colour only on a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from bg95_host.visible import visible

if TYPE_CHECKING:
    from rich.console import Console


def console(quiet: bool = False, stderr: bool = False) -> Console:
    """A rich console for lines of any length; `quiet` where stdout is for JSON."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True, quiet=quiet, stderr=stderr)


def shown(text: str) -> str:
    """Text from outside, for a console: no markup, nothing that a terminal obeys."""
    from rich.markup import escape

    return escape(visible(text))


def complain(sentence: str) -> None:
    """Say on stderr what went wrong."""
    from bg95_host.wrapped import say

    say(console(stderr=True), shown(sentence), "[bold red]bg95:[/] ")


@contextlib.contextmanager
def progress(on: Console, start: str) -> Iterator[Callable[[str, int, int], None]]:
    """A bar, and a function (what, bytes done, bytes in all) that moves it; nothing but on a terminal."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=on, transient=True, disable=not on.is_terminal) as bar:
        task = bar.add_task(start, total=None)
        yield lambda what, done, size: bar.update(
            task, description=what, completed=done, total=size
        )
