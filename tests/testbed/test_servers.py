"""The TLS server does to a connection what its handler says, seen from a plain OpenSSL client."""

import contextlib
import socket
import ssl

import pytest

from bg95_host.testbed import servers
from bg95_host.testbed.pki import Authority
from bg95_host.testbed.servers import TlsServer

NAME = "broker.example.com"


@pytest.fixture(scope="module")
def authority():
    return Authority()


@contextlib.contextmanager
def connected(server, authority, *, client_files=None, context=None):
    context = context or ssl.create_default_context(cadata=authority.cert_pem.decode())
    if client_files:
        context.load_cert_chain(*client_files)
    with (
        socket.create_connection((server.host, server.port), 10) as raw,
        context.wrap_socket(raw, server_hostname=NAME) as tls,
    ):
        yield tls


def read_all(tls) -> bytes:
    data = b""
    while piece := tls.recv(65536):
        data += piece
    return data


def test_echo_returns_every_byte_counts_them_and_speaks_tls_1_2(authority):
    data = bytes(range(256)) * 300
    with TlsServer(authority.server(NAME)) as server, connected(server, authority) as tls:
        tls.sendall(data)
        back = b""
        while len(back) < len(data):
            back += tls.recv(65536)
        assert back == data
        assert tls.version() == "TLSv1.2"
        counters = server.counters
        assert (counters.accepted, counters.handshakes) == (1, 1)
        assert (counters.received, counters.sent) == (len(data), len(data))
        assert counters.server_names == [NAME]


def test_two_clients_are_served_at_the_same_time(authority):
    with (
        TlsServer(authority.server(NAME)) as server,
        connected(server, authority) as first,
        connected(server, authority) as second,
    ):
        second.sendall(b"two")
        assert second.recv(3) == b"two"
        first.sendall(b"one")
        assert first.recv(3) == b"one"


def test_close_after_ends_in_order(authority):
    with (
        TlsServer(authority.server(NAME), servers.close_after(5)) as server,
        connected(server, authority) as tls,
    ):
        tls.sendall(b"12345678")
        assert read_all(tls) == b"12345"  # an SSLError here would mean no close_notify


def test_reset_after_resets(authority):
    with (
        TlsServer(authority.server(NAME), servers.reset_after(5)) as server,
        connected(server, authority) as tls,
    ):
        tls.sendall(b"12345")
        assert tls.recv(5) == b"12345"
        # Asked of TCP: ssl before CPython 3.12.3 reports a reset as an end of file (gh-115627).
        with pytest.raises(ConnectionResetError):
            socket.socket.recv(tls, 1)


def test_half_close_after_still_takes_data(authority):
    with (
        TlsServer(authority.server(NAME), servers.half_close_after(3)) as server,
        connected(server, authority) as tls,
    ):
        tls.sendall(b"abc")
        assert read_all(tls) == b"abc"
        tls.sendall(b"more")
        assert server.wait_for(lambda seen: seen.received == 7)


def test_stall_takes_nothing_until_released(authority):
    with (
        TlsServer(authority.server(NAME), servers.stall) as server,
        connected(server, authority) as tls,
    ):
        tls.sendall(b"hold")
        tls.settimeout(0.1)
        with pytest.raises(TimeoutError):
            tls.recv(4)
        assert server.counters.received == 0
        server.release.set()
        tls.settimeout(10)
        assert tls.recv(4) == b"hold"


def test_source_speaks_first(authority):
    with (
        TlsServer(authority.server(NAME), servers.source(b"hello")) as server,
        connected(server, authority) as tls,
    ):
        assert tls.recv(5) == b"hello"


def test_drop_all_cuts_the_connection(authority):
    with TlsServer(authority.server(NAME)) as server, connected(server, authority) as tls:
        assert server.wait_for(lambda seen: seen.handshakes == 1)
        server.drop_all()
        with contextlib.suppress(OSError):
            assert tls.recv(1) == b""


def test_a_client_certificate_is_demanded(authority, tmp_path):
    seen = []

    def look(peer):
        seen.append(peer.client_certificate)
        servers.echo(peer)

    credential = authority.server(NAME)
    with TlsServer(credential, look, client_ca=authority) as server:
        with connected(
            server, authority, client_files=authority.client().write(tmp_path, "c")
        ) as tls:
            tls.sendall(b"x")
            assert tls.recv(1) == b"x"
        assert dict(item[0] for item in seen[0]["subject"])["commonName"] == "device-1"
        with pytest.raises(OSError), connected(server, authority) as tls:
            tls.recv(1)
        assert server.wait_for(lambda counters: len(counters.failures) == 1)
        assert server.counters.failures == ["PEER_DID_NOT_RETURN_A_CERTIFICATE"]


def test_a_client_of_tls_1_3_only_is_turned_away(authority):
    context = ssl.create_default_context(cadata=authority.cert_pem.decode())
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with TlsServer(authority.server(NAME)) as server:
        with pytest.raises(ssl.SSLError), connected(server, authority, context=context):
            pass
        assert server.wait_for(lambda seen: seen.failures == ["UNSUPPORTED_PROTOCOL"])


def test_stop_ends_a_stalled_connection_and_frees_the_port(authority):
    with (
        TlsServer(authority.server(NAME), servers.stall) as server,
        connected(server, authority),
    ):
        server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port), 10)


def test_silent_server_accepts_and_says_nothing():
    with (
        servers.SilentServer() as server,
        socket.create_connection((server.host, server.port), 10) as raw,
    ):
        raw.settimeout(0.1)
        with pytest.raises(TimeoutError):
            raw.recv(1)


def test_nobody_listens_on_a_closed_port():
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", servers.closed_port()), 10)
