"""Certificates and keys, looked at before they go to a module that would only say 566.

Whatever is wrong with a file, the module answers every failed handshake with the same number
(field-notes.md 1), so each check here replaces an evening of guessing.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_SOON = timedelta(days=30)
_ASN1_SEQUENCE = b"\x30"  # how every certificate and key begins in DER
_RSA_BITS = (1024, 4096)  # what is small enough to handle and large enough to trust

Level = Literal["error", "warning", "ok"]


@dataclass(frozen=True)
class Finding:
    """One thing found out about a file. An `error` is a reason not to put it on the module."""

    level: Level
    text: str


def check_ca(pem: bytes, now: datetime | None = None) -> Iterator[Finding]:
    """A file for "cacert": certificates that may sign others, valid now."""
    for certificate in (yield from _checked(pem)):
        name = _name(certificate.subject)
        if _is_ca(certificate):
            yield Finding("ok", f"CA {name}, {_describe_key(certificate)}")
        else:
            yield Finding("warning", f"{name} is not marked as a CA")
        yield from _validity(certificate, now)


def check_client(pem: bytes, now: datetime | None = None) -> Iterator[Finding]:
    """A file for "clientcert": the client's certificate and those up to its CA, valid now."""
    chain = yield from _checked(pem)
    if not chain:
        return
    leaf = chain[0]
    yield Finding("ok", f"client {_name(leaf.subject)}, issued by {_name(leaf.issuer)}")
    for certificate in chain:
        yield from _validity(certificate, now)
    yield from _chain(chain)
    yield from _usage(leaf)


def check_key(pem: bytes, certificate_pem: bytes) -> Iterator[Finding]:
    """A file for "clientkey": the private key of the first certificate in `certificate_pem`."""
    try:
        key = _private_key(pem)
    except ValueError as error:
        yield Finding("error", str(error))
        return
    yield from _bytes(pem)
    with suppress(ValueError):  # which check_client() tells
        yield from _pair(key, _certificates(certificate_pem))


def check_psk(identity: str, key: str) -> Iterator[Finding]:
    """Text for a `<ctx>_server.psk` file, `<identity>&<key>` (at-commands.md 1.5)."""
    if not identity or "&" in identity:
        yield Finding("error", "the PSK identity must not be empty or hold an &")
    if any(ord(character) < 32 or ord(character) > 126 for character in identity):
        yield Finding("error", "the PSK identity must be printable ASCII")
    try:
        size = len(bytes.fromhex(key))
    except ValueError:
        yield Finding("error", "the PSK key must be an even number of hexadecimal digits")
        return
    if not size:
        yield Finding("error", "the PSK key is empty")
    elif size < 16:
        yield Finding("warning", f"the PSK key has {8 * size} bits; take 128 or more")
    else:
        yield Finding("ok", f"PSK with a key of {8 * size} bits")


def _describe_key(certificate: x509.Certificate) -> str:
    """Kind and size of the public key, "RSA 2048" or "EC secp256r1"."""
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return "a key of an unknown kind"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__.replace("PublicKey", "").strip("_")


def _not_pem(data: bytes, openssl: str) -> str | None:
    """Why it is no PEM file, and the command of `openssl` that makes one; None if it is one."""
    if b"-----BEGIN " in data:
        return None
    if not data.strip():
        return "it is empty"
    if data.startswith(_ASN1_SEQUENCE):
        return f"it is DER, and modules take PEM: convert it with openssl {openssl} -inform DER"
    return "it is no PEM file"


def _bytes(pem: bytes) -> Iterator[Finding]:
    """What goes wrong on the way to the module: line ends and strange bytes."""
    if b"\0" in pem:
        yield Finding("error", "it holds a NUL byte; modules refuse such a file")
    if pem.startswith(b"\xef\xbb\xbf"):
        yield Finding("error", "it starts with a byte order mark; save it as plain ASCII")
    if b"\r" in pem:
        yield Finding("warning", "its lines end in CR LF; they are sent as they are")


def _certificates(pem: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM file; ValueError says why there is none."""
    if wrong := _not_pem(pem, "x509"):
        raise ValueError(wrong)
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise ValueError("it holds no certificate" + _instead(pem, b"PRIVATE KEY", "a private key"))
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ValueError("its certificate cannot be read; the file is damaged") from None


def _private_key(pem: bytes):
    """The private key of a PEM file; ValueError says why there is none."""
    if wrong := _not_pem(pem, "pkey"):
        raise ValueError(wrong)
    if b"PRIVATE KEY-----" not in pem:
        raise ValueError("it holds no private key" + _instead(pem, b"CERTIFICATE", "a certificate"))
    try:
        return load_pem_private_key(pem, None)
    except TypeError:
        raise ValueError("the private key is encrypted; the module cannot open it") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("the private key cannot be read; the file is damaged") from None


def _instead(pem: bytes, label: bytes, what: str) -> str:
    return f" ({what}?)" if label + b"-----" in pem else ""


def _checked(pem: bytes) -> Generator[Finding, None, list[x509.Certificate]]:
    """The certificates of a PEM file, none where that is an error."""
    try:
        found = _certificates(pem)
    except ValueError as error:
        yield Finding("error", str(error))
        return []
    yield from _bytes(pem)
    if b"PRIVATE KEY-----" in pem:
        yield Finding("error", "it holds a private key as well; take that out")
    return found


def _name(name: x509.Name) -> str:
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.ORGANIZATION_NAME):
        if found := name.get_attributes_for_oid(oid):
            return str(found[0].value)
    return name.rfc4514_string()


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return certificate.version == x509.Version.v1  # version 1 has no extensions to say so


def _validity(certificate: x509.Certificate, now: datetime | None) -> Iterator[Finding]:
    now = now or datetime.now(timezone.utc)
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    name = _name(certificate.subject)
    if now < start:
        yield Finding("error", f"{name} is valid only from {start:%Y-%m-%d} on")
    elif now > end:
        yield Finding("error", f"{name} expired on {end:%Y-%m-%d}")
    elif now + _SOON > end:
        yield Finding("warning", f"{name} expires soon, on {end:%Y-%m-%d}")


def _chain(chain: Sequence[x509.Certificate]) -> Iterator[Finding]:
    for child, parent in pairwise(chain):
        try:
            child.verify_directly_issued_by(parent)
        except (ValueError, TypeError, InvalidSignature):
            yield Finding(
                "error",
                f"the chain is broken: {_name(child.subject)} is not signed by "
                f"{_name(parent.subject)}, the next certificate in the file",
            )


def _usage(leaf: x509.Certificate) -> Iterator[Finding]:
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if ExtendedKeyUsageOID.CLIENT_AUTH not in usage:
        yield Finding("warning", f"{_name(leaf.subject)} is not meant for clients (key usage)")


def _pair(key, chain: Sequence[x509.Certificate]) -> Iterator[Finding]:
    owners = [_spki(certificate.public_key()) for certificate in chain]
    ours = _spki(key.public_key())
    if ours in owners[1:]:
        place = owners.index(ours) + 1
        yield Finding("error", f"it belongs to certificate {place} of the file, not to the first")
    elif ours not in owners:
        yield Finding("error", "the private key does not belong to the certificate")
    elif isinstance(key, rsa.RSAPrivateKey) and not _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1]:
        yield Finding("warning", f"an RSA key of {key.key_size} bits is unusual for a module")
    else:
        yield Finding("ok", "the private key belongs to the certificate")


def _spki(key) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
