"""Getting on line: what an application calls of a Modem before its first connection, after MicroPython's AbstractNIC.

One half of what bg95.modem leaves to visitors; modem.py is the other.
"""

from ..modem import CLIENTS
from .limits import LONGEST_MS, able, flag, optional, ranged


def check(uart, pwrkey, status, dtr, baudrate, sockets, pdp_ctx_id, line):
    """What a Modem is made with. Raises ValueError, TypeError."""
    optional("baudrate", baudrate, 300, 4000000)
    able("uart", uart, "any", "readinto", "write", *(["init"] if baudrate else []))
    for what, pin in (("pwrkey", pwrkey), ("status", status), ("dtr", dtr)):
        if pin is not None:
            able(what, pin, "value")
    ranged("sockets", sockets, 1, CLIENTS)
    ranged("pdp_ctx_id", pdp_ctx_id, 1, 16)
    ranged("line", line, 128, 4096)


def _pdp(modem, pdp_ctx_id):
    """The PDP context that is meant; None: the modem's own."""
    return modem.pdp_ctx_id if pdp_ctx_id is None else ranged("pdp_ctx_id", pdp_ctx_id, 1, 16)


def ready(modem):
    """Flow: the module is set up; sets it up again where it restarted."""
    while modem.starting:  # for another task: two would press PWRKEY twice
        yield
    if not modem.is_ready or modem._at.echoes:
        yield from _active(modem, True)


def active(modem, on=None):
    """active(True): switch the module on if need be, get in step with it, set it up and identify it; leaves an
    open transparent connection alone. active(False): power_off(). active(): whether it is set up, at once.
    Blocks: 0.1 s, or as long as a boot takes (up to 36 s, TCP/IP 1.2; HW 3.7).
    """
    if on is None:
        return modem.is_ready
    return modem.run(_active(modem, flag("on", on)))


def _active(modem, on):
    from . import power

    modem.starting = on
    try:
        yield from power.start(modem) if on else power.stop(modem)
    finally:
        modem.starting = False
    return modem.is_ready


def connect(
    modem,
    apn,
    user="",
    password="",
    *,
    auth=None,
    pin=None,
    ip_version=1,
    pdp_ctx_id=None,
    timeout_ms=None,
):
    """Register and activate the PDP context. Blocks: up to 150 s each (TCP/IP 2.3.2), or `timeout_ms` for the
    registration. A context that is active with the same settings stays as it is; with `apn` "", any does.

    apn, user, password: str; auth: 0 none, 1 PAP, 2 CHAP, 3 either (default: PAP where there is a user or a
    password); pin: of the SIM, if it asks; ip_version: 1 IPv4, 2 IPv6, 3 both; pdp_ctx_id: another context than the
    modem's own, 1-16 (at most three can be active). Raises NetworkError, ValueError.
    """
    from . import network

    ctx = _pdp(modem, pdp_ctx_id)
    optional("timeout_ms", timeout_ms, 0, LONGEST_MS)
    return modem.run(
        network.connect(modem, ctx, apn, user, password, auth, pin, ip_version, timeout_ms)
    )


def disconnect(modem, pdp_ctx_id=None):
    """Deactivate the PDP context (AT+QIDEACT); closes its connections. Blocks up to 40 s."""
    from . import network

    return modem.run(network.deactivate(modem, _pdp(modem, pdp_ctx_id)))


def isconnected(modem, pdp_ctx_id=None):
    """Whether the PDP context is active. Asks the module (AT+QIACT?). Blocks."""
    return modem.run(_isconnected(modem, _pdp(modem, pdp_ctx_id)))


def _isconnected(modem, ctx):
    from . import network

    return modem.is_ready and (yield from network.address(modem, ctx)) is not None


def clock_set(modem):
    """Flow: the module's clock is right, or ModemError says how to set it."""
    from . import rtc

    return rtc.ensure(modem)
