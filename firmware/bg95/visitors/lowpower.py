"""Sleeping between connections: AT+QSCLK, AT+CPSMS, AT+CEDRXS (AT 11.5, 6.7, 6.11). Flows only."""

from .limits import ranged, typed
from .power import in_step

# Units of the 8-bit timers of 3GPP TS 24.008 10.5.7: (seconds, upper three bits), finest first
_TAU = ((2, 3), (30, 4), (60, 5), (600, 0), (3600, 1), (36000, 2))
_ACTIVE = ((2, 0), (60, 1), (360, 2))
# eDRX cycle lengths in 0.01 s; the index is the value of 3GPP TS 24.008 10.5.5.32
_EDRX = (
    512, 1024, 2048, 4096, 6144, 8192, 10240, 12288, 14336, 16384, 32768, 65536, 131072, 262144, 524288, 1048576
)  # fmt: skip


def timer(seconds, units, what):
    """The 8-bit text of the shortest timer that is at least `seconds` long."""
    for unit, bits in units:
        count = (seconds + unit - 1) // unit
        if count < 32:
            return _bits(bits, 3) + _bits(count, 5)
    raise ValueError("%s: at most %d s, not %d" % (what, units[-1][0] * 31, seconds))


def _bits(value, n):
    return "".join(["1" if value >> i & 1 else "0" for i in range(n - 1, -1, -1)])


def power_saving(modem, tau_s, active_s):
    """Flow of Modem.power_saving()."""
    if tau_s is None:
        yield from modem._at.run(b"AT+CPSMS=0")
        return
    tau = timer(ranged("tau_s", tau_s, 1, 1116000), _TAU, "tau_s")
    active = timer(ranged("active_s", active_s, 1, 11160), _ACTIVE, "active_s")
    yield from modem._at.run(b'AT+CPSMS=1,,,"%s","%s"' % (tau.encode(), active.encode()))


def edrx(modem, cycle_s, act):
    """Flow of Modem.edrx()."""
    ranged("act", act, 4, 5)
    if cycle_s is None:
        yield from modem._at.run(b"AT+CEDRXS=0")
        return
    if isinstance(cycle_s, bool) or typed("cycle_s", cycle_s, (int, float), "seconds") <= 0:
        raise ValueError("cycle_s: above 0, not %r" % cycle_s)
    for value, length in enumerate(_EDRX):
        if length >= cycle_s * 100:
            yield from modem._at.run(b'AT+CEDRXS=1,%d,"%s"' % (act, _bits(value, 4).encode()))
            return
    raise ValueError("cycle_s: at most 10485.76, not %r" % cycle_s)


def sleep(modem, on):
    """Flow of Modem.sleep(): with AT+QSCLK=1 the module sleeps while DTR is high, and wakes when it goes low."""
    if not on:
        if modem.dtr is not None:
            modem.dtr.value(0)
        yield from in_step(modem)  # what it hears while it wakes may be lost
    yield from modem._at.run(b"AT+QSCLK=%d" % (1 if on else 0))
    if on and modem.dtr is not None:
        modem.dtr.value(1)
