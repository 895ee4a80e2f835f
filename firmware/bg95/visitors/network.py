"""Getting on line: registration, PDP context (AT 6.1, 9.5, 9.8; TCP/IP 2.3.1-2.3.3). Flows only."""

from time import ticks_add, ticks_diff, ticks_ms

from ..at import ANSWER_MS, ERROR, NO_CARRIER
from ..errors import ENETDOWN, CommandError, NetworkError
from .at import name_of, within
from .limits import ACTIVATE_MS, DEACTIVATE_MS, LOOK_MS, REGISTER_MS, quoted, ranged

_HOME = 1
_SEARCHING = 2
_DENIED = 3
_ROAMING = 5
_DENIED_TIMES = 5  # in a row: a network that denies may be followed by one that does not


def ip_run(modem, command, ms=ANSWER_MS, prefix=None):
    """Flow: run an SSL or TCP/IP command. Their ERROR has no number: AT+QIGETERROR knows it (TCP/IP 2.3.17)."""
    at = modem._at
    yield from at.start(command, ms, prefix)
    lines = yield from at.wait()
    yield from settle(modem, command)
    return lines


def settle(modem, command):
    """Flow: raise what the result of an SSL or TCP/IP command calls for, with its number."""
    at = modem._at
    if at.result == ERROR:
        code = yield from last_error(modem)
        why = "" if code else "refused, and AT+QIGETERROR gives no reason"
        raise CommandError(why, code, name_of(command))
    if at.result == NO_CARRIER:
        raise CommandError("no connection", None, name_of(command), ENETDOWN)
    at.check(command)


def last_error(modem):
    """Flow: the number of AT+QIGETERROR, None where it knows of no error."""
    try:
        answer = yield from modem._at.ask(b"AT+QIGETERROR")
    except CommandError:
        return None
    code = answer[0] if answer else 0
    return code if isinstance(code, int) and code else None


def pause(ms):
    """Flow: let `ms` pass."""
    deadline = ticks_add(ticks_ms(), ms)
    while ticks_diff(ticks_ms(), deadline) < 0:
        yield


def registered(modem):
    """Flow: whether the module is registered, at home or roaming, in any of its three domains."""
    denied = searching = False
    for command in (b"AT+CEREG?", b"AT+CGREG?", b"AT+CREG?"):
        answer = yield from modem._at.ask(command)
        stat = answer[1] if len(answer) > 1 else 0
        if stat in (_HOME, _ROAMING):
            return True
        denied |= stat == _DENIED
        searching |= stat == _SEARCHING
    modem.denials = modem.denials + 1 if denied and not searching else 0
    return False


def register(modem, timeout_ms):
    """Flow: wait for the registration. Raises NetworkError after `timeout_ms`, or where the network denies it."""
    deadline = ticks_add(ticks_ms(), timeout_ms)
    modem.denials = 0
    while not (yield from registered(modem)):
        if modem.denials >= _DENIED_TIMES:
            raise NetworkError(
                "the network denies registration: is the SIM active, and roaming allowed?"
            )
        if ticks_diff(ticks_ms(), deadline) >= 0:
            raise NetworkError(
                "not registered after %d s: check antenna and coverage" % (timeout_ms // 1000)
            )
        yield from pause(LOOK_MS)


def connect(modem, ctx, apn, user, password, auth, pin, ip_version, timeout_ms):
    """Flow of Modem.connect()."""
    from . import sim

    pin = None if pin is None else sim.digits(pin)
    setting = b"AT+QICSGP=%d,%d,%s,%s,%s,%d" % (
        ctx,
        ranged("ip_version", ip_version, 1, 3),
        _text("apn", apn, 99),
        _text("user", user, 64),
        _text("password", password, 64),
        ranged("auth", (1 if user or password else 0) if auth is None else auth, 0, 3),
    )
    start = ticks_ms()
    yield from within(timeout_ms or None, modem.ready())
    yield from within(timeout_ms or None, modem._at.claim())
    yield from sim.ready(modem, pin)
    if timeout_ms:
        timeout_ms = max(1, timeout_ms - ticks_diff(ticks_ms(), start))
    yield from register(modem, timeout_ms or REGISTER_MS)
    if (yield from address(modem, ctx)) is not None:
        # active already, from an earlier host or an earlier call
        if not apn:
            return
        held = yield from modem._at.ask(b"AT+QICSGP=%d" % ctx)
        if _as_wanted(held, (ip_version, apn, user, password, int(setting[-1:]))):
            return
        yield from deactivate(modem, ctx)
    yield from ip_run(modem, setting)
    yield from activate(modem, ctx)


def _text(what, text, longest):
    return b'""' if text == "" else quoted(what, text, longest)


def _as_wanted(held, wanted):
    """Whether the settings of an active context, as far as the module tells them, are those of this call. An APN that
    it does not know came from the network, and does.
    """
    for i, value in enumerate(wanted):
        if i < len(held) and held[i] != value and not (i == 1 and held[1] == ""):
            return False
    return True


def activate(modem, ctx):
    """Flow: AT+QIACT, once more after AT+QIDEACT where it fails (field notes 1: it often needs that)."""
    command = b"AT+QIACT=%d" % ctx
    if modem.lost_pdp >> ctx & 1:
        # Due, though the network did it already (at-commands 2.6.3).
        yield from deactivate(modem, ctx)
    try:
        yield from ip_run(modem, command, ACTIVATE_MS)
    except CommandError:
        yield from deactivate(modem, ctx)
        try:
            yield from ip_run(modem, command, ACTIVATE_MS)
        except CommandError as e:
            raise NetworkError(
                "the network gives no data connection: check the APN", e.code, e.command
            )


def deactivate(modem, ctx):
    """Flow: AT+QIDEACT; closes every connection of the context. An inactive context is no error."""
    try:
        yield from ip_run(modem, b"AT+QIDEACT=%d" % ctx, DEACTIVATE_MS)
    except CommandError:
        pass
    modem.lost_pdp &= ~(1 << ctx)


def address(modem, ctx):
    """Flow: the IP address of an active PDP context as str, or None."""
    for answer in (yield from modem._at.ask_all(b"AT+QIACT?", "iii", ACTIVATE_MS)):
        if answer[0] == ctx and answer[1] == 1:
            return answer[3] if len(answer) > 3 and isinstance(answer[3], str) else ""
    return None
