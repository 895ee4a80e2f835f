"""What to check where a connection could not be opened; imported only then."""

from .context import VERSIONS
from .errors import ConnectError


def explained(error, context, host):
    """`error` of an AT+QSSLOPEN to `host` (quoted bytes), with its likely causes (566 says little: field notes 1)."""
    hints = []
    if error.code is None:
        return error
    if error.code in (561, 570, 572):
        hints.append("without a data connection: modem.connect() opens it")
    elif error.code == 552:
        hints.append("where the same could be opened before, the module is worn out: modem.reset()")
    elif error.code == 565:
        hints.append("the name could not be resolved: check it, and modem.ipconfig('dns')")
    elif error.code == 566:
        hints.append("the module does not say why")
        if context.psk is not None:
            hints.append("is the PSK identity known to the server?")
        elif context.verify_mode:
            hints.append(
                "is %s the CA of this server?" % dict(context.files()).get("CA certificate")
            )
            if context.check_hostname:
                hints.append("is %s the common name in its certificate?" % host.decode())
            if context.check_validity:
                hints.append("is the certificate valid at the module's time, modem.clock()?")
        if not context.sni:
            hints.append("does the server need SNI?")
        hints.append("is the port open, and does it speak %s?" % VERSIONS[context.version])
    return ConnectError("; ".join(hints) or error.why, error.code, error.command)


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
    tries = "" if left is None else "; %d tries are left before it is locked" % left
    return (
        "the SIM has refused this PIN%s; it is not sent again until the module has restarted"
        % tries
    )
