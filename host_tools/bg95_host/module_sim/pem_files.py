"""Certificate and key files as the module takes them: by OpenSSL's own reader. Nobody knows how lenient a module is.

What it refuses is an open error with OpenSSL's reason in the log. What a user can do about a shape is told by
`bg95 provision`, which has a reader of its own.
"""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from OpenSSL import crypto
from OpenSSL._util import ffi, lib

from .tls import TlsError

_BEGIN = b"-----BEGIN"
_NO_PASSPHRASE = b""  # where none is given, OpenSSL asks for one on the terminal


def read_certificates(content: bytes, whose: str) -> list[x509.Certificate]:
    """Every certificate of a PEM file, or that of a DER file; raises TlsError if one of them cannot be read."""
    try:
        if _BEGIN in content:
            return [each.to_cryptography() for each in _pem_certificates(content)]
        return [x509.load_der_x509_certificate(content)]
    except (ValueError, TypeError) as error:
        why = error if _BEGIN in content else "it is neither PEM nor DER"
        raise TlsError(f"the {whose} certificate file cannot be read: {why}") from None


def _pem_certificates(content: bytes) -> list[crypto.X509]:
    """As CPython's ssl reads them: one after the other, until there is no further BEGIN line."""
    data = ffi.new("char[]", content)  # the BIO does not copy it
    bio = ffi.gc(lib.BIO_new_mem_buf(data, len(content)), lib.BIO_free)
    passphrase = ffi.new("char[]", _NO_PASSPHRASE)
    found = []
    lib.ERR_clear_error()
    while (raw := lib.PEM_read_bio_X509(bio, ffi.NULL, ffi.NULL, passphrase)) != ffi.NULL:
        found.append(crypto.X509._from_raw_x509_ptr(raw))
    text = lib.ERR_reason_error_string(lib.ERR_get_error())
    lib.ERR_clear_error()
    reason = "unknown error" if text == ffi.NULL else ffi.string(text).decode()
    if not found or reason != "no start line":
        raise ValueError(reason)
    return found


def read_private_key(content: bytes) -> Any:
    """A PEM or DER private key; raises TlsError. An encrypted one is of no use to the module."""
    kind = crypto.FILETYPE_PEM if _BEGIN in content else crypto.FILETYPE_ASN1
    try:
        return crypto.load_privatekey(kind, content, _NO_PASSPHRASE).to_cryptography_key()
    except (crypto.Error, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise TlsError(f"the client key file cannot be read: {reason_of(error)}") from None


def reason_of(error: BaseException) -> str:
    """OpenSSL's own words, without its error stack."""
    args = error.args[0] if error.args else ""
    if isinstance(args, (list, tuple)) and args and isinstance(args[-1], tuple):
        return str(args[-1][-1]) or "the peer closed the connection during the handshake"
    return str(args or error) or type(error).__name__
