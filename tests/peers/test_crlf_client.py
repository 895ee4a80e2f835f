"""`bg95 sim` for hosts that are not our driver: lines that end in CR LF, and every byte where it belongs."""

import random
import socket
import subprocess
import sys
import threading

import pytest
from driver.conftest import authority  # noqa: F401
from peers.crlf_client import Connection, CrLfClient

from bg95_host.testbed.servers import TlsServer

HOST = "broker.test"
SEEDED = random.Random(11)
SENT = b"\n\r\n" + SEEDED.randbytes(19_997)
FETCHED = b"\nOK\r\n\r\n> " + SEEDED.randbytes(100_000)


@pytest.fixture(params=["pty", "tcp::0"])
def client(request):
    """A client on a `bg95 sim`, online."""
    bg95 = [sys.executable, "-c", "from bg95_host.cli import main; main()"]
    options = ["--listen", request.param, "--no-pace", "--resolve", f"{HOST}=127.0.0.1"]
    with subprocess.Popen([*bg95, "sim", *options], stdout=subprocess.PIPE, text=True) as sim:
        client = CrLfClient(sim.stdout.readline().removeprefix("listening on ").strip())
        client.begin("iot.apn")
        yield client
        client.close()
        sim.terminate()


class Exchange:
    """What a server does: it gives FETCHED, and takes as much as SENT."""

    def __init__(self):
        self.taken = bytearray()
        self.done = threading.Event()

    def __call__(self, peer):
        self.run(peer.send, peer.recv)

    def run(self, send, recv):
        send(FETCHED)
        while len(self.taken) < len(SENT) and (data := recv(4096)):
            self.taken += data
        self.done.set()
        while recv(4096):
            pass


def both_ways(connection: Connection, port: int, exchange: Exchange) -> None:
    connection.open(HOST, port)
    assert connection.read(len(FETCHED)) == FETCHED
    connection.write(SENT)
    assert exchange.done.wait(30)
    assert exchange.taken == SENT
    connection.close()


def test_tcp_is_byte_exact(client):
    exchange = Exchange()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            peer, _ = listener.accept()
            with peer:
                exchange.run(peer.sendall, peer.recv)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        both_ways(Connection(client, 3, tls=False), listener.getsockname()[1], exchange)
        thread.join(10)


def test_tls_is_byte_exact(client, authority):  # noqa: F811
    client.upload("cacert.pem", authority.cert_pem)
    for setting in ('"sslversion",1,3', '"ciphersuite",1,0XFFFF', '"seclevel",1,1'):
        client.send_at(f"+QSSLCFG={setting}")
    client.send_at('+QSSLCFG="cacert",1,"cacert.pem"')
    exchange = Exchange()
    with TlsServer(authority.server(HOST), exchange) as server:
        both_ways(Connection(client, 5, tls=True), server.port, exchange)


def test_a_file_is_byte_exact(client):
    client.upload("data", SENT)
    assert client.download("data") == SENT
    client.send_at('+QFDEL="data"')
