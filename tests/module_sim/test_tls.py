"""TLS of the simulated module: what it verifies, what it resumes, when it gives up.

On a manual clock, with real TLS servers in memory. Codes: spec 1.5, 1.6.1, 1.8.
"""

import contextlib
import io
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL
from today import NOW

from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.manual import EchoPeer, Peer, TlsPeer
from bg95_host.module_sim.tables import SUITES
from bg95_host.testbed.pki import Credential

from .world import (
    HOST,
    EchoTls,
    attached,
    authority,
    psk_context,
    server_context,
    server_credential,
    upload,
)


def opened(host, *, name=HOST, ctx=1, client_id=0) -> int:
    """<err> of an open in buffer mode."""
    if not host.module.pdp[1].active:
        host.command("AT+QIACT=1")
    host.command(f'AT+QSSLOPEN=1,{ctx},{client_id},"{name}",8883,0')
    host.wait_until(lambda: b"+QSSLOPEN: " in host.unread and host.unread.endswith(b"\r\n"), 500)
    return int(host.read().split(b",")[1])


def secured(kind="valid", *, traits=None, **config):
    """A host whose module trusts our CA, verifies, and has more set by keyword."""
    trace = io.StringIO()
    host = attached(
        SimOptions(clock=NOW, traits=traits or {}, trace=trace),
        EchoTls(server_context(server_credential(kind))),
    )
    host.trace = trace
    upload(host, "ca.pem", authority().cert_pem)
    for item, value in {"cacert": "ca.pem", "seclevel": 1, **config}.items():
        shown = f'"{value}"' if isinstance(value, str) else value
        host.command(f'AT+QSSLCFG="{item}",1,{shown}')
    return host


# Nothing is verified by default; with seclevel 1 the chain is; the rest has its own switches.
@pytest.mark.parametrize(
    ("kind", "config", "error"),
    [
        ("valid", {"seclevel": 0}, 0),
        ("expired", {"seclevel": 0}, 0),
        ("other CA", {"seclevel": 0}, 0),
        ("other host", {"seclevel": 0, "checkhost": 1}, 0),
        ("valid", {}, 0),
        ("valid", {"ignorelocaltime": 0, "checkhost": 1, "sni": 1}, 0),
        ("expired", {}, 0),
        ("expired", {"ignorelocaltime": 0}, 566),
        ("other CA", {}, 566),
        ("other host", {}, 0),
        ("other host", {"checkhost": 1}, 566),
        ("valid", {"cacert": "nowhere.pem"}, 566),
        ("valid", {"cacert": ""}, 566),
    ],
)
def test_what_the_module_refuses(kind, config, error):
    assert opened(secured(kind, **config)) == error


@pytest.mark.parametrize(
    ("ahead", "error"),
    [(timedelta(0), 0), (timedelta(days=-40), 566), (timedelta(days=40), 566)],
)
def test_the_validity_period_is_judged_by_the_modules_clock(ahead, error):
    credential = authority().server(
        HOST, not_before=NOW - timedelta(days=30), not_after=NOW + timedelta(days=30)
    )
    host = attached(SimOptions(clock=NOW), EchoTls(server_context(credential)))
    upload(host, "ca.pem", authority().cert_pem)
    for line in ('"cacert",1,"ca.pem"', '"seclevel",1,1', '"ignorelocaltime",1,0'):
        host.command(f"AT+QSSLCFG={line}")
    host.command(f'AT+CCLK="{NOW + ahead:%y/%m/%d,%H:%M:%S}+00"')
    assert opened(host) == error


@pytest.mark.parametrize(
    ("trait", "common_name", "alternative", "error"),
    [
        ("cn", HOST, "elsewhere.example.com", 0),
        ("cn", "elsewhere.example.com", HOST, 566),
        ("san", "elsewhere.example.com", HOST, 0),
        ("san", HOST, "elsewhere.example.com", 566),
        ("san_or_cn", "elsewhere.example.com", HOST, 0),
        ("san_or_cn", HOST, "elsewhere.example.com", 566),
        ("cn", "*.example.com", HOST, 0),
        ("cn", "*.com", HOST, 566),
    ],
)
def test_where_the_host_name_is_looked_for(trait, common_name, alternative, error):
    leaf = authority()._ca.issue_cert(alternative, common_name=common_name)
    context = server_context(
        type(server_credential())(
            HOST, leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes()
        )
    )
    host = secured(traits={"checkhost": trait}, checkhost=1)
    host.net.peers["220.180.239.212", 8883] = EchoTls(context)
    assert opened(host) == error


@pytest.mark.parametrize(("sni", "seen"), [(0, None), (1, HOST.encode())])
def test_the_server_name_is_sent_only_when_asked_for(sni, seen):
    names = []
    context = server_context(server_credential())
    context.set_tlsext_servername_callback(
        lambda connection: names.append(connection.get_servername())
    )
    host = secured(sni=sni)
    host.net.peers["220.180.239.212", 8883] = EchoTls(context)
    assert opened(host) == 0
    assert names == [seen]


@pytest.mark.parametrize(
    ("seclevel", "whose", "error"), [(1, 0, 566), (2, 0, 0), (2, 1, 566), (2, None, 566)]
)
def test_a_client_certificate_goes_out_at_level_2_only(seclevel, whose, error):
    context = server_context(server_credential(), client_ca=authority().cert_pem)
    host = secured(seclevel=seclevel, clientcert="me.pem", clientkey="me.key")
    host.net.peers["220.180.239.212", 8883] = EchoTls(context)
    if whose is not None:
        mine = authority(whose).client()
        upload(host, "me.pem", mine.cert_pem)
        upload(host, "me.key", mine.key_pem)
    assert opened(host) == error


@pytest.mark.parametrize(
    ("asks", "error"),
    [(SSL.VERIFY_NONE, 0), (SSL.VERIFY_PEER, 0), (SSL.VERIFY_FAIL_IF_NO_PEER_CERT, 566)],
    ids=["not", "but does not insist", "and insists"],
)
def test_level_2_needs_a_client_certificate_only_where_the_server_asks_for_one(asks, error):
    host = secured(seclevel=2)
    context = server_context(server_credential(), client_ca=authority().cert_pem)
    context.set_verify(asks | (asks and SSL.VERIFY_PEER), lambda *args: bool(args[-1]))
    host.net.peers["220.180.239.212", 8883] = EchoTls(context)
    assert opened(host) == error
    assert ("the server asked for a client certificate" in host.trace.getvalue()) == bool(error)


class OldAlert(Peer):
    """A server that refuses every offer, and keeps the suites of each."""

    def __init__(self):
        self.offers = []

    def received(self, link, data):
        begin = 43 + 1 + data[43]  # behind record and handshake header, version, random, session ID
        end = begin + 2 + int.from_bytes(data[begin : begin + 2], "big")
        self.offers.append(
            [int.from_bytes(data[at : at + 2], "big") for at in range(begin + 2, end, 2)]
        )
        link.reply(b"\x15\x03\x01\x00\x02\x02\x28")  # handshake_failure
        link.hang_up()


def test_all_suites_are_those_of_the_module():
    server = OldAlert()
    host = attached(SimOptions(clock=NOW), server)
    host.command('AT+QSSLCFG="ciphersuite",1,0XFFFF')
    assert opened(host) == 566
    first, second = server.offers
    scsv = {0x00FF}  # RFC 5746: no suite
    assert {*first, *second} - scsv == {
        suite.code
        for suite in SUITES.values()
        if suite.stack != "none" and not suite.name.startswith("TLS_PSK")
    }


@pytest.mark.parametrize("who", ["client only", "other CA", "expired"])
def test_a_certificate_that_was_refused_is_not_shown_to_an_older_tls(who):
    host = secured(sslversion=4, ignorelocaltime=0)
    host.net.peers["220.180.239.212", 8883] = EchoTls(server_context(impostor(who)))
    assert opened(host) == 566
    assert "certificate refused" in host.trace.getvalue()
    assert "older TLS" not in host.trace.getvalue()


def impostor(who):
    return client_only() if who == "client only" else server_credential(who)


def client_only():
    """A certificate with the right name, for TLS clients (RFC 5280, 4.2.1.12)."""
    ca, key = authority()._ca, ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    issuer = x509.load_pem_x509_certificate(ca.cert_pem.bytes())
    signer = load_pem_private_key(ca.private_key_pem.bytes(), None)
    builder = x509.CertificateBuilder(
        issuer.subject, name, key.public_key(), 1, NOW - timedelta(1), NOW + timedelta(1)
    )
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    leaf = builder.add_extension(usage, critical=True).sign(signer, hashes.SHA256())
    return Credential(
        HOST,
        leaf.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def test_a_key_that_does_not_belong_to_the_certificate_is_an_open_error():
    host = secured(seclevel=2, clientcert="me.pem", clientkey="me.key")
    upload(host, "me.pem", authority().client().cert_pem)
    upload(host, "me.key", authority().client().key_pem)
    assert opened(host) == 566


@pytest.mark.parametrize(
    "rubbish", [b"", b"rubbish", b"-----BEGIN CERTIFICATE-----\n", b"\0" * 2000]
)
def test_a_file_that_is_no_certificate_is_an_open_error(rubbish):
    host = secured(cacert="bad.pem")
    if rubbish:
        upload(host, "bad.pem", rubbish)
    assert opened(host) == 566


@pytest.mark.parametrize("wish", [0, 1])
def test_resumption(wish):
    host = secured(session=wish)
    assert opened(host) == 0
    host.command("AT+QSSLSEND=0,5", b"> ")
    host.write(b"hello")
    host.wait_for(b'"recv",0\r\n')
    host.command("AT+QSSLCLOSE=0")
    assert opened(host) == 0
    assert ("resumed" in host.trace.getvalue()) == bool(wish)


def test_a_restart_forgets_sessions():
    host = secured(session=1)
    assert opened(host) == 0
    host.command("AT+QSSLCLOSE=0")
    host.command("AT+CFUN=1,1")
    host.wait_for(b"+CFUN: 1\r\n")
    assert not host.module.tls_sessions


@pytest.mark.parametrize("allowed", [0, 1])
def test_a_server_may_renegotiate_only_where_the_context_allows_it(allowed):
    host = secured(renegotiation=allowed)
    assert opened(host) == 0
    peer = host.net.peers["220.180.239.212", 8883]
    ((link, session),) = peer.sessions.items()
    session.renegotiate()
    with contextlib.suppress(SSL.WantReadError):
        session.do_handshake()
    peer._flush(link)
    if not allowed:  # the module declines; this server takes that for an error and closes
        host.wait_for(b'"closed",0\r\n')
        return
    host.run(0.5)
    assert session.total_renegotiations() == 1
    assert not session.renegotiate_pending()
    host.command("AT+QSSLSEND=0,5", b"> ")
    host.write(b"hello")
    host.wait_for(b'"recv",0\r\n')


def test_negotiatetime_ends_a_handshake_that_leads_nowhere():
    host = secured(negotiatetime=10)
    host.net.peers["220.180.239.212", 8883] = Peer()
    host.command("AT+QIACT=1")
    start = host.now
    assert opened(host) == 569
    assert 10.0 < host.now - start < 10.1


def test_a_server_that_speaks_no_tls_is_an_open_error():
    host = secured()
    host.net.peers["220.180.239.212", 8883] = EchoPeer()
    assert opened(host) == 566


# -- DTLS ------------------------------------------------------------------------------------------


class EchoDtls(TlsPeer):
    def on_data(self, link, data):
        self.sessions[link].sendall(data)
        self._flush(link)


@pytest.mark.parametrize(("version", "shown"), [(0, "DTLSv1 "), (1, "DTLSv1.2"), (2, "DTLSv1.2")])
def test_dtls_with_certificates(version, shown):
    host = secured(dtls=1, dtlsversion=version, checkhost=1)
    peer = EchoDtls(server_context(server_credential(), dtls=True), dtls=True)
    host.net.peers["220.180.239.212", 8883] = peer
    assert opened(host) == 0
    assert shown in host.trace.getvalue()
    host.command("AT+QSSLSEND=0,1000", b"> ")
    host.write(bytes(1000))
    host.wait_for(b'"recv",0\r\n')
    assert host.command("AT+QSSLRECV=0").startswith(b"\r\n+QSSLRECV: 1000\r\n")


PSK = (b"Client_identity", bytes.fromhex("1a2b3c4d"))


@pytest.mark.parametrize(
    ("suite", "version", "content", "error"),
    [
        ("0X00AE", 0, b"Client_identity&1a2b3c4d", 0),  # RFC 5487 allows it, spec 1.11 item 11
        ("0X00AE", 1, b"Client_identity&1a2b3c4d", 0),
        ("0XC0A8", 1, b"Client_identity&1a2b3c4d", 0),
        ("0XC0A8", 0, b"Client_identity&1a2b3c4d", 566),  # no AEAD before TLS 1.2
        ("0XFFFF", 2, b"Client_identity&1a2b3c4d", 0),
        ("0X00AE", 1, b"Client_identity&1a2b3c4e", 566),
        ("0X00AE", 1, b"Somebody&1a2b3c4d", 566),
        ("0X00AE", 1, b"Client_identity&not hex", 566),
        ("0X00AE", 1, b"no separator", 566),
        ("0X00AE", 1, b"&1a2b3c4d", 566),
        ("0X00AE", 1, bytes(range(256)), 566),
        ("0X00AE", 1, b"x" * 300 + b"&" + b"1a" * 300, 566),
        ("0X00AE", 1, None, 566),
    ],
)
def test_dtls_with_a_pre_shared_key(suite, version, content, error):
    host = attached(SimOptions(clock=NOW))
    host.net.peers["220.180.239.212", 8883] = EchoDtls(psk_context(*PSK), dtls=True)
    if content is not None:
        upload(host, "2_server.psk", content)
    for item in ('"dtls",2,1', f'"dtlsversion",2,{version}', f'"ciphersuite",2,{suite}'):
        host.command(f"AT+QSSLCFG={item}")
    host.command('AT+QSSLCFG="negotiatetime",2,10')
    assert opened(host, ctx=2) in ((0,) if not error else (566, 569))


def test_a_keylog_holds_the_secrets_that_wireshark_needs(tmp_path):
    keylog = tmp_path / "keys.log"
    host = attached(SimOptions(clock=NOW, keylog=keylog))
    assert opened(host) == 0
    assert keylog.read_text().startswith("CLIENT_RANDOM ")
    assert keylog.stat().st_mode & 0o077 == 0
