"""The rig `serial`: a board on a port, with a real module, or the simulated one on a USB-UART adapter.

The port is what mpremote takes: a device, id:SERIAL, or any URL of pyserial's (rfc2217://,
socket://), so that the board may also be at the far end of a network.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bg95_host.boards import Board
from bg95_host.deploy import find_board, inspect
from bg95_host.mpremote_link import BoardLink, resolve_port
from bg95_host.rigs import Rig, RigError, RigOptions, SimulatedModule
from bg95_host.rigs.simulated import SimulatorHost

if TYPE_CHECKING:
    from bg95_host.module_sim import SimOptions

REAL, SIMULATED = "real", "simulated"
_FEATURES = {REAL: {"pins", "timing"}, SIMULATED: {"pins", "local-server"}}
# On an adapter it has the UART's wires only.
_ON_ADAPTER = {"simulated-module", "local-server"}


class SerialRig(Rig):
    """See the module.

    `module` is REAL; SIMULATED, where the board has a simulated one of its own that reaches servers
    on this PC (a virtual board, another PC's lab); or the serial device that the simulated module
    is put on. `board` None: found by what the firmware says.
    """

    name = "serial"

    def __init__(
        self,
        port: str,
        module: str = REAL,
        board: str | None = None,
        options: SimOptions | None = None,
    ) -> None:
        self._asked_port = port
        self._module_at = module
        self._asked_board = board
        self._simulator = SimulatorHost(options)
        self._module: SimulatedModule | None = None
        self._board: Board | None = None
        self._port = port
        self.features = frozenset({"wall-time", "fast", *_FEATURES.get(module, _ON_ADAPTER)})

    @property
    def board(self) -> Board:
        """The board's description."""
        assert self._board is not None, "the rig is not started"
        return self._board

    @property
    def port(self) -> str:
        """The device or URL of the board."""
        return self._port

    @property
    def module(self) -> SimulatedModule | None:
        """The simulated module, or None for a real one."""
        return self._module

    def start(self) -> None:
        """Find the board, and put the simulated module on its adapter."""
        self._port = resolve_port(self._asked_port)
        with BoardLink(self._port) as link:
            self._board = find_board(self._asked_board, inspect(link))
        if self._module_at not in _FEATURES:
            self._module = self._simulator.add_module(listen=f"serial:{self._module_at}")

    def close(self) -> None:
        """End the simulator; the board is left as it is."""
        self._simulator.close()

    def check(self) -> None:
        """RigError if the device of the board or of the module has gone."""
        for device in (self._port, self._module_at):
            if device.startswith("/") and not Path(device).exists():
                raise RigError(f"{device} has gone: is the cable still in?")


def from_options(options: RigOptions) -> SerialRig:
    """The rig as the command line asks for it."""
    return SerialRig(options.port or "auto", options.module or REAL, options.board, options.sim)
