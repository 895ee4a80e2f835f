"""An AT console: a line typed is a command sent by the driver, URCs stand apart from answers."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from bg95_host import compat
from bg95_host.errors import ToolError
from bg95_host.module_link import ModuleError, ModuleLink

HISTORY = Path("~/.bg95_at_history").expanduser()

_POLL_S = 0.2  # how often the module is listened to while nothing is typed

# Longer than the 300 ms of most commands (at-commands.md, part 2); max_time is the table's.
_MARGIN_S = 3.0


class CommandTable:
    """What is known of AT commands: names, parameters, the longest answer time, the section."""

    def __init__(self) -> None:
        import bg95_host.module_sim.core  # noqa: F401 - fills the table
        from bg95_host.module_sim.registry import COMMANDS

        self._commands = COMMANDS

    def names(self) -> Iterator[tuple[str, str]]:
        """Every command as it is typed, with its parameters, if any."""
        for name, command in sorted(self._commands.items()):
            fields = [
                field.name
                for form, (_, declared) in command.handlers.items()
                for field in declared
                if form.name == "WRITE"
            ]
            yield f"AT{name}", ",".join(f"<{field}>" for field in fields)

    def section(self, line: str) -> str:
        """Where the reference describes the command in `line`; "" if it is not known."""
        command = self._commands.get(_name(line))
        return command.section if command else ""

    def time_limit(self, line: str) -> float:
        """Seconds to wait for the answer to `line`."""
        command = self._commands.get(_name(line))
        return (command.max_time if command else 0.3) + _MARGIN_S


def _name(line: str) -> str:
    """The first command's name in the table, "+CSQ" for "at+csq?"; "" if it is no command."""
    text = line.strip().upper()
    return re.split("[=?;]", text[2:])[0] if text.startswith("AT") else ""


class AtCompleter(Completer):
    """Completes the command's name, and shows what its parameters are."""

    def __init__(self, table: CommandTable):
        self._names = list(table.names())

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        typed = document.text_before_cursor
        if not typed or "=" in typed or "?" in typed:
            return
        for name, parameters in self._names:
            if name.lower().startswith(typed.lower()):
                yield Completion(name, -len(typed), display_meta=parameters)


def keeps(line: str) -> bool:
    """Whether a line may go into the history file: all of it is what the driver shows in its trace."""
    compat.install()
    from bg95.trace import clear

    return clear(line.encode()) == len(line.encode())


class Console:
    """Sends lines, and listens for URCs between them in a thread of its own.

    `show(kind, text)` prints; kind is "answer", "ok", "error" or "urc". It may be called from
    either thread. Errors of the connection end the listening and are raised by the next `send`.
    """

    def __init__(self, link: ModuleLink, show: Callable[[str, str], None]):
        self._link = link
        self._show = show
        self._table = CommandTable()
        self._line = threading.Lock()  # one at a time on the AT line
        self._stop = threading.Event()
        self._failure: ToolError | None = None
        self._listener = threading.Thread(target=self._listen, name="urcs", daemon=True)

    def __enter__(self) -> Console:
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._listener.join()

    @property
    def completer(self) -> AtCompleter:
        """For prompt_toolkit."""
        return AtCompleter(self._table)

    def send(self, line: str) -> bool:
        """Send one command and show its answer; False where the module refused it."""
        if self._failure:
            raise self._failure
        try:
            with self._line:
                lines = self._link.command(line, self._table.time_limit(line))
                self._show_urcs()
        except ModuleError as error:
            section = self._table.section(line)
            where = f" (at-commands.md {section})" if section else ""
            self._show("error", f"{error}{where}")
            return False
        for text in lines:
            self._show("answer", text)
        self._show("ok", "OK")
        return True

    def _listen(self) -> None:
        while not self._stop.is_set():
            time.sleep(_POLL_S)  # Event.wait() does not end where faketime has moved the clocks
            try:
                with self._line:
                    self._show_urcs()
            except ToolError as error:
                self._failure = error
                self._show("error", str(error))
                return

    def _show_urcs(self) -> None:
        for text in self._link.urcs():
            self._show("urc", text)
