"""Rigs: a MicroPython board and the module on its UART, real or not, behind one protocol.

A rig gives a test or a tool three things: an mpremote target, a module and the board's description
(docs of the four: `spec/interface.md`, section 5). Who uses a rig names features, not rigs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import Self

from bg95_host.boards import Board
from bg95_host.errors import ToolError

if TYPE_CHECKING:
    from bg95_host.module_sim import SimOptions

# name on the command line -> module here; each has `from_options(RigOptions)`
RIGS = {
    "virtual": "virtual",
    "pico-emulator": "pico_emulator",
    "serial": "serial_port",
    "labgrid": "labgrid",
}


class RigError(ToolError):
    """The rig cannot start, or a part of it died."""


class SimulatedModule(Protocol):
    """What a rig and a test may do with a simulated module (bg95_host.module_sim)."""

    on_pin: Any  # callable(name, level): STATUS, RI or DCD changed; called from the module's thread

    def set_pin(self, name: str, level: int) -> None:
        """Drive PWRKEY or DTR; the level is the one at the module's pin."""

    def pin(self, name: str) -> int:
        """The level of a pin now."""
        ...

    def set_host_baud(self, bps: int) -> None:
        """Tell the rate of the UART at the other end."""

    @property
    def counters(self) -> dict[str, int]:
        """What the module has counted since it was made."""
        ...


@dataclass(frozen=True)
class RigOptions:
    """What a rig may be told. None: the rig's default; a rig ignores what is not for it.

    `sim` configures the simulated module. `port`, `board`, `firmware` and `place` say which board;
    `module` is "real", or the serial device to put the simulated module on. `files` go onto the board with
    the driver, by their path there; `debug` as deploy.build().
    """

    sim: SimOptions | None = None
    port: str | None = None
    module: str | None = None
    board: str | None = None
    firmware: Path | None = None
    place: str | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    debug: bool = False


class Rig(ABC):
    """A context manager: inside it the board answers on `port`.

    `name` is the rig's name on the command line. `features` are what tests ask for:

    * `simulated-module`: `module` is a simulated one; faults, traits and counters can be had
    * `pins`: PWRKEY, STATUS and DTR are wired
    * `wall-time`: the board's milliseconds are the PC's
    * `timing`: times and losses on this rig mean something for a board
    * `local-server`: the module reaches servers on this PC, under any name
    * `fast`: a second takes about a second
    """

    name: str
    features: frozenset[str]
    board: Board
    files: Mapping[str, Path] = MappingProxyType({})
    debug = False

    @property
    @abstractmethod
    def port(self) -> str:
        """What `mpremote connect` takes."""

    @property
    @abstractmethod
    def module(self) -> SimulatedModule | None:
        """The simulated module, or None for a real one."""

    @abstractmethod
    def start(self) -> None:
        """Bring the board up to its prompt; RigError if that fails."""

    @abstractmethod
    def close(self) -> None:
        """End everything the rig has started; harmless when repeated."""

    def install(self) -> None:
        """Bring the driver and the `files` that the board holds up to date; the board is reset."""
        from bg95_host.deploy import deploy

        deploy(self.port, self.board, reset=False, files=self.files, debug=self.debug)

    @abstractmethod
    def check(self) -> None:
        """Raise RigError with the reason if a part of the rig has died; the port is closed then."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def make_rig(name: str, options: RigOptions) -> Rig:
    """The rig of that name, not started yet; RigError if there is none or something is missing."""
    if name not in RIGS:
        raise RigError(f"there is no rig {name!r}; choose one of {', '.join(RIGS)}")
    rig = import_module(f"{__name__}.{RIGS[name]}").from_options(options)
    rig.files = options.files
    rig.debug = options.debug
    return rig
