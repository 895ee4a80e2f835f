"""The examples of chapter 3 of the SSL note, as an application would write them, against the simulated module.

That the bytes on the wire are the note's is shown by test_reference_rows.py; here it is that they work together.
"""

import re

import pytest
import world as w

import bg95

TEXT = b"Test data from SSL"  # 18 bytes, as in the note


@pytest.fixture
def world(authority):
    world = w.World()
    world.serve(8010, authority.server(w.HOST))
    return world


def commands(world):
    """The AT command lines the driver has sent, payload left out."""
    return [
        line.decode()
        for line in re.findall(rb"AT\+QSSL(?:OPEN|SEND|RECV|CLOSE)[^\r]*", bytes(world.uart.sent))
    ]


def test_3_1_a_pdp_context_is_set_up_and_taken_down(world):
    modem = world.modem
    modem.active(True)
    modem.connect("CMNBIOT")
    assert b'AT+QICSGP=1,1,"CMNBIOT","","",0\r' in world.uart.sent
    assert modem.isconnected()
    assert re.fullmatch(r"\d+\.\d+\.\d+\.\d+", modem.ipconfig("addr4"))
    modem.disconnect()
    assert not modem.isconnected()


def test_3_2_an_ssl_context_is_configured_and_read_back(world, authority):
    context = world.up(authority)
    context.version = 1
    context.set_ciphers("TLS_RSA_WITH_AES_256_CBC_SHA")
    with pytest.raises(bg95.ConnectError):
        context.connect(w.HOST, 1)  # nobody listens there; the settings are sent all the same
    held = context.read_back()
    assert held["sslversion"] == 1
    assert held["ciphersuite"] == 0x0035
    assert held["seclevel"] == 1
    assert held["cacert"] == "cacert.pem"


def test_3_3_buffer_access_mode(world, authority):
    sock = world.up(authority).connect(w.HOST, 8010)
    state = world.modem.ssl_sockets()[0]
    assert (state.client_id, state.kind, state.port) == (0, "SSLClient", 8010)
    assert (state.state, state.access_mode, state.ssl_ctx_id) == (2, 0, 1)
    sock.send_text(TEXT)  # variable length, ended by Ctrl-Z
    assert sock.read(18) == TEXT
    sock.write(TEXT)  # fixed length
    assert sock.read(18) == TEXT
    assert sock.pending() == (36, 36, 0)
    sock.close()
    assert world.modem.ssl_sockets() == []
    sent = commands(world)
    assert sent[1] == "AT+QSSLSEND=0"
    assert "AT+QSSLSEND=0,18" in sent
    assert sent[-1] == "AT+QSSLCLOSE=0"


def test_3_4_direct_push_mode(world, authority):
    sock = world.up(authority).connect(w.HOST, 8010, mode=bg95.DIRECT_PUSH)
    assert world.modem.ssl_sockets()[0].access_mode == 1
    for _ in range(2):
        sock.write(TEXT)
        assert sock.read(18) == TEXT
    sock.close()
    assert not [line for line in commands(world) if line.startswith("AT+QSSLRECV")]


def test_3_5_transparent_mode(world, authority):
    sock = world.up(authority).connect(w.HOST, 8010, mode=bg95.TRANSPARENT)
    sock.write(TEXT)
    assert sock.read(18) == TEXT
    with pytest.raises(bg95.ModemError, match="transparent"):
        world.modem.command("AT+CSQ")
    sock.mode = bg95.BUFFER  # +++
    assert world.modem.ssl_sockets()[0].state == 2
    sock.mode = bg95.DIRECT_PUSH
    sock.mode = bg95.TRANSPARENT
    assert world.uart.sent.endswith(b"ATO\r")
    sock.write(TEXT)
    assert sock.read(18) == TEXT
    sock.close()
    assert world.modem.ssl_sockets() == []


def test_3_5_transparent_mode_that_the_server_ends(world, authority):
    server = world.serve(8011, authority.server(w.HOST))
    sock = world.up(authority).connect(w.HOST, 8011, mode=bg95.TRANSPARENT)
    sock.write(TEXT)
    assert sock.read(18) == TEXT
    server.say(b"bye")
    server.close()
    assert sock.read() == b"bye"  # the last data first, then the end
    sock.close()
    assert world.modem.command("AT") == []
