"""Certificates and keys, looked at before they go to a module that would only say 566.

Whatever is wrong with a file, the module answers every failed handshake with the same number
(field-notes.md 1), so each check here replaces an evening of guessing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
_RSA_BITS = (1024, 4096)  # what is small enough to handle and large enough to trust

Level = Literal["error", "warning", "ok"]


@dataclass(frozen=True)
class Finding:
    """One thing found out about a file. An `error` is a reason not to put it on the module."""

    level: Level
    text: str


def certificates(pem: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM file; ValueError says why there is none."""
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        kind = "a private key" if b"PRIVATE KEY-----" in pem else "no PEM file"
        raise ValueError(f"it holds no certificate ({kind}?)")
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise ValueError(f"its certificate cannot be read: {error}") from None


def check_bytes(pem: bytes) -> Iterator[Finding]:
    """What goes wrong on the way to the module: line ends and strange bytes."""
    if b"\0" in pem:
        yield Finding("error", "it holds a NUL byte; modules refuse such a file")
    if pem.startswith(b"\xef\xbb\xbf"):
        yield Finding("error", "it starts with a byte order mark; save it as plain ASCII")
    if b"\r" in pem:
        yield Finding("warning", "its lines end in CR LF; they are sent as they are")


def check_ca(pem: bytes, now: datetime | None = None) -> Iterator[Finding]:
    """A file for "cacert": certificates that may sign others, valid now."""
    yield from check_bytes(pem)
    found = yield from _parsed(pem)
    for certificate in found:
        yield Finding("ok", f"CA {_name(certificate.subject)}, {describe_key(certificate)}")
        if not _is_ca(certificate):
            yield Finding("warning", f"{_name(certificate.subject)} is not marked as a CA")
        yield from _validity(certificate, now)


def check_client(pem: bytes, key_pem: bytes, now: datetime | None = None) -> Iterator[Finding]:
    """Files for "clientcert" and "clientkey": valid now, each signed by the next, and a pair."""
    yield from check_bytes(pem)
    yield from check_bytes(key_pem)
    chain = yield from _parsed(pem)
    if not chain:
        return
    leaf = chain[0]
    yield Finding("ok", f"client {_name(leaf.subject)}, issued by {_name(leaf.issuer)}")
    for certificate in chain:
        yield from _validity(certificate, now)
    yield from _chain(chain)
    yield from _usage(leaf)
    yield from _pair(leaf, key_pem)


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


def describe_key(certificate: x509.Certificate) -> str:
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


def worst(findings: Sequence[Finding]) -> Level:
    """The gravest level among `findings`; "ok" if there is none."""
    levels = {finding.level for finding in findings}
    return "error" if "error" in levels else "warning" if "warning" in levels else "ok"


def _parsed(pem: bytes):
    try:
        return certificates(pem)
    except ValueError as error:
        yield Finding("error", str(error))
        return []


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


def _pair(leaf: x509.Certificate, key_pem: bytes) -> Iterator[Finding]:
    if b"PRIVATE KEY-----" not in key_pem:
        yield Finding("error", "the key file holds no private key")
        return
    try:
        key = load_pem_private_key(key_pem, None)
    except TypeError:
        yield Finding("error", "the private key is encrypted; the module cannot open it")
        return
    except (ValueError, UnsupportedAlgorithm):
        yield Finding("error", "the private key cannot be read; the file is damaged")
        return
    if _spki(key.public_key()) != _spki(leaf.public_key()):
        yield Finding("error", "the private key does not belong to the certificate")
    elif isinstance(key, rsa.RSAPrivateKey) and not _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1]:
        yield Finding("warning", f"an RSA key of {key.key_size} bits is unusual for a module")
    else:
        yield Finding("ok", "the private key belongs to the certificate")


def _spki(key) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
