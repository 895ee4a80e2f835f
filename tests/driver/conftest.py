"""Fixtures: a simulated module, a TLS echo server, and the driver inside the MicroPython VM or on CPython."""

import sys
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
