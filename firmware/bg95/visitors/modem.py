"""What is called of a Modem now and then: status, clock, rates, power. The other half of bg95.modem, beside nic.py."""

from .limits import BAUDS, CFUN_MS, FAST_BAUDS, able, flag, ranged, typed


def ipconfig(modem, param=None, *, dns=None):
    """What the PDP context has: "addr4" its IP address (str or None), "dns" both DNS servers. Blocks.

    ipconfig(dns=("8.8.8.8", "1.1.1.1")) sets the servers (AT+QIDNSCFG), once the context is active.
    """
    from . import network, status

    if param == "addr4":
        return modem.run(network.address(modem, modem.pdp_ctx_id))
    if dns is not None:
        return modem.run(status.set_dns(modem, modem.pdp_ctx_id, dns))
    if param == "dns":
        return modem.run(status.dns(modem, modem.pdp_ctx_id))
    raise ValueError("ipconfig: addr4 or dns, not %r" % (param,))


def status(modem, param=None):
    """status(): whether registered. "rssi": int in dBm, or None; "operator": name or None. Blocks.

    "signal": AT+QCSQ's ("eMTC", RSSI in dBm, RSRP in dBm, SINR in 0.2 dB above -20 dB, RSRQ in dB), fewer on
    other networks, ("NOSERVICE",) without one (AT 6.16).
    """
    from . import status

    return modem.run(status.status(modem, param))


def config(modem, param):
    """ "model", "revision". No blocking."""
    if param == "model":
        return modem.model
    if param == "revision":
        return modem.revision
    raise ValueError("config: model or revision, not %r" % (param,))


def trace(modem, stream):
    """Write what goes over the UART to `stream`.write(str), secrets masked; None stops it. Allocates. Lines during
    which the stream raises are lost, and counted in the next one.
    """
    if stream is None:
        modem._at.trace = None
    else:
        from ..trace import Trace

        modem._at.trace = Trace(stream)  # pyright: ignore[reportAttributeAccessIssue]


def ssl_sockets(modem):
    """AT+QSSLSTATE: the connections the module knows, each a named tuple of 11 fields (SSL 2.3.6). Blocks."""
    from . import opening

    return modem.run(opening.states(modem))


def clock(modem, t=None):
    """The module's clock (AT+CCLK) as machine.RTC's 8-tuple in UTC; with an 8-tuple, sets it. Blocks."""
    from . import rtc

    if t is None:
        return modem.run(rtc.read(modem))
    return modem.run(rtc.set_to(modem, t))


def set_baudrate(modem, baudrate, *, save=False):
    """Change the rate of module and UART (AT+IPR); both are back at the old one where the module does not
    answer at the new. baudrate: 9600 to 4000000, one of limits.BAUDS or FAST_BAUDS; save: keep it over a
    restart (AT&W). Blocks. Raises ValueError, ModemError. The constructor's `baudrate` has to be given.
    """
    if ranged("baudrate", baudrate, 0, 4000000) not in BAUDS + FAST_BAUDS or not modem.baudrate:
        raise ValueError(
            "baudrate: one of %s, and Modem(..., baudrate=) has to say the present one"
            % (BAUDS + FAST_BAUDS,)
        )
    from . import baud

    return modem.run(baud.change(modem, baudrate, flag("save", save)))


def flow_control(modem, on):
    """Use RTS and CTS (AT+IFC=2,2); the UART has to be made with its rts, cts and flow. Blocks."""
    return modem.run(modem._at.run(b"AT+IFC=2,2" if flag("on", on) else b"AT+IFC=0,0"))


def sleep(modem, on):
    """Let the module sleep while DTR is high (AT+QSCLK), or wake it. The link stays registered. Blocks."""
    from . import lowpower

    return modem.run(lowpower.sleep(modem, flag("on", on)))


def power_saving(modem, tau_s, active_s=10):
    """Ask the network for PSM (AT+CPSMS): off between periodic updates every `tau_s` seconds, reachable for
    `active_s` after each use. tau_s None: off. The module keeps it over a restart (AT 6.7); everything else is set
    up anew after each PSM cycle. Blocks.
    """
    from . import lowpower

    return modem.run(lowpower.power_saving(modem, tau_s, active_s))


def edrx(modem, cycle_s, act=4):
    """Ask for eDRX (AT+CEDRXS) with a cycle of at least `cycle_s` seconds (5.12 to 10485.76); None: off.
    act: 4 Cat M1, 5 Cat NB. The module keeps it over a restart (AT 6.11). Blocks.
    """
    from . import lowpower

    return modem.run(lowpower.edrx(modem, cycle_s, act))


def functionality(modem, level):
    """AT+CFUN (AT 2.22): 0 minimum, 1 full, 4 radio off, which closes every connection. Blocks up to 15 s."""
    return modem.run(modem._at.run(b"AT+CFUN=%d" % ranged("level", level, 0, 4), CFUN_MS))


def network_time(modem, follow=None):
    """The network's time in UTC as an 8-tuple, None where it gave none (AT+QLTS=1). follow True or False: keep
    the module's time zone by it (AT+CTZU). Blocks.
    """
    from . import rtc

    if follow is not None:
        flag("follow", follow)
    return modem.run(rtc.from_network(modem, follow))


def diagnose(modem):
    """Chapter 4 of the SSL note as a list of findings (what, ok, seen, advice). Blocks for seconds."""
    from . import diagnose

    return modem.run(diagnose.diagnose(modem))


def reset(modem):
    """Restart the module (AT+CFUN=1,1, or PWRKEY) and set it up again. Open sockets fail. Blocks ~10 s."""
    from . import power

    return modem.run(power.reset(modem))


def power_off(modem):
    """Switch the module off (AT+QPOWD, or PWRKEY where it does not answer); afterwards VBAT may be cut. Open
    sockets fail. Blocks up to 66 s (AT 1.8). Harmless where it is off.
    """
    from . import power

    return modem.run(power.stop(modem))


def on_urc(modem, prefix, handler):
    """Call handler(line: bytes) for each URC that starts with `prefix` (bytes or str), after the driver's own
    work on it; inside a command's answer, such a line is a URC unless it starts as that command's own ("+CSQ:" of
    AT+CSQ). Runs at the end of poll(), so it may call nothing that blocks; up to 512 bytes of URCs wait for it,
    more are counted as unknown. handler None removes.
    """
    prefix = typed("prefix", prefix, (str, bytes), "str or bytes")
    if handler is not None and not callable(handler):
        raise TypeError("handler: a function of one argument, not %r" % (handler,))
    if modem.handlers is None:
        from ..urcs import Handlers

        modem.handlers = Handlers(modem)
    modem.handlers.set(prefix.encode() if isinstance(prefix, str) else prefix, handler)


def background(modem, timer):
    """Poll every 10 ms from `timer` (a machine.Timer), too, whenever no call of the driver is under way: what was
    written leaves, and the UART's buffer is emptied, while the program sleeps or computes. None stops it.
    """
    if timer is not None:
        able("timer", timer, "init", "deinit")
    from ..background import Background

    if modem.timer is not None:
        modem.timer.stop()
    modem.timer = None if timer is None else Background(modem, timer)
