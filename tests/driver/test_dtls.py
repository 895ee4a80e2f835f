"""DTLS and pre-shared keys: against a server in memory, and against `openssl s_server`."""

import shutil
import time

import pytest
import world as w

import bg95
from bg95_host.module_sim import SimOptions
from bg95_host.testbed import peers

IDENTITY, KEY = "Client_identity", "1a2b3c4d"


def test_one_write_is_one_datagram_both_ways(authority):
    world = w.World(traits={"datagrams": True})
    world.serve(5684, authority.server(w.HOST), dtls=True)
    context = world.up(authority)
    context.dtls = True
    sock = context.connect(w.HOST, 5684)
    sock.write(b"first")
    sock.write(b"the second one")
    assert sock.recv(100) == b"first"
    assert sock.recv(6) == b"the se"  # what does not fit of a datagram is gone
    sock.write(b"third")
    assert sock.recv(100) == b"third"
    with pytest.raises(bg95.ModemError, match="1460"):
        sock.write(bytes(1461))


def test_pushed_datagrams_keep_their_boundaries(authority):
    world = w.World()
    world.serve(5684, authority.server(w.HOST), dtls=True)
    context = world.up(authority)
    context.dtls = True
    sock = context.connect(w.HOST, 5684, mode=bg95.DIRECT_PUSH)
    for size in (1, 700, 300):
        sock.write(bytes([size % 251]) * size)
    world.sleep(1)
    assert [len(sock.recv(1500)) for _ in range(3)] == [1, 700, 300]


@pytest.mark.parametrize("key", [KEY, bytes.fromhex(KEY)], ids=["hex", "bytes"])
def test_the_psk_goes_to_its_file_and_nowhere_else(authority, key):
    world = w.World()
    log = []
    modem = world.modem
    modem.trace(type("Log", (), {"write": lambda self, text: log.append(text)})())
    context = world.up(authority)
    context.psk = (IDENTITY, key)
    with pytest.raises(bg95.ConnectError) as refused:
        context.connect(w.HOST, 1)
    assert ("0_server.psk" if context.ssl_ctx_id == 0 else "1_server.psk", 24) in modem.files.list()
    everything = "".join(log) + str(refused.value) + repr(context)
    assert KEY not in everything


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
@pytest.mark.parametrize("dtls_version", [0, 1])
def test_dtls_psk_against_openssl(tmp_path, flash, driver_on_pc, dtls_version):
    """SSL 3.6, with a server that others wrote."""
    options = ["-dtls1_2" if dtls_version else "-dtls1", "-psk", KEY, "-psk_identity", IDENTITY]
    options += ["-cipher", "PSK:@SECLEVEL=0"]
    with peers.openssl_s_server(tmp_path, None, *options) as server:
        modem = driver_on_pc(SimOptions(files=flash, pace=False))
        modem.active(True)
        modem.connect("iot")
        context = bg95.SSLContext(modem, 0)
        context.dtls = True
        context.dtls_version = dtls_version
        context.psk = (IDENTITY, KEY)
        sock = context.connect("127.0.0.1", server.port, timeout_ms=20000)
        sock.settimeout(20)
        sock.write(b"to the server\n")
        deadline = time.monotonic() + 20
        while b"to the server" not in server.log.read_bytes():
            assert time.monotonic() < deadline, server.log.read_text()
            modem.poll()
        server.process.stdin.write(b"to the driver\n")  # s_server sends what is typed
        server.process.stdin.flush()
        assert sock.recv(100) == b"to the driver\n"
        sock.close()
