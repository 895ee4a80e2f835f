"""The demo as a timeline, a progress bar and a table."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from bg95_host.demo.story import Summary
from bg95_host.visible import visible
from bg95_host.wrapped import say

_COLOURS = {"PC": "cyan", "board": "green", "module": "magenta", "server": "yellow"}

# event -> who acts, and the sentence; facts of the event fill the braces.
_LINES = {
    "servers": (
        "PC",
        "a CA made on the spot; a TLS server at 127.0.0.1:{port}, and three impostors",
    ),
    "board": ("board", "MicroPython answers on {port}; {heap:,} bytes of heap; {model} wired, off"),
    "deployed": ("PC", "driver deployed over mpremote: {files} files, {size:,} bytes"),
    "copied": (
        "PC",
        "CA certificate ({ca:,} bytes) and payload ({size:,} bytes) copied to the board",
    ),
    "imported": ("board", "import bg95, wiring"),
    "module": ("module", "on after PWRKEY: {text}"),
    "online": ("module", "registered, PDP context active, address {address}"),
    "provisioned": ("module", "holds the CA: size and checksum are what the driver computed"),
    "context": ("board", "{text}"),
    "connected": ("module", "{mode}: TLS connected, certificate verified, in {took_ms:,} ms"),
    "echoed": (
        "board",
        "{mode}: every byte came back right, {goodput:,.0f} B/s",
    ),
    "refused": ("module", "a server with {what}: [b]refused[/] ({code})"),
}

_HEADING = (
    "[bold]bg95:[/] an app on a MicroPython board talks TLS through a cellular module.",
    "Real: MicroPython, the driver, mpremote, TLS at both ends. Simulated: the module and its wire.",
)

_REMARKS = """[dim]An echo crosses the wire twice. AT commands go one way at a time, so half is the
most that BUFFER and DIRECT_PUSH can reach; TRANSPARENT goes both ways at once.[/]
"""


class View:
    """Prints events as they come. On a terminal a bar shows how far the echo is."""

    def __init__(self, console: Console):
        self._console = console
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._size = 0

    def begin(self) -> None:
        """What is about to be seen."""
        for sentence in _HEADING:
            say(self._console, sentence)
        self._console.print()

    def show(self, event: str, facts: dict[str, Any]) -> None:
        """One event of the story."""
        if event == "progress":
            self._advance(facts)
        elif event == "connected":
            self._line(event, facts)
            self._start_bar(facts["mode"])
        elif event == "printed":
            self._row(facts["t"], "board", f"[dim]{escape(facts['line'])}[/]")
        elif event in _LINES:
            self._stop_bar()
            if event == "copied":
                self._size = facts["size"]
            self._line(event, facts)

    def fail(self, reason: str) -> None:
        """The one sentence of a bad end."""
        self._stop_bar()
        errors = Console(stderr=True, highlight=False)
        errors.print()
        say(errors, f"[bold red]The demo failed:[/] {escape(visible(reason))}")

    def finish(self, summary: Summary) -> None:
        """The table."""
        self._stop_bar()
        self._console.print()
        self._console.print(_exchanges(summary))
        self._console.print(_REMARKS)
        say(
            self._console,
            f"[bold green]All right in {summary.seconds:.1f} s.[/] Every byte came back right in "
            f"{len(summary.exchanges)} modes; {len(summary.refused)} impostors were refused.",
        )
        say(
            self._console,
            f"Driver, connection and app took {summary.heap_peak - summary.heap_before:,} of "
            f"{summary.heap_size:,} bytes of heap (64-bit objects, about twice a Pico's).",
        )

    def _line(self, event: str, facts: dict[str, Any]) -> None:
        who, text = _LINES[event]
        shown = {
            name: escape(visible(fact)) if isinstance(fact, str) else fact
            for name, fact in facts.items()
        }
        self._row(facts["t"], who, text.format(**shown))

    def _row(self, seconds: float, who: str, markup: str) -> None:
        say(self._console, markup, f"[dim]{seconds:7.2f}[/]  [{_COLOURS[who]}]{who:<6}[/]  ")

    def _start_bar(self, mode: str) -> None:
        if not self._console.is_terminal:
            return
        self._progress = Progress(
            TextColumn(" " * 9 + "[green]board [/]  {task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._progress.add_task(f"echo, {mode}", total=self._size)
        self._progress.start()

    def _advance(self, facts: dict[str, Any]) -> None:
        if self._progress:
            self._progress.update(self._task, completed=facts["done"])

    def _stop_bar(self) -> None:
        if self._progress:
            self._progress.stop()
            self._progress = None


def _exchanges(summary: Summary) -> Table:
    limit = summary.exchanges[0].wire_limit if summary.exchanges else 0.0
    table = Table(
        title=f"UART at {summary.baudrate:,} bit/s: {limit:,.0f} B/s each way",
        title_justify="left",
        title_style="",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("mode")
    for heading in ("bytes", "connect", "goodput", "of wire", "AT round trips", "heap"):
        table.add_column(heading, justify="right", no_wrap=True)
    for item in summary.exchanges:
        table.add_row(
            item.mode,
            f"{item.size:,}",
            f"{item.connect_ms:,} ms",
            f"{item.goodput:,.0f} B/s",
            f"{item.ratio:.0%}",
            f"{item.commands:,}",
            f"{item.heap:,} B",
        )
    return table
