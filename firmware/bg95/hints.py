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
