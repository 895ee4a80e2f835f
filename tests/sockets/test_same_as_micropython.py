"""One script, run over MicroPython's own TLS sockets and over the modem's: what it sees has to be the same."""

import re
import socket
import subprocess
from pathlib import Path

import pytest
from driver import vm

from bg95_host.module_sim import SimOptions
from bg95_host.rigs import unix_vm
from bg95_host.testbed.servers import TlsServer, reset_after, sink

HOST = "broker.test"
SCRIPT = Path(__file__).with_name("same_script.py").read_text()
SCENARIOS = re.findall(r"^(?:async )?def (\w+)\(\):", SCRIPT, re.M)
HEAP = "512k"  # the script is compiled in the VM

OVER_THE_MODEM = """
import bg95
modem, ctx = online(3)
bg95.install(modem, ctx)
HOST = "broker.test"
"""

OVER_THE_PC = """
import sys
HOST = "127.0.0.1"
PORT = int(sys.argv[1])
"""

# The module says "closed" for a reset, too (SSL 2.4.2): nobody behind it can tell it from an end of stream.
DIFFERENT = {"peer_reset: read ECONNRESET": "peer_reset: read b''"}


class Menu:
    """The server's side of the scenarios: does what the first line asks for."""

    def __init__(self):
        self.count = 0

    def __call__(self, peer):
        self._rest = b""
        what = self._line(peer)
        if what == b"echo":
            peer.send(self._rest)
            while data := peer.recv():
                peer.send(data)
        elif what == b"ten bytes, then the end":
            peer.send(b"0123456789")
        elif what == b"three lines, then the end":
            peer.send(b"first\nsecond\nthird, not ended")
        elif what == b"json, then the end":
            peer.send(b'{"temperature": [21, 22]} ')
        elif what == b"when told":
            while self._line(peer):
                peer.send(b"now")
        elif what == b"three bytes, then nothing":
            peer.send(b"abc")
            sink(peer)
        elif what == b"four bytes, then a reset":
            peer.send(b"abcd")
            reset_after(0)(peer)
        elif what == b"four bytes, then only a FIN":
            peer.send(b"abcd")
            peer.cut()
        elif what == b"tell how much came":
            self.count = len(self._rest)
            while data := peer.recv():
                self.count += len(data)
        elif what == b"how much?":
            peer.send(b"%d\n" % self.count)
        elif what == b"nothing":
            peer.server.release.wait()

    def _line(self, peer):
        line = self._rest
        while b"\n" not in line:
            data = peer.recv(64)
            if not data:
                return b""
            line += data
        line, _, self._rest = line.partition(b"\n")
        return line


@pytest.fixture(scope="module")
def server(authority):
    server = TlsServer(authority.server(HOST), Menu())
    # The least there is, so that a peer that does not read is noticed soon.
    server._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with server:
        yield server


@pytest.fixture(scope="module")
def own(server, tmp_path_factory):
    """What the script says over MicroPython's own sockets."""
    file = tmp_path_factory.mktemp("own") / "script.py"
    file.write_text(OVER_THE_PC + SCRIPT)
    done = subprocess.run(
        [*unix_vm.command(), "-X", f"heapsize={HEAP}", str(file), str(server.port)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done
    return facts(done.stdout)


@pytest.fixture(scope="module")
def over_the_modem(server, sim, authority, tmp_path_factory):
    """What it says over the modem."""
    files = tmp_path_factory.mktemp("flash")
    authority.write(files, "cacert.pem")
    options = SimOptions(files=files, pace=False, resolve={HOST: "127.0.0.1"})
    return facts(vm.run(OVER_THE_MODEM + SCRIPT, sim, options, server.port, heap=HEAP))


def facts(output):
    found = {}
    for line in output.splitlines():
        found.setdefault(line.partition(":")[0], []).append(line)
    return found


@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if s in SCRIPT.partition("play(\n")[2]])
def test_the_modems_sockets_behave_as_micropythons_own(scenario, own, over_the_modem):
    assert own[scenario], "the scenario said nothing"
    assert over_the_modem[scenario] == [DIFFERENT.get(fact, fact) for fact in own[scenario]]
