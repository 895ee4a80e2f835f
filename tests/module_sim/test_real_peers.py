"""The simulated module against other people's servers, in real time: s_server, mosquitto, nginx."""

import socket
import threading
import time

import pytest

from bg95_host.testbed.peers import mosquitto, nginx, openssl_s_server
from bg95_host.testbed.pki import Authority

from .world import HOST

LINE = b"a line that comes back reversed"


@pytest.fixture(scope="module")
def ca() -> Authority:
    return Authority()


@pytest.fixture
def trusting(live, ca):
    """The module verifies against our CA, checks the name, and holds a client certificate."""
    live.upload("ca.pem", ca.cert_pem)
    mine = ca.client()
    live.upload("me.pem", mine.cert_pem)
    live.upload("me.key", mine.key_pem)
    live.configure(
        cacert="ca.pem", seclevel=2, clientcert="me.pem", clientkey="me.key", checkhost=1, sni=1
    )
    return live


@pytest.mark.parametrize(
    ("version", "option"),
    [(1, "-tls1"), (2, "-tls1_1"), (3, "-tls1_2"), (4, "-tls1"), (4, "-tls1_2")],
)
def test_openssl_with_each_version(trusting, ca, tmp_path, version, option):
    options = (option, "-cipher", "ALL:@SECLEVEL=0")
    with openssl_s_server(tmp_path, ca.server(HOST), *options, echo=True) as peer:
        trusting.configure(sslversion=version)
        assert trusting.open(HOST, peer.port) == 0, trusting.trace.getvalue()
        trusting.send(LINE + b"\n")
        assert trusting.read_exactly(len(LINE) + 1) == LINE[::-1] + b"\n"


def test_a_version_that_the_server_does_not_speak(trusting, ca, tmp_path):
    with openssl_s_server(tmp_path, ca.server(HOST), "-tls1_3") as peer:
        assert trusting.open(HOST, peer.port) == 566


def talk_both_ways(host, peer) -> None:
    """s_server prints what it gets and sends what is typed; with DTLS it knows no other echo."""
    host.send(LINE + b"\n")
    deadline = time.monotonic() + 10
    while LINE not in peer.log.read_bytes():
        assert time.monotonic() < deadline, peer.log.read_bytes()
        time.sleep(0.01)
    peer.process.stdin.write(LINE[::-1] + b"\n")
    peer.process.stdin.flush()
    assert host.read_exactly(len(LINE) + 1) == LINE[::-1] + b"\n"


@pytest.mark.parametrize(("version", "option"), [(0, "-dtls1"), (1, "-dtls1_2"), (2, "-dtls")])
def test_openssl_with_dtls(trusting, ca, tmp_path, version, option):
    options = (option, "-cipher", "ALL:@SECLEVEL=0")
    with openssl_s_server(tmp_path, ca.server(HOST), *options) as peer:
        trusting.configure(dtls=1, dtlsversion=version)
        assert trusting.open(HOST, peer.port) == 0, trusting.trace.getvalue()
        talk_both_ways(trusting, peer)


def test_openssl_with_dtls_and_a_pre_shared_key(live, tmp_path):
    options = ("-dtls1_2", "-cipher", "PSK:@SECLEVEL=0", "-psk", "1a2b3c4d")
    with openssl_s_server(tmp_path, None, *options) as peer:
        live.upload("1_server.psk", b"Client_identity&1a2b3c4d")
        live.configure(dtls=1, ciphersuite="0XC0A8")
        assert live.open("127.0.0.1", peer.port) == 0, live.trace.getvalue()
        talk_both_ways(live, peer)


def test_a_lost_dtls_flight_is_sent_again(trusting, ca, tmp_path):
    options = ("-dtls1_2", "-cipher", "ALL:@SECLEVEL=0")
    with (
        openssl_s_server(tmp_path, ca.server(HOST), *options) as peer,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as between,
    ):
        between.bind(("127.0.0.1", 0))
        lost = []

        def forward() -> None:
            client = None
            while True:
                try:
                    data, sender = between.recvfrom(65536)
                except OSError:
                    return
                if sender[1] == peer.port:
                    between.sendto(data, client)
                elif not lost:
                    lost.append(data)
                else:
                    client = sender
                    between.sendto(data, ("127.0.0.1", peer.port))

        threading.Thread(target=forward, daemon=True).start()
        trusting.configure(dtls=1, dtlsversion=1)
        assert trusting.open(HOST, between.getsockname()[1]) == 0, trusting.trace.getvalue()
        assert lost


def test_mosquitto_accepts_an_mqtt_client_with_a_certificate(trusting, ca, tmp_path):
    connect = bytes.fromhex("101100044d5154540402003c0005") + b"bg95x"
    with mosquitto(tmp_path, ca.server(HOST), client_ca=ca) as peer:
        assert trusting.open(HOST, peer.port) == 0, trusting.trace.getvalue()
        trusting.send(connect)
        assert trusting.read_exactly(4) == bytes.fromhex("20020000")  # CONNACK, accepted


def test_nginx_serves_a_file_to_a_client_with_a_certificate(trusting, ca, tmp_path):
    content = bytes(range(256)) * 64
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "file.bin").write_bytes(content)
    with nginx(tmp_path, ca.server(HOST), tmp_path / "www", client_ca=ca) as peer:
        assert trusting.open(HOST, peer.port) == 0, trusting.trace.getvalue()
        trusting.send(f"GET /file.bin HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += trusting.read_exactly(1)
        assert b" 200 OK" in answer
        assert trusting.read_exactly(len(content)) == content


def test_a_connection_starts_from_the_local_port_that_is_asked_for(live):
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_server(("127.0.0.1", 0)) as probe,
    ):
        wanted, port = probe.getsockname()[1], server.getsockname()[1]
        probe.close()  # free from now on, and nobody else is told
        for _ in range(2):  # a device does not wait for TIME_WAIT
            live.command(f'AT+QIOPEN=1,4,"TCP","127.0.0.1",{port},{wanted},0', b"+QIOPEN: 4,0\r\n")
            client, (_address, its_port) = server.accept()
            assert its_port == wanted
            assert live.command("AT+QISTATE=1,4").split(b",")[4] == b"%d" % wanted
            live.command("AT+QICLOSE=4")
            client.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        port = server.getsockname()[1]
        live.command(f'AT+QIOPEN=1,4,"UDP","127.0.0.1",{port},{wanted},0', b"+QIOPEN: 4,0\r\n")
        live.command('AT+QISENDEX=4,"6869"', b"SEND OK\r\n")
        assert server.recvfrom(10) == (b"hi", ("127.0.0.1", wanted))


def test_a_client_of_this_machine_reaches_a_listener(live):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]  # free a moment ago, and nobody else is told
    live.command(f'AT+QIOPEN=1,3,"TCP LISTENER","127.0.0.1",0,{port},0', b"+QIOPEN: 3,0\r\n")
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        live.wait_for(b'+QIURC: "incoming",11,3,"127.0.0.1",%d\r\n' % client.getsockname()[1])
        client.sendall(b"hello")
        live.wait_for(b'+QIURC: "recv",11\r\n')
        assert live.command("AT+QIRD=11") == b"\r\n+QIRD: 5\r\nhello\r\n\r\nOK\r\n"
        live.command('AT+QISENDEX=11,"776f726c64",1', b"SEND OK\r\n")
        assert client.recv(5, socket.MSG_WAITALL) == b"world"
    live.wait_for(b'+QIURC: "closed",11\r\n')
