"""Switching on and off, and getting in step with a module in any state (HW 3.7; AT 1.3, 3.5, 11.1). Flows only."""

from time import ticks_add, ticks_diff, ticks_ms

from ..errors import (
    ECONNRESET,
    RESTARTED,
    SWITCHED_OFF,
    CommandError,
    DisconnectedError,
    ModemError,
    TimeoutError,
)
from .at import text_of
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
)
from .network import pause


def start(modem):
    """Flow of Modem.active(True): switch on if need be, get in step, set the port up, identify."""
    raw = modem._at.raw
    if modem.is_ready and raw is not None and not raw.connection.is_closing:
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
    at.raw = None
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
    if at.raw is None and (yield from in_step(modem)):
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
    from .opening import close_leftovers

    yield from close_leftovers(modem)
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
    modem.fail_all(ECONNRESET, SWITCHED_OFF)
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
    modem.fail_all(ECONNRESET, RESTARTED)
    try:
        yield from at.run(b"AT+CFUN=1,1", CFUN_MS)
    except ModemError:
        if modem.pwrkey is None:
            raise
        yield from cycle(modem)
    else:
        yield from booted(modem)
    yield from start(modem)
