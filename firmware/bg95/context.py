"""SSLContext: one SSL context of the module (AT+QSSLCFG, SSL 2.3.1), with safe defaults.

Settings are kept here and sent when a connection is opened: all of them the first time (nobody knows what an
earlier host left), later only what changed, and all of them again after the module restarted, which forgets them.
"""

from micropython import const

from .at import within
from .errors import EINVAL, CommandError, ConnectError
from .limits import (
    CONTEXTS,
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

CERT_NONE = const(0)
CERT_REQUIRED = const(2)

ALL_SUITES = const(0xFFFF)
_PSK_SUITE = const(0x00AE)  # TLS_PSK_WITH_AES_128_CBC_SHA256: allowed with every (D)TLS version

# AT+QSSLCFG items with a number: name, lowest, highest
_RANGES = {
    "sslversion": (0, 4),
    "seclevel": (0, 2),
    "session": (0, 1),
    "sni": (0, 1),
    "checkhost": (0, 1),
    "ignorelocaltime": (0, 1),
    "negotiatetime": (10, 300),
    "renegotiation": (0, 1),
    "dtls": (0, 1),
    "dtlsversion": (0, 2),
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


def _flag(name, inverted=0):
    """A property that is an on/off item of AT+QSSLCFG (inverted=1: on means 0)."""

    def get(self):
        return bool(self._want[name] ^ inverted)

    def put(self, on):
        self._want[name] = int(flag(name, on)) ^ inverted

    return property(get, put)


def _number(name):
    """A property that is a number of AT+QSSLCFG, checked against its range."""

    def get(self):
        return self._want[name]

    def put(self, value):
        self._want[name] = ranged(name, value, *_RANGES[name])

    return property(get, put)


class SSLContext:
    """Settings for connections of one SSL context.

    modem: the Modem. ssl_ctx_id: 0-5 (SSL 2.3.1), one object each; pdp_ctx_id: 1-16, default the modem's.
    Starts with: server certificate required and its validity checked, host name checked, SNI on, TLS 1.2 only,
    every cipher suite of the module offered.
    Setting anything sends nothing; the next connect() does. Raises ValueError for what no module accepts.
    """

    def __init__(self, modem, ssl_ctx_id=0, *, pdp_ctx_id=None):
        able("modem", modem, "contexts")
        self._modem = modem
        self.ssl_ctx_id = ranged("ssl_ctx_id", ssl_ctx_id, 0, CONTEXTS - 1)
        self.pdp_ctx_id = modem._pdp(pdp_ctx_id)
        # The object that the module was set to last; whoever takes turns with it sends all anew
        modem.contexts[self.ssl_ctx_id] = self
        self._want = {
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
        self._verify = CERT_REQUIRED
        self._psk = None
        self._psk_sent = False
        self._applied = {}
        self._epoch = -1  # the modem's start in which _applied was sent
        self._unsure = False  # whether the module has kept it: its last connection was closed
        self.extra = {}  # AT+QSSLCFG items of other firmware: name -> str or int, sent as they are

    def __repr__(self):
        w = self._want
        off = []
        if self._psk is None:
            if self._verify == CERT_NONE:
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
        auth = "PSK" if self._psk else "CA %s" % w["cacert"]
        return "<SSLContext %d %s %s%s>" % (
            self.ssl_ctx_id,
            kind,
            auth,
            "".join(", " + o for o in off),
        )

    # -- certificates and keys -------------------------------------------------------------------

    def load_verify_locations(self, cafile):
        """Trust the CA certificate(s) in `cafile`, a PEM file on the module (see modem.files.upload)."""
        quoted("cafile", cafile, NAME_MAX)
        self._want["cacert"] = cafile

    def load_cert_chain(self, certfile, keyfile):
        """Present this client certificate where the server asks for one; PEM files on the module."""
        quoted("certfile", certfile, NAME_MAX)
        quoted("keyfile", keyfile, NAME_MAX)
        self._want["clientcert"] = certfile
        self._want["clientkey"] = keyfile

    @property
    def psk(self):
        """The identity of the pre-shared key, or None. Set to (identity: str, key: bytes or hex str).

        The key goes to the file `<ssl_ctx_id>_server.psk` on the module as hex text (SSL 3.6; that it is decoded
        there is inferred). Setting it chooses the suite TLS_PSK_WITH_AES_128_CBC_SHA256, unless a suite was set.
        """
        return self._psk[0] if self._psk else None

    @psk.setter
    def psk(self, pair):
        if pair is None:
            self._psk = None
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
        self._psk = (identity, text)
        self._psk_sent = False
        if self._want["ciphersuite"] == ALL_SUITES:
            self._want["ciphersuite"] = _PSK_SUITE

    def set_ciphers(self, suite):
        """Offer one suite, by IANA name or code; 0xFFFF or "ALL" offers all. A weak one (RC4, 3DES, MD5) has to be
        asked for by its name. Raises ValueError for that, and for a suite the module does not have (SSL 1.2).
        """
        from . import suites

        code = suites.code(suite)
        if suites.is_weak(code) and not isinstance(suite, str):
            raise ValueError(
                "0x%04X is weak; if it has to be, set_ciphers(%r)" % (code, suites.name(code))
            )
        self._want["ciphersuite"] = code

    # -- switches ----------------------------------------------------------------------------------

    @property
    def verify_mode(self):
        """CERT_REQUIRED (default) or CERT_NONE: whether the server has to prove who it is ("seclevel")."""
        return self._verify

    @verify_mode.setter
    def verify_mode(self, mode):
        if isinstance(mode, bool) or mode not in (CERT_NONE, CERT_REQUIRED):
            raise ValueError("verify_mode: CERT_NONE or CERT_REQUIRED, not %r" % (mode,))
        self._verify = mode

    # The certificate's subject CN has to be the host name (SSL 2.3.1)
    check_hostname = _flag("checkhost")
    # Not Before / Not After against the module's clock (SSL 1.5)
    check_validity = _flag("ignorelocaltime", 1)
    # Send the host name in the ClientHello (SSL 1.6); never done for an IP address
    sni = _flag("sni")
    session_resumption = _flag("session")
    renegotiation = _flag("renegotiation")
    dtls = _flag("dtls")  # DTLS over UDP instead of TLS
    # 0 SSL 3.0, 1 TLS 1.0, 2 TLS 1.1, 3 TLS 1.2 (default), 4 any of them
    version = _number("sslversion")
    dtls_version = _number("dtlsversion")  # 0 DTLS 1.0, 1 DTLS 1.2 (default), 2 both
    negotiate_timeout = _number("negotiatetime")  # seconds the handshake may take, 10-300 (default)

    # -- connecting ----------------------------------------------------------------------------------

    def connect(self, host, port, *, mode=0, timeout_ms=None, progress=None):
        """Open a connection; returns an SSLSocket. Blocks until it is open (SSL 2.3.2: up to 150 s plus
        negotiate_timeout, or `timeout_ms` in all; what is left to close is closed by poll()).

        host: name or IP address; port: 1-65535; mode: bg95.BUFFER, DIRECT_PUSH or TRANSPARENT; progress: called
        once a second with (seconds waited, seconds at most). Raises ValueError for bad arguments, ConnectError
        where it is refused, TimeoutError. However it ends early (Ctrl-C, too), the client ID is freed.
        """
        return self._modem.run(self._connect(host, port, mode, timeout_ms, progress))

    def wrap_socket(
        self, sock, *, server_side=False, server_hostname=None, do_handshake_on_connect=True
    ):
        """Open the connection that `sock`, a bg95.compat socket, was told to connect(); as ssl.SSLContext's.

        server_hostname: the name to open, to send as SNI and to check; default what connect() was told. Blocks as
        the socket's timeout says, or opens meanwhile where do_handshake_on_connect is False.
        """
        from .compat import wrap

        return wrap(self, sock, server_side, server_hostname, do_handshake_on_connect)

    def _connect(self, host, port, mode, timeout_ms, progress=None, owner=None):
        """Flow of connect()."""
        address = quoted("host", host, HOST_MAX, TEXT_OR_BYTES)
        host = address[1:-1].decode()  # MQTT clients are often given their broker as bytes
        ranged("port", port, 1, 65535)
        ranged("mode", mode, 0, 2)
        optional("timeout_ms", timeout_ms, 0, LONGEST_MS)
        if progress is not None and not callable(progress):
            raise TypeError("progress: a function of two arguments, not %r" % (progress,))
        for name in self.extra:
            self._item(name)
            _parameter(name, self.extra[name])
        self._refuse_unsafe()
        opening = self._open(address, host, port, mode, timeout_ms, progress, owner)
        return (yield from within(timeout_ms, opening))

    def _open(self, address, host, port, mode, timeout_ms, progress, owner):
        yield from self._modem.ready()
        if self._verify and not self._psk and not self._want["ignorelocaltime"]:
            yield from self._modem.clock_set()
        settings = self._apply(_is_name(host))
        clients = self._modem.sockets
        opening = clients.open(self, address, port, mode, timeout_ms, progress, owner, settings)
        return (yield from opening)

    def files(self):
        """[(what, name)] of the files on the module that this context refers to."""
        w = self._want
        kinds = (
            ("CA certificate", "cacert"),
            ("client certificate", "clientcert"),
            ("client key", "clientkey"),
        )
        out = [(what, w[name]) for what, name in kinds if w[name]]
        if self._psk is not None:
            out.append(("PSK", "%d_server.psk" % self.ssl_ctx_id))
        return out

    def _refuse_unsafe(self):
        w = self._want
        if self._psk is None and self._verify != CERT_NONE and not w["cacert"]:
            raise ConnectError(
                "no CA certificate: upload one with modem.files.upload(name, data), then "
                "ctx.load_verify_locations(cafile=name)",
                errno=EINVAL,
            )
        if w["clientcert"] and self._verify == CERT_NONE:
            raise ConnectError(
                "a client certificate needs verify_mode=CERT_REQUIRED (SSL 2.3.1: seclevel 2)",
                errno=EINVAL,
            )

    def _seclevel(self):
        if self._psk is not None or self._verify == CERT_NONE:
            return 0
        return 2 if self._want["clientcert"] else 1

    def _apply(self, by_name):
        """Flow: send what the module does not know yet."""
        modem = self._modem
        other = modem.contexts[self.ssl_ctx_id] is not self
        modem.contexts[self.ssl_ctx_id] = self
        if other or self._epoch != modem.epoch or (self._unsure and (yield from self._was_reset())):
            self._applied = {}
            self._psk_sent = False
            self._epoch = modem.epoch
        self._unsure = False
        if self._psk is not None and not self._psk_sent:
            data = "%s&%s" % self._psk
            yield from modem.files._upload("%d_server.psk" % self.ssl_ctx_id, data.encode())
            self._psk_sent = True
        want = dict(self._want)
        want["seclevel"] = self._seclevel()
        want["sni"] = int(want["sni"] and by_name)
        if not want["dtls"]:
            del want["dtlsversion"]
        want.update(self.extra)
        for name in want:
            value = want[name]
            if value is not None and self._applied.get(name) != value:
                self._applied.pop(name, None)  # cancelled from here on, nobody knows
                yield from self._set(name, value)
                self._applied[name] = value

    def _set(self, name, value):
        """Flow: AT+QSSLCFG="<name>",<ctx>,<value>. Always three parameters: with two it would be a query."""
        at = self._modem._at
        head = self._item(name)
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

    def _item(self, name):
        return b"AT+QSSLCFG=%s,%d" % (quoted("item", name, 32), self.ssl_ctx_id)

    def _released(self):
        """The last connection was closed: the module "releases the context" (SSL 2.3.5), whatever that means."""
        self._unsure = True

    def _was_reset(self):
        """Flow: whether the module fell back to its defaults, told by one item that differs from them."""
        for name in self._applied:
            value = self._applied[name]
            if name in _DEFAULTS and name != "ciphersuite" and value != _DEFAULTS[name]:
                return (yield from self._modem._at.ask(self._item(name), "si."))[2] != value
        return True

    def read_back(self):
        """Ask the module for every AT+QSSLCFG item; returns {name: int or str, None where it has no such item}.
        Blocks, allocates.
        """
        return self._modem.run(self._read_back())

    def _read_back(self):
        out = {}
        for name in list(_DEFAULTS) + list(_FILES):
            try:
                value = (yield from self._modem._at.ask(self._item(name), "si."))[2]
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
