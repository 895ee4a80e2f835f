"""A simulated module on a manual clock with the far side in memory: what a probe finds there is known."""

from __future__ import annotations

from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.manual import ManualHost, MemoryNet
from bg95_host.probe.farside import FarSide
from bg95_host.probe.line import ManualLine
from bg95_host.probe.session import Allowed

NAME, ADDRESS, BASE = "probe.bg95.test", "192.0.2.1", 4433


class Laboratory:
    """The far side, made once, for any number of modules one after the other."""

    def __init__(self) -> None:
        self._net = MemoryNet()
        self._far = FarSide(NAME, BASE, self._later)

    def _later(self, seconds, action) -> None:
        assert self._net.module is not None
        self._net.module.world_event(seconds, action)

    def line(self, options: SimOptions) -> ManualLine:
        """A new module with these options, which finds the far side by its name."""
        self._net = MemoryNet()
        self._net.names[NAME] = [ADDRESS]
        for (_kind, port), peer in self._far.peers.items():
            self._net.peers[ADDRESS, port] = peer
        options.resolve = {"example.com": ADDRESS}
        return ManualLine(ManualHost(options, self._net))

    def allowed(self, pin: str = "") -> Allowed:
        """Everything."""
        return Allowed(
            network=True, restart=True, server=(NAME, BASE), pin=pin, ca_pem=self._far.ca_pem
        )
