"""The one rig of a test run: started when a test first wants it, declared broken once, not a hundred times."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bg95_host.errors import ToolError
from bg95_host.module_sim import SimOptions
from bg95_host.mpremote_link import BoardException, BoardLink
from bg95_host.probe.profile import sim_options
from bg95_host.rigs import Rig, RigOptions, make_rig
from bg95_host.testbed.pki import Authority
from bg95_host.testbed.servers import TlsServer

HOST = "server.bg95.test"
_VARIABLE = "BG95_HIL"
_HEAP = "[gc := __import__('gc'), gc.collect(), gc.mem_alloc()][-1]"


@dataclass(frozen=True)
class Settings:
    """What to test on. `server` and `ca` are for a real module: an echo server that it can reach.

    `files` go onto the board, by their path there."""

    rig: str = "virtual"
    port: str | None = None
    module: str | None = None
    board: str | None = None
    firmware: str | None = None
    place: str | None = None
    apn: str = "hil.apn"
    server: str = ""
    ca: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    profile: str | None = None  # of the module that a simulated one behaves like

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
        """How the settings reach pytest and its workers."""
        return {_VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def from_environment(cls) -> Settings:
        """The settings of this run; the defaults where none were given."""
        return cls(**json.loads(os.environ.get(_VARIABLE, "{}")))


class Lab:
    """Keeps the rig, its board connection and the server until `close`.

    `rig()` raises ToolError when the rig cannot be had; `broken` says so from then on.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self.broken: str | None = None
        self.authority = Authority()
        self._folder = tempfile.TemporaryDirectory(prefix="bg95-hil-")
        self.trace = Path(self._folder.name) / "trace.jsonl"
        self._rig: Rig | None = None
        self._link: BoardLink | None = None
        self._server: TlsServer | None = None
        self._has_modem = False
        self._heap_before: int | None = None

    def rig(self) -> Rig:
        """The rig, started, its board holding the driver."""
        if self._rig is None:
            self._rig = self._guard(self._start)
        return self._rig

    def link(self) -> BoardLink:
        """The board in its raw REPL; one connection for all tests."""
        rig = self.rig()
        if self._link is None:
            self._link = self._guard(lambda: BoardLink(rig.port).__enter__())
        return self._link

    def server(self) -> TlsServer:
        """An echo server on this machine, whose name the simulated module knows."""
        if self._server is None:
            self._server = TlsServer(self.authority.server(HOST))
            self._server.start()
        return self._server

    def go_online(self) -> None:
        """Have `modem` on the board: module on, registered, PDP context active."""
        if self._heap_before is None:
            self._heap_before = self.value(_HEAP)
        if not self._has_modem:
            self.execute("import bg95, wiring; modem = wiring.modem(sockets=2)")
            self._has_modem = True
        if not self.value("modem.active() and modem.isconnected()"):
            self.execute(f"modem.active(True); modem.connect({self.settings.apn!r})")

    def heap_taken(self) -> int:
        """Bytes of the board's heap that driver and tests hold: without what was taken before they came."""
        return self.value(_HEAP) - (self._heap_before or 0)

    def execute(self, program: str) -> str:
        """Run a program on the board, however long it takes; what it printed."""
        link = self.link()
        printed = bytearray()
        try:
            link.run(program, printed.extend)
        except BoardException as error:
            self._start_afresh()
            raise AssertionError(f"on the board:\n{error}") from None
        except ToolError as error:
            self._declare_broken(error)
            raise
        return printed.decode(errors="replace").replace("\r\n", "\n")

    def _start_afresh(self) -> None:
        """Reset the board before the next test: nobody knows what this one left there, and how much of the heap."""
        self._has_modem = False
        if self._link:
            self._link.__exit__(None, None, None)
            self._link = None

    def value(self, expression: str) -> Any:
        """The value of an expression on the board, by way of JSON."""
        printed = self.execute(f"import json; print(json.dumps({expression}))")
        return self.link().decoded(printed)

    def trace_size(self) -> int:
        """Bytes of the simulated module's trace so far."""
        return self.trace.stat().st_size if self.trace.exists() else 0

    def trace_since(self, start: int) -> str:
        """What the simulated module has traced since then."""
        if not self.trace.exists():
            return ""
        with self.trace.open(encoding="utf-8") as file:
            file.seek(start)
            return file.read()

    def close(self) -> None:
        """End everything."""
        if self._link:
            self._link.__exit__(None, None, None)
        if self._rig:
            self._rig.close()
        if self._server:
            self._server.stop()
        self._folder.cleanup()

    def _start(self) -> Rig:
        s = self.settings
        known = sim_options(Path(s.profile) if s.profile else None)
        sim = SimOptions(resolve={HOST: "127.0.0.1"}, powered=False, trace=self.trace, **known)
        firmware = Path(s.firmware) if s.firmware else None
        files = {path: Path(file) for path, file in s.files.items()}
        options = RigOptions(sim, s.port, s.module, s.board, firmware, s.own_place, files)
        rig = make_rig(s.rig, options).__enter__()
        try:
            rig.install()
        except BaseException:
            rig.close()
            raise
        return rig

    def _guard(self, start):
        if self.broken:
            raise ToolError(self.broken)
        try:
            return start()
        except ToolError as error:
            self._declare_broken(error)
            raise

    def _declare_broken(self, error: ToolError) -> None:
        self.broken = str(error)
        try:
            if self._rig:
                self._rig.check()
        except ToolError as cause:  # a rig knows better than the link what died
            self.broken = str(cause)
