"""Certificates and keys, looked at before they go to a module that would only say 566.

Whatever is wrong with a file, the module answers every failed handshake with the same number
(field-notes.md 1), so each check here replaces an evening of guessing. How a file is written is
`pem_shape`'s question, what stands in it is this module's.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bg95_host import pem_shape
from bg95_host.pem_shape import Finding

_SOON = timedelta(days=30)
_EC_KINDS = (
    "EC secp256r1",
    "EC secp384r1",
)  # what the ECDSA suites of at-commands.md 1.2 are used with
_RSA_BITS = (1024, 4096)  # what is small enough to handle and large enough to trust


def check_ca(pem: bytes, now: datetime | None = None, name: str = "FILE") -> Iterator[Finding]:
    """A file for "cacert": certificates that may sign others, valid now. `name` is for commands to type."""
    for certificate in (yield from _checked(pem, name)):
        subject = _name(certificate.subject)
        if _is_ca(certificate):
            yield Finding("ok", f"CA {subject}, {_describe_key(certificate)}")
        else:
            yield Finding("warning", f"{subject} is not marked as a CA")
        yield from _validity(certificate, now)


def check_client(pem: bytes, now: datetime | None = None, name: str = "FILE") -> Iterator[Finding]:
    """A file for "clientcert": the client's certificate and those up to its CA, valid now."""
    chain = yield from _checked(pem, name)
    if not chain:
        return
    leaf = chain[0]
    yield Finding("ok", f"client {_name(leaf.subject)}, issued by {_name(leaf.issuer)}")
    for certificate in chain:
        yield from _validity(certificate, now)
    yield from _chain(chain)
    yield from _usage(leaf)


def check_key(pem: bytes, certificate_pem: bytes, name: str = "FILE") -> Iterator[Finding]:
    """A file for "clientkey": the private key of the first certificate in `certificate_pem`."""
    if (yield from _shape(pem, name, "private key")):
        return
    try:
        key = _private_key(pem)
    except ValueError as error:
        yield Finding("error", str(error))
        return
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


def _certificates(pem: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM file; ValueError where one cannot be read."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ValueError("its certificate cannot be read; the file is damaged") from None


def _private_key(pem: bytes):
    """The private key of a PEM file; ValueError says why it is of no use."""
    try:
        return load_pem_private_key(pem, None)
    except TypeError:
        raise ValueError("the private key is encrypted; the module cannot open it") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("the private key cannot be read; the file is damaged") from None


def _checked(pem: bytes, name: str) -> Generator[Finding, None, list[x509.Certificate]]:
    """The certificates of a PEM file, none where that is an error."""
    if (yield from _shape(pem, name, "certificate")):
        return []
    try:
        found = _certificates(pem)
    except ValueError as error:
        yield Finding("error", str(error))
        return []
    if any(label.endswith("PRIVATE KEY") for label in pem_shape.labels(pem)):
        yield Finding("error", "it holds a private key as well; take that out")
    for certificate in found:
        yield from _unheard_of(certificate)
    return found


def _shape(pem: bytes, name: str, wanted: str) -> Generator[Finding, None, bool]:
    """What there is to say of the file's shape; whether that is an error."""
    wrong = False
    for finding in pem_shape.look(pem, name, wanted):
        wrong |= finding.level == "error"
        yield finding
    return wrong


def _unheard_of(certificate: x509.Certificate) -> Iterator[Finding]:
    """The note that a key is of a kind that only a trial can tell about."""
    kind = _describe_key(certificate)
    if kind not in _EC_KINDS and not kind.startswith("RSA "):
        yield Finding(
            "warning", f"no document says that the module's TLS knows a key of the kind {kind}"
        )


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
