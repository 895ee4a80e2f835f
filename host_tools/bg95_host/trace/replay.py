"""A recorded conversation against the simulated module: its host's side is said again, the module's compared.

What the world did is done again as the recording tells it: an open that failed fails, data arrives when
it was reported, a peer closes when it closed. Nothing is verified, since no trace holds certificates or
payload. What differs from module to module and from day to day (numbers of the SIM, signal, addresses,
times) is compared by its shape.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from OpenSSL import SSL

from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.connection import Connection
from bg95_host.module_sim.manual import ManualHost, MemoryLink, MemoryNet, Peer, TlsPeer
from bg95_host.module_sim.net import LinkEvents, ResolveDone
from bg95_host.module_sim.tls import TlsSettings
from bg95_host.probe.farside import Certificates
from bg95_host.trace.shapes import Entry

ADDRESS = "192.0.2.1"
ANSWER_S, URC_S, SETTLE_S, BOOT_S = 200.0, 600.0, 1.0, 20.0
GUARD_S = 1.2  # around +++, at-commands.md 1.4.2
DNS_FAILED, TIMED_OUT = 565, 569  # at-commands.md 1.8
NETWORK_ERRORS = (565, 566, 569)  # what the world does; other errors are the module's own
# Answers that tell of the module, its SIM, the network or the day (at-commands.md 2; more.md 4.2, 4.3).
_VARIES = re.compile(
    r"\+(?:CSQ|QCSQ|CCLK|QLTS|QCCID|ICCID|CNUM|COPS|QSPN|QNWINFO|QENG|CEER|CBC|QTEMP|QADC|QFLDS|QPING|QNTP|QIACT|"
    r"CGPADDR|CGDCONT|CGCONTRDP|QIDNSCFG|QGDCNT|QFUPL|QFDWL|QFOPEN|QPINC|QPSMS|QPSMTIMER|QGMR|CSCA|QICSGP|QNITZ): "
    r'|\+C[GE]?REG: |\+QIURC: "dnsgip"|\+QSSLSTATE: |\+QISTATE: |\+QFLST: |Revision: '
)
_VALUE = re.compile(r'-?[0-9A-Fa-fxX.:]+|"(?:[^"]*[\d ][^"]*|[0-9A-F]+)?"')
_BARE = re.compile(r"AT\+(?:GSN|CGSN|CIMI|CGMR|GMR|QGMR|CGMM|GMM)\b|ATI|AT&V", re.IGNORECASE)
_OPEN = re.compile(
    r"AT\+QSSLOPEN= ?(?P<ssl_pdp>\d+),\d+,(?P<ssl>\d+),|AT\+QIOPEN= ?(?P<pdp>\d+),(?P<plain>\d+),",
    re.IGNORECASE,
)
_OPENED = re.compile(r"\+(?:QSSLOPEN|QIOPEN): (\d+),(\d+)")
_URC = re.compile(
    r"\+Q(?:SSL|I)URC: |\+QSSLOPEN: |\+QIOPEN: |\+QPING: |\+QNTP: |\+Q(?:USIM|IND|PSMTIMER|CSCON): |\+CGEV: |"
    r"\+CTZ[VE]: |\+C[GE]?REG: \d(?:,\"|$)|\+QMT|\+QHTTP|RDY$|APP RDY$|.*POWER(?:ED)? DOWN$|\+CPIN: |\+CFUN: 1$|"
    r"NO CARRIER$"
)
_RECV = re.compile(r'\+Q(?:SSL|I)URC: "recv",(\d+)(?:,(\d+))?')
_CLOSED = re.compile(r'\+Q(?:SSL|I)URC: "closed",(\d+)')
_LOST = re.compile(r'\+QIURC: "pdpdeact",(\d+)')
_READ = re.compile(r"AT\+(?:QSSLRECV|QIRD)=(\d+)(?:,(\d+))?", re.IGNORECASE)
_GOT = re.compile(r"\+(?:QSSLRECV|QIRD): (\d+)$")
_BOOT = re.compile(r"RDY$|APP RDY$")
_PIN = re.compile(r'(AT\+CPIN=) ?"?\*+"?', re.IGNORECASE)
_MASKED = re.compile(r'.* \*\*\*$|AT\+QSSLCRYPT=.*"\*\*\*"', re.IGNORECASE)
_LOCKED = "+CPIN: SIM PIN"


@dataclass(frozen=True)
class Difference:
    """The first place where the simulated module says something else."""

    entry: Entry  # of the recording
    said: str  # by the simulated module
    after: str  # the command
    column: int  # bytes of the entry's text that agree

    @property
    def at(self) -> int:
        """The first byte of the file that differs."""
        return self.entry.at + self.column


@dataclass
class Checked:
    """What a check found: how much was compared, and where it first differed, if anywhere."""

    commands: int = 0
    compared: int = 0
    difference: Difference | None = None
    unmatched: list[str] = field(default_factory=list)  # URCs of the simulated module alone


def check(entries: Sequence[Entry], options: SimOptions) -> Checked:
    """Replay the host's side; stops at the first difference."""
    if any(entry.text == _LOCKED for entry in entries):
        options = replace(options, traits={"sim": "SIM PIN", **options.traits})
    return _Replay(entries, options).run()


class _Said:
    """Takes the simulated module's trace: what it says, without framing and payload."""

    def __init__(self) -> None:
        self.waiting: deque[Entry] = deque()

    def write(self, line: str) -> int:
        facts = json.loads(line)
        hidden = str(facts.get("note", "")).startswith(("printed on", "not printed"))
        if facts["dir"] in ("module", "urc") and not hidden:
            if text := facts.get("text", ""):
                self.waiting.append(Entry("module", text))
            if size := facts.get("len", 0):
                self.waiting.append(Entry("module", "", size))
        return len(line)

    def flush(self) -> None:
        """Nothing is kept back."""


class _Replay:
    """One replay. `_at` is the entry that is next."""

    def __init__(self, entries: Sequence[Entry], options: SimOptions) -> None:
        self._entries = entries
        self._at = 0
        self._said = _Said()
        self._urcs: list[str] = []
        self._data = 0  # bytes of transparent mode that were said and not yet compared
        self._command = ""
        self._done = Checked()
        self._world = _World(self)
        first = next((entry for entry in entries if entry.side != "module" or entry.text), None)
        starts = bool(first and (first.side == "pin" or _BOOT.match(entries[0].text)))
        options = replace(options, trace=self._said, powered=not starts)  # type: ignore[arg-type]
        self._host = ManualHost(options, self._world)
        self._module = self._host.module
        self._module.tls_settings = _unverified(self._module)  # type: ignore[method-assign]
        if starts and first and first.side != "pin":
            self._module.power.start()
        self._assume()

    def _assume(self) -> None:
        """A recording that begins in the middle: PDP contexts that it uses were active."""
        activated: set[int] = set()
        for entry in self._entries:
            if match := re.match(r"AT\+QIACT=(\d+)", entry.text, re.IGNORECASE):
                activated.add(int(match[1]))
            elif match := _OPEN.match(entry.text):
                number = int(match["ssl_pdp"] or match["pdp"])
                if number not in activated and number in self._module.pdp:
                    self._module.pdp[number].active = True

    def run(self) -> Checked:
        """Say, wait, compare."""
        for number, entry in enumerate(self._entries):
            self._at = number
            if entry.side == "pin":
                name, _, level = entry.text.partition("=")
                self._pace(entry)
                self._host.set_pin(name, int(level))
            elif entry.side == "host":
                self._say(entry)
            elif not self._hear(entry):
                break
        self._done.unmatched = self._urcs
        return self._done

    # -- the host ------------------------------------------------------------------------------

    def _say(self, entry: Entry) -> None:
        self._pace(entry)
        if entry.size:
            self._host.wait_until(self._wants_payload, SETTLE_S)
            self._host.read()
            self._host.write(entry.data or b"." * entry.size)
            return
        text = entry.text
        if text == "+++":
            self._host.run(GUARD_S)
            self._host.write(b"+++")
            self._host.run(GUARD_S)
            return
        self._command = _PIN.sub(rf'\g<1>"{self._module.traits.sim_pin}"', text)
        self._done.commands += 1
        if self._cannot_be_said():
            return
        self._world.prepare(text)
        self._host.read()
        self._host.write(self._command.encode("latin-1", "replace") + b"\r")

    def _cannot_be_said(self) -> bool:
        """A command whose parameters the recording keeps to itself; neither it nor its answer is replayed."""
        return bool(_MASKED.fullmatch(self._command))

    def _wants_payload(self) -> bool:
        unread = bytes(self._host.unread)
        return unread.endswith((b">", b"> ", b"CONNECT\r\n"))

    def _pace(self, entry: Entry) -> None:
        """Silences of the recording are kept where the module may have counted on them."""
        before = self._entries[self._at - 1] if self._at else entry
        if entry.time is not None and before.time is not None and entry.time > before.time:
            self._host.run_quietly(min(entry.time - before.time, URC_S))

    # -- the module ----------------------------------------------------------------------------

    def _hear(self, entry: Entry) -> bool:
        """The module says it, too, or has said it before; False where it says something else."""
        unasked = bool(_URC.match(entry.text)) and not self._is_answer(entry.text)
        if self._cannot_be_said() and not unasked:
            return True
        if entry.text == self._command:
            return True  # an echo
        if entry.text == ">":
            return True
        self._done.compared += 1
        if unasked:
            return self._hear_urc(entry)
        if entry.size and self._module.port.data:
            return self._hear_data(entry)
        said = self._next()
        while said and said.text and _URC.match(said.text) and not self._same(entry, said):
            self._urcs.append(said.text)
            said = self._next()
        if said is not None and self._same(entry, said):
            return True
        self._differs(entry, said)
        return False

    def _hear_data(self, entry: Entry) -> bool:
        """Bytes in transparent mode, in whatever pieces."""
        said: Entry | None = None
        if self._data < entry.size:
            self._world.say_through(entry.size - self._data)
        while self._data < entry.size:
            said = self._next(URC_S)
            if said is None or not said.size:
                self._differs(entry, said)
                return False
            self._data += said.size
        self._data -= entry.size
        return True

    def _hear_urc(self, entry: Entry) -> bool:
        """URCs may come earlier or later than they did; what made one is done now, if it has not come."""
        if self._take_urc(entry) or self._comes(entry, BOOT_S if _BOOT.match(entry.text) else 0.0):
            return True
        self._world.happen(entry.text)
        if self._comes(entry, URC_S):
            return True
        self._differs(entry, self._said.waiting[0] if self._said.waiting else None)
        return False

    def _comes(self, entry: Entry, seconds: float) -> bool:
        """Whether the URC is said before anything that is none; other URCs are kept."""
        end = self._host.now + seconds
        while (said := self._next(end - self._host.now)) is not None:
            if self._same(entry, said):
                return True
            if not (said.text and _URC.match(said.text)):
                self._said.waiting.appendleft(said)
                return False
            self._urcs.append(said.text)
        return False

    def _take_urc(self, entry: Entry) -> bool:
        for text in self._urcs:
            if self._same(entry, Entry("module", text)):
                self._urcs.remove(text)
                return True
        return False

    def _is_answer(self, text: str) -> bool:
        """Whether a line that might be a URC is what the command asks for (AT+CREG?, AT+CPIN?)."""
        name = re.match(r"AT(\+\w+)\?", self._command)
        return bool(name and text.startswith(f"{name[1].upper()}:"))

    def _next(self, seconds: float = ANSWER_S) -> Entry | None:
        """What the simulated module says next."""
        self._host.wait_until(lambda: bool(self._said.waiting), seconds)
        return self._said.waiting.popleft() if self._said.waiting else None

    def _same(self, entry: Entry, said: Entry) -> bool:
        if entry.size or said.size:
            return entry.size == said.size
        if entry.text == said.text:
            return True
        if _BARE.match(self._command):
            return not FINAL_LIKE.match(entry.text) and not FINAL_LIKE.match(said.text)
        return bool(_VARIES.match(entry.text)) and shape(entry.text) == shape(said.text)

    def _differs(self, entry: Entry, said: Entry | None) -> None:
        text = "nothing" if said is None else said.text or f"{said.size} bytes"
        agree = 0
        if said is not None and entry.text:
            pairs = zip(entry.text.encode(), text.encode(), strict=False)
            agree = next(
                (i for i, (a, b) in enumerate(pairs) if a != b), min(len(entry.text), len(text))
            )
        self._done.difference = Difference(entry, text, self._command, agree)

    # -- what comes, for the world ---------------------------------------------------------------

    def coming(self, stop: Callable[[Entry], bool]) -> list[Entry]:
        """The entries behind this one, up to the first that `stop` is true of, which is the last."""
        found = []
        for entry in self._entries[self._at + 1 :]:
            found.append(entry)
            if stop(entry):
                break
        return found

    @property
    def module(self) -> Any:
        """The simulated module."""
        return self._module

    def quiet(self, seconds: float) -> None:
        """Let time pass."""
        self._host.run_quietly(seconds)


FINAL_LIKE = re.compile(r"OK$|ERROR$|\+CM[ES] ERROR: ")


def shape(text: str) -> str:
    """A line with its values left out: numbers, hexadecimal or not, and what is quoted and no mere word."""
    head, colon, rest = text.partition(": ")
    fields = re.findall(r'"[^"]*"|[^,]+|(?<=,)(?=,|$)', rest)
    return head + colon + ",".join("0" if _VALUE.fullmatch(field) else field for field in fields)


def _unverified(module: Any) -> Callable[[Connection], TlsSettings]:
    def settings(connection: Connection) -> TlsSettings:
        context = module.ssl[connection.ssl_ctx_id]
        return TlsSettings(host=connection.host, dtls=bool(context.dtls))

    return settings


class _Anybody(Peer):
    """A server of any kind: TLS where it is greeted so, else in the clear. Says what the replay wants."""

    def __init__(self, context: SSL.Context, dtls: bool) -> None:
        self._tls: TlsPeer | None = None
        self._context, self._dtls = context, dtls
        self._link: MemoryLink | None = None

    def connected(self, link: MemoryLink) -> None:
        self._link = link

    def received(self, link: MemoryLink, data: bytes) -> None:
        if self._tls is None and data[:1] == b"\x16":
            self._tls = TlsPeer(self._context, self._dtls)
            self._tls.connected(link)
        if self._tls is not None:
            self._tls.received(link, data)

    def say(self, size: int) -> None:
        """Send payload."""
        if self._tls is not None:
            self._tls.say(b"." * size)
        elif self._link is not None:
            self._link.reply(b"." * size)

    def end(self) -> None:
        """Close in order."""
        if self._tls is not None:
            self._tls.close()
        elif self._link is not None:
            self._link.hang_up()


class _World(MemoryNet):
    """The network as the recording tells it."""

    def __init__(self, replay: _Replay) -> None:
        super().__init__()
        self._replay = replay
        self._peers_of: dict[int, _Anybody] = {}
        self._results: dict[int, int] = {}
        self._contexts: dict[bool, SSL.Context] = {}
        self._failing = False

    # -- Net -------------------------------------------------------------------------------------

    def resolve(self, host: str, done: ResolveDone) -> None:
        self.later(lambda: done([] if self._failing else [ADDRESS]))

    def connect(
        self, kind: str, address: str, port: int, events: LinkEvents, local_port: int = 0
    ) -> MemoryLink:
        number = getattr(events, "client_id", -1)
        error = self._results.get(number, 0)
        if error in NETWORK_ERRORS:
            link = MemoryLink(self, Peer(), events)
            if error != TIMED_OUT:
                self.later(lambda: events.link_failed("as it was recorded"))
            return link
        peer = _Anybody(self._context(kind == "udp"), kind == "udp")
        self._peers_of[number] = peer
        self.peers[address, port] = peer
        return super().connect(kind, address, port, events)

    def _context(self, dtls: bool) -> SSL.Context:
        if dtls not in self._contexts:
            method = SSL.DTLS_SERVER_METHOD if dtls else SSL.TLS_SERVER_METHOD
            self._contexts[dtls] = Certificates("replay").context("replay", method)
        return self._contexts[dtls]

    # -- what the recording says of it -----------------------------------------------------------

    def prepare(self, command: str) -> None:
        """Before a command: how its open or its look-up will end, data that it will find."""
        self._failing = False
        if match := _OPEN.match(command):
            number = int(match["ssl"] or match["plain"])
            self._results[number] = self._result(number)
            self._failing = self._results[number] == DNS_FAILED
        elif "QIDNSGIP" in command.upper() or "QPING" in command.upper():
            answers = self._replay.coming(
                lambda entry: "dnsgip" in entry.text or "+QPING:" in entry.text
            )
            self._failing = bool(answers and answers[-1].text.endswith(f"{DNS_FAILED}"))
        elif match := _READ.match(command):
            answers = self._replay.coming(
                lambda entry: bool(_GOT.match(entry.text) or FINAL_LIKE.match(entry.text))
            )
            got = _GOT.match(answers[-1].text) if answers else None
            if got and match[2] != "0":
                self._have(int(match[1]), int(got[1]))

    def _result(self, number: int) -> int:
        """The <err> of this open: told by a URC, or CONNECT and ERROR in mode 2."""
        for entry in self._replay.coming(lambda entry: bool(_OPEN.match(entry.text))):
            match = _OPENED.match(entry.text)
            if match and int(match[1]) == number:
                return int(match[2])
        return 0

    def _have(self, number: int, size: int) -> None:
        """Have so much data wait in the module's buffer."""
        socket = self._replay.module.sockets.get(number)
        missing = size - len(socket.received) if socket else 0
        if missing > 0 and number in self._peers_of:
            self._peers_of[number].say(missing)
            self._replay.quiet(SETTLE_S)

    def happen(self, urc: str) -> None:
        """What made this URC."""
        if match := _RECV.match(urc):
            number = int(match[1])
            if number in self._peers_of:
                self._peers_of[number].say(int(match[2] or 0) or self._until_next(number))
        elif match := _CLOSED.match(urc):
            if int(match[1]) in self._peers_of:
                self._peers_of[int(match[1])].end()
        elif urc == "NO CARRIER":
            for peer in self._peers_of.values():
                peer.end()
        elif match := _LOST.match(urc):
            self._replay.module.pdp_lost(int(match[1]), "as it was recorded")
        elif _BOOT.match(urc) and self._replay.module.power.listening:
            self._replay.module.power.restart()

    def say_through(self, size: int) -> None:
        """The server of the connection that owns the port sends."""
        number = getattr(self._replay.module.port.data.socket, "client_id", -1)
        if number in self._peers_of:
            self._peers_of[number].say(size)

    def _until_next(self, number: int) -> int:
        """What is read of this connection until its next recv URC."""

        def over(entry: Entry) -> bool:
            match = _RECV.match(entry.text) or _CLOSED.match(entry.text)
            return bool(match and int(match[1]) == number)

        total, of = 0, -1
        for entry in self._replay.coming(over):
            if match := _READ.match(entry.text):
                of = int(match[1])
            elif (match := _GOT.match(entry.text)) and of == number:
                total += int(match[1])
        return total or 1
