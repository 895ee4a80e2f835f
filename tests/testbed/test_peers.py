"""The wrappers start other people's servers ready to use, or say what is wrong."""

import contextlib
import http.client
import socket
import ssl

import pytest

from bg95_host.testbed import peers
from bg95_host.testbed.pki import Authority

NAME = "broker.example.com"


@pytest.fixture(scope="module")
def authority():
    return Authority()


@contextlib.contextmanager
def tls_to(peer, authority):
    context = ssl.create_default_context(cadata=authority.cert_pem.decode())
    with (
        socket.create_connection((peer.host, peer.port), 10) as raw,
        context.wrap_socket(raw, server_hostname=NAME) as tls,
    ):
        yield tls


@contextlib.contextmanager
def started(peer):
    """Enter `peer`; skip with its reason if the program is not on this machine."""
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(peer)
        except peers.PeerMissing as missing:
            pytest.skip(str(missing))
        yield running


def test_s_server_reverses_lines(authority, tmp_path):
    server = peers.openssl_s_server(tmp_path, authority.server(NAME), "-tls1_2", echo=True)
    with started(server) as peer, tls_to(peer, authority) as tls:
        tls.sendall(b"abc\n")
        assert tls.recv(4) == b"cba\n"


def test_s_server_that_cannot_start_says_why(tmp_path):
    server = peers.openssl_s_server(tmp_path, None, "-no-such-option")
    with pytest.raises(RuntimeError, match=r"openssl ended at once: .*no-such-option"):
        server.__enter__()


def test_mosquitto_answers_an_mqtt_connect(authority, tmp_path):
    server = peers.mosquitto(tmp_path, authority.server(NAME))
    with started(server) as peer, tls_to(peer, authority) as tls:
        tls.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a")  # MQTT 3.1.1, section 3.1
        assert tls.recv(4) == b"\x20\x02\x00\x00"  # CONNACK, accepted


def test_nginx_serves_a_file(authority, tmp_path):
    www = tmp_path / "www"
    www.mkdir()
    (www / "hello.txt").write_text("hello")
    server = peers.nginx(tmp_path, authority.server(NAME), www)
    with started(server) as peer, tls_to(peer, authority) as tls:
        connection = http.client.HTTPConnection(NAME)
        connection.sock = tls
        connection.request("GET", "/hello.txt")
        assert connection.getresponse().read() == b"hello"


def test_a_missing_program_is_named_with_its_package():
    with pytest.raises(peers.PeerMissing, match="apt-get install no-such-package"):
        peers.need("no-such-program", "no-such-package")
