"""The shapes in which people have certificates and keys: each is named, with what to do about it.

Rebuilt here from good files after what was seen in public reports.
"""

import base64
import shutil
import ssl
import subprocess

import pytest
import shapes
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs7,
    pkcs12,
)

from bg95_host import pem, pem_shape
from bg95_host.testbed.pki import Authority

AUTHORITY = Authority()
GOOD = AUTHORITY.cert_pem
CLIENT = AUTHORITY.client("device-7")
LINES = GOOD.decode().splitlines()
BODY = LINES[1:-1]
CERTIFICATE = x509.load_pem_x509_certificate(GOOD)
KEY = load_pem_private_key(CLIENT.key_pem, None)


def said(data, check=pem.check_ca, **options):
    return [(f.level, f.text) for f in check(data, **options) if f.level != "ok"]


USUAL = shapes.usual(GOOD)
MISSHAPEN = shapes.misshapen(GOOD)


@pytest.mark.parametrize("note", USUAL)
def test_what_strict_readers_take_gets_a_note(note):
    ((level, text),) = said(USUAL[note])
    assert level == "warning" and note in text


@pytest.mark.parametrize("shape", MISSHAPEN)
def test_what_strict_readers_refuse_is_named_and_can_be_repaired(shape):
    data = MISSHAPEN[shape]
    ((level, text),) = said(data)
    assert level == "error" and text.endswith("`--fix DIR` writes a clean copy")
    assert shape.removesuffix(" with CR") in text
    clean = pem_shape.repaired(data)
    assert set(x509.load_pem_x509_certificates(clean)) == {CERTIFICATE}
    assert said(clean) == []


@pytest.mark.parametrize("data", [*USUAL.values(), *MISSHAPEN.values()])
def test_it_is_as_strict_as_openssl(data, tmp_path):
    """Nothing passes here that Python's ssl refuses."""
    file = tmp_path / "ca.pem"
    file.write_bytes(data)
    if any(level == "error" for level, _ in said(data)):
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(file)
    assert context.cert_store_stats()["x509_ca"] == 1


def test_what_is_lost_cannot_be_repaired():
    for data in (GOOD[: len(GOOD) // 2], GOOD.rstrip()[:-3], GOOD.replace(b"M", b"!", 3)):
        ((level, text),) = said(data)
        assert level == "error" and text.endswith("get the file again")
        assert pem_shape.repaired(data) is None
    assert said(GOOD[: len(GOOD) // 2])[0][1].startswith("it is cut off")


def test_a_key_is_looked_at_in_the_same_way():
    def check(data):
        return said(data, lambda key: pem.check_key(key, CLIENT.cert_pem))

    ((level, text),) = check(CLIENT.key_pem.replace(b"\n", b"\\n"))
    assert level == "error" and "JSON" in text
    assert check(pem_shape.repaired(CLIENT.key_pem.replace(b"\n", b"\\n"))) == []


BUNDLE = pkcs7.serialize_certificates([CERTIFICATE], Encoding.DER)
P12 = pkcs12.serialize_key_and_certificates(
    b"me", KEY, x509.load_pem_x509_certificate(CLIENT.cert_pem), [CERTIFICATE],
    NoEncryption(),
)  # fmt: skip
REQUEST = (
    x509.CertificateSigningRequestBuilder().subject_name(CERTIFICATE.subject).sign(KEY, SHA256())
)


PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def wrapped(label, der):
    text = base64.encodebytes(der).decode().replace("\n", "")
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


OTHER = {
    "x509 -inform DER": CERTIFICATE.public_bytes(Encoding.DER),
    "pkcs7 -print_certs -inform DER": BUNDLE,
    "pkcs7 -print_certs": wrapped("PKCS7", BUNDLE),
    "x509": GOOD.replace(b" CERT", b" TRUSTED CERT"),
    "x509 ": GOOD.replace(b" CERT", b" X509 CERT"),
    "pkcs12": P12,
}


@pytest.mark.parametrize("command", OTHER)
def test_another_format_is_named_with_the_command_that_converts_it(command, tmp_path):
    file = tmp_path / "ca.in"
    file.write_bytes(OTHER[command])
    ((level, text),) = said(OTHER[command], name=str(file))
    assert level == "error" and f"`openssl {command.strip()} -in" in text
    assert ("PKCS#12" in text) == (command == "pkcs12")
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    printed = text.split("`")[1] + (" -passin pass:" if command == "pkcs12" else "")
    subprocess.run(printed.split(), cwd=tmp_path, check=True, timeout=30, capture_output=True)
    made = (tmp_path / "plain.pem").read_bytes()
    assert CERTIFICATE in x509.load_pem_x509_certificates(made)
    assert [text for level, text in said(made) if level == "error"] == []


def test_a_key_is_taken_out_of_pkcs12(tmp_path):
    (tmp_path / "me.p12").write_bytes(P12)
    ((level, text),) = said(P12, lambda data: pem.check_key(data, CLIENT.cert_pem, "me.p12"))
    assert level == "error" and text.startswith("it is PKCS#12")
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    command = f"{text.split('`')[1]} -passin pass:".split()
    subprocess.run(command, cwd=tmp_path, check=True, timeout=30, capture_output=True)
    made = (tmp_path / "plain.pem").read_bytes()
    assert all(f.level != "error" for f in pem.check_key(made, CLIENT.cert_pem))


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("a certificate request", REQUEST.public_bytes(Encoding.PEM)),
        ("a certificate request", REQUEST.public_bytes(Encoding.DER)),
        ("a public key", PUBLIC),
        ("a private key", KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())),
        ("a web page", b"<!DOCTYPE html><html><body>404</body></html>"),
        ("a web page", b"\n<html><title>Sign in</title>"),
    ],
)  # fmt: skip
def test_what_is_no_certificate_is_named(what, data):
    ((level, text),) = said(data)
    assert level == "error" and what in text


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("EC secp521r1", ec.generate_private_key(ec.SECP521R1())),
        ("EC brainpoolP256r1", ec.generate_private_key(ec.BrainpoolP256R1())),
        ("Ed25519", ed25519.Ed25519PrivateKey.generate()),
    ],
)
def test_a_key_that_no_document_knows_of_gets_a_note(kind, key):
    certificate = (
        x509.CertificateBuilder(CERTIFICATE.issuer, CERTIFICATE.subject)
        .serial_number(1)
        .not_valid_before(CERTIFICATE.not_valid_before_utc)
        .not_valid_after(CERTIFICATE.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(True, None), True)
        .public_key(key.public_key())
        .sign(key, None if kind == "Ed25519" else SHA256())
    )
    text = f"no document says that the module's TLS knows a key of the kind {kind}"
    assert said(certificate.public_bytes(Encoding.PEM)) == [("warning", text)]
