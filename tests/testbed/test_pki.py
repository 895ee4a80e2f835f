"""The testbed's certificates are what they claim to be, judged by OpenSSL and by `cryptography`."""

import socket
import ssl
import threading
from datetime import datetime, timezone

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from bg95_host.testbed.pki import Authority, Credential

NAME = "broker.example.com"


def common_name(credential: Credential) -> str:
    certificate = x509.load_pem_x509_certificate(credential.cert_pem)
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def verdict(credential: Credential, trusted: Authority, tmp_path) -> str:
    """What OpenSSL says of a server that shows `credential` when NAME was asked for."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(*credential.write(tmp_path, "server"))
    client_context = ssl.create_default_context(cadata=trusted.cert_pem.decode())
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            server_context.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client_context.wrap_socket(ours, server_hostname=NAME):
            return "accepted"
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    finally:
        ours.close()
        thread.join(10)


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_a_server_certificate_carries_its_name_in_cn_and_san_and_is_accepted(kind, tmp_path):
    authority = Authority(kind)
    server = authority.server(NAME)
    certificate = x509.load_pem_x509_certificate(server.cert_pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert common_name(server) == NAME
    assert names.get_values_for_type(x509.DNSName) == [NAME]
    assert verdict(server, authority, tmp_path) == "accepted"


def test_the_bad_ones_are_refused_for_the_reason_in_their_name(tmp_path):
    authority = Authority()
    assert "Hostname mismatch" in verdict(authority.server("other.example"), authority, tmp_path)
    assert verdict(authority.expired_server(NAME), authority, tmp_path) == "certificate has expired"
    assert "not yet valid" in verdict(authority.future_server(NAME), authority, tmp_path)
    assert "unable to get local issuer" in verdict(Authority().server(NAME), authority, tmp_path)


def test_an_intermediate_sends_its_chain(tmp_path):
    authority = Authority()
    server = authority.intermediate().server(NAME)
    assert server.cert_pem.count(b"BEGIN CERTIFICATE") == 2
    assert verdict(server, authority, tmp_path) == "accepted"


def test_an_address_becomes_an_ip_entry_of_the_san():
    certificate = x509.load_pem_x509_certificate(Authority().server("127.0.0.1").cert_pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_a_key_is_written_for_its_owner_only(tmp_path):
    _, key = Authority().client().write(tmp_path, "device")
    assert key.stat().st_mode & 0o077 == 0


def test_default_validity_holds_for_any_sane_module_clock():
    certificate = x509.load_pem_x509_certificate(Authority().server(NAME).cert_pem)
    assert certificate.not_valid_before_utc <= datetime(2000, 1, 1, tzinfo=timezone.utc)
    assert certificate.not_valid_after_utc > datetime(2100, 1, 1, tzinfo=timezone.utc)
