"""Handlers of Modem.on_urc(): loaded by who hears URCs."""

from micropython import RingIO, const

_BYTES = const(512)  # of URCs that may wait


class Handlers:
    """Keeps each URC that somebody wants to hear, and hands it out at the end of poll(). tap() allocates nothing."""

    def __init__(self, modem):
        self._at = modem._at
        self._handlers = []
        self._lines = RingIO(_BYTES)
        self.waiting = self._lines.any
        self._at.tap = self.tap

    def set(self, prefix, handler):
        """Call handler(line: bytes) for each URC that starts with `prefix` (bytes); None: no more."""
        self._handlers = [(p, h) for p, h in self._handlers if p != prefix]
        if handler is not None:
            self._handlers.append((prefix, handler))

    def tap(self, unsure):
        """Keep the framer's line; whether a handler wants it. unsure: to the driver it may as well be an answer."""
        f = self._at.framer
        for prefix, _ in self._handlers:
            if f.starts(prefix) and (prefix or not unsure):
                n = f.end - f.start
                if self._lines.any() + n + 1 < _BYTES - 1:
                    self._lines.write(f.buf, f.start, n)  # pyright: ignore[reportCallIssue]
                    self._lines.write(b"\n")
                else:
                    self._at.unknown += 1
                return True
        return False

    def deliver(self):
        """Call the handlers."""
        while self._lines.any():
            line = self._lines.readline()[:-1]
            for prefix, handler in self._handlers:
                if line.startswith(prefix):
                    handler(line)
