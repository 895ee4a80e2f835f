"""The simulated module of a rig whose board runs in real time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bg95_host.errors import said_by
from bg95_host.rigs import RigError

if TYPE_CHECKING:
    from bg95_host.module_sim import SimModule, SimOptions, SimServer


class SimulatorHost:
    """A simulator of the rig's own, with one module. RigError if an option is not possible."""

    def __init__(self, options: SimOptions | None) -> None:
        self._options = options
        self._server: SimServer | None = None

    def add_module(self, **where: Any) -> SimModule:
        """Start the simulator with its module attached as SimServer.add_module() takes it."""
        from bg95_host.module_sim import SimOptions, SimServer

        self._server = SimServer()
        self._server.start()
        try:
            return self._server.add_module(self._options or SimOptions(), **where)
        except (ValueError, OSError) as e:
            raise RigError(f"the simulated module cannot start: {said_by(e)}") from e

    def close(self) -> None:
        """End it; harmless when repeated."""
        if self._server is not None:
            self._server.stop()
            self._server = None
