"""The shape of a certificate or key file: is it the PEM of RFC 7468 and, if not, what is it, and what makes it so?

The one question of `provision` before it looks at the certificates themselves. Deliberately strict, and a parser of its
own: what a lenient library reads, a module may refuse with its 566 for everything.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    pkcs7,
)

Level = Literal["error", "warning", "ok"]

_STRICT = re.compile(
    rb"^-----BEGIN (?P<label>[A-Z0-9 ]+)-----[ \t]*\r?\n"
    rb"(?:(?:[\w-]+: .*\r?\n)+\r?\n)?"  # headers of an encrypted key, RFC 1421
    rb"(?P<body>(?:[A-Za-z0-9+/=]+[ \t]*\r?\n)+)"
    rb"-----END (?P=label)-----[ \t]*(?:\r?$|\Z)",
    re.MULTILINE,
)
_ANY = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_BEGIN = b"-----BEGIN "
_LINE = 64  # characters of base64, RFC 7468 2

# What strict readers refuse, the first match being the reason.
_REFUSED = (
    (rb'"\s*-----BEGIN', r"it is a string of a C or Python program, with its quotes and \n"),
    (rb"-----(\\r)?\\n", r"its line ends are written out as \n, as in JSON"),
    (rb"\A[^\n]*\r[^\n]*\Z", "its lines end in CR only"),
    (rb"-----END [^-\n]+----------BEGIN", "an END and the next BEGIN stand on one line"),
    (rb"-----BEGIN [^-\n]+-----[ \t]*[^\s]", "all of it is on one line"),
    (rb"^[ \t]+(-----BEGIN|[A-Za-z0-9+/=]{40})", "its lines are indented"),
    (rb"-----BEGIN [^-\n]+-----[^-]*\n[ \t\r]*\n", "there are blank lines between BEGIN and END"),
)
# What they take, and few have tried on a module.
_UNUSUAL = (
    (rb"\r\n", "its lines end in CR LF"),
    (rb"[ \t]\r?$", "some of its lines end in blanks"),
    (rb"^[A-Za-z0-9+/=]{%d}" % (_LINE + 1), f"it has lines of more than {_LINE} characters"),
)

_LABELS = {
    "TRUSTED CERTIFICATE": "a certificate in OpenSSL's own form, with trust settings",
    "X509 CERTIFICATE": "a certificate under an old label",
    "CERTIFICATE REQUEST": "a certificate request, which a CA answers with the certificate",
    "NEW CERTIFICATE REQUEST": "a certificate request, which a CA answers with the certificate",
    "PUBLIC KEY": "a public key",
    "RSA PUBLIC KEY": "a public key",
    "PKCS7": "a PKCS#7 bundle",
    "CMS": "a PKCS#7 bundle",
    "X509 CRL": "a list of revoked certificates",
    "CERTIFICATE": "a certificate",
    "DH PARAMETERS": "Diffie-Hellman parameters",
    "EC PARAMETERS": "the parameters of a curve",
    "OPENSSH PRIVATE KEY": "a key of OpenSSH",
}
_CONVERTED = {
    "TRUSTED CERTIFICATE": "x509",
    "X509 CERTIFICATE": "x509",
    "PKCS7": "pkcs7 -print_certs",
    "CMS": "pkcs7 -print_certs",
}


@dataclass(frozen=True)
class Finding:
    """One thing found out about a file. An `error` is a reason not to put it on the module."""

    level: Level
    text: str


def look(data: bytes, name: str, wanted: str) -> Iterator[Finding]:
    """What is wrong with, or unusual in the shape of a file that is to hold `wanted`.

    That is "certificate" or "private key". `name` is the file's, for commands. One error, or notes.
    """
    if reason := _wrong(data, name, wanted):
        yield Finding("error", reason)
        return
    blocks = b"\n".join(match[0] for match in _STRICT.finditer(data))
    for pattern, text in _UNUSUAL:
        if re.search(pattern, blocks, re.MULTILINE):
            yield Finding("warning", f"{text}; it is sent as it is")
    if data.endswith(b"-"):
        yield Finding("warning", "its last line has no end; it is sent as it is")
    if rest := len(_STRICT.sub(b"", data).strip()):
        yield Finding("warning", f"{rest:,} bytes of it are text around the {wanted}")


def repaired(data: bytes) -> bytes | None:
    """The same content in the lines of RFC 7468; None where that is not in the file, or nothing is to be done."""
    if data.startswith(b"0") or _is_strict(data):
        return None
    text = _text(data).replace("\\r", "").replace("\\n", "\n").replace('"', "")
    found = _ANY.findall(text) or [(_kind(der), text) for der in _bare(data)]
    blocks = [_armoured(label, der) for label, body in found if (der := _decoded(body))]
    return b"".join(blocks) if blocks and len(blocks) == len(found) else None


def labels(data: bytes) -> list[str]:
    """What the blocks of a strict PEM file say that they are."""
    return [match["label"].decode() for match in _STRICT.finditer(data)]


def _wrong(data: bytes, name: str, wanted: str) -> str | None:
    """Why strict readers take it for no file of that kind, and what to do; None if they take it."""
    if not data.strip():
        return "it is empty"
    if data[:1] == b"0" and (said := _der(data, name, wanted)):
        return said
    if re.match(rb"\s*<(!doctype|html|\?xml)", data, re.IGNORECASE):
        return "it is a web page, not a file of certificates: the download went wrong"
    if reason := _misshapen(data):
        way = "`--fix DIR` writes a clean copy" if repaired(data) else "get the file again"
        return f"{reason}: {way}"
    if not any(_is(label, wanted) for label in labels(data)):
        return _instead(labels(data)[0], name, wanted)
    return None


def _is(label: str, wanted: str) -> bool:
    if wanted == "certificate":
        return label == "CERTIFICATE"
    return label.endswith("PRIVATE KEY") and label not in _LABELS  # RSA, EC, ENCRYPTED ...


def _misshapen(data: bytes) -> str | None:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "it is UTF-16, which PowerShell and Notepad call Unicode"
    if b"\0" in data:
        return "it holds a NUL byte, and modules refuse such a file"
    if data.startswith(b"\xef\xbb\xbf"):
        return "it starts with a byte order mark"
    if _BEGIN not in data:
        return (
            "it is base64 without its BEGIN and END lines" if _bare(data) else "it is no PEM file"
        )
    if data.count(_BEGIN) > data.count(b"-----END "):
        return "it is cut off: an END line is missing"
    if _is_strict(data):
        return None
    for pattern, reason in _REFUSED:
        if re.search(pattern, data, re.MULTILINE):
            return reason
    return "what is between BEGIN and END is damaged"


def _is_strict(data: bytes) -> bool:
    return 0 < data.count(_BEGIN) == len(labels(data)) and b"\0" not in data and data[0] != 0xEF


def _instead(label: str, name: str, wanted: str) -> str:
    """What a file of that label is, and what makes of it what is wanted, if anything can."""
    what = _LABELS.get(label, "a private key" if label.endswith("PRIVATE KEY") else label)
    said = f"it holds no {wanted} but {what}"
    if label in _CONVERTED and wanted == "certificate":
        return f"{said}: `openssl {_CONVERTED[label]} -in {name} -out plain.pem` makes one"
    return said


def _der(data: bytes, name: str, wanted: str) -> str | None:
    """What a binary file is, and what makes PEM of it; None if it is none of ASN.1."""
    if re.match(rb"0.{1,5}?\x02\x01\x03", data, re.DOTALL):  # PFX, RFC 7292 4: version 3
        part = "-nocerts -nodes" if wanted == "private key" else "-nokeys"
        return f"it is PKCS#12, and modules take PEM: `openssl pkcs12 -in {name} {part} -out plain.pem`"
    label = _kind(data)
    if label == "PKCS7" and wanted == "certificate":
        command = _CONVERTED[label]
    elif _is(label, wanted):
        command = "pkey" if wanted == "private key" else "x509"
    else:
        return (
            f"it is DER of {_LABELS.get(label, 'a private key')}, not of a {wanted}"
            if label
            else None
        )
    return f"it is DER, and modules take PEM: `openssl {command} -inform DER -in {name} -out plain.pem`"


_KINDS: tuple[tuple[str, Callable[[bytes], Any]], ...] = (
    ("CERTIFICATE", x509.load_der_x509_certificate),
    ("PKCS7", pkcs7.load_der_pkcs7_certificates),
    ("CERTIFICATE REQUEST", x509.load_der_x509_csr),
    ("PRIVATE KEY", lambda der: load_der_private_key(der, None)),
    ("PUBLIC KEY", load_der_public_key),
    ("X509 CRL", x509.load_der_x509_crl),
)


def _kind(der: bytes) -> str:
    """The label that this DER would have as PEM; "" if nothing here knows it."""
    for label, load in _KINDS:
        try:
            load(der)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        return label
    return ""


def _bare(data: bytes) -> list[bytes]:
    """The DER of a file that is base64 and nothing else."""
    der = _decoded(_text(data))
    return [der] if der and _kind(der) else []


def _text(data: bytes) -> str:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return data.decode(encoding, "replace")


def _decoded(body: str) -> bytes | None:
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _armoured(label: str, der: bytes) -> bytes:
    text = base64.b64encode(der).decode()
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()
