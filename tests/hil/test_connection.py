"""TLS connections on whatever board and module there is."""

import pytest

from bg95_host.demo import payload
from bg95_host.testbed.pki import Authority
from bg95_host.testbed.servers import TlsServer

MODES = ("BUFFER", "DIRECT_PUSH", "TRANSPARENT")
PACKET = 1024  # transparent mode: the module keeps a shorter one for 200 ms (at-commands.md 2.6.9)
FULL = 3  # packets
SIZE = FULL * PACKET + 428  # more than one send and one read; less than a UART's receive buffer

ECHO = """
import io
from time import ticks_diff, ticks_us
def echo(server, mode, source, packet):
    global spent  # microseconds for the full packets
    context = bg95.SSLContext(modem, 1)
    context.load_verify_locations(cafile=server[2])
    with context.connect(server[0], server[1], mode=mode) as s:
        s.settimeout(30)
        right = 0
        start = ticks_us()
        while piece := source.read(packet):  # what a socket holds while nobody reads: 1500
            s.write(piece)
            right += len(piece) if s.read(len(piece)) == piece else 0
            if len(piece) == packet:
                spent = ticks_diff(ticks_us(), start)
        return right
"""


def address(server):
    return (server.host, server.port, server.ca)


@pytest.mark.parametrize("mode", MODES)
def test_every_byte_comes_back_right(modem, tls_server, mode, record_property):
    data = payload.make(SIZE)
    modem.write_file("payload.bin", data)
    modem.run(ECHO)
    modem.run("source = open('payload.bin', 'rb')")  # a whole copy would not fit on every board
    right = modem.value(f"echo({address(tls_server)!r}, bg95.{mode}, source, {PACKET})")
    modem.run("source.close()")
    assert right == SIZE
    record_property("goodput of an echo, B/s each way", FULL * PACKET / modem.value("spent") * 1e6)


def test_a_closed_connection_can_be_opened_again_and_again(modem, tls_server):
    modem.run(ECHO)
    for number in range(3):
        data = b"hello %d" % number
        source = f"io.BytesIO({data!r})"
        right = modem.value(f"echo({address(tls_server)!r}, bg95.BUFFER, {source}, {PACKET})")
        assert right == len(data)


def test_two_connections_do_not_mix_their_bytes(modem, tls_server):
    modem.run(f"""
context = bg95.SSLContext(modem, 1)
context.load_verify_locations(cafile={tls_server.ca!r})
one = context.connect({tls_server.host!r}, {tls_server.port})
two = context.connect({tls_server.host!r}, {tls_server.port})
one.write(b"1" * 50); two.write(b"2" * 50)
""")
    assert modem.value("(two.read(50).decode(), one.read(50).decode())") == ["2" * 50, "1" * 50]
    modem.run("one.close(); two.close()")


def test_a_connection_changes_its_mode_while_it_is_open(modem, tls_server):
    modem.run(f"""
context = bg95.SSLContext(modem, 1)
context.load_verify_locations(cafile={tls_server.ca!r})
back = []
with context.connect({tls_server.host!r}, {tls_server.port}) as s:
    for mode in (bg95.TRANSPARENT, bg95.BUFFER, bg95.DIRECT_PUSH, bg95.TRANSPARENT):
        s.mode = mode
        s.write(b"mode %d" % mode)
        back.append(s.read(6).decode())
""")
    assert modem.value("back") == ["mode 2", "mode 0", "mode 1", "mode 2"]


REFUSED = """
def refused(host, port, ca):
    context = bg95.SSLContext(modem, 2)
    context.load_verify_locations(cafile=ca)
    try:
        context.connect(host, port).close()
    except bg95.ModemError as e:
        return e.code
"""


@pytest.mark.needs("local-server")
@pytest.mark.parametrize("impostor", ["wrong name", "expired", "unknown CA"])
def test_an_impostor_is_refused(modem, tls_server, lab, impostor):
    credential = {
        "wrong name": lambda: lab.authority.server("other.bg95.test"),
        "expired": lambda: lab.authority.expired_server(tls_server.host),
        "unknown CA": lambda: Authority().server(tls_server.host),
    }[impostor]()
    with TlsServer(credential) as server:
        modem.run(REFUSED)
        code = modem.value(f"refused({tls_server.host!r}, {server.port}, {tls_server.ca!r})")
    assert code == 566  # at-commands.md 1.6.2: what modules say of every failed handshake
    assert server.counters.received == 0


def test_a_server_of_an_unknown_ca_is_refused(modem, tls_server):
    modem.run(REFUSED)
    modem.run(f"modem.files.upload('other.pem', {Authority().cert_pem!r})")
    code = modem.value(f"refused({tls_server.host!r}, {tls_server.port}, 'other.pem')")
    assert code == 566


def test_a_server_that_is_called_by_another_name_is_refused(modem, tls_server):
    if not tls_server.address:
        pytest.skip(f"{tls_server.host} has no other name that this PC knows")
    modem.run(REFUSED)
    code = modem.value(f"refused({tls_server.address!r}, {tls_server.port}, {tls_server.ca!r})")
    assert code == 566


def test_without_a_ca_nothing_is_opened(modem, tls_server):
    modem.run("context = bg95.SSLContext(modem, 3)")
    refused = modem.run(f"""
try:
    context.connect({tls_server.host!r}, {tls_server.port})
    print("opened")
except bg95.ConnectError as e:
    print(e)
""")
    assert "load_verify_locations" in refused
