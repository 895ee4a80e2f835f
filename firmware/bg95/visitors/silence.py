"""What to say where nothing on the port answers as a module does; loaded only then."""

from ..errors import ENODEV, ModemError
from .at import text_of
from .limits import BAUDS, PROBE_MS
from .network import pause
from .power import in_step

_END = b"\r\n"
_SHOWN = 40  # characters of a line that no module says


class _Ear:
    """Stands in for a trace and keeps what lines are received."""

    def __init__(self):
        self.lines = []

    def sent(self, buf, n):
        pass

    def received(self, framer):
        self.lines.append(framer.text())

    def payload(self, arrow, n):
        pass


def explained(modem):
    """Flow: asks once more, listens, and returns the ModemError that says what is on this port."""
    at = modem._at
    yield from _end_line(at)  # of all that was tried
    trace, at.trace = at.trace, _Ear()
    before = at.framer.received
    try:
        yield from in_step(modem, 1)
        yield from _end_line(at)
        lines = at.trace.lines
    finally:
        at.trace = trace
    return ModemError(_why(modem, lines, at.framer.received != before), errno=ENODEV)


def _end_line(at):
    """Flow: what comes back of a command has no LF, so it is no line before one is sent."""
    at.send(_END, 0, 2)
    yield from pause(PROBE_MS)


def _why(modem, lines, noise):
    strange = b""  # the longest: it says more than a prompt does
    for line in lines:
        if line[:1] == b"$":
            return "positions come from this port (NMEA), not answers: the module's AT port is another one"
        if line[:2] != b"AT" and len(line) > len(strange):
            strange = line
    if strange and min(strange) > 31 and max(strange) < 127:
        return 'what answers here is no module: it says "%s"' % text_of(strange[:_SHOWN])
    if lines and not strange:
        return "only what is sent comes back: is RX joined to TX, or is this not the module's port?"
    if modem.baudrate is None:
        rate = (
            "; at another rate than the UART's it is only looked for with Modem(..., baudrate=...)"
        )
    else:
        rate = " at %d bit/s, nor at another rate from %d to %d" % (
            modem.baudrate,
            min(BAUDS),
            max(BAUDS),
        )
    if noise:
        return "bytes come, but no answer%s: is the ground joined, and the level right?" % rate
    if modem.pwrkey is None:
        hint = "is the module on, are TX and RX the right way round, is this its AT port?"
    else:
        hint = "also after a PWRKEY pulse: check power and wiring"
    return "no answer%s: %s" % (rate, hint)
