"""Fixtures of the simulator's tests in real time."""

import io
from collections.abc import Iterator

import pytest

from bg95_host.module_sim import SimOptions, SimServer
from bg95_host.testbed.peers import PeerMissing

from .live import LiveHost
from .world import HOST


@pytest.fixture(scope="module")
def server() -> Iterator[SimServer]:
    """A simulator without modules."""
    with SimServer() as running:
        yield running


@pytest.fixture
def live(server) -> Iterator[LiveHost]:
    """A host on a fresh module: echo off, PDP context active, its trace in `live.trace`."""
    trace = io.StringIO()
    host = LiveHost(server, SimOptions(pace=False, resolve={HOST: "127.0.0.1"}, trace=trace))
    host.trace = trace
    host.command("ATE0")
    host.command("AT+QIACT=1")
    yield host
    assert host.module.counters.get("internal_errors", 0) == 0
    host.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """A peer that is not installed skips the test, with what to install."""
    try:
        return (yield)
    except PeerMissing as missing:
        pytest.skip(str(missing))
