"""The SIM: waiting until it can be used, and its PIN: three wrong ones lock it (AT 5.3, 5.7). Flows only."""

from time import ticks_add, ticks_diff, ticks_ms

from ..errors import CommandError, ModemError, NetworkError
from .limits import LOOK_MS, SIM_MS, SIM_READY_MS, typed
from .network import pause

_BUSY = 14
_NOT_READ_YET = ("", "NOT READY")


def digits(pin):
    """The PIN as it goes on the line: bare digits (AT 5.3). Raises ValueError."""
    pin = typed("pin", pin, str, "str").encode()
    if not 4 <= len(pin) <= 8 or not pin.isdigit():
        raise ValueError("pin: 4 to 8 digits")
    return pin


def ready(modem, pin=None):
    """Flow: wait for the SIM; enter `pin` (bytes) where it asks for one. Raises NetworkError, CommandError."""
    deadline = ticks_add(ticks_ms(), SIM_READY_MS)
    waiting = _NOT_READ_YET
    while True:
        state, code = yield from _state(modem._at)
        if state == "READY":
            return
        if state == "SIM PIN" and pin:
            waiting += (state,)  # for a moment, also where it was right
            if (yield from _enter(modem, pin)):
                pin = None
            else:
                state, code = "", _BUSY
        if state not in waiting or ticks_diff(ticks_ms(), deadline) >= 0:
            from .hints import sim

            raise NetworkError(sim(state, code), code, "AT+CPIN")
        yield from pause(LOOK_MS)


def _state(at):
    """Flow: what AT+CPIN? says, and the number of its error: busy (14), not inserted (10) for the first seconds."""
    state = ""
    try:
        for answer in (yield from at.ask_all(b"AT+CPIN?", "s", SIM_MS)):
            state = answer[0]  # the last: one before it is a URC
    except CommandError as e:
        return "", e.code
    return state, None


def _enter(modem, pin):
    """Flow: AT+CPIN=<pin>; False where the SIM was too busy to look at it. What it refused, or left without an
    answer, is not sent a second time in this start of the module: the third would lock it.
    """
    if pin == modem.pin_refused:
        raise (yield from _refusal(modem, 16))
    modem.pin_refused = pin
    try:
        yield from modem._at.run(b"AT+CPIN=" + pin, SIM_MS)
    except CommandError as e:
        if e.code != _BUSY:
            raise (yield from _refusal(modem, e.code))
    else:
        modem.pin_refused = None
        return True
    modem.pin_refused = None
    return False


def _refusal(modem, code):
    """Flow: the error of a PIN that was refused, with the tries that are left where the module tells (AT 5.7)."""
    try:
        left = (yield from modem._at.ask(b'AT+QPINC="SC"', "si"))[1]
    except ModemError:
        left = None
    from .hints import pin

    return CommandError(pin(left), code, "AT+CPIN")
