"""A terminal log as a trace: payload by its size, secrets masked, times where the log has them."""

from __future__ import annotations

from collections.abc import Iterator

from bg95_host import compat
from bg95_host.trace.records import URC, Record
from bg95_host.trace.shapes import entries

TELLS_PASSWORD = "+QICSGP:"  # the answer that shows what was set


def records(content: bytes) -> list[Record]:
    """The records of a log, none where it holds no conversation. A line without a time has that of the one before."""
    return list(_records(content))


def _records(content: bytes) -> Iterator[Record]:
    compat.install()
    from bg95.trace import clear

    time, start = 0.0, None
    for entry in entries(content):
        if entry.time is not None:
            start = entry.time if start is None else start
            time = max(time, entry.time - start)  # a log may run over midnight
        text = entry.text
        if entry.side == "module" and text.startswith(TELLS_PASSWORD):
            text = f"{TELLS_PASSWORD} ***"
        elif entry.side == "host" and (shown := clear(text.encode())) < len(text.encode()):
            text = f"{text.encode()[:shown].decode(errors='replace')} ***"
        urc = entry.side == "module" and URC.match(text)
        yield Record(round(time, 6), "urc" if urc else entry.side, text, entry.size)
