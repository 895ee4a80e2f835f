"""The cipher suites of AT+QSSLCFG="ciphersuite": IANA names, codes, and which are weak.

Weak are RC4, 3DES, an MD5 MAC and NULL, by RFC 7465 and RFC 9325; a missing forward secrecy alone
is not. Names are data in two strings, searched in place, so that importing this costs one block
each; import it when a suite is named or printed. Source: at-commands.md 1.2.
"""

# The text is written by `make tables` from host_tools/bg95_host/tables: edit the data there.

ALL = 0xFFFF  # every suite; the module lets the server choose

# Each suite is "\n<code in 4 hex digits>=<IANA name without TLS_>\n"; neighbours share the "\n".
_SOUND = """
0035=RSA_WITH_AES_256_CBC_SHA
002F=RSA_WITH_AES_128_CBC_SHA
003D=RSA_WITH_AES_256_CBC_SHA256
C004=ECDH_ECDSA_WITH_AES_128_CBC_SHA
C005=ECDH_ECDSA_WITH_AES_256_CBC_SHA
C009=ECDHE_ECDSA_WITH_AES_128_CBC_SHA
C00A=ECDHE_ECDSA_WITH_AES_256_CBC_SHA
C013=ECDHE_RSA_WITH_AES_128_CBC_SHA
C014=ECDHE_RSA_WITH_AES_256_CBC_SHA
C00E=ECDH_RSA_WITH_AES_128_CBC_SHA
C00F=ECDH_RSA_WITH_AES_256_CBC_SHA
C023=ECDHE_ECDSA_WITH_AES_128_CBC_SHA256
C024=ECDHE_ECDSA_WITH_AES_256_CBC_SHA384
C025=ECDH_ECDSA_WITH_AES_128_CBC_SHA256
C026=ECDH_ECDSA_WITH_AES_256_CBC_SHA384
C027=ECDHE_RSA_WITH_AES_128_CBC_SHA256
C028=ECDHE_RSA_WITH_AES_256_CBC_SHA384
C029=ECDH_RSA_WITH_AES_128_CBC_SHA256
C02A=ECDH_RSA_WITH_AES_256_CBC_SHA384
C02B=ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
C02F=ECDHE_RSA_WITH_AES_128_GCM_SHA256
C0A8=PSK_WITH_AES_128_CCM_8
00AE=PSK_WITH_AES_128_CBC_SHA256
C0AE=ECDHE_ECDSA_WITH_AES_128_CCM_8
"""
_WEAK = """
0005=RSA_WITH_RC4_128_SHA
0004=RSA_WITH_RC4_128_MD5
000A=RSA_WITH_3DES_EDE_CBC_SHA
C002=ECDH_ECDSA_WITH_RC4_128_SHA
C003=ECDH_ECDSA_WITH_3DES_EDE_CBC_SHA
C007=ECDHE_ECDSA_WITH_RC4_128_SHA
C008=ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA
C011=ECDHE_RSA_WITH_RC4_128_SHA
C012=ECDHE_RSA_WITH_3DES_EDE_CBC_SHA
C00C=ECDH_RSA_WITH_RC4_128_SHA
C00D=ECDH_RSA_WITH_3DES_EDE_CBC_SHA
"""


def code(suite):
    """Return the code of `suite`: an IANA name in any letter case, "ALL", or a code itself.

    Hyphens pass for underscores, as MicroPython's own `ssl` writes them. Allocates. Raises
    ValueError for what the module does not have.
    """
    if not isinstance(suite, (int, str)):
        raise TypeError("suite: a name or a number, not %s" % type(suite))
    if isinstance(suite, int):
        if suite == ALL or _find("\n%04X=" % suite)[1] >= 0:
            return suite
    else:
        iana = suite.upper().replace("-", "_")
        if iana == "ALL":
            return ALL
        if iana.startswith("TLS_"):
            table, at = _find("=" + iana[4:] + "\n")
            if at >= 0:
                return int(table[at - 4 : at], 16)
    raise ValueError("the module has no cipher suite %s" % _spell(suite))


def name(code):
    """Return the IANA name of the int `code`, "ALL" for 0xFFFF, or "0Xhhhh" for an unknown code.

    Unknown is no error here: another firmware may report a suite that the note does not list.
    """
    if code == ALL:
        return "ALL"
    table, at = _find("\n%04X=" % code)
    if at < 0:
        return _spell(code)
    return "TLS_" + table[at + 6 : table.find("\n", at + 6)]


def is_weak(code):
    """Return whether the int `code` names a weak suite; False for ALL and for unknown codes."""
    return _WEAK.find("\n%04X=" % code) >= 0


def _find(key):
    at = _SOUND.find(key)
    return (_SOUND, at) if at >= 0 else (_WEAK, _WEAK.find(key))


def _spell(suite):
    return "0X%04X" % suite if isinstance(suite, int) else suite
