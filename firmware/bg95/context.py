"""SSLContext: one SSL context of the module (AT+QSSLCFG, SSL 2.3.1), with safe defaults.

Resident is the object with what was set; what can be set, and how it gets to the module, is in visitors/context.py.
"""

from micropython import const

from . import visit

CERT_NONE = const(0)
CERT_REQUIRED = const(2)


class SSLContext:
    """Settings for connections of one SSL context.

    modem: the Modem. ssl_ctx_id: 0-5 (SSL 2.3.1), one object each; pdp_ctx_id: 1-16, default the modem's.
    Starts with: server certificate required and its validity checked, host name checked, SNI on, TLS 1.2 only,
    every cipher suite of the module offered.
    Setting anything sends nothing; the next connect() does. Raises ValueError for what no module accepts.
    """

    def __init__(self, modem, ssl_ctx_id=0, *, pdp_ctx_id=None):
        self._modem = modem
        self._want = {}  # AT+QSSLCFG items that differ from the safe defaults, by name
        self._verify = CERT_REQUIRED
        self._psk = None
        self._psk_sent = False
        self._applied = {}  # what the module was told
        self._epoch = -1  # the modem's start in which that was
        self._unsure = False  # whether the module has kept it: its last connection was closed
        visit.load("context").init(self, ssl_ctx_id, pdp_ctx_id)
        visit.leave(modem)

    def __getattr__(self, name):
        """connect(), load_verify_locations() ..., and the value of an item."""
        return visit.load("context").get(self, name)

    def __setattr__(self, name, value):
        """Set an item; a name with an underscore is a field."""
        if name[0] == "_":
            object.__setattr__(self, name, value)
        else:
            visit.load("context").put(self, name, value)
            visit.leave(self._modem)

    def __repr__(self):
        text = visit.load("context").describe(self)
        visit.leave(self._modem)
        return text
