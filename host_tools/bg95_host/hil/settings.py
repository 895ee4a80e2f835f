"""What HIL tests run on: rig, SIM, server. From `bg95 hil` or from pytest's own options, the same ones."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

PIN_VARIABLE = "BG95_PIN"  # what a shell's history and a list of processes need not hold
_VARIABLE = "BG95_HIL"


@dataclass(frozen=True)
class Settings:
    """What to test on. `server` and `ca` are for a real module: an echo server that it can reach, and the file of
    its CA, here or on the module.

    `apn` None: a simulated network's; of a real one, what the network gives. `files` go onto the board, by their
    path there. Raises ValueError for a server that no test could use.
    """

    rig: str = "virtual"
    port: str | None = None
    module: str | None = None
    board: str | None = None
    firmware: str | None = None
    place: str | None = None
    apn: str | None = None
    pin: str | None = field(default=None, repr=False)
    server: str = ""
    ca: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    profile: str | None = None  # of the module that a simulated one behaves like

    def __post_init__(self) -> None:
        if not self.server:
            return
        host, _, port = self.server.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(f"the server is HOST:PORT, not {self.server!r}")
        if not self.ca:
            raise ValueError("a server needs its CA: no test connects without verification")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `server`."""
        host, _, port = self.server.rpartition(":")
        return host, int(port)

    @property
    def places(self) -> list[str]:
        """The places of a lab to share the tests between."""
        return (self.place or "").replace(",", " ").split()

    @property
    def own_place(self) -> str | None:
        """The place of this worker: pytest-xdist numbers its workers gw0, gw1, ..."""
        worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
        return self.places[int(worker)] if self.places else None

    def as_environment(self) -> dict[str, str]:
        """How `bg95 hil` hands them to pytest and its workers: a PIN has no place in a list of processes."""
        return {_VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def from_environment(cls) -> Settings:
        """The settings of this run; the defaults where none were given, but for BG95_PIN."""
        said = json.loads(os.environ.get(_VARIABLE, "{}"))
        return cls(**{"pin": os.environ.get(PIN_VARIABLE), **said})
