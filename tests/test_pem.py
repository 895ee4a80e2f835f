"""Certificate and key files are judged on the PC before they go to a module."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import load_pem_x509_certificate
from today import NOW

from bg95_host import pem
from bg95_host.testbed.pki import Authority


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def client(authority):
    return authority.client("device-7")


def problems(findings) -> list[str]:
    return [finding.text for finding in findings if finding.level != "ok"]


def test_a_good_ca_has_no_problem_and_is_named(authority):
    findings = list(pem.check_ca(authority.cert_pem))
    assert problems(findings) == []
    assert "CA Testing CA #" in findings[0].text
    assert findings[0].text.endswith("EC secp256r1")


def test_a_good_pair_has_no_problem(client):
    assert problems(pem.check_client(client.cert_pem)) == []
    (finding,) = pem.check_key(client.key_pem, client.cert_pem)
    assert (finding.level, finding.text) == ("ok", "the private key belongs to the certificate")


def test_an_rsa_ca_is_named_with_its_size():
    findings = list(pem.check_ca(Authority("rsa").cert_pem))
    assert findings[0].text.endswith("RSA 2048")


def test_a_server_certificate_is_no_ca(authority):
    leaf = authority.server("broker.example.com")
    (finding,) = pem.check_ca(leaf.cert_pem)
    assert finding.text == "broker.example.com is not marked as a CA"


def test_a_key_of_another_certificate_is_refused(authority, client):
    other = authority.client()
    (finding,) = pem.check_key(other.key_pem, client.cert_pem)
    assert finding.level == "error"
    assert finding.text == "the private key does not belong to the certificate"


@pytest.mark.parametrize("days, text", [(-400, "is valid only from"), (400, "expired on")])
def test_the_validity_is_checked_against_the_given_day(authority, days, text):
    leaf = authority.server("x", not_before=NOW - timedelta(days=9), not_after=NOW + timedelta(9))
    findings = pem.check_client(leaf.cert_pem, NOW + timedelta(days=days))
    assert any(text in problem for problem in problems(findings))


def test_what_expires_within_a_month_is_a_warning(authority):
    leaf = authority.server("x", not_before=NOW - timedelta(days=9), not_after=NOW + timedelta(9))
    (finding,) = (f for f in pem.check_client(leaf.cert_pem, NOW) if f.level != "ok")
    assert finding.level == "warning"
    assert "expires soon" in finding.text


def test_a_broken_chain_is_found(authority):
    leaf = authority.intermediate().client("device")
    assert problems(pem.check_client(leaf.cert_pem)) == []
    (alone, _) = certificates(leaf.cert_pem)
    broken = pem.check_client(alone + authority.cert_pem)
    assert "the chain is broken: device is not signed by" in problems(broken)[0]


def test_a_chain_that_does_not_begin_with_the_clients_own_certificate_is_found(authority):
    leaf = authority.intermediate().client("device")
    turned = b"".join(reversed(certificates(leaf.cert_pem)))
    assert "the chain is broken" in problems(pem.check_client(turned))[0]
    found = problems(pem.check_key(leaf.key_pem, turned))
    assert found == ["it belongs to certificate 2 of the file, not to the first"]


def certificates(chain: bytes) -> list[bytes]:
    return [part + _END for part in chain.split(_END)[:-1]]


_END = b"-----END CERTIFICATE-----\n"


def test_an_encrypted_key_is_refused(client):
    key = load_pem_private_key(client.key_pem, None)
    locked = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    found = problems(pem.check_key(locked, client.cert_pem))
    assert found == ["the private key is encrypted; the module cannot open it"]


def test_a_damaged_key_is_refused(client):
    damaged = client.key_pem.replace(b"\n", b"\n!!", 3)
    found = problems(pem.check_key(damaged, client.cert_pem))
    assert found == ["what is between BEGIN and END is damaged: get the file again"]
    changed = client.key_pem.replace(b"\nM", b"\nN", 1)
    found = problems(pem.check_key(changed, client.cert_pem))
    assert found == ["the private key cannot be read; the file is damaged"]


def test_files_given_the_wrong_way_round_are_recognised(client):
    assert problems(pem.check_client(client.key_pem)) == [
        "it holds no certificate but a private key"
    ]
    assert problems(pem.check_key(client.cert_pem, client.key_pem)) == [
        "it holds no private key but a certificate"
    ]


def test_der_is_told_from_pem_with_the_way_to_convert_it(authority, client):
    ca = load_pem_x509_certificate(authority.cert_pem).public_bytes(Encoding.DER)
    (said,) = problems(pem.check_ca(ca))
    assert said.startswith("it is DER, and modules take PEM") and "openssl x509" in said
    key = load_pem_private_key(client.key_pem, None).private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )
    (said,) = problems(pem.check_key(key, client.cert_pem))
    assert said.startswith("it is DER") and "openssl pkey" in said


def test_a_private_key_does_not_slip_through_with_a_certificate(client):
    for check in (pem.check_ca, pem.check_client):
        assert "it holds a private key as well; take that out" in problems(
            check(client.cert_pem + client.key_pem)
        )


@pytest.mark.parametrize(
    "spoil, text",
    [
        (lambda pem_bytes: pem_bytes + b"\0", "NUL byte"),
        (lambda pem_bytes: b"\xef\xbb\xbf" + pem_bytes, "byte order mark"),
        (lambda pem_bytes: pem_bytes.replace(b"\n", b"\r\n"), "CR LF"),
        (lambda _: b"not a certificate", "it is no PEM file"),
        (lambda _: b"\n", "it is empty"),
        (lambda pem_bytes: pem_bytes[:90] + pem_bytes[120:], "cannot be read"),
    ],
)
def test_spoilt_bytes_are_named(authority, spoil, text):
    assert any(text in problem for problem in problems(pem.check_ca(spoil(authority.cert_pem))))


@pytest.mark.parametrize(
    "identity, key, text",
    [
        ("", "00" * 16, "must not be empty"),
        ("a&b", "00" * 16, "or hold an &"),
        ("a\nb", "00" * 16, "printable ASCII"),
        ("id", "xyz", "hexadecimal"),
        ("id", "1a2", "hexadecimal"),
        ("id", "", "is empty"),
        ("id", "1a2b3c4d", "32 bits"),
    ],
)
def test_a_bad_psk_is_named_without_repeating_the_key(identity, key, text):
    found = problems(pem.check_psk(identity, key))
    assert any(text in problem for problem in found)
    assert not key or not any(key in problem for problem in found)


def test_a_good_psk_has_no_problem():
    assert problems(pem.check_psk("Client_identity", "00" * 16)) == []
