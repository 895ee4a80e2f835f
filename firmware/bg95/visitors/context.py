"""What an SSLContext can be set to, how that gets to the module, and connecting. The other half of bg95.context.

Settings are kept and sent when a connection is opened: all of them the first time (nobody knows what an earlier host
left), later only what changed, and all of them again after the module restarted, which forgets them.
"""

from micropython import const

from .. import visit
from ..context import CERT_NONE, CERT_REQUIRED
from ..errors import EINVAL, CommandError, ConnectError
from ..modem import CONTEXTS
from .at import within
from .limits import (
    HOST_MAX,
    LONGEST_MS,
    NAME_MAX,
    TEXT_OR_BYTES,
    able,
    flag,
    optional,
    quoted,
    ranged,
    typed,
)

ALL_SUITES = const(0xFFFF)
_PSK_SUITE = const(0x00AE)  # TLS_PSK_WITH_AES_128_CBC_SHA256: allowed with every (D)TLS version

# Attribute -> its item of AT+QSSLCFG, lowest and highest value. 0 and 1 are a flag; 1 and 0 one that is 0 when on.
_ATTRIBUTES = {
    # 0 SSL 3.0, 1 TLS 1.0, 2 TLS 1.1, 3 TLS 1.2 (default), 4 any of them
    "version": ("sslversion", 0, 4),
    # The certificate's subject CN has to be the host name (SSL 2.3.1)
    "check_hostname": ("checkhost", 0, 1),
    # Not Before / Not After against the module's clock (SSL 1.5)
    "check_validity": ("ignorelocaltime", 1, 0),
    # Send the host name in the ClientHello (SSL 1.6); never done for an IP address
    "sni": ("sni", 0, 1),
    "session_resumption": ("session", 0, 1),
    "negotiate_timeout": ("negotiatetime", 10, 300),  # seconds the handshake may take (default 300)
    "renegotiation": ("renegotiation", 0, 1),
    "dtls": ("dtls", 0, 1),  # DTLS over UDP instead of TLS
    "dtls_version": ("dtlsversion", 0, 2),  # 0 DTLS 1.0, 1 DTLS 1.2 (default), 2 both
}
_SAFE = {
    "sslversion": 3,
    "ciphersuite": ALL_SUITES,
    "cacert": None,
    "clientcert": None,
    "clientkey": None,
    "session": 0,
    "sni": 1,
    "checkhost": 1,
    "ignorelocaltime": 0,
    "negotiatetime": 300,
    "renegotiation": 0,
    "dtls": 0,
    "dtlsversion": 1,
}
_FILES = ("cacert", "clientcert", "clientkey")
# What the module has after it started (SSL 2.3.1)
_DEFAULTS = {
    "sslversion": 4,
    "ciphersuite": ALL_SUITES,
    "seclevel": 0,
    "session": 0,
    "sni": 0,
    "checkhost": 0,
    "ignorelocaltime": 1,
    "negotiatetime": 300,
    "renegotiation": 0,
    "dtls": 0,
    "dtlsversion": 2,
}
# What a firmware must not quietly ignore: read back after it was set (field notes 3.6)
_CHECKED = ("sslversion", "seclevel", "checkhost", "ignorelocaltime", "cacert")

VERSIONS = ("SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "any version")


_METHODS = (
    "connect",
    "_connect",
    "files",
    "load_cert_chain",
    "load_verify_locations",
    "read_back",
    "set_ciphers",
    "wrap_socket",
)


def init(ctx, ssl_ctx_id, pdp_ctx_id):
    """The rest of the constructor."""
    keep = object.__setattr__
    able("modem", ctx._modem, "contexts")
    keep(ctx, "ssl_ctx_id", ranged("ssl_ctx_id", ssl_ctx_id, 0, CONTEXTS - 1))
    keep(ctx, "pdp_ctx_id", ctx._modem._pdp(pdp_ctx_id))
    keep(
        ctx, "extra", {}
    )  # AT+QSSLCFG items of other firmware: name -> str or int, sent as they are
    # The object that the module was set to last; whoever takes turns with it sends all anew
    ctx._modem.contexts[ssl_ctx_id] = ctx


def get(ctx, name):
    """ctx.name: an item's value, or a method."""
    if name in _ATTRIBUTES:
        item, low, high = _ATTRIBUTES[name]
        value = wanted(ctx, item)
        return value if high > 1 else bool(value ^ low)
    if name == "verify_mode":
        return ctx._verify
    if name == "psk":
        return ctx._psk[0] if ctx._psk else None
    if name in _METHODS:
        return visit.method("context", ctx, name, ctx._modem)
    raise AttributeError("SSLContext has no attribute '%s'" % name)


def put(ctx, name, value):
    """ctx.name = value."""
    if name in _ATTRIBUTES:
        item, low, high = _ATTRIBUTES[name]
        ctx._want[item] = (
            ranged(item, value, low, high) if high > 1 else int(flag(name, value)) ^ low
        )
    elif name == "verify_mode":
        if isinstance(value, bool) or value not in (CERT_NONE, CERT_REQUIRED):
            raise ValueError("verify_mode: CERT_NONE or CERT_REQUIRED, not %r" % (value,))
        ctx._verify = value
    elif name == "psk":
        _set_psk(ctx, value)
    elif name == "extra":
        object.__setattr__(ctx, name, value)
    else:
        raise AttributeError("SSLContext has no attribute '%s'" % name)


def wanted(ctx, item):
    """The value that an item of AT+QSSLCFG is to have."""
    return ctx._want.get(item, _SAFE[item])


def _settings(ctx):
    settings = dict(_SAFE)
    settings.update(ctx._want)
    return settings


def describe(ctx):
    """repr(ctx): how it authenticates, and every check that is off."""
    w = _settings(ctx)
    off = []
    if ctx._psk is None:
        if ctx._verify == CERT_NONE:
            off.append("NO server verification")
        if not w["checkhost"]:
            off.append("NO host name check")
        if w["ignorelocaltime"]:
            off.append("NO validity check")
    if not w["sni"]:
        off.append("no SNI")
    if w["sslversion"] != 3:
        off.append(VERSIONS[w["sslversion"]])
    if w["renegotiation"]:
        off.append("renegotiation")
    if w["ciphersuite"] != ALL_SUITES:
        off.append("suite 0x%04X" % w["ciphersuite"])
    kind = "DTLS" if w["dtls"] else "TLS"
    auth = "PSK" if ctx._psk else "CA %s" % w["cacert"]
    return "<SSLContext %d %s %s%s>" % (
        ctx.ssl_ctx_id,
        kind,
        auth,
        "".join(", " + o for o in off),
    )


def load_verify_locations(ctx, cafile):
    """Trust the CA certificate(s) in `cafile`, a PEM file on the module (see modem.files.upload)."""
    quoted("cafile", cafile, NAME_MAX)
    ctx._want["cacert"] = cafile


def load_cert_chain(ctx, certfile, keyfile):
    """Present this client certificate where the server asks for one; PEM files on the module."""
    quoted("certfile", certfile, NAME_MAX)
    quoted("keyfile", keyfile, NAME_MAX)
    ctx._want["clientcert"] = certfile
    ctx._want["clientkey"] = keyfile


def _set_psk(ctx, pair):
    """(identity: str, key: bytes or hex str), or None.

    The key goes to the file `<ssl_ctx_id>_server.psk` on the module as hex text (SSL 3.6; that it is decoded
    there is inferred). Setting it chooses the suite TLS_PSK_WITH_AES_128_CBC_SHA256, unless a suite was set.
    """
    if pair is None:
        ctx._psk = None
        return
    if len(typed("psk", pair, (tuple, list), "(identity, key)")) != 2:
        raise ValueError("psk: (identity, key)")
    identity, key = pair
    typed("psk key", key, TEXT_OR_BYTES, "bytes, or text of hex digits")
    text = key if isinstance(key, str) else "".join("%02x" % b for b in key)
    quoted("psk identity", identity, 128)
    if "&" in identity:
        raise ValueError("psk identity: no & (it separates the identity from the key)")
    if not 2 <= len(text) <= 128 or len(text) % 2:
        raise ValueError("psk key: 1 to 64 bytes")
    for c in text:
        if c not in "0123456789abcdefABCDEF":
            raise ValueError("psk key: bytes, or text of hex digits")
    ctx._psk = (identity, text)
    ctx._psk_sent = False
    if wanted(ctx, "ciphersuite") == ALL_SUITES:
        ctx._want["ciphersuite"] = _PSK_SUITE


def set_ciphers(ctx, suite):
    """Offer one suite, by IANA name or code; 0xFFFF or "ALL" offers all. A weak one (RC4, 3DES, MD5) has to be
    asked for by its name. Raises ValueError for that, and for a suite the module does not have (SSL 1.2).
    """
    from . import suites

    code = suites.code(suite)
    if suites.is_weak(code) and not isinstance(suite, str):
        raise ValueError(
            "0x%04X is weak; if it has to be, set_ciphers(%r)" % (code, suites.name(code))
        )
    ctx._want["ciphersuite"] = code


def connect(ctx, host, port, *, mode=0, timeout_ms=None, progress=None):
    """Open a connection; returns an SSLSocket. Blocks until it is open (SSL 2.3.2: up to 150 s plus
    negotiate_timeout, or `timeout_ms` in all; what is left to close is closed by poll()).

    host: name or IP address; port: 1-65535; mode: bg95.BUFFER, DIRECT_PUSH or TRANSPARENT; progress: called
    once a second with (seconds waited, seconds at most). Raises ValueError for bad arguments, ConnectError
    where it is refused, TimeoutError. However it ends early (Ctrl-C, too), the client ID is freed.
    """
    return ctx._modem.run(_connect(ctx, host, port, mode, timeout_ms, progress))


def wrap_socket(
    ctx, sock, *, server_side=False, server_hostname=None, do_handshake_on_connect=True
):
    """Open the connection that `sock`, a bg95.compat socket, was told to connect(); as ssl.SSLContext's.

    server_hostname: the name to open, to send as SNI and to check; default what connect() was told. Blocks as
    the socket's timeout says, or opens meanwhile where do_handshake_on_connect is False.
    """
    from ..compat import wrap

    return wrap(ctx, sock, server_side, server_hostname, do_handshake_on_connect)


def _connect(ctx, host, port, mode, timeout_ms, progress=None, owner=None):
    """Flow of connect()."""
    address = quoted("host", host, HOST_MAX, TEXT_OR_BYTES)
    host = address[1:-1].decode()  # MQTT clients are often given their broker as bytes
    ranged("port", port, 1, 65535)
    ranged("mode", mode, 0, 2)
    optional("timeout_ms", timeout_ms, 0, LONGEST_MS)
    if progress is not None and not callable(progress):
        raise TypeError("progress: a function of two arguments, not %r" % (progress,))
    for name in ctx.extra:
        _item(ctx, name)
        _parameter(name, ctx.extra[name])
    _refuse_unsafe(ctx)
    opening = _open(ctx, address, host, port, mode, timeout_ms, progress, owner)
    return (yield from within(timeout_ms, opening))


def _open(ctx, address, host, port, mode, timeout_ms, progress, owner):
    yield from ctx._modem.ready()
    if ctx._verify and not ctx._psk and not wanted(ctx, "ignorelocaltime"):
        yield from ctx._modem.clock_set()
    from .opening import open

    settings = _apply(ctx, _is_name(host))
    return (yield from open(ctx, address, port, mode, timeout_ms, progress, owner, settings))


def files(ctx):
    """[(what, name)] of the files on the module that this context refers to."""
    w = _settings(ctx)
    kinds = (
        ("CA certificate", "cacert"),
        ("client certificate", "clientcert"),
        ("client key", "clientkey"),
    )
    out = [(what, w[name]) for what, name in kinds if w[name]]
    if ctx._psk is not None:
        out.append(("PSK", "%d_server.psk" % ctx.ssl_ctx_id))
    return out


def _refuse_unsafe(ctx):
    w = _settings(ctx)
    if ctx._psk is None and ctx._verify != CERT_NONE and not w["cacert"]:
        raise ConnectError(
            "no CA certificate: upload one with modem.files.upload(name, data), then "
            "ctx.load_verify_locations(cafile=name)",
            errno=EINVAL,
        )
    if w["clientcert"] and ctx._verify == CERT_NONE:
        raise ConnectError(
            "a client certificate needs verify_mode=CERT_REQUIRED (SSL 2.3.1: seclevel 2)",
            errno=EINVAL,
        )


def _seclevel(ctx):
    if ctx._psk is not None or ctx._verify == CERT_NONE:
        return 0
    return 2 if wanted(ctx, "clientcert") else 1


def _apply(ctx, by_name):
    """Flow: send what the module does not know yet."""
    modem = ctx._modem
    other = modem.contexts[ctx.ssl_ctx_id] is not ctx
    modem.contexts[ctx.ssl_ctx_id] = ctx
    if other or ctx._epoch != modem.epoch or (ctx._unsure and (yield from _was_reset(ctx))):
        ctx._applied = {}
        ctx._psk_sent = False
        ctx._epoch = modem.epoch
    ctx._unsure = False
    if ctx._psk is not None and not ctx._psk_sent:
        data = "%s&%s" % ctx._psk
        yield from modem.files._upload("%d_server.psk" % ctx.ssl_ctx_id, data.encode())
        ctx._psk_sent = True
    want = _settings(ctx)
    want["seclevel"] = _seclevel(ctx)
    want["sni"] = int(want["sni"] and by_name)
    if not want["dtls"]:
        del want["dtlsversion"]
    want.update(ctx.extra)
    for name in want:
        value = want[name]
        if value is not None and ctx._applied.get(name) != value:
            ctx._applied.pop(name, None)  # cancelled from here on, nobody knows
            yield from _set(ctx, name, value)
            ctx._applied[name] = value


def _set(ctx, name, value):
    """Flow: AT+QSSLCFG="<name>",<ctx>,<value>. Always three parameters: with two it would be a query."""
    at = ctx._modem._at
    head = _item(ctx, name)
    try:
        yield from at.run(head + b"," + _parameter(name, value))
    except CommandError:
        if _DEFAULTS.get(name) == value:
            return  # firmware without this item does as its default says
        raise ConnectError(
            "the module refuses %s=%s; where its firmware has no such item, say so by setting another value"
            % (name, value),
            command="AT+QSSLCFG",
        )
    if name in _CHECKED:
        answer = yield from at.ask(head, "si.")
        if answer[2] != value:
            raise ConnectError(
                "the module did not keep the setting %s=%s" % (name, value),
                command="AT+QSSLCFG",
            )


def _item(ctx, name):
    return b"AT+QSSLCFG=%s,%d" % (quoted("item", name, 32), ctx.ssl_ctx_id)


def _was_reset(ctx):
    """Flow: whether the module fell back to its defaults, told by one item that differs from them."""
    for name in ctx._applied:
        value = ctx._applied[name]
        if name in _DEFAULTS and name != "ciphersuite" and value != _DEFAULTS[name]:
            return (yield from ctx._modem._at.ask(_item(ctx, name), "si."))[2] != value
    return True


def read_back(ctx):
    """Ask the module for every AT+QSSLCFG item; returns {name: int or str, None where it has no such item}.
    Blocks, allocates.
    """
    return ctx._modem.run(_read_back(ctx))


def _read_back(ctx):
    out = {}
    for name in list(_DEFAULTS) + list(_FILES):
        try:
            value = (yield from ctx._modem._at.ask(_item(ctx, name), "si."))[2]
            out[name] = int(value, 16) if name == "ciphersuite" else value
        except (CommandError, ValueError, TypeError):  # no such item, or no such value
            out[name] = None
    return out


def _parameter(name, value):
    if name == "ciphersuite":
        return b"0X%04X" % value
    if isinstance(value, str):
        return quoted(name, value, NAME_MAX)
    return b"%d" % typed(name, value, int, "str or int")


def _is_name(host):
    """Whether `host` is a name, not an IP address: SNI is for names only (SSL 1.6)."""
    if ":" in host:
        return False
    for c in host:
        if c not in "0123456789.":
            return True
    return False
