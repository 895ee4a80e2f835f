"""Clients written from the AT manual, against other people's servers through the simulated module."""

from __future__ import annotations

import socket

import pytest

from bg95_host.module_sim import SimOptions
from bg95_host.testbed.peers import mosquitto
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
