"""What happens in the demo, as events; how they look is `view`'s business."""

from __future__ import annotations

import contextlib
import hashlib
import json
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bg95_host import trace
from bg95_host.demo import payload
from bg95_host.deploy import deploy
from bg95_host.errors import ToolError
from bg95_host.module_sim import SimOptions, SimServer
from bg95_host.mpremote_link import BoardException, BoardLink
from bg95_host.rigs.virtual import VirtualRig
from bg95_host.testbed.pki import Authority
from bg95_host.testbed.servers import TlsServer
from bg95_host.visible import visible

HOST = "server.bg95.test"  # .test is reserved for this (RFC 6761); the simulated module resolves it
MODES = ("BUFFER", "DIRECT_PUSH", "TRANSPARENT")
ON_BOARD = Path(__file__).with_name("on_board.py")

_MARK = "@bg95 "
_PATIENCE_S = 30  # longest silence of the board; the slowest step, leaving data mode, takes 3 s
_LOOK_S = 0.5  # how often a silent board is checked for having died
_BITS_PER_BYTE = 10  # 8N1: a start bit, eight data bits, a stop bit


class DemoError(ToolError):
    """The demo did not come to its end; the text says what broke."""


@dataclass(frozen=True)
class Options:
    """How to run the demo. `traits` and `faults` are the simulated module's."""

    size: int = payload.SIZE
    modes: Sequence[str] = MODES
    traits: Mapping[str, Any] = field(default_factory=dict)
    faults: Sequence[str] = ()
    trace: Path | None = None


@dataclass
class Exchange:
    """One access mode, measured. Times are the board's, AT commands are counted in the trace."""

    mode: str
    size: int
    connect_ms: int
    echo_ms: int
    wire_limit: float  # bytes/s that the UART can carry in one direction
    heap: int
    commands: int = 0

    @property
    def goodput(self) -> float:
        """Bytes per second, there and back counted once."""
        return self.size / max(self.echo_ms, 1) * 1000

    @property
    def ratio(self) -> float:
        """Goodput as a part of what the wire can carry in one direction."""
        return self.goodput / self.wire_limit


@dataclass
class Summary:
    """What the demo has shown."""

    exchanges: list[Exchange] = field(default_factory=list)
    refused: dict[str, str] = field(
        default_factory=dict
    )  # what was wrong with a server -> the error
    heap_before: int = 0  # bytes, before the driver was imported
    heap_peak: int = 0  # bytes, after a collection, at the worst moment reported
    heap_size: int = 0
    baudrate: int = 0
    seconds: float = 0.0


Listener = Callable[[str, dict[str, Any]], None]


class Demo:
    """One run. `run()` raises DemoError (or a tool's ToolError) as soon as a part fails.

    `on_event(name, facts)` is called for everything that happens, from the calling thread.
    """

    def __init__(self, options: Options, on_event: Listener):
        self.options = options
        self.summary = Summary()
        self._on_event = on_event
        self._started = time.monotonic()
        self._stage = "the start"
        self._data = payload.make(options.size)
        self._resources = contextlib.ExitStack()
        self.server: TlsServer
        self.suspects: dict[str, TlsServer] = {}
        self.simulator = SimServer()
        self.rig: VirtualRig

    def run(self) -> Summary:
        """Play it all; returns only if every byte was right and every impostor was refused."""
        with self._resources, tempfile.TemporaryDirectory(prefix="bg95-demo-") as directory:
            authority = self._start_servers()
            file = self.options.trace or Path(directory) / "trace.jsonl"
            self._start_board(file)
            self._deploy()
            self._send_files(authority)
            self._watch_board()
            self._check_servers()
            self._count_commands(file)
        self.summary.seconds = time.monotonic() - self._started
        return self.summary

    # The stages

    def _start_servers(self) -> Authority:
        self._stage = "starting the servers"
        authority = Authority()
        self.server = self._serve(authority.server(HOST))
        self.suspects = {
            "another name": self._serve(authority.server("impostor.bg95.test")),
            "an expired certificate": self._serve(authority.expired_server(HOST)),
            "an unknown CA": self._serve(Authority().server(HOST)),
        }
        self._tell("servers", port=self.server.port, suspects=list(self.suspects))
        return authority

    def _serve(self, credential) -> TlsServer:
        return self._resources.enter_context(TlsServer(credential))

    def _start_board(self, file: Path) -> None:
        self._stage = "starting the virtual board"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        options = SimOptions(
            resolve={HOST: self.server.host},
            traits=self.options.traits,
            faults=self.options.faults,
            trace=file,
            powered=False,  # the driver has to press PWRKEY
        )
        self.simulator.start()
        self._resources.callback(self.simulator.stop)
        self.rig = self._resources.enter_context(
            VirtualRig(
                options=options, add_module=lambda fd: self.simulator.add_module(options, fd=fd)
            )
        )
        self.summary.heap_size = self.rig.board.heap
        self.summary.baudrate = self.rig.board.uart.baudrate
        self._tell("board", port=self.rig.port, heap=self.rig.board.heap, model=options.model)

    def _deploy(self) -> None:
        self._stage = "deploying the driver"
        report = deploy(self.rig.port, self.rig.board, reset=False)
        sizes = report.copied.values()
        self._tell("deployed", firmware=report.firmware, files=len(sizes), size=sum(sizes))

    def _send_files(self, authority: Authority) -> None:
        self._stage = "copying the CA and the payload to the board"
        files = {
            "cacert.pem": authority.cert_pem,
            "payload.bin": self._data,
            "demo.json": json.dumps(self._settings()).encode(),
        }
        with BoardLink(self.rig.port) as link:
            for name, data in files.items():
                link.write_file(name, data)
        self._tell("copied", size=len(self._data), ca=len(authority.cert_pem))

    def _settings(self) -> dict[str, Any]:
        return {
            "host": HOST,
            "port": self.server.port,
            "apn": "demo.apn",
            "size": len(self._data),
            "modes": list(self.options.modes),
            "suspects": [[what, server.port] for what, server in self.suspects.items()],
            "patience_s": _PATIENCE_S,
        }

    def _watch_board(self) -> None:
        self._stage = "starting the app on the board"
        finished = False
        for event in self._reports():
            self._take(event)
            finished = event["event"] == "finished"
        if not finished:
            raise DemoError(f"the app on the board ended early, while {self._stage}")

    def _take(self, event: dict[str, Any]) -> None:
        """Note what the board reports, and stop the story where it is a bad end."""
        name, summary = event.pop("event"), self.summary
        event["event"] = name
        heap = event["heap"]
        if name == "started":
            summary.heap_before = heap
        summary.heap_peak = max(summary.heap_peak, heap)
        if name in _STAGES:
            self._stage = _STAGES[name].format(**event)
        if name == "connected":
            self._connect_ms = event["took_ms"]
        elif name == "echoed":
            self._note_exchange(event)
        elif name == "refused":
            summary.refused[event["what"]] = event["error"]
        elif name == "accepted":
            raise DemoError(f"the module accepted a server with {event['what']}")
        elif name == "failed":
            raise DemoError(self._cause(event["error"]))
        self._tell(name, **{key: value for key, value in event.items() if key != "event"})

    def _note_exchange(self, event: dict[str, Any]) -> None:
        if event["sha256"] != hashlib.sha256(self._data).hexdigest():
            raise DemoError(f"{event['mode']}: what came back is not what was sent (SHA-256)")
        exchange = Exchange(
            mode=event["mode"],
            size=len(self._data),
            connect_ms=self._connect_ms,
            echo_ms=event["took_ms"],
            wire_limit=self.summary.baudrate / _BITS_PER_BYTE,
            heap=event["heap"] - self.summary.heap_before,
        )
        self.summary.exchanges.append(exchange)
        event["goodput"], event["ratio"] = exchange.goodput, exchange.ratio

    def _check_servers(self) -> None:
        """The other end's view: all arrived, and nothing reached a server that was refused."""
        expected = len(self._data) * len(self.options.modes)
        if not self.server.wait_for(lambda seen: seen.received == expected, 1):
            seen = self.server.counters.received
            raise DemoError(f"the server received {seen:,} bytes instead of {expected:,}")
        for what, server in self.suspects.items():
            if server.counters.received:
                raise DemoError(f"data reached the server with {what}")

    def _count_commands(self, file: Path) -> None:
        commands = _commands_per_connection(file)
        for exchange, count in zip(self.summary.exchanges, commands, strict=False):
            exchange.commands = count

    # The board

    def _cause(self, error: str) -> str:
        """The board's error, with what the PC knows of its reason."""
        self.rig.check()
        if not self.server.running:
            return f"the TLS server is gone; while {self._stage} the board saw: {error}"
        return f"while {self._stage}: {error}"

    def _reports(self) -> Iterator[dict[str, Any]]:
        """Run the app on the board; what it reports, as it comes."""
        lines: _Lines = queue.SimpleQueue()
        runner = threading.Thread(target=_run_on_board, args=(self.rig.port, lines), daemon=True)
        runner.start()
        while (line := self._next(lines)) is not None:
            if event := _event(line):
                yield event
            elif line:
                self._tell("printed", line=visible(line))

    def _next(self, lines: _Lines) -> str | None:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                line = lines.get(timeout=_LOOK_S)
                if isinstance(line, Exception):
                    self.rig.check()
                    raise DemoError(f"while {self._stage}: {line}")
                return line
            self.rig.check()
        raise DemoError(f"the board said nothing for {_PATIENCE_S} s while {self._stage}")

    def _tell(self, event: str, **facts: Any) -> None:
        self._on_event(event, {"t": time.monotonic() - self._started, **facts})


_STAGES = {
    "imported": "switching the module on",
    "module": "going online",
    "online": "provisioning the CA",
    "provisioned": "setting up the SSL context",
    "connecting": "connecting in mode {mode}",
    "connected": "echoing data in mode {mode}",
    "echoed": "closing the connection of mode {mode}",
    "suspecting": "connecting to a server with {what}",
}


def _event(line: str) -> dict[str, Any] | None:
    """A report of the app; None if the line is anything else, or was damaged on its way."""
    with contextlib.suppress(ValueError, RecursionError):
        event = json.loads(line.removeprefix(_MARK)) if line.startswith(_MARK) else None
        return event if isinstance(event, dict) and "event" in event else None
    return None


_Lines = queue.SimpleQueue[str | Exception | None]


def _run_on_board(port: str, lines: _Lines) -> None:
    """Run the app; put its lines, then None or what went wrong."""
    rest = b""

    def split(data: bytes) -> None:
        nonlocal rest
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            lines.put(line.decode(errors="replace").rstrip())

    try:
        with BoardLink(port) as link:
            link.run(ON_BOARD.read_text(), split)
        lines.put(None)
    except (ToolError, BoardException) as error:
        lines.put(error)


def _commands_per_connection(file: Path) -> list[int]:
    """AT commands from each AT+QSSLOPEN to its AT+QSSLCLOSE, both included."""
    counts: list[int] = []
    is_open = False
    for span in trace.spans(trace.load(file)):
        if span.command.startswith("AT+QSSLOPEN="):
            is_open = True
            counts.append(0)
        if is_open:
            counts[-1] += 1
        if span.command.startswith("AT+QSSLCLOSE="):
            is_open = False
    return counts
