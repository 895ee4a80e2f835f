"""The serial rig, with the virtual board at the other end of a pty, a TCP socket and RFC 2217."""

import os
import socket
import threading
import tty

import pytest
from rigs.bridge import Bridge
from rigs.conftest import ScriptedModule

from bg95_host.mpremote_link import BoardError, BoardLink
from bg95_host.rigs import RigError, RigOptions, make_rig
from bg95_host.rigs.serial_port import SerialRig
from bg95_host.rigs.virtual import VirtualRig
from bg95_host.run_app import run_app


@pytest.fixture(params=["pty", "socket", "rfc2217"])
def port(request, rig):
    if request.param == "pty":
        yield rig.port
        return
    bridge = Bridge(rig.port, rfc2217=request.param == "rfc2217")
    options = "?ign_set_control" if request.param == "rfc2217" else ""
    yield f"{request.param}://{bridge.address}{options}"
    bridge.close()


@pytest.mark.filterwarnings(r"ignore:set(Daemon|Name)\(\) is deprecated:DeprecationWarning")
def test_a_board_is_found_deployed_to_and_runs_an_app(port, tmp_path):
    app = tmp_path / "app.py"
    app.write_text("import bg95\nprint(bg95.Modem.__name__)\n")
    output = []
    with SerialRig(port) as serial_rig:
        assert serial_rig.board.name == "UNIX_VIRTUAL"
        assert serial_rig.module is None
        assert "simulated-module" not in serial_rig.features
        run_app(serial_rig, app, output.append)
        serial_rig.check()
    assert b"".join(output).strip() == b"Modem"


def test_a_port_that_is_not_there_is_named():
    with (
        pytest.raises(BoardError, match="there is no port /dev/nothing"),
        SerialRig("/dev/nothing"),
    ):
        pass


def test_an_unreachable_host_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = "{}:{}".format(*server.getsockname())
    with pytest.raises(BoardError, match="cannot be opened"), SerialRig(f"socket://{address}"):
        pass


@pytest.fixture
def adapter():
    """A USB-UART adapter between the board's UART and the simulator: (board's end, device)."""
    board, device = os.openpty()
    tty.setraw(device)
    yield board, os.ttyname(device)
    os.close(board)
    os.close(device)


class OnAdapter(ScriptedModule):
    """Not a module: carries the virtual board's UART to an adapter."""

    def __init__(self, fd: int, adapter: int) -> None:
        self._adapter = adapter
        super().__init__(fd)
        threading.Thread(target=self._back, daemon=True).start()

    def _serve(self) -> None:
        while data := self._uart.recv(4096):
            os.write(self._adapter, data)

    def _back(self) -> None:
        while True:
            try:
                self._uart.sendall(os.read(self._adapter, 4096))
            except OSError:
                return


def test_the_simulated_module_on_an_adapter_answers_the_board(adapter):
    from bg95_host.module_sim import SimOptions

    board_end, device = adapter
    with (
        VirtualRig(add_module=lambda fd: OnAdapter(fd, board_end)) as board,
        make_rig(
            "serial", RigOptions(sim=SimOptions(model="BG77"), port=board.port, module=device)
        ) as rig,
        BoardLink(rig.port) as link,
    ):
        assert rig.features >= {"simulated-module", "local-server"}
        printed = link.execute(
            "import machine\nuart = machine.UART(1)\nuart.write(b'ATI\\r')\ngot = b''\n"
            "while b'OK' not in got: machine.idle(); got += uart.read() or b''\nprint(got)"
        )
        assert "BG77" in printed
        assert rig.module.counters["commands"] == 1


def test_an_adapter_that_is_not_there_is_named(rig):
    wanted = SerialRig(rig.port, module="/dev/nothing")
    with pytest.raises(RigError, match=r"simulated module cannot start.*/dev/nothing"), wanted:
        pass


def test_a_cable_that_was_pulled_is_named(tmp_path):
    rig = SerialRig(str(tmp_path / "gone"))
    with pytest.raises(RigError, match="has gone: is the cable still in"):
        rig.check()
