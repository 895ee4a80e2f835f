"""Hosts that end a command in CR LF: the LF is the line's, and never the first byte of what follows (spec 0.3)."""

import pytest

from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.manual import Peer

from .world import ADDRESS, attached, open_socket

PORT = 8000

# What a host sends after the LF; a payload may begin with an LF of its own.
PAYLOADS = [b"hello", b"\nhello", b"\r\nhello"]


class Taker(Peer):
    """A TCP server that keeps what it gets."""

    def __init__(self):
        self.taken = b""

    def received(self, link, data):
        self.taken += data


class CrLf:
    """A host whose lines end in CR LF: in one go, or with a gap before the LF."""

    def __init__(self, gap_s: float, **options):
        self.host = attached(SimOptions(**options))
        self.server = self.host.net.peers[ADDRESS, PORT] = Taker()
        self._gap_s = gap_s

    def command(self, line: bytes, end: bytes = b"OK\r\n") -> bytes:
        if self._gap_s:
            self.host.write(line + b"\r")
            self.host.run_quietly(self._gap_s)
            self.host.write(b"\n")
        else:
            self.host.write(line + b"\r\n")
        return self.host.wait_for(end)

    def data(self, data: bytes, end: bytes = b"OK\r\n") -> bytes:
        self.host.write(data)
        return self.host.wait_for(end)


@pytest.fixture(params=["paced", "unpaced", "gap", "no latency"])
def crlf(request):
    return CrLf(
        0.001 if request.param == "gap" else 0.0,
        pace=request.param != "unpaced",
        traits={"command_latency_s": 0.0} if request.param == "no latency" else {},
    )


def opened(crlf, mode: int, end: bytes) -> CrLf:
    crlf.command(b"AT+QIACT=1")
    crlf.command(b'AT+QIOPEN=1,1,"TCP","%s",%d,0,%d' % (ADDRESS.encode(), PORT, mode), end)
    return crlf


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_send_of_a_given_length(crlf, payload):
    opened(crlf, 0, b"+QIOPEN: 1,0\r\n")
    crlf.command(b"AT+QISEND=1,%d" % len(payload), b"> ")
    crlf.data(payload, b"SEND OK\r\n")
    crlf.host.run(1)
    assert crlf.server.taken == payload


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_send_that_ctrl_z_ends(crlf, payload):
    open_socket(crlf.host)
    crlf.command(b"AT+QSSLSEND=0", b"> ")
    crlf.data(payload + b"\x1a", b"SEND OK\r\n")
    crlf.host.run(1)
    assert crlf.host.net.peers[ADDRESS, 8883].plaintext == payload


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_file(crlf, payload):
    crlf.command(b'AT+QFUPL="a",%d' % len(payload), b"CONNECT\r\n")
    crlf.data(payload)
    crlf.command(b'AT+QFOPEN="b",0')
    crlf.command(b"AT+QFWRITE=1,%d" % len(payload), b"CONNECT\r\n")
    crlf.data(payload)
    crlf.command(b"AT+QFCLOSE=1")
    for name in ("a", "b"):
        assert crlf.host.module.flash.get(name) == payload


@pytest.mark.parametrize("payload", PAYLOADS)
def test_transparent_mode(crlf, payload):
    opened(crlf, 2, b"CONNECT\r\n")
    crlf.host.write(payload)
    crlf.host.run(2)
    assert crlf.server.taken == payload
    crlf.data(b"+++", b"OK\r\n")
    crlf.command(b"ATO", b"CONNECT\r\n")
    crlf.host.write(payload)
    crlf.host.run(2)
    assert crlf.server.taken == 2 * payload


def test_lines_before_and_after_data(crlf):
    assert crlf.command(b"AT") == b"\r\nOK\r\n"
    crlf.command(b'AT+QFUPL="a",5', b"CONNECT\r\n")
    crlf.data(b"hello\r\n")  # a println() of the data: an empty line follows it
    assert crlf.command(b"AT+CSQ").startswith(b"\r\n+CSQ")


def test_many_commands_sent_at_once_in_crlf():
    host = attached()
    host.write(b'AT+QFUPL="a",5\r\nhelloAT+CSQ\r\nAT+QFDEL="a"\r\n')
    host.run(1)
    assert host.module.flash.get("a") is None
    assert host.module.counters.get("unknown_commands", 0) == 0
