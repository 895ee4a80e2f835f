"""The module's clock (AT+CCLK, AT+QLTS, AT+CTZU; AT 11.2, 6.18). Flows only."""

from ..errors import CommandError, ModemError
from .at import unintelligible
from .limits import ranged, typed


def read(modem):
    """Flow: AT+CCLK? as machine.RTC's 8-tuple (year, month, day, weekday, hour, minute, second, 0), in UTC."""
    text = (yield from modem._at.ask(b"AT+CCLK?", "s"))[0]
    return _parse(text, first=modem.first_year)


def set_to(modem, t):
    """Flow: AT+CCLK= from an 8-tuple as machine.RTC, in UTC."""
    if len(typed("t", t, (tuple, list), "8 numbers as machine.RTC")) != 8:
        raise ValueError("t: 8 numbers as machine.RTC, not %d" % len(t))
    for what, value, low, high in (
        ("year", t[0], _GPS_EPOCH, 9999),
        ("month", t[1], 1, 12),
        ("day", t[2], 1, 31),
        ("hour", t[4], 0, 23),
        ("minute", t[5], 0, 59),
        ("second", t[6], 0, 59),
    ):
        ranged(what, value, low, high)
    text = b"%02d/%02d/%02d,%02d:%02d:%02d+00" % (t[0] % 100, t[1], t[2], t[4], t[5], t[6])
    yield from modem._at.run(b'AT+CCLK="' + text + b'"')
    _told(modem, t)
    modem.clock_ok = modem.epoch  # also where it is a time that nobody would have guessed


def _told(modem, t):
    """Somebody told the year with its century: from now on AT+CCLK's two digits mean one within fifty of it."""
    modem.first_year = max(_GPS_EPOCH, t[0] - 50)


_GPS_EPOCH = 1980  # where a clock begins that was never set (AT 11.2)
_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _days(year, month):
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _MONTHS[month - 1] + leap


def _parse(text, local=True, first=_GPS_EPOCH):
    """yy/MM/dd,hh:mm:ss±zz (zz: local time ahead of UTC in quarter hours, AT 11.2) as an 8-tuple in UTC. local: the
    time is that of the zone; False: it is UTC already, and the zone only said besides. first: the first year that two
    digits can mean.

    By hand, since mktime() differs from port to port in its epoch, and does not reach back to 1980 on all of them.
    """
    try:
        year, month, day = [int(x) for x in text[: text.index(",")].split("/")]
        rest = text[text.index(",") + 1 :].split(",")[0]
        hour, minute, second = [int(x) for x in rest[:8].split(":")]
        zone = int(rest[8:] or 0) if local else 0
        if month < 1:
            raise ValueError
        if year < 100:
            year = first + (year - first) % 100
        month_days = _days(year, month)
    except (ValueError, IndexError):
        raise unintelligible(b"AT+CCLK")
    minutes = hour * 60 + minute - zone * 15
    day += minutes // 1440  # at most one day either way
    minutes %= 1440
    if day > month_days:
        month, day = month + 1, 1
    elif day < 1:
        month -= 1
        day = _days(year, month)
    if month > 12:
        year, month = year + 1, 1
    elif month < 1:
        year, month = year - 1, 12
    return (year, month, day, _weekday(year, month, day), minutes // 60, minutes % 60, second, 0)


def _weekday(year, month, day):
    """0 is Monday (Sakamoto's rule)."""
    if month < 3:
        year -= 1
    return (year + year // 4 - year // 100 + year // 400 + b"-bed=pen+mad."[month] + day - 1) % 7


_EARLIEST = 2024  # a clock that is behind this driver was not set, unless somebody says so


def plausible(t):
    """Whether an 8-tuple can be now."""
    return t[0] >= _EARLIEST


def ensure(modem):
    """Flow: the module's clock is plausible, or set from the network's time (AT+QLTS=1), or ModemError."""
    if modem.clock_ok == modem.epoch:
        return
    if not plausible((yield from read(modem))):
        now = yield from from_network(modem, None)
        if now is None:
            raise ModemError(
                "the module's clock is not set and the network gave no time, so no certificate's validity can be "
                "checked: set it with modem.clock((year, month, day, 0, hour, minute, second, 0)), or say "
                "ctx.check_validity = False"
            )
        yield from set_to(modem, now)
    modem.clock_ok = modem.epoch


def from_network(modem, follow):
    """Flow of Modem.network_time()."""
    if follow is not None:
        yield from modem._at.run(b"AT+CTZU=%d" % (1 if follow else 0))
    try:
        answer = yield from modem._at.ask(b"AT+QLTS=1")
    except CommandError:
        return None
    if not answer or not answer[0]:
        return None
    now = _parse(answer[0], False)
    _told(modem, now)
    return now
