"""A recorded AT trace: `records` reads it, `views` shows it in a terminal or a browser, `picture` draws
it, `perfetto` exports it."""

from bg95_host.trace.records import Record, Span, load, spans

__all__ = ["Record", "Span", "load", "spans"]
