"""The far side on real sockets does what it does in memory."""

import socket
import ssl

import pytest

from bg95_host.errors import ToolError
from bg95_host.probe.farside import CN_ONLY, DTLS, MOST_FLOOD, NO_SAN, SILENT
from bg95_host.probe.serve import Server, fetch_ca

HOST = "127.0.0.1"
LIMIT_S = 20


def free_base():
    """A port with enough free ones behind it."""
    for base in range(20000, 60000, 97):
        try:
            for offset in range(DTLS + 1):
                socket.create_server((HOST, base + offset)).close()
        except OSError:
            continue
        return base
    raise AssertionError("no free ports")


@pytest.fixture(scope="module")
def base():
    port = free_base()
    with Server(HOST, port, HOST):
        yield port


@pytest.fixture
def connect(base):
    """connect(offset): a TLS connection that verifies nothing."""
    opened = []

    def run(offset=0):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = socket.create_connection((HOST, base + offset), LIMIT_S)
        opened.append(context.wrap_socket(connection))
        return opened[-1]

    yield run
    for each in opened:
        each.close()


def everything(tls):
    data = b""
    while more := tls.recv(4096):
        data += more
    return data


def test_it_echoes_and_says_goodbye(connect):
    tls = connect()
    tls.sendall(b"hello")
    assert tls.recv(100) == b"hello"
    tls.sendall(b"*bye now")
    assert everything(tls) == b"now"


def test_it_speaks_later(connect):
    tls = connect()
    tls.sendall(b"*later 30 first\n*later 60 second")
    assert tls.recv(100) == b"first" and tls.recv(100) == b"second"


def test_a_flood_has_its_bounds(connect):
    tls = connect()
    tls.sendall(b"*flood 1000000 16000\n*later 300 !")
    data = b""
    while not data.endswith(b"!"):
        data += tls.recv(65536)
    assert 0 < len(data) <= MOST_FLOOD + 1


def test_two_certificates_tell_where_a_module_looks(connect):
    shown = {}
    for offset in (CN_ONLY, NO_SAN):
        der = connect(offset).getpeercert(binary_form=True)
        shown[offset] = ssl.DER_cert_to_PEM_cert(der)
    assert shown[CN_ONLY] != shown[NO_SAN]


def test_one_port_says_nothing(base):
    with socket.create_connection((HOST, base + SILENT), LIMIT_S) as silent:
        silent.sendall(b"hello")
        silent.settimeout(0.2)
        with pytest.raises(TimeoutError):
            silent.recv(1)


def test_its_ca_is_learned_from_it(base):
    pem = fetch_ca(HOST, base)
    context = ssl.create_default_context(cadata=pem.decode())
    context.check_hostname = False
    with (
        socket.create_connection((HOST, base), LIMIT_S) as connection,
        context.wrap_socket(connection) as tls,
    ):
        assert tls.version() == "TLSv1.2"


def test_a_far_side_that_is_not_there_is_one_sentence(base):
    with pytest.raises(ToolError, match="cannot be reached"):
        fetch_ca(HOST, base + DTLS)  # TCP: nobody listens there
    with pytest.raises(ToolError, match="cannot listen"), Server(HOST, base, HOST):
        pass
