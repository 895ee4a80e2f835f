"""Clients written from the AT manual, against other people's servers through the simulated module."""

from __future__ import annotations

import json
import re
import socket

import pytest
from peers.https_server import HttpsServer, body

from bg95_host.module_sim import SimOptions
from bg95_host.testbed.peers import mosquitto, nginx
from bg95_host.testbed.pki import Authority

from .at_client import AtClient
from .world import HOST

EVERY_BYTE = bytes(range(256)) * 16


@pytest.fixture(scope="module")
def ca() -> Authority:
    return Authority()


@pytest.fixture
def client(server):
    """A client whose module has just been switched on, and has found its network."""
    uart, its = socket.socketpair()
    options = SimOptions(pace=False, resolve={HOST: "127.0.0.1"})
    module = server.add_module(options, fd=its.fileno())
    its.close()
    host = AtClient(uart)
    host.write(b"ATE0\r")
    host.through(rb"OK\r\n")
    host.send("AT+CMEE=1")
    yield host
    assert module.counters.get("internal_errors", 0) == 0
    server.remove_module(module)
    uart.close()


def connected(client: AtClient) -> None:
    """SIM, registration, PDP context (TCP/IP note, 1.2)."""
    assert client.send("AT+CPIN?") == ["+CPIN: READY"]
    assert client.send("AT+CEREG?")[0].split(",")[1] in "15"
    client.send('AT+QICSGP=1,1,"internet","","",0')
    client.send("AT+QIACT=1")


# -- UDP service -----------------------------------------------------------------------------------


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def peers():
    """Two programs of this machine, each with a UDP port."""
    both = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for peer in both:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(20)
    yield both
    for peer in both:
        peer.close()


def datagram(client: AtClient) -> tuple[bytes, int] | None:
    """The oldest datagram, and the port it came from."""
    client.write(b"AT+QIRD=4\r")
    head = client.through(rb'\r\n\+QIRD: (\d+)(?:,"127\.0\.0\.1",(\d+))?\r\n')
    data = client.exactly(int(head[1]))
    assert client.line() == b"OK"
    return (data, int(head[2])) if data else None


def test_udp_service(client, peers):
    connected(client)
    port = free_udp_port()
    client.send(f'AT+QIOPEN=1,4,"UDP SERVICE","127.0.0.1",0,{port},0')
    assert client.urc("+QIOPEN: 4,") == "0"
    state = client.send("AT+QISTATE=1,4")[0].split(",")
    assert state[1:2] + state[3:6] == ['"UDP SERVICE"', "0", str(port), "2"]
    large = EVERY_BYTE[:1460]
    for peer, data in zip(peers, (large, b"\r\nOK\r\n"), strict=True):
        peer.sendto(data, ("127.0.0.1", port))
        if peer is peers[0]:
            assert client.urc('+QIURC: "recv",4') == ""
    waiting = []
    while len(waiting) < 2:
        waiting += filter(None, [datagram(client)])
    sent = [(large, peers[0].getsockname()[1]), (b"\r\nOK\r\n", peers[1].getsockname()[1])]
    assert waiting == sent
    assert datagram(client) is None
    for data, number in waiting:
        line = f'AT+QISEND=4,{len(data)},"127.0.0.1",{number}'
        client.data(line, data[::-1], b"> ", final=b"SEND OK")
    for peer, (data, _number) in zip(peers, sent, strict=True):
        assert peer.recvfrom(2000) == (data[::-1], ("127.0.0.1", port))
    client.send("AT+QICLOSE=4")
    client.send(f'AT+QIOPEN=1,4,"UDP SERVICE","127.0.0.1",0,{port},1')
    assert client.urc("+QIOPEN: 4,") == "0"
    peers[0].sendto(b"a\r\nb", ("127.0.0.1", port))
    client.through(rb'\r\n\+QIURC: "recv",4,4,"127\.0\.0\.1",%d\r\n' % sent[0][1])
    assert client.exactly(4) == b"a\r\nb"


# -- HTTPS -----------------------------------------------------------------------------------------

LARGE = 100 * 1024


@pytest.fixture(scope="module")
def web(ca, tmp_path_factory):
    with HttpsServer(ca.server(HOST), tmp_path_factory.mktemp("https")) as running:
        yield running


class Web:
    """An HTTPS client: AT+QHTTP… over SSL context 3, redirections followed by the host."""

    def __init__(self, client: AtClient) -> None:
        self.client = client
        for setting in ('"contextid",1', '"responseheader",1', '"sslctxid",3'):
            client.send(f"AT+QHTTPCFG={setting}")

    def get(self, url: str) -> tuple[int, bytes]:
        self._go_to(url)
        self.client.send("AT+QHTTPGET=60")
        return self._result(self.client.urc("+QHTTPGET: "))

    def post(self, url: str, data: bytes) -> tuple[int, bytes]:
        self._go_to(url)
        self.client.data(f"AT+QHTTPPOST={len(data)},60,60", data, rb"CONNECT\r\n")
        return self._result(self.client.urc("+QHTTPPOST: "))

    def _go_to(self, url: str) -> None:
        self.client.data(f"AT+QHTTPURL={len(url)},60", url.encode(), rb"CONNECT\r\n")

    def _result(self, report: str) -> tuple[int, bytes]:
        """Status and body, or those of where the server sends us."""
        error, status, *length = map(int, report.split(","))
        assert error == 0
        self.client.write(b"AT+QHTTPREAD=60\r")
        self.client.through(rb"\r\nCONNECT\r\n")
        head = self.client.through(rb"^HTTP/1\.1 %d (?s:.*?)\r\n\r\n" % status)[0]
        end = rb"\r\nOK\r\n\r\n\+QHTTPREAD: 0\r\n"
        if length:
            content = self.client.exactly(length[0])
            self.client.through(b"^" + end)
        else:
            content = self.client.through(rb"(?s)(.*?)" + end)[1]
        if 300 <= status < 400:
            return self.get(re.search(rb"(?i)\r\nlocation: (\S+)", head)[1].decode())
        return status, content


@pytest.fixture
def browser(client, ca) -> Web:
    connected(client)
    client.trust(3, ca.cert_pem)
    return Web(client)


def test_https_get_with_a_large_body(browser, web):
    base = f"https://{HOST}:{web.port}"
    for size in (LARGE, 0, 5):
        assert browser.get(f"{base}/bytes/{size}") == (200, body(size))
    assert browser.get(f"{base}/chunked") == (200, b"one,two,three")
    assert browser.get(f"{base}/nothing") == (204, b"")
    assert browser.get(f"{base}/no/such/page")[0] == 404
    assert browser.client.send("AT+QHTTPURL?") == [f"+QHTTPURL: {base}/no/such/page"]


def test_https_post_with_a_large_body(browser, web):
    text = "".join(f"{number:7}\r\n" for number in range(LARGE // 9 + 1))
    browser.client.send('AT+QHTTPCFG="contenttype",1')
    status, answer = browser.post(f"https://{HOST}:{web.port}/echo", text.encode())
    assert len(text) >= LARGE
    assert (status, json.loads(answer)) == (
        200,
        {"method": "POST", "said": text, "type": "text/plain"},
    )


def test_https_redirections(browser, web):
    base = f"HTTPS://{HOST}:{web.port}"
    assert browser.get(f"{base}/redirect") == (200, body(5))
    assert browser.post(f"{base}/redirect", b"value=1") == (200, body(5))


def test_https_with_the_hosts_own_header(browser, web):
    browser.client.send('AT+QHTTPCFG="requestheader",1')
    browser._go_to(f"https://{HOST}:{web.port}/")
    said = b"hello"
    head = f"PUT /echo HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: text/x\r\n"
    request = f"{head}Content-Length: {len(said)}\r\n\r\n".encode() + said
    browser.client.data(f"AT+QHTTPPOST={len(request)}", request, rb"CONNECT\r\n")
    status, answer = browser._result(browser.client.urc("+QHTTPPOST: "))
    assert (status, json.loads(answer)) == (
        200,
        {"method": "PUT", "said": "hello", "type": "text/x"},
    )
    request = f"GET /bytes/7 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    browser.client.data(f"AT+QHTTPGET=60,{len(request)}", request, rb"CONNECT\r\n")
    assert browser._result(browser.client.urc("+QHTTPGET: ")) == (200, body(7))


def test_https_between_files(browser, web):
    client = browser.client
    client.send('AT+QHTTPCFG="responseheader",0')
    browser._go_to(f"https://{HOST}:{web.port}/bytes/{LARGE}")
    client.send("AT+QHTTPGET")
    assert client.urc("+QHTTPGET: ") == f"0,200,{LARGE}"
    client.send('AT+QHTTPREADFILE="large.bin",10')
    assert client.urc("+QHTTPREADFILE: ") == "0"
    assert client.send('AT+QFLST="large.bin"') == [f'+QFLST: "large.bin",{LARGE}']
    client.upload("said.txt", b"from a file")
    browser._go_to(f"https://{HOST}:{web.port}/echo")
    client.send('AT+QHTTPPOSTFILE="said.txt"')
    assert client.urc("+QHTTPPOSTFILE: ").startswith("0,200,")
    client.write(b"AT+QHTTPREAD\r")
    answer = client.through(rb"\r\nCONNECT\r\n(.*)\r\nOK\r\n\r\n\+QHTTPREAD: 0\r\n")[1]
    assert json.loads(answer)["said"] == "from a file"


def test_https_with_a_client_certificate(client, ca, tmp_path):
    content = EVERY_BYTE * 25
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "file.bin").write_bytes(content)
    me = ca.client()
    with nginx(tmp_path, ca.server(HOST), tmp_path / "www", client_ca=ca) as peer:
        connected(client)
        client.trust(3, ca.cert_pem, me.cert_pem, me.key_pem)
        browser = Web(client)
        assert browser.get(f"https://{HOST}:{peer.port}/file.bin") == (200, content)
        client.send('AT+QSSLCFG="seclevel",3,1')
        assert browser.get(f"https://{HOST}:{peer.port}/file.bin")[0] == 400


def test_https_errors(browser, web):
    client = browser.client
    assert client.refused("AT+QHTTPREAD") == "+CME ERROR: 705"
    assert client.refused("AT+QHTTPGET") == "+CME ERROR: 712"
    client.write(b"AT+QHTTPURL=9\r")
    client.through(rb"CONNECT\r\n")
    client.write(b"ftp://a/b")
    assert client.line() == b"+CME ERROR: 711"
    for url, error in (
        (f"https://127.0.0.1:{web.port}/", "716"),  # the certificate has another name
        (f"http://{HOST}:{web.port}/", "719"),  # no HTTP there
        ("http://no.such.name.invalid/", "714"),
    ):
        browser._go_to(url)
        client.send("AT+QHTTPGET")
        assert client.urc("+QHTTPGET: ") == error, url
    browser._go_to(f"https://{HOST}:{web.port}/never")
    client.send("AT+QHTTPGET=1")
    assert client.refused("AT+QHTTPGET") == "+CME ERROR: 703"
    assert client.urc("+QHTTPGET: ") == "702"


# -- MQTT over TLS ---------------------------------------------------------------------------------


Message = tuple[int, str, bytes]  # ID, topic, payload


def news(client: AtClient) -> str | Message:
    """The next URC of MQTT: a message (printed with its length), or the line."""
    line = rb"\+QMT(?!RECV)[^\r]*\r\n"
    found = client.through(rb'\r\n(?:(%s)|\+QMTRECV: \d,(\d+),"([^"]*)",(\d+),")' % line)
    if found[1]:
        return found[1].decode().strip()
    payload = client.exactly(int(found[4]))
    assert client.exactly(3) == b'"\r\n'
    return int(found[2]), found[3].decode(), payload


def delivered(client: AtClient, message_id: int) -> Message:
    """What the other client gets once this message is published, in either order."""
    first, second = news(client), news(client)
    said, message = (first, second) if isinstance(first, str) else (second, first)
    assert said == f"+QMTPUB: 0,{message_id},0"
    return message


def on_broker(client: AtClient, index: int, port: int, *settings: str) -> None:
    """Open and connect one MQTT client over SSL context 2."""
    for setting in (f'"ssl",{index},1,2', f'"recv/mode",{index},0,1', *settings):
        client.send(f"AT+QMTCFG={setting}")
    client.send(f'AT+QMTOPEN={index},"{HOST}",{port}')
    assert client.urc(f"+QMTOPEN: {index},") == "0"
    client.send(f'AT+QMTCONN={index},"bg95-{index}"')
    assert client.urc(f"+QMTCONN: {index},") == "0,0"


@pytest.mark.parametrize("version", [3, 4])
def test_mqtt_over_tls_with_client_certificates(client, ca, tmp_path, version):
    me = ca.client()
    with mosquitto(tmp_path, ca.server(HOST), client_ca=ca) as broker:
        connected(client)
        client.trust(2, ca.cert_pem, me.cert_pem, me.key_pem)
        on_broker(
            client,
            0,
            broker.port,
            f'"version",0,{version}',
            '"will",0,1,1,0,"bg95/gone","lost, not ended"',
        )
        on_broker(client, 1, broker.port, f'"version",1,{version}')
        opened = [f'+QMTOPEN: {index},"{HOST}",{broker.port}' for index in (0, 1)]
        assert client.send("AT+QMTOPEN?") == opened
        assert client.send("AT+QMTCONN?") == ["+QMTCONN: 0,3", "+QMTCONN: 1,3"]

        client.send('AT+QMTSUB=1,11,"bg95/gone",1,"bg95/#",2')
        assert client.urc("+QMTSUB: 1,11,") == "0,1,2"
        for number, qos in enumerate((0, 1, 2, 2), 1):
            message_id, topic = number if qos else 0, f"bg95/qos{qos}"
            line = f'AT+QMTPUB=0,{message_id},{qos},0,"{topic}",{len(EVERY_BYTE)}'
            client.data(line, EVERY_BYTE, b"> ")
            its_id, *rest = delivered(client, message_id)
            assert (bool(its_id), rest) == (bool(qos), [topic, EVERY_BYTE])

        client.data('AT+QMTPUB=0,0,0,0,"bg95/text"', b"until Ctrl-Z\x1a", b"> ")
        assert delivered(client, 0) == (0, "bg95/text", b"until Ctrl-Z")
        client.data('AT+QMTPUB=0,0,0,0,"bg95/text"', b"until ESC\x1b", b"> ")  # is not sent
        client.send('AT+QMTPUBEX=0,0,0,0,"bg95/line","within the line"')
        assert delivered(client, 0) == (0, "bg95/line", b"within the line")

        client.send('AT+QMTUNS=1,12,"bg95/#"')
        assert client.urc("+QMTUNS: 1,12,") == "0"
        client.send("AT+QMTCLOSE=0")  # without DISCONNECT: the broker publishes the will
        assert client.urc("+QMTCLOSE: 0,") == "0"
        assert news(client)[1:] == ("bg95/gone", b"lost, not ended")
        client.send("AT+QMTDISC=1")
        assert client.urc("+QMTDISC: 1,") == "0"
        assert client.send("AT+QMTCONN?") == []


def test_mqtt_without_the_certificate_that_the_broker_asks_for(client, ca, tmp_path):
    with mosquitto(tmp_path, ca.server(HOST), client_ca=ca) as broker:
        connected(client)
        client.trust(2, ca.cert_pem)
        client.send('AT+QMTCFG="ssl",0,1,2')
        client.send(f'AT+QMTOPEN=0,"{HOST}",{broker.port}')
        assert client.urc("+QMTOPEN: 0,") == "-1"


def test_mqtt_messages_kept_in_the_module(client, ca, tmp_path):
    with mosquitto(tmp_path, ca.server(HOST)) as broker:
        connected(client)
        client.trust(2, ca.cert_pem)
        on_broker(client, 0, broker.port)
        client.send('AT+QMTCFG="recv/mode",0,1,1')
        client.send('AT+QMTSUB=0,1,"bg95/kept",0')
        assert client.urc("+QMTSUB: 0,1,") == "0,0"
        for number in range(3):
            client.data(
                f'AT+QMTPUB=0,0,0,0,"bg95/kept",{2 + number}', b"\r\n" + b"x" * number, b"> "
            )
            assert client.urc("+QMTRECV: 0,") == str(number)
        assert client.send("AT+QMTRECV?") == ["+QMTRECV: 0,1,1,1,0,0"]
        client.write(b"AT+QMTRECV=0,2\r")
        assert news(client) == (0, "bg95/kept", b"\r\nxx")
        assert client.line() == b"OK"
        client.write(b"AT+QMTRECV=0\r")
        client.through(rb"\+QMTRECV: 0,0,\"bg95/kept\",2,\"\r\n\"\r\n")
        client.through(rb"^\+QMTRECV: 0,0,\"bg95/kept\",3,\"\r\nx\"\r\n")
        assert client.line() == b"OK"
        assert client.send("AT+QMTRECV=0") == []
        broker.process.kill()
        assert client.urc("+QMTSTAT: 0,") == "1"
