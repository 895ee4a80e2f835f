"""Fixtures: a simulated module, a TLS echo server, and the driver inside the MicroPython VM or on CPython."""

import contextlib
import socket
import sys
import time
import types
from pathlib import Path

import pytest

from bg95_host import compat
from bg95_host.module_sim import SimOptions, SimServer
from bg95_host.testbed.pki import Authority
from bg95_host.testbed.servers import TlsServer

compat.install()
sys.path.insert(0, str(Path(__file__).parent))

HOST = "broker.test"


@pytest.fixture(scope="session")
def sim():
    with SimServer() as server:
        yield server


@pytest.fixture(scope="session")
def authority():
    return Authority()


@pytest.fixture(scope="session")
def echo_server(authority):
    with TlsServer(authority.server(HOST)) as server:
        yield server


@pytest.fixture
def flash(tmp_path, authority):
    """A module's file system that holds the CA."""
    authority.write(tmp_path, "cacert.pem")
    return tmp_path


@pytest.fixture
def options(flash):
    """A module without pacing, so that tests need not wait for a baud rate."""
    return SimOptions(files=flash, pace=False, resolve={HOST: "127.0.0.1"})


class SocketUART:
    """machine.UART over one end of a socket pair."""

    def __init__(self, end):
        self._end = end
        self._unread = bytearray()
        end.setblocking(False)

    def any(self):
        with contextlib.suppress(BlockingIOError):
            self._unread += self._end.recv(4096)
        return len(self._unread)

    def readinto(self, buf, n):
        data = self._unread[:n]
        buf[: len(data)] = data
        del self._unread[: len(data)]
        return len(data)

    def write(self, buf, off, n):
        return self._end.send(bytes(memoryview(buf)[off : off + n]))


@pytest.fixture
def fake():
    """A modem on a module that says what a test tells it to (row_player.py), on a virtual clock: what no simulator
    would do. Has the attributes driver, modem, module, clock.
    """
    from row_player import Case, Clock, Module, Variation
    from virtual_time import driver_on

    clock = Clock()
    no_row = Case(id="", api="", form="", send=b"", answer=b"", event=b"", seen=())
    module = Module(clock, no_row, Variation())
    module.times = 0
    with driver_on(clock) as driver:
        modem = driver.Modem(module)
        modem.idle = module.idle
        modem.active(True)
        module.lines.clear()
        yield types.SimpleNamespace(driver=driver, modem=modem, module=module, clock=clock)


@pytest.fixture
def driver_on_pc(sim):
    """make(options) -> a Modem on CPython, in real time, wired to a simulated module that has real sockets."""
    import bg95

    with contextlib.ExitStack() as stack:

        def make(options):
            board, module = socket.socketpair()
            handle = sim.add_module(options, fd=module.fileno())
            stack.callback(board.close)
            stack.callback(module.close)
            stack.callback(sim.remove_module, handle)
            modem = bg95.Modem(SocketUART(board))
            modem.idle = lambda: time.sleep(0.001)
            return modem

        yield make
