"""Writes what goes over the UART, for people: one line an item, milliseconds in front, secrets masked.

12.345 > AT+CSQ
12.351 < +CSQ: 20,99
12.352 < OK
12.400 > 18 bytes
"""

from time import ticks_diff, ticks_ms

from .limits import able

# What follows these, wherever in a line, is (or may hold) a PIN, a password or a key; payload is never shown.
SECRETS = (
    b"+CPIN=",
    b"+CPWD=",
    b"+CLCK=",
    b"+CGAUTH=",
    b"+QICSGP=",
    b"+QICSGP:",
    b"+QSSLCRYPT",
    b'"PSK',
    b"+QMTCONN=",
    b"+QHTTPCFG=",
    b"+QFTPCFG=",
)


class Trace:
    """stream: write(str). Allocates a little for every line, so poll() does too while a trace is on. Lines during
    which the stream raised are lost, and counted in the first line after them: a full disk stops no modem.
    """

    def __init__(self, stream):
        able("stream", stream, "write")
        self._write = stream.write
        self._last = ticks_ms()
        self._ms = 0
        self._lost = 0
        self._hush = False  # the last command held a secret: a damaged echo of it may come

    def _put(self, arrow, text):
        now = ticks_ms()
        self._ms += ticks_diff(now, self._last)
        self._last = now
        if self._lost:
            text = "%s (%d lines lost before this)" % (text, self._lost)
        try:
            self._write("%6d.%03d %s %s\n" % (self._ms // 1000, self._ms % 1000, arrow, text))
            self._lost = 0
        except Exception:
            self._lost += 1

    def _line(self, arrow, line, hush=False):
        """Show a line up to its first secret; returns whether it holds one."""
        upper = line.upper()
        for secret in SECRETS:
            at = upper.find(secret)
            if at >= 0:
                hush = True
                line = line[: at + len(secret)]
        text = "".join([chr(c) if 31 < c < 127 else "\\x%02x" % c for c in line])
        self._put(arrow, text + " ***" if hush else text)
        return hush

    def sent(self, buf, n):
        """A command line: buf[:n], the CR at its end left out."""
        self._hush = self._line(">", bytes(buf[: n - 1]))

    def received(self, framer):
        """The framer's current line."""
        line = framer.text()
        damaged = self._hush and b"=" in line
        self._line("<", line[: line.find(b"=")] if damaged else line, damaged)

    def payload(self, arrow, n):
        """n bytes of payload: only their number, they may be secret."""
        self._put(arrow, "%d bytes" % n)
