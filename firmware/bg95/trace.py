"""Writes what goes over the UART, for people: one line an item, milliseconds in front, secrets masked.

12.345 > AT+CSQ
12.351 < +CSQ: 20,99
12.352 < OK
12.400 > 18 bytes
"""

from time import ticks_diff, ticks_ms

# Parameters of these are (or may hold) a PIN, a password or a key; payload is never shown.
_SECRET = (
    b"AT+CPIN=",
    b"AT+CLCK=",
    b"AT+QICSGP=",
    b"+QICSGP:",
    b"AT+QSSLCRYPT=",
    b"+QSSLCRYPT:",
    b"AT+QMTCONN=",
)


class Trace:
    """stream: write(str). Allocates a little for every line, so poll() does too while a trace is on."""

    def __init__(self, stream):
        self._write = stream.write
        self._last = ticks_ms()
        self._ms = 0

    def _put(self, arrow, text):
        now = ticks_ms()
        self._ms += ticks_diff(now, self._last)
        self._last = now
        self._write("%6d.%03d %s %s\n" % (self._ms // 1000, self._ms % 1000, arrow, text))

    def _line(self, arrow, line):
        for prefix in _SECRET:
            if line.startswith(prefix):
                self._put(arrow, prefix.decode() + " ***")
                return
        self._put(arrow, "".join([chr(c) if 31 < c < 127 else "\\x%02x" % c for c in line]))

    def sent(self, buf, n):
        """A command line: buf[:n], the CR at its end left out."""
        self._line(">", bytes(buf[: n - 1]))

    def received(self, framer):
        """The framer's current line."""
        self._line("<", framer.text())

    def payload(self, arrow, n):
        """n bytes of payload: only their number, they may be secret."""
        self._put(arrow, "%d bytes" % n)
