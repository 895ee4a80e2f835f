"""Chapter 4 of the SSL note as a list of findings: what was looked at, what was seen, what to do."""

from collections import namedtuple

from ..errors import CommandError, ModemError
from . import network, rtc, status
from .hints import sim

# what: a few words; ok: True, False, or None where it could not be found out; seen: evidence; advice: next step, ""
Finding = namedtuple("Finding", ("what", "ok", "seen", "advice"))


def diagnose(modem):
    """Flow of Modem.diagnose()."""
    findings = []
    for what, check in _CHECKS:
        try:
            ok, seen, advice = yield from check(modem)
        except ModemError as e:
            ok, seen, advice = None, str(e), "this could not be asked"
        findings.append(Finding(what, ok, seen, "" if ok else advice))
    try:
        for context in modem.contexts:
            if context is not None:
                findings += yield from _context(modem, context)
    except ModemError as e:
        findings.append(Finding("files", None, str(e), "this could not be asked"))
    return findings


def _module(modem):
    yield from modem.ready()
    return True, "%s %s" % (modem.model, modem.revision), ""


def _sim(modem):
    state, code, seen = "", None, ""
    try:
        state = seen = (yield from modem._at.ask(b"AT+CPIN?", "s"))[0]
    except CommandError as e:
        code, seen = e.code, str(e)
    return state == "READY", seen, sim(state, code)


def _signal(modem):
    rssi = yield from status.rssi(modem)
    if rssi is None:
        return False, "no signal", "check the antenna, and the band settings for this country"
    return (
        rssi > -105,
        "%d dBm" % rssi,
        "the signal is weak: handshakes may take longer than negotiate_timeout",
    )


def _registration(modem):
    seen = []
    good = False
    for command in (b"AT+CEREG?", b"AT+CGREG?", b"AT+CREG?"):
        answer = yield from modem._at.ask(command)
        stat = answer[1] if len(answer) > 1 else None
        good = good or stat in (1, 5)
        seen.append("%s %s" % (command[3:-1].decode(), stat))
    return (
        good,
        ", ".join(seen),
        "wait, or check coverage and the SIM's contract (1 home, 5 roaming, 3 denied)",
    )


def _pdp(modem):
    address = yield from network.address(modem, modem.pdp_ctx_id)
    return bool(address), address or "not active", "modem.connect(apn) activates the PDP context"


def _dns(modem):
    if (yield from network.address(modem, modem.pdp_ctx_id)) is None:
        return None, "no PDP context is active", "they come with the PDP context"
    servers = yield from status.dns(modem, modem.pdp_ctx_id)
    good = [s for s in servers if s and s != "0.0.0.0"]
    return (
        bool(good),
        ", ".join(servers),
        "no name can be resolved: modem.ipconfig(dns=('8.8.8.8', '1.1.1.1'))",
    )


def _clock(modem):
    t = yield from rtc.read(modem)
    seen = "%d-%02d-%02d %02d:%02d:%02d UTC" % (t[0], t[1], t[2], t[4], t[5], t[6])
    return (
        rtc.plausible(t),
        seen,
        "no certificate is valid at that time: modem.clock((...)) sets the clock",
    )


_CHECKS = (
    ("module", _module),
    ("SIM", _sim),
    ("signal", _signal),
    ("registration", _registration),
    ("PDP context", _pdp),
    ("DNS servers", _dns),
    ("clock", _clock),
)


def _context(modem, context):
    """Flow: findings on one SSLContext: versions, suite, certificates (SSL 4)."""
    held = yield from modem.files._list()
    names = [name for name, _ in held]
    out = []
    for what, name in context.files():
        ok = name in names
        out.append(
            Finding(
                "%s of context %d" % (what, context.ssl_ctx_id),
                ok,
                name if ok else "%s is not on the module" % name,
                "" if ok else "modem.files.upload(%r, data)" % name,
            )
        )
    out.append(
        Finding(
            "context %d" % context.ssl_ctx_id,
            True,
            repr(context),
            "",
        )
    )
    return out
