"""`bg95 testbed`: each of its servers, seen from somebody else's client."""

import json
import queue
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from bg95_host.testbed import stand

NAME = "localhost"
PATIENCE_S = 10


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with stand.running(tmp_path_factory.mktemp("stand"), NAME) as running:
        yield running


@pytest.fixture
def trusting(running):
    return ssl.create_default_context(cafile=running.ca)


def test_the_echo_comes_back_and_a_client_certificate_may_be_shown(running, trusting):
    trusting.load_cert_chain(running.cert, running.key)
    with (
        socket.create_connection(("127.0.0.1", running.ports["echo"]), PATIENCE_S) as raw,
        trusting.wrap_socket(raw, server_hostname=NAME) as tls,
    ):
        tls.sendall(b"hello")
        assert tls.recv(5) == b"hello"


def dtls_client(running, context):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.connect(("127.0.0.1", running.ports["dtls"]))
        client = SSL.Connection(context, udp)
        client.set_connect_state()
        for datagram in (b"one", bytes(1000), b"three"):
            client.send(datagram)
            assert client.recv(2000) == datagram
        client.shutdown()


def psk_client(identity, key):
    context = SSL.Context(SSL.DTLS_CLIENT_METHOD)
    context.set_cipher_list(b"PSK-AES128-CBC-SHA256")

    @ffi.callback(
        "unsigned int (*)(SSL *, const char *, char *, unsigned int, unsigned char *, unsigned int)"
    )
    def give(_ssl, _hint, id_buffer, _id_longest, key_buffer, _key_longest):
        ffi.memmove(id_buffer, identity.encode() + b"\0", len(identity) + 1)
        ffi.memmove(key_buffer, key, len(key))
        return len(key)

    lib.SSL_CTX_set_psk_client_callback(context._context, give)
    context.set_app_data(give)
    return context


def test_datagrams_come_back_over_dtls_with_a_key_or_a_certificate(running):
    dtls_client(running, psk_client(running.psk_identity, bytes.fromhex(running.psk_key)))
    context = SSL.Context(SSL.DTLS_CLIENT_METHOD)
    context.load_verify_locations(str(running.ca))
    context.set_verify(SSL.VERIFY_PEER)
    dtls_client(running, context)


def test_another_key_and_rubbish_are_refused_and_the_next_client_is_served(running):
    with pytest.raises(SSL.Error):
        dtls_client(running, psk_client(running.psk_identity, bytes(16)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for datagram in (b"", b"\x16rubbish", bytes(3000)):
            udp.sendto(datagram, ("127.0.0.1", running.ports["dtls"]))
    dtls_client(running, psk_client(running.psk_identity, bytes.fromhex(running.psk_key)))


class Mqtt:
    """A client of paho's, and the messages that came to it."""

    def __init__(self, running, name="", will=None):
        self.messages, self._told = queue.Queue(), queue.Queue()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, name)
        self.client.tls_set(str(running.ca))
        if will:
            self.client.will_set(*will, qos=1)
        self.client.on_message = lambda *args: self.messages.put(args[-1])
        for event in ("connect", "subscribe", "unsubscribe", "publish"):
            setattr(self.client, f"on_{event}", lambda *_, event=event: self._told.put(event))
        self.client.connect(NAME, running.ports["mqtt"])
        self.client.loop_start()
        self.wait("connect")

    def wait(self, event):
        assert self._told.get(timeout=PATIENCE_S) == event

    def subscribe(self, topic, qos=0):
        self.client.subscribe(topic, qos)
        self.wait("subscribe")

    def publish(self, topic, payload, qos=1, retain=False):
        self.client.publish(topic, payload, qos, retain)
        self.wait("publish")

    def next(self):
        message = self.messages.get(timeout=PATIENCE_S)
        return message.topic, message.payload, message.qos, message.retain

    def leave(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_mqtt_messages_reach_those_who_asked_for_them(running, qos):
    one, two = Mqtt(running), Mqtt(running)
    one.subscribe("a/+/c", 1)
    two.subscribe("a/#")
    one.publish("a/b/c", bytes(range(256)) * 100, qos)
    one.publish("a/b", b"only two", qos)
    assert one.next() == ("a/b/c", bytes(range(256)) * 100, min(qos, 1), False)
    assert [two.next()[:2] for _ in range(2)] == [
        ("a/b/c", bytes(range(256)) * 100),
        ("a/b", b"only two"),
    ]
    one.client.unsubscribe("a/+/c")
    one.wait("unsubscribe")
    one.subscribe("end")
    two.publish("a/b/c", b"once more")
    two.publish("other", b"")
    two.publish("end", b"")
    assert one.next()[0] == "end"
    one.leave()
    two.leave()


def test_mqtt_keeps_what_is_retained_and_publishes_the_will_of_who_is_lost(running):
    watch = Mqtt(running)
    watch.publish("state", b"kept", retain=True)
    lost = Mqtt(running, "device", will=("state", b"lost"))
    watch.subscribe("state", 1)
    assert watch.next() == ("state", b"kept", 1, True)
    again = Mqtt(running, "device")  # the same name: the first one has to go
    assert watch.next()[:2] == ("state", b"lost")
    watch.publish("state", b"", retain=True)
    again.subscribe("state")
    watch.publish("state", b"end")
    assert again.next() == ("state", b"end", 0, False)
    for client in (lost, again, watch):
        client.leave()


@pytest.mark.parametrize(
    "said",
    [b"", b"GET / HTTP/1.1\r\n" + b"x" * 100, b"\x10\xff\xff\xff\xff\xff", b"\x10\x04\0\x09MQ"],
)
def test_what_is_no_mqtt_is_hung_up_on(running, trusting, said):
    with (
        socket.create_connection(("127.0.0.1", running.ports["mqtt"]), PATIENCE_S) as raw,
        trusting.wrap_socket(raw, server_hostname=NAME) as tls,
    ):
        tls.sendall(said)
        if said:
            assert tls.recv(100) == b""


def test_https_gives_and_takes(running, trusting):
    base = f"https://{NAME}:{running.ports['https']}"

    def fetch(path, data=None):
        with urllib.request.urlopen(base + path, data, PATIENCE_S, context=trusting) as answer:
            return answer.status, answer.read()

    assert fetch("/") == (200, b"Hello from the testbed.\n")
    assert fetch("/bytes/3000") == (200, bytes(at % 251 for at in range(3000)))
    assert fetch("/anywhere", b"posted") == (200, b"posted")
    for path in ("/nothing", "/bytes/9999999"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetch(path)


def start(*words):
    command = [str(Path(sys.executable).with_name("bg95")), "testbed", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process):
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    return out, err


def test_the_command_prints_all_that_a_client_needs_and_ends_by_ctrl_c(tmp_path):
    process = start("-o", tmp_path)
    shown = [process.stdout.readline() for _ in range(8)]
    assert end(process) == ("", "")
    text = "".join(shown)
    for needed in (
        "TLS",
        "DTLS",
        "MQTT",
        "HTTPS",
        f"{tmp_path}/cacert.pem",
        "PSK",
        "--resolve server.bg95.test=",
    ):
        assert needed in text
    assert (tmp_path / "client.key").stat().st_mode & 0o077 == 0


def test_public_is_warned_of_and_a_port_that_is_taken_is_no_obstacle(tmp_path):
    both = [
        start("-o", tmp_path / str(n), "--public", "--json", "--name", "a.test") for n in (1, 2)
    ]
    told = [json.loads(process.stdout.readline()) for process in both]
    assert [each["name"] for each in told] == ["a.test"] * 2
    for kind in stand.PORTS:
        assert told[0]["ports"][kind] != told[1]["ports"][kind]
    with pytest.raises(OSError), socket.create_server(("0.0.0.0", told[0]["ports"]["echo"])):
        pass
    for process in both:
        out, err = end(process)
        assert out == "" and err.startswith("bg95: warning: whoever reaches that machine can use")
