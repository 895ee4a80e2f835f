"""Switching on and off, and getting in step with a module in any state (HW 3.7; AT 1.3, 3.5, 11.1). Flows only."""

from time import ticks_add, ticks_diff, ticks_ms

from .at import text_of, unintelligible
from .errors import CommandError, DisconnectedError, ModemError, TimeoutError
from .limits import (
    APP_READY_MS,
    BOOT_MS,
    CFUN_MS,
    ESCAPE_MS,
    GUARD_MS,
    KEY_OFF_MS,
    KEY_ON_MS,
    OFF_MS,
    PROBE_MS,
    VBAT_MS,
    ranged,
    typed,
)
from .network import pause


def start(modem):
    """Flow of Modem.active(True): switch on if need be, get in step, set the port up, identify."""
    owner = modem._at.raw_owner
    if modem.is_ready and owner is not None and not owner.is_closing:
        return  # the port is that connection's alone, and whatever is said here would be its data
    if modem.pwrkey is not None and is_off(modem):
        yield from press(modem, KEY_ON_MS)
        yield from booted(modem)
    if not (yield from synchronise(modem)):
        yield from cycle(modem)
    try:
        yield from set_up(modem)
    except DisconnectedError:  # it answered before its boot had ended (field notes 1)
        yield from app_ready(modem)
        yield from set_up(modem)


def cycle(modem):
    """Flow: switch the module off and on by PWRKEY, where there is one, until it answers.

    Without a STATUS pin nobody knows whether a pulse switches on or off, so there is a second one.
    """
    if modem.pwrkey is not None:
        if modem.status_pin is not None and modem.status_pin.value():
            modem.boot = 0
            yield from press(modem, KEY_OFF_MS)
            yield from gone(modem)
        for _ in range(2):
            yield from press(modem, KEY_ON_MS)
            yield from booted(modem)
            if (yield from synchronise(modem)):
                return
    from .silence import explained

    raise (yield from explained(modem))


def press(modem, ms):
    """Flow: hold PWRKEY for `ms` (Modem: value 1 is pressed)."""
    modem.pwrkey.value(1)
    try:
        yield from pause(ms)
    finally:
        modem.pwrkey.value(0)  # held low, it would reset the module for ever (HW 3.7)


def booted(modem):
    """Flow: wait for the boot to end: APP RDY; RDY and some time; or neither, where an answer tells (field notes 1)."""
    modem.boot = silent = 0
    modem.pin_refused = None
    deadline = ticks_add(ticks_ms(), BOOT_MS)
    while not modem.boot and ticks_diff(ticks_ms(), deadline) < 0:
        if not (yield from in_step(modem, 1)):
            silent = 1
        elif silent:
            break  # answers again, though its URCs may go to another port
        else:
            yield from pause(PROBE_MS)  # has not gone down yet
    yield from app_ready(modem)


def app_ready(modem):
    """Flow: after RDY, wait for APP RDY, or as long as it takes where it is not sent."""
    deadline = ticks_add(ticks_ms(), APP_READY_MS)
    while modem.boot == 1 and ticks_diff(ticks_ms(), deadline) < 0:
        yield


def in_step(modem, tries=0):
    """Flow: whether the module answers a barrier; what it said before is dropped."""
    at = modem._at
    at.framer.raw(None)
    at.raw_owner = None
    at.dead = False
    at.out_of_step(tries)
    try:
        yield from at.claim()
    except TimeoutError:
        return False
    return True


def synchronise(modem):
    """Flow: get an answer from a module in any state: idle, out of step, waiting for data, in transparent mode,
    at another baud rate. False where none comes.
    """
    at = modem._at
    if at.raw_owner is None and (yield from in_step(modem)):
        return True
    # An earlier host left it in transparent mode or in an upload: "+++" ends both (AT 7.5; FILE 2.4). Or it left
    # it without result codes, or with numbers for them (AT 2.14, 2.15).
    yield from pause(GUARD_MS)
    at.send(b"+++", 0, 3)
    yield from pause(ESCAPE_MS)
    at.send(_SPEAK, 0, len(_SPEAK))
    if (yield from in_step(modem)):
        return True
    if modem.baudrate is None:
        return False
    from . import baud

    return (yield from baud.find(modem))


_SPEAK = b"\rATQ0V1\r"


def set_up(modem):
    """Flow: echo off, numbered errors, URCs to this port, leftovers closed, module identified."""
    at = modem._at
    modem.epoch += 1
    yield from echo_off(at)
    yield from at.run(b"AT+CMEE=1")
    try:
        yield from at.run(b'AT+QURCCFG="urcport","uart1"')
    except CommandError:
        pass  # firmware without it sends its URCs here anyway (at-commands 2.11)
    if modem.dtr is not None:
        modem.dtr.value(0)
        yield from at.run(b"AT&D1")
    modem.model = yield from identity(modem, b"AT+CGMM")
    modem.revision = yield from identity(modem, b"AT+CGMR")
    yield from modem.sockets.close_leftovers()
    modem.is_ready = True


def echo_off(at):
    """Flow: ATE0. An echo from now on says that the module restarted (AT.echoes)."""
    yield from at.run(b"ATE0")
    at.echoes = False


def identity(modem, command):
    """Flow: the one line that AT+CGMM and its like answer with, which has no prefix (AT 2.3)."""
    for line in (yield from modem._at.run(command, others=True)):
        if line[:1].isalpha():  # no URC that nobody knows, and no noise
            return text_of(line)
    return ""


def stop(modem):
    """Flow of Modem.power_off(): AT+QPOWD; POWERED DOWN may be late or never come (field notes 1)."""
    modem.is_ready = False
    if is_off(modem):
        return
    modem.down = False
    modem.boot = 0
    modem.sockets.fail_all("the module was switched off")
    try:
        yield from modem._at.run(b"AT+QPOWD=1")
    except ModemError:
        if not modem.down:  # no OK, but POWERED DOWN at once
            if modem.pwrkey is None:
                raise
            yield from press(modem, KEY_OFF_MS)
    yield from gone(modem)
    if modem.boot:  # it had been off: the key has switched it on
        yield from app_ready(modem)
        yield from modem._at.run(b"AT+QPOWD=1")
        yield from gone(modem)


def is_off(modem):
    """Whether the module is known to be off: STATUS says so, or without that pin, POWERED DOWN was its last word."""
    return modem.down if modem.status_pin is None else not modem.status_pin.value()


def gone(modem):
    """Flow: wait until the module is off and its VBAT may be cut, or has started instead, or the 65 s of AT 1.8 are
    over.
    """
    deadline = ticks_add(ticks_ms(), OFF_MS)
    while ticks_diff(ticks_ms(), deadline) < 0 and not modem.boot:
        if is_off(modem):
            yield from pause(VBAT_MS)
            return
        yield


def reset(modem):
    """Flow of Modem.reset(): AT+CFUN=1,1; by PWRKEY where the module does not answer. Then as start()."""
    at = modem._at
    modem.is_ready = False
    modem.boot = 0
    # First, since its RDY may go to another port, and since pushed data that nobody reads would be in the way
    modem.sockets.fail_all("the module restarted")
    try:
        yield from at.run(b"AT+CFUN=1,1", CFUN_MS)
    except ModemError:
        if modem.pwrkey is None:
            raise
        yield from cycle(modem)
    else:
        yield from booted(modem)
    yield from start(modem)


def clock(modem):
    """Flow: AT+CCLK? as machine.RTC's 8-tuple (year, month, day, weekday, hour, minute, second, 0), in UTC."""
    text = (yield from modem._at.ask(b"AT+CCLK?", "s"))[0]
    return _parse(text, first=modem.first_year)


def set_clock(modem, t):
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


def ensure_clock(modem):
    """Flow: the module's clock is plausible, or set from the network's time (AT+QLTS=1), or ModemError."""
    if modem.clock_ok == modem.epoch:
        return
    if not plausible((yield from clock(modem))):
        now = yield from network_time(modem, None)
        if now is None:
            raise ModemError(
                "the module's clock is not set and the network gave no time, so no certificate's validity can be "
                "checked: set it with modem.clock((year, month, day, 0, hour, minute, second, 0)), or say "
                "ctx.check_validity = False"
            )
        yield from set_clock(modem, now)
    modem.clock_ok = modem.epoch


def network_time(modem, follow):
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
