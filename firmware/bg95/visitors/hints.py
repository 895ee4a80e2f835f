"""What to check where something did not work; imported only then."""

from ..errors import ConnectError, ModemError
from . import rtc, suites
from .context import ALL_SUITES, VERSIONS, wanted

_WHY = {
    552: "where the same could be opened before, the module is worn out: modem.reset()",
    561: "without a data connection: modem.connect() opens it",
    565: "the name could not be resolved: check it, and modem.ipconfig('dns')",
}
_WHY[570] = _WHY[572] = _WHY[561]


def explained(modem, error, context, host):
    """Flow: `error` of an AT+QSSLOPEN to `host` (quoted bytes), with what to check."""
    why = _WHY.get(error.code, error.why)
    if error.code == 566:
        hints = yield from _found(modem, context)
        hints += _suspected(context, host.decode())
        numbered = ["(%d) %s" % (i + 1, hint) for i, hint in enumerate(hints)]
        why = "the module does not say why; the likeliest first: " + "; ".join(numbered)
    return ConnectError(why, error.code, error.command)


def _found(modem, context):
    """Flow: what the module itself can tell of the causes of a 566 (which says nothing: field notes 1)."""
    out = []
    try:
        held = [name for name, _ in (yield from modem.files._list())]
        for what, name in context.files():
            if name not in held:
                out.append("%s, the %s, is not on the module: modem.files.upload()" % (name, what))
        checked = context.check_validity and context.verify_mode and context.psk is None
        if checked and not rtc.plausible((yield from rtc.read(modem))):
            out.append("the module's clock is wrong: modem.clock() shows and sets it")
    except ModemError:
        pass  # then they are among the suspects
    return out


def _suspected(context, host):
    """The causes of a 566 that nobody but the server can tell, the likeliest first."""
    files = dict(context.files())
    out = []
    if context.psk is not None:
        out.append("are identity and key those that the server knows?")
    elif context.verify_mode:
        out.append("is %s the CA of this server?" % files.get("CA certificate"))
        if context.check_hostname:
            out.append("is %s the common name (CN) in its certificate?" % host)
        if context.check_validity:
            out.append("is that valid at the module's time, modem.clock()?")
        out.append("does the server send its whole chain, up to that CA?")
    own = files.get("client certificate")
    if own:
        out.append("does the server know %s, and is %s its key?" % (own, files["client key"]))
    elif context.psk is None:
        out.append("does the server want a client certificate (ctx.load_cert_chain)?")
    suite = wanted(context, "ciphersuite")
    name = "of the module's" if suite == ALL_SUITES else suites.name(suite)
    out.append("has the server a cipher suite %s, and not TLS 1.3 only?" % name)
    if not context.sni:
        out.append("does it need SNI?")
    out.append("is the port open, and does it speak %s?" % VERSIONS[context.version])
    return out


def plain(server, datagrams):
    """What to say of a socket that cannot be: of a server, of UDP, or without TLS."""
    if server:
        return "the module's link takes no connections: no bind(), listen() or accept()"
    if datagrams:
        return (
            "plain text is refused, over UDP as well: modem.network_time() stands in for ntptime, "
            "and ctx.dtls = True opens DTLS"
        )
    return "plain text is refused: the modem's link is TLS only (https, ssl=True)"


# What AT+CPIN? asks for, by its start (AT 5.3)
_SIM = (
    ("SIM PIN", "the SIM asks for its PIN (SIM PIN): connect(pin=...) enters it"),
    (
        "SIM PUK",
        "wrong PINs have locked the SIM: it asks for its PUK (SIM PUK), which the operator gave with it. "
        "modem.command('AT+CPIN=<PUK>,<new PIN>') enters it; ten wrong ones destroy the SIM",
    ),
    (
        "PH-",
        "the module takes the SIMs of one operator only, and this is another's: who sold it has the code",
    ),
    (
        "NOT READY",
        "the SIM does not get ready (NOT READY): was it taken out, or is a contact bad? modem.reset() reads it anew",
    ),
)
_SIM_CODES = {
    10: "is a SIM in, and the right way round?",
    13: "it is switched off with modem.functionality(0), or broken",
    14: "the SIM stays busy: wait and try again, or modem.reset() reads it anew",
    15: "the module cannot read such a SIM",
}


def sim(state, code):
    """Why a SIM that answers AT+CPIN? with `state`, or with error number `code`, cannot be used, and what to do."""
    if state.endswith("2"):
        return "the SIM asks for its %s, which no connection needs: modem.reset()" % state[4:]
    for start, words in _SIM:
        if state.startswith(start):
            return words
    if state:
        return "the SIM asks for " + state
    return _SIM_CODES.get(code, "no SIM answers; is one in, and the right way round?")


def pin(left):
    """What to do about a PIN that was refused. left: tries that the SIM still allows, None where nobody knows."""
    if left == 0:
        return "the SIM has refused this PIN and is locked now: it asks for its PUK"
    tries = "" if left is None else "; tries left before it is locked: %d" % left
    return (
        "the SIM has refused this PIN%s; it is not sent again until the module has restarted"
        % tries
    )
