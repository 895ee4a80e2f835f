"""Certificates as the module judges them: by the CAs that it trusts, and by a host name (spec 1.5)."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID
from OpenSSL import crypto
from OpenSSL._util import ffi, lib

from .pem_files import read_certificates
from .tls import TlsError

VALIDITY_CODES = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
IGNORE_VALIDITY = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which pyOpenSSL does not name


def trust_store(content: bytes, clock: datetime) -> crypto.X509Store:
    """The certificates of a CA file, judged for servers at the module's time; raises TlsError."""
    store = crypto.X509Store()
    lib.X509_STORE_set_purpose(store._store, lib.X509_PURPOSE_SSL_SERVER)  # pyright: ignore
    add_trust(store, content, clock)
    return store


def add_trust(store: crypto.X509Store, content: bytes, clock: datetime) -> None:
    """Put the certificates of a CA file into a store; raises TlsError."""
    store.set_time(clock)
    for certificate in read_certificates(content, "CA"):
        store.add_cert(crypto.X509.from_cryptography(certificate))


def check_host(certificate: x509.Certificate, host: str, where: str) -> None:
    """Raise TlsError unless the certificate names the host where the checkhost trait looks."""
    names = names_in(certificate, where)
    if not any(matches(name, host) for name in names):
        listed = ", ".join(names) or "nobody"
        raise TlsError(f"host name {host!r} is not in the certificate, which names {listed}")


def names_in(certificate: x509.Certificate, where: str) -> list[str]:
    common = [
        str(attribute.value)
        for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    ]
    if where == "cn":
        return common
    try:
        extension = certificate.extensions.get_extension_for_oid(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        ).value
        assert isinstance(extension, x509.SubjectAlternativeName)
        names = extension.get_values_for_type(x509.DNSName)
        names += [str(ip) for ip in extension.get_values_for_type(x509.IPAddress)]
    except (x509.ExtensionNotFound, ValueError):
        names = []
    return names if names or where == "san" else common


def matches(pattern: str, host: str) -> bool:
    """A name without case; `*.` stands for exactly one label."""
    pattern, host = pattern.lower().rstrip("."), host.lower().rstrip(".")
    if pattern.startswith("*."):
        return "." in host and host.split(".", 1)[1] == pattern[2:]
    return pattern == host


def is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def verify_text(code: int) -> str:
    return f"{ffi.string(lib.X509_verify_cert_error_string(code)).decode()} (code {code})"
