"""Writes what goes over the UART, for people: one line an item, milliseconds in front, secrets masked.

12.345 > AT+CSQ
12.351 < +CSQ: 20,99
12.352 < OK
12.400 > 18 bytes
"""

from time import ticks_diff, ticks_ms

from . import visit

# How names begin that are known to hold no PIN, password or key; with a colon as an answer only. Of all others the name
# is shown.
_OPEN = (
    b"|CCLK|CE|CFUN|CGAT|CGP|CGR|CME|CMS|COPS|CPIN:|CPS|CREG|CSQ|CTZU|I|QCFG|QCSQ|QFC|QFD|QFL|QFO|QFR|QFS|QFU|QFW|QIA"
    b"|QICF|QICL|QID|QIG|QIN|QIO|QIR|QIS|QIU|QLT|QNT|QNW|QPI|QPO|QSC|QSSLCF|QSSLCL|QSSLO|QSSLR|QSSLS|QSSLU|QUR|QUS|"
)


def _known(name):
    for n in range(len(name)):
        if b"|" + name[: n + 1] + b"|" in _OPEN:
            return True
    return False


def _name(line, at):
    """Where the letters (and spaces) from `at` on end."""
    while line[at : at + 1].isalpha() or line[at : at + 1] == b" ":
        at += 1
    return at


def clear(line):
    """How many bytes of a command line may be shown: all, or those up to the first name that is not on the list."""
    line = line.upper()
    if line[:2] != b"AT":
        return 0
    at = line.find(b"+")
    while at >= 0:
        end = _name(line, at + 1)
        stop = line.find(b";", end)
        if stop < 0:
            stop = len(line)
        rest = line[end:stop]
        if rest not in (b"", b"?", b"=?") and (b'"PSK' in rest or not _known(line[at + 1 : end])):
            return end + (rest[:1] == b"=")
        at = line.find(b"+", stop)
    return len(line)


class Trace:
    """stream: write(str). Allocates a little for every line, so poll() does too while a trace is on. Lines during
    which the stream raised are lost, and counted in the first line after them: a full disk stops no modem.
    """

    def __init__(self, stream):
        visit.load("limits").able("stream", stream, "write")
        self._write = stream.write
        self._last = ticks_ms()
        self._ms = 0
        self._lost = 0
        self._hush = False  # not all of the last command was shown: a damaged echo of it may come

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

    def _line(self, arrow, line, n):
        """Show n bytes of a line; returns whether there are more."""
        text = "".join([chr(c) if 31 < c < 127 else "\\x%02x" % c for c in line[:n]])
        hush = n < len(line)
        self._put(arrow, text + " ***" if hush else text)
        return hush

    def sent(self, buf, n):
        """A command line: buf[:n], the CR at its end left out."""
        line = bytes(buf[: n - 1])
        self._hush = self._line(">", line, clear(line))

    def received(self, framer):
        """The framer's current line."""
        line = framer.text()
        n = len(line)
        if line[:1] == b"+":
            if not _known(line[1 : line.find(b":") + 1]):
                n = _name(line, 1)
        elif self._hush:
            n = _name(line, 0)
        self._line("<", line, n)

    def payload(self, arrow, n):
        """n bytes of payload: only their number, they may be secret."""
        self._put(arrow, "%d bytes" % n)
