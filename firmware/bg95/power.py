"""Switching on and off, and getting in step with a module in any state (HW 3.7; AT 2.1, 2.11, 2.21). Flows only."""

from time import ticks_add, ticks_diff, ticks_ms

from .errors import ENODEV, CommandError, ModemError, TimeoutError
from .limits import (
    ANSWER_MS,
    APP_READY_MS,
    BAUDS,
    BOOT_MS,
    CFUN_MS,
    ESCAPE_MS,
    GUARD_MS,
    KEY_OFF_MS,
    KEY_ON_MS,
    OFF_MS,
)
from .network import pause


def start(modem):
    """Flow of Modem.active(True): switch on if need be, get in step, set the port up, identify."""
    if modem.status_pin is not None and modem.pwrkey is not None and not modem.status_pin.value():
        yield from press(modem, KEY_ON_MS)
        yield from booted(modem)
    if not (yield from synchronise(modem)):
        if modem.pwrkey is None:
            raise ModemError(
                "no answer: is the module on, and are TX and RX the right way round?", errno=ENODEV
            )
        yield from press(modem, KEY_ON_MS)
        yield from booted(modem)
        if not (yield from synchronise(modem)):
            raise ModemError(
                "no answer, also after a PWRKEY pulse: check power and wiring", errno=ENODEV
            )
    yield from set_up(modem)


def press(modem, ms):
    """Flow: hold PWRKEY for `ms` (Modem: value 1 is pressed)."""
    modem.pwrkey.value(1)
    yield from pause(ms)
    modem.pwrkey.value(0)


def booted(modem):
    """Flow: wait for the boot to end: APP RDY; RDY and some time; or neither, where an answer tells (field notes 1)."""
    modem.boot = 0
    deadline = ticks_add(ticks_ms(), BOOT_MS)
    while not modem.boot and ticks_diff(ticks_ms(), deadline) < 0:
        if (yield from in_step(modem, 1)):
            break  # answers, though its URCs may go to another port
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
    if (yield from in_step(modem)):
        return True
    at = modem._at
    # An earlier host left it in transparent mode or in an upload: "+++" ends both (AT 2.23; FILE 2.4).
    yield from pause(GUARD_MS)
    at.send(b"+++", 0, 3)
    yield from pause(ESCAPE_MS)
    if (yield from in_step(modem)):
        return True
    return modem.baudrate is not None and (yield from find_baud(modem))


def find_baud(modem):
    """Flow: try the other baud rates; where one answers, set the module to ours (AT+IPR, AT 2.21)."""
    at = modem._at
    for baud in BAUDS:
        if baud == modem.baudrate:
            continue
        modem.uart.init(baudrate=baud)
        if (yield from in_step(modem, 1)):
            yield from at.run(b"AT+IPR=%d" % modem.baudrate)  # effective after its OK
            modem.uart.init(baudrate=modem.baudrate)
            return (yield from in_step(modem))
    modem.uart.init(baudrate=modem.baudrate)
    return False


def set_up(modem):
    """Flow: echo off, numbered errors, URCs to this port, leftovers closed, module identified."""
    at = modem._at
    modem.epoch += 1
    yield from at.run(b"ATE0")
    yield from at.run(b"AT+CMEE=1")
    try:
        yield from at.run(b'AT+QURCCFG="urcport","uart1"')
    except CommandError:
        pass  # firmware without it sends its URCs here anyway (at-commands 2.11)
    if modem.dtr is not None:
        modem.dtr.value(0)
        yield from at.run(b"AT&D1")
    modem.model = (yield from at.run(b"AT+CGMM", others=True))[0].decode()
    modem.revision = (yield from at.run(b"AT+CGMR", others=True))[0].decode()
    yield from modem.sockets.close_leftovers()
    modem.is_ready = True


def change_baud(modem, baud, save):
    """Flow of Modem.set_baudrate(): effective after the OK, which still comes at the old rate (AT 2.21)."""
    old = modem.baudrate
    yield from modem._at.run(b"AT+IPR=%d" % baud)
    modem.uart.init(baudrate=baud)
    modem.baudrate = baud
    if not (yield from in_step(modem)):
        modem.uart.init(baudrate=old)
        modem.baudrate = old
        if not (yield from synchronise(modem)):
            raise ModemError("no answer at %d, and none at %d any more" % (baud, old), errno=ENODEV)
        raise ModemError("no answer at %d; back at %d" % (baud, old), command="AT+IPR")
    if save:
        yield from modem._at.run(b"AT&W")


def stop(modem):
    """Flow of Modem.power_off(): AT+QPOWD; POWERED DOWN may be late or never come (field notes 1)."""
    at = modem._at
    modem.is_ready = False
    modem.down = False
    try:
        yield from at.run(b"AT+QPOWD=1")
    except ModemError:
        if modem.pwrkey is None:
            raise
        yield from press(modem, KEY_OFF_MS)
    deadline = ticks_add(ticks_ms(), OFF_MS)
    while not modem.down and ticks_diff(ticks_ms(), deadline) < 0:
        if modem.status_pin is not None and not modem.status_pin.value():
            return
        yield


def reset(modem):
    """Flow of Modem.reset(): AT+CFUN=1,1; by PWRKEY where the module does not answer. Then as start()."""
    at = modem._at
    modem.is_ready = False
    modem.boot = 0
    try:
        yield from at.run(b"AT+CFUN=1,1", CFUN_MS)
    except ModemError:
        if modem.pwrkey is None:
            raise
        yield from press(modem, KEY_OFF_MS)
        yield from pause(ANSWER_MS)
        yield from press(modem, KEY_ON_MS)
    yield from booted(modem)
    yield from start(modem)


def clock(modem):
    """Flow: AT+CCLK? as machine.RTC's 8-tuple (year, month, day, weekday, hour, minute, second, 0), in UTC."""
    text = (yield from modem._at.ask(b"AT+CCLK?"))[0]
    return _parse(text)


def set_clock(modem, t):
    """Flow: AT+CCLK= from an 8-tuple as machine.RTC, in UTC."""
    text = b"%02d/%02d/%02d,%02d:%02d:%02d+00" % (t[0] % 100, t[1], t[2], t[4], t[5], t[6])
    yield from modem._at.run(b'AT+CCLK="' + text + b'"')


def _parse(text):
    """yy/MM/dd,hh:mm:ss±zz (quarter hours, AT 8.3) to UTC. Unset clocks say 80 (the GPS epoch): 1980."""
    from time import gmtime, mktime

    date, rest = text.split(",")[:2]
    year, month, day = [int(x) for x in date.split("/")]
    sign = -1 if "-" in rest else 1
    hms, _, zone = rest.replace("-", "+").partition("+")
    hour, minute, second = [int(x) for x in hms.split(":")]
    year = year if year > 100 else year + (1900 if year >= 80 else 2000)
    seconds = (
        mktime((year, month, day, hour, minute, second, 0, 0, 0)) - sign * int(zone or 0) * 900
    )
    t = gmtime(seconds)
    return (t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0)


_EARLIEST = 2024  # a clock that is behind this driver is not set (1980 after power-up, AT 8.3)


def plausible(t):
    """Whether an 8-tuple can be now."""
    return _EARLIEST <= t[0] < _EARLIEST + 50


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
    return _parse(answer[0]) if answer and answer[0] else None
