"""What the module says of its network: signal, operator, DNS servers (AT 6.2, 6.3, 6.16; TCP/IP 2.3.13). Flows only."""

from . import network
from .limits import COPS_MS, quoted, typed


def dns(modem, ctx):
    """Flow: the DNS servers (str, str) of an active context; AT+QIDNSCFG answers ERROR before AT+QIACT."""
    answer = yield from modem._at.ask(b"AT+QIDNSCFG=%d" % ctx, "is")
    return tuple([server for server in answer[1:3] if isinstance(server, str)])


def set_dns(modem, ctx, servers):
    """Flow: AT+QIDNSCFG with one or two addresses."""
    servers = (servers,) if isinstance(servers, str) else servers
    if not 0 < len(typed("dns", servers, (tuple, list), "one or two addresses")) < 3:
        raise ValueError("dns: one or two addresses")
    command = b"AT+QIDNSCFG=%d" % ctx
    for server in servers:
        command += b"," + quoted("dns", server, 45)
    yield from network.ip_run(modem, command)


def rssi(modem):
    """Flow: signal strength in dBm, None where there is no signal (AT+CSQ, AT 6.3)."""
    level = (yield from modem._at.ask(b"AT+CSQ", "ii"))[0]
    return None if level == 99 else 2 * level - 113


def status(modem, what):
    """Flow of Modem.status()."""
    at = modem._at
    if what is None:
        return (yield from network.registered(modem))
    if what == "rssi":
        return (yield from rssi(modem))
    if what == "operator":
        answer = yield from at.ask(b"AT+COPS?", "i", COPS_MS)
        return answer[2] if len(answer) > 2 else None
    if what == "signal":
        return tuple((yield from at.ask(b"AT+QCSQ")))
    raise ValueError("status: rssi, operator or signal, not %r" % (what,))
