"""Takes the measurements on a started rig, step by step, and hands each record on as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bg95_host.bench.records import Record
from bg95_host.errors import ToolError
from bg95_host.mpremote_link import BoardError, BoardException, BoardLink
from bg95_host.rigs import Rig, SimulatedModule
from bg95_host.testbed.servers import Peer

HOST = "server.bg95.test"
MODES = ("BUFFER", "DIRECT_PUSH", "TRANSPARENT")
BAUDS = (115200, 460800, 921600)
# Bytes of one transfer, a second at 115200 bit/s. Whole packets of transparent mode (AT+QICFG
# "transpktsize"): a last one that is not full would wait for 200 ms.
SIZE = 12 * 1024
_REQUEST = 1024  # bytes of a request to the server, as in on_board.py

_BITS_PER_BYTE = 10  # 8N1
_ROUND_TRIPS = 10
_STALLED_S = 5  # of the board's own time without a byte: what was sent is lost


class BenchError(ToolError):
    """The rig cannot be measured."""


def serve(peer: Peer) -> None:
    """The server of `on_board`: U and a number takes so many bytes and says A, D sends them."""
    while header := _exactly(peer, _REQUEST):
        size = int(header[1:8])
        if header[:1] == b"U":
            _exactly(peer, size)
            peer.send(b"A")
        else:
            peer.send(bytes(size))


def _exactly(peer: Peer, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := peer.recv(size - len(data))):
        data += more
    return data if len(data) == size else b""


class Bench:
    """Measures on `rig`, whose module resolves HOST to a server that runs `serve` at `port`.

    `ca` is that server's CA. Call `run` once.
    """

    def __init__(self, rig: Rig, port: int, ca: bytes, size: int = SIZE):
        self._rig = rig
        self._port = port
        self._ca = ca
        self._size = size
        self._link = BoardLink(rig.port)

    def run(self) -> Iterator[Record]:
        """Every record this rig can give: counts everywhere, times where they mean something."""
        self._rig.install()
        with self._link:
            self._do(Path(__file__).with_name("on_board.py").read_text("utf-8"))
            yield from self._heap_of_import()
            self._go_online()
            yield from self._costs_of_calls()
            yield from self._worst_delay()
            if "timing" in self._rig.features:
                for baud in BAUDS:
                    yield from self._times(baud)

    # The board

    def _do(self, program: str) -> bytes:
        """Run a program, however long it takes (an emulated second is half a minute)."""
        printed = bytearray()
        try:
            self._link.run(program, printed.extend)
        except BoardException as error:
            raise BenchError(f"the board failed: {error.last}") from error
        except BoardError:
            self._rig.check()  # it may know better
            raise
        return bytes(printed)

    def _ask(self, expression: str) -> Any:
        return self._link.decoded(
            self._do(f"print(json.dumps({expression}))").decode("utf-8", "replace")
        )

    def _record(self, name: str, value: float, unit: str, limit: float | None = None) -> Record:
        return Record(name, self._rig.name, value, unit, limit)

    # What it costs

    def _heap_of_import(self) -> Iterator[Record]:
        self._do("import json, micropython")
        size = self._rig.board.heap
        start = self._ask("heap()")
        for name, program in (
            ("import", "import bg95, wiring"),
            ("modem", f"modem = wiring.modem(sockets=1, baudrate={self._rig.board.uart.baudrate})"),
        ):
            self._do(program)
            now = self._ask("heap()")
            yield self._record(f"heap.{name}", now - start, "B", size)
            start = now

    def _go_online(self) -> None:
        self._do('modem.active(True); modem.connect("bench.apn")')
        self._do(f'modem.files.upload("cacert.pem", {self._ca!r})')
        self._do("context = bg95.SSLContext(modem, 1)")
        self._do('context.load_verify_locations(cafile="cacert.pem")')

    def _costs_of_calls(self) -> Iterator[Record]:
        opened = self._opener("BUFFER")
        before = self._ask("heap()")
        yield from self._commands("connect", opened)
        yield self._record("heap.connection", self._ask("heap()") - before, "B")
        yield from self._commands("close", "s.close()")
        yield from self._commands("connect again", opened)
        self._do("one = bytes(1); block = bytes(1460); into = bytearray(1500)")
        yield self._record("alloc.control", self._ask("control()"), "B")
        yield self._record("alloc.poll", self._ask("allocated(modem.poll)"), "B")
        self._do('request(s, b"U", 1460)')
        yield self._record("alloc.write", self._ask("allocated(s.write, one)"), "B")
        yield from self._commands("send 1460", "s.write(block[1:]); s.flush()")
        self._do("s.read(1)")
        self._do('request(s, b"D", 1500)')
        yield from self._commands("read 1500", "s.readinto(into)")
        self._do('request(s, b"D", 2); s.read(1)')
        self._do("view = memoryview(into)[:1]")
        yield self._record("alloc.recv_into", self._ask("allocated(s.recv_into, view)"), "B")
        self._do("s.close()")

    def _worst_delay(self) -> Iterator[Record]:
        """What two downloads at a time do to the other tasks of an asyncio program."""
        baud = self._rig.board.uart.baudrate
        self._do("modem = context = s = None")
        self._do(f"modem = wiring.modem(sockets=2, baudrate={baud}); modem.active(True)")
        self._do('context = bg95.SSLContext(modem, 1); context.load_verify_locations("cacert.pem")')
        call = f'worst_delay(bg95.aio, context, "{HOST}", {self._port}, {self._size})'
        yield self._record("asyncio.worst delay of a 10 ms task", self._ask(call), "us")

    def _opener(self, mode: str) -> str:
        return f's = context.connect("{HOST}", {self._port}, mode=bg95.{mode})'

    def _commands(self, name: str, program: str) -> Iterator[Record]:
        """AT commands that a program costs; the module is idle before and after it."""
        module = self._rig.module
        if module is None:
            self._do(program)
            return
        before = _count(module)
        self._do(program)
        yield self._record(f"commands.{name}", _count(module) - before, "commands")

    # What it gets

    def _times(self, baud: int) -> Iterator[Record]:
        self._do(f"modem.set_baudrate({baud})")
        mean = self._ask(f"round_trip(modem, {_ROUND_TRIPS})")
        wire = 9 * _BITS_PER_BYTE / baud * 1e6  # AT CR, CR LF OK CR LF
        yield Record(f"at.round trip.{baud}", self._rig.name, mean, "us", wire)
        for mode in MODES:
            self._do(f"{self._opener(mode)}; s.settimeout({_STALLED_S})")
            for way in ("upload", "download"):
                yield self._goodput(way, mode, baud)
            self._do("s.close()")

    def _goodput(self, way: str, mode: str, baud: int) -> Record:
        name, limit = f"goodput.{way}.{mode}.{baud}", baud / _BITS_PER_BYTE
        if way == "download":  # pushed data may come while the request still leaves: both are timed
            limit *= self._size / (self._size + _REQUEST)
        try:
            spent = self._ask(f"{way}(s, {self._size})")
        except BenchError as error:
            self._do(f"s.close(); {self._opener(mode)}; s.settimeout({_STALLED_S})")
            return Record(name, self._rig.name, None, "B/s", limit, str(error))
        return self._record(name, self._size / spent * 1e6, "B/s", limit)


def _count(module: SimulatedModule) -> int:
    return module.counters["commands"]


Listener = Callable[[Record], None]


def measure(rig: Rig, port: int, ca: bytes, on_record: Listener, size: int = SIZE) -> list[Record]:
    """All records of a started rig, each told to `on_record` at once."""
    records = []
    for record in Bench(rig, port, ca, size).run():
        records.append(record)
        on_record(record)
    return records
