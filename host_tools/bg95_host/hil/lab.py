"""The one rig of a test run: started when a test first wants it, declared broken once, not a hundred times."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from bg95_host.errors import ToolError
from bg95_host.hil.settings import Settings
from bg95_host.module_sim import SimOptions
from bg95_host.mpremote_link import BoardException, BoardLink
from bg95_host.probe.profile import sim_options
from bg95_host.rigs import Rig, RigOptions, make_rig
from bg95_host.testbed.pki import Authority
from bg95_host.testbed.servers import TlsServer

HOST = "server.bg95.test"
_APN = "hil.apn"  # a simulated network takes any
_CA = "hil.pem"
_HEAP = "[gc := __import__('gc'), gc.collect(), gc.mem_alloc()][-1]"
_TIDY = """
def _tidy():
    import gc
    names = globals()
    for name in list(names):
        if name[0] != "_" and name not in ("bg95", "modem", "wiring"):
            del names[name]
    gc.collect()
_tidy()
"""
# ASCII's record separator, which no program prints: a line of the trace among what a test prints.
_TRACE = """
class ToHost:
    def write(self, line):
        print("\\x1e" + line, end="")
modem.trace(ToHost())
"""
_TRACED = re.compile(rb"\x1e([^\r\n]*)\r?\n")


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
        self._pin = settings.pin

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
        """Have `modem` on the board: module on, registered, PDP context active; its AT line is recorded."""
        if self._heap_before is None:
            self._heap_before = self.value(_HEAP)
        if not self._has_modem:
            self.execute("import bg95, wiring; modem = wiring.modem(sockets=2)")
            self._has_modem = True
        if self.rig().module is None:
            self.execute(_TRACE)
        if not self.value("modem.active() and modem.isconnected()"):
            self._connect()

    def _connect(self) -> None:
        apn = self.settings.apn
        if apn is None:
            apn = "" if self.rig().module is None else _APN
        pin, self._pin = self._pin, None  # once refused, the next two tests would lock the SIM
        self.execute(f"modem.active(True); modem.connect({apn!r}, pin={pin!r})")
        self._pin = pin

    def trusted(self) -> str:
        """The CA of the settings by its name on the module, where a file of this PC is put first."""
        file = Path(self.settings.ca)
        if not file.is_file():
            return self.settings.ca
        self.execute(f"modem.files.upload({_CA!r}, {file.read_bytes()!r})")
        return _CA

    def tidy(self) -> None:
        """Have the board forget what a test has left in its globals: the heap is small, and the next test's as well."""
        self.execute(_TIDY)

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
        finally:
            self._keep_trace(printed)
        return _TRACED.sub(b"", printed).decode(errors="replace").replace("\r\n", "\n")

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

    def _keep_trace(self, printed: bytearray) -> None:
        """Record what the board has told of its AT line."""
        if traced := _TRACED.findall(printed):
            with self.trace.open("ab") as file:
                file.write(b"\n".join(traced) + b"\n")

    def trace_size(self) -> int:
        """Bytes of the trace so far: the simulated module's, or the driver's."""
        return self.trace.stat().st_size if self.trace.exists() else 0

    def trace_since(self, start: int) -> str:
        """What has been traced since then."""
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
