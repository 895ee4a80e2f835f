"""Certificate and key files are judged on the PC before they go to a module."""

from datetime import datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

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
    findings = list(pem.check_client(client.cert_pem, client.key_pem))
    assert problems(findings) == []
    assert findings[-1].text == "the private key belongs to the certificate"


def test_an_rsa_ca_is_named_with_its_size():
    findings = list(pem.check_ca(Authority("rsa").cert_pem))
    assert findings[0].text.endswith("RSA 2048")


def test_a_server_certificate_is_no_ca(authority):
    leaf = authority.server("broker.example.com")
    assert problems(pem.check_ca(leaf.cert_pem)) == ["broker.example.com is not marked as a CA"]


def test_a_key_of_another_certificate_is_refused(authority, client):
    other = authority.client()
    findings = list(pem.check_client(client.cert_pem, other.key_pem))
    assert problems(findings) == ["the private key does not belong to the certificate"]
    assert pem.worst(findings) == "error"


@pytest.mark.parametrize("days, text", [(-400, "is valid only from"), (400, "expired on")])
def test_the_validity_is_checked_against_the_given_day(authority, days, text):
    now = datetime.now(timezone.utc)
    leaf = authority.server("x", not_before=now - timedelta(days=9), not_after=now + timedelta(9))
    findings = pem.check_client(leaf.cert_pem, leaf.key_pem, now + timedelta(days=days))
    assert any(text in problem for problem in problems(findings))


def test_what_expires_within_a_month_is_a_warning(authority):
    now = datetime.now(timezone.utc)
    leaf = authority.server("x", not_before=now - timedelta(days=9), not_after=now + timedelta(9))
    findings = list(pem.check_client(leaf.cert_pem, leaf.key_pem, now))
    assert "expires soon" in problems(findings)[0]
    assert pem.worst(findings) == "warning"


def test_a_chain_in_the_wrong_order_is_found(authority):
    leaf = authority.intermediate().client("device")
    assert problems(pem.check_client(leaf.cert_pem, leaf.key_pem)) == []
    stranger = (
        leaf.cert_pem.split(b"-----END CERTIFICATE-----\n")[0] + b"-----END CERTIFICATE-----\n"
    )
    broken = pem.check_client(stranger + authority.cert_pem, leaf.key_pem)
    assert "the chain is broken: device is not signed by" in problems(broken)[0]


def test_an_encrypted_key_is_refused(client):
    key = load_pem_private_key(client.key_pem, None)
    locked = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    found = problems(pem.check_client(client.cert_pem, locked))
    assert found == ["the private key is encrypted; the module cannot open it"]


def test_a_damaged_key_is_refused(client):
    damaged = client.key_pem.replace(b"\n", b"\n!!", 3)
    found = problems(pem.check_client(client.cert_pem, damaged))
    assert found == ["the private key cannot be read; the file is damaged"]


def test_files_given_the_wrong_way_round_are_recognised(client):
    assert "it holds no certificate (a private key?)" in problems(
        pem.check_client(client.key_pem, client.cert_pem)
    )
    assert "the key file holds no private key" in problems(
        pem.check_client(client.cert_pem, client.cert_pem)
    )


@pytest.mark.parametrize(
    "spoil, text",
    [
        (lambda pem_bytes: pem_bytes + b"\0", "NUL byte"),
        (lambda pem_bytes: b"\xef\xbb\xbf" + pem_bytes, "byte order mark"),
        (lambda pem_bytes: pem_bytes.replace(b"\n", b"\r\n"), "CR LF"),
        (lambda _: b"not a certificate", "holds no certificate (no PEM file?)"),
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
