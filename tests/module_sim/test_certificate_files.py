"""Certificate and key files: the module takes the shapes that strict readers take, and no other."""

import pytest
import shapes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import load_pem_x509_certificate

from .test_tls import opened, secured
from .world import HOST, EchoTls, authority, server_context, server_credential, upload

CA = authority().cert_pem
MINE = authority().client()
KEY = load_pem_private_key(MINE.key_pem, None)
REFUSED = [shape for shape in shapes.misshapen(CA) if shape != "byte order mark"]


def trusting(ca: bytes, **config):
    host = secured(**config)
    upload(host, "shape.pem", ca)
    host.command('AT+QSSLCFG="cacert",1,"shape.pem"')
    return host


def showing(cert: bytes, key: bytes):
    """A module that shows a client certificate, on a server that asks for one."""
    host = secured(seclevel=2, clientcert="me.pem", clientkey="me.key")
    context = server_context(server_credential(), client_ca=CA)
    host.net.peers["220.180.239.212", 8883] = EchoTls(context)
    upload(host, "me.pem", cert)
    upload(host, "me.key", key)
    return host


@pytest.mark.parametrize("shape", shapes.usual(CA))
def test_a_usual_shape_is_taken(shape):
    assert opened(trusting(shapes.usual(CA)[shape])) == 0
    assert opened(showing(shapes.usual(MINE.cert_pem)[shape], MINE.key_pem)) == 0
    assert opened(showing(MINE.cert_pem, shapes.usual(MINE.key_pem)[shape])) == 0


@pytest.mark.parametrize("shape", REFUSED)
def test_what_strict_readers_refuse_is_an_open_error_with_its_reason_in_the_log(shape):
    host = trusting(shapes.misshapen(CA)[shape])
    assert opened(host) == 566
    assert "the CA certificate file cannot be read: " in host.trace.getvalue()


@pytest.mark.parametrize("shape", REFUSED)
def test_a_client_certificate_is_read_in_the_same_way(shape):
    host = showing(shapes.misshapen(MINE.cert_pem)[shape], MINE.key_pem)
    assert opened(host) == 566
    assert "the client certificate file cannot be read: " in host.trace.getvalue()


@pytest.mark.parametrize("shape", [shape for shape in REFUSED if "next BEGIN" not in shape])
def test_a_key_is_read_in_the_same_way(shape):
    host = showing(MINE.cert_pem, shapes.misshapen(MINE.key_pem)[shape])
    assert opened(host) == 566
    assert "the client key file cannot be read: " in host.trace.getvalue()


def test_a_chain_is_read_to_its_end():
    other = authority(1).cert_pem
    assert opened(trusting(other + CA)) == 0
    host = trusting(CA + other[:300])
    assert opened(host) == 566
    assert "bad end line" in host.trace.getvalue()


def test_what_has_no_begin_line_and_is_no_der_is_called_so():
    host = trusting(b"<html>404 Not Found</html>")
    assert opened(host) == 566
    assert "cannot be read: it is neither PEM nor DER" in host.trace.getvalue()


def test_der_is_taken():
    certificate = load_pem_x509_certificate(CA).public_bytes(Encoding.DER)
    assert opened(trusting(certificate)) == 0


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_one():
    locked = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    assert opened(showing(MINE.cert_pem, locked)) == 566


def test_the_old_stack_reads_files_in_the_same_way():
    """The suite is one that OpenSSL has no more: the context fails before anybody is asked."""
    host = showing(shapes.misshapen(MINE.cert_pem)["indented"], MINE.key_pem)
    host.command('AT+QSSLCFG="ciphersuite",1,0X0005')
    assert opened(host, name=HOST) == 566
    assert "the client certificate file cannot be read: " in host.trace.getvalue()
