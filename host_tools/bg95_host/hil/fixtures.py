"""What a HIL test asks for: `rig`, `board`, `modem`, `tls_server`, and features by `needs`.

    @pytest.mark.needs("pins")
    def test_something(modem, tls_server): ...

A rig without the feature skips with the reason. A broken rig fails the first test and skips the rest.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from bg95_host.errors import ToolError

if TYPE_CHECKING:
    from bg95_host.hil.lab import Lab
    from bg95_host.rigs import Rig

_MEANING = {"local-server": ": its module reaches no server on this PC, as the test's bad ones are"}


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """What outlives a test; tests use the fixtures below."""
    from bg95_host.hil.lab import Lab  # not by every pytest that has the plugin
    from bg95_host.hil.plugin import settings

    running = Lab(settings(request.config))
    yield running
    running.close()


@pytest.fixture
def rig(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """The rig, with the features that the test is marked with; records the AT line for the report."""
    request.node.user_properties.append(("rig", lab.settings.rig))
    if lab.broken:
        pytest.skip(f"the rig is broken: {lab.broken}")
    try:
        started = lab.rig()
    except ToolError as error:
        pytest.fail(f"the rig does not start: {error}", pytrace=False)
    for marker in request.node.iter_markers("needs"):
        for feature in set(marker.args) - started.features:
            why = _MEANING.get(feature, "")
            pytest.skip(f"rig {started.name} has no feature {feature}{why}")
    before = lab.trace_size()
    yield started
    if "timing" not in started.features:
        request.node.user_properties.append(("times", "this PC's, not those of hardware"))
    elif started.module is None:
        request.node.user_properties.append(
            ("times", "with each AT line told to this PC as it comes (modem.trace())")
        )
    request.node.user_properties.append(("at_trace", lab.trace_since(before)))


class Board:
    """The board, for a test: programs and expressions run there."""

    def __init__(self, lab: Lab):
        self._lab = lab

    def run(self, program: str) -> str:
        """Run a program; what it printed. A board's exception fails the test with its traceback."""
        return self._lab.execute(program)

    def value(self, expression: str) -> Any:
        """The value of an expression, which JSON must be able to carry."""
        return self._lab.value(expression)

    def write_file(self, path: str, data: bytes) -> None:
        """Put a file on the board: for data too large for a program's text."""
        self._lab.link().write_file(path, data)


@pytest.fixture
def board(rig: Rig, lab: Lab) -> Board:
    """The board, the driver installed, nothing imported yet by this fixture."""
    return Board(lab)


@pytest.fixture
def modem(board: Board, lab: Lab, request: pytest.FixtureRequest) -> Iterator[Board]:
    """The board with `bg95` imported and `modem`, a Modem that is online.

    Other globals are forgotten after the test, and the heap that is taken then is recorded: what rises from test to
    test is a leak.
    """
    lab.go_online()
    yield board
    if not lab.broken:
        lab.tidy()
        taken = ("heap taken after the test, B", lab.heap_taken())
        request.node.user_properties.append(taken)


@dataclass(frozen=True)
class Server:
    """An echo server that the module can reach by name; its CA is on the module as `ca`.

    `address` is the same host by its IPv4 address, which its certificate is not for; "" where it has no other name.
    """

    host: str
    port: int
    ca: str
    address: str = ""


@pytest.fixture
def tls_server(modem: Board, lab: Lab) -> Server:
    """On this machine for a simulated module; the one of --server for a real one."""
    from bg95_host.hil.lab import HOST

    if lab.settings.server:
        host, port = lab.settings.address
        return Server(host, port, lab.trusted(), _number(host))
    if "local-server" not in lab.rig().features:
        pytest.skip(_wanted())
    port = lab.server().port
    modem.run(f'modem.files.upload("hil.pem", {lab.authority.cert_pem!r})')
    return Server(HOST, port, "hil.pem", "127.0.0.1")


def _number(host: str) -> str:
    try:
        found = socket.gethostbyname(host)
    except OSError:  # only the module's network knows it
        return ""
    return "" if found == host else found


def _wanted() -> str:
    """Which server a real module needs, and how to get one."""
    from bg95_host.testbed.stand import PORTS, WARNING

    return (
        "a real module needs an echo server over TLS 1.2 that it reaches: start one with `bg95 testbed --public "
        f"--name HOST` on a machine that the internet calls HOST ({WARNING}), and give --server "
        f"HOST:{PORTS['echo']} and --ca with the cacert.pem that it has made"
    )
