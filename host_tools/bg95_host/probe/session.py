"""One probing of one module: what experiments work with, and what they share.

The module is left as it was: `Keeper` (keeper.py) puts settings back, files are the probe's own and
are deleted, the client ID is closed, a PDP context that was not active is deactivated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from bg95_host.errors import ToolError
from bg95_host.module_sim.tables import CONFIG_ITEMS
from bg95_host.probe.dialogue import SILENCE_S, Answer, Dialogue
from bg95_host.probe.experiment import Hidden
from bg95_host.probe.line import Line

FILE = "bg95probe.tmp"
CTX, CLIENT, PDP = 5, 11, 1  # the last SSL context and client ID, which applications use least
PSK_FILE = f"{CTX}_server.psk"
NOWHERE = "bg95-probe.invalid"  # a name that never resolves, RFC 2606
OPEN_S = 160.0  # at-commands.md 1.6.2, with the shortest negotiatetime
REGISTRATION_S = 60.0  # at-commands.md 2.3, the vendor's flow chart
BOOT_S = 30.0
PRESS_S = 0.8  # of PWRKEY, at-commands.md 2.12
EXISTS = 407  # at-commands.md 2.8.2


@dataclass
class Allowed:
    """What the user allows, and provides. `server` is host and base port of `bg95 probe --serve`."""

    network: bool = False
    restart: bool = False
    server: tuple[str, int] | None = None
    name: str = "example.com"  # a DNS name that exists
    pin: str = ""
    ca_pem: bytes = b""


@dataclass
class Session:
    """A module's AT port during a probing."""

    line: Line
    allowed: Allowed
    found: dict[str, Any] = field(default_factory=dict)  # trait -> value
    has: dict[str, str] = field(default_factory=dict)  # need -> why not; "" where it is there
    items: set[str] = field(default_factory=set)  # AT+QSSLCFG items that this module has
    uploaded: set[str] = field(default_factory=set)  # files of the probe's own
    locked: bool = False  # the SIM asked for its PIN, which the user gave

    def __post_init__(self) -> None:
        self.talk = Dialogue(self.line)

    # -- commands ------------------------------------------------------------------------------

    def ask(self, command: str, seconds: float | None = None) -> Answer:
        """A command and its answer."""
        return self.talk.ask(command, seconds)

    def must(self, command: str, seconds: float | None = None) -> Answer:
        """A command without which the experiment means nothing."""
        answer = self.ask(command, seconds)
        if not answer.ok:
            raise Hidden(f"{command.partition('=')[0]} answers {answer.result or 'nothing'}")
        return answer

    def silent(self, data: bytes) -> bytes:
        """What comes after bytes that may get no answer at all."""
        self.talk.hush()
        self.talk.write(data)
        return self.talk.listen(SILENCE_S + len(data) * self.line.byte_time)

    def get_in_step(self, seconds: float = 3.0) -> bool:
        """Whether the module answers AT, with echo off and in words."""
        tries = range(max(1, round(seconds)))
        return any(self.ask("ATE0Q0V1", 1.0).ok and self.ask("AT", 1.0).ok for _ in tries)

    @property
    def latency(self) -> float:
        """Seconds that every answer takes, to be left out of what a command takes by itself."""
        return self.found.get("command_latency_s", 0.0)

    def steady(self) -> None:
        """Hidden where every command takes so long that a time of its own cannot be seen."""
        if self.found.get("slow_answers"):
            raise Hidden("slow_answers: every command takes nearly its longest time")

    # -- SSL contexts ----------------------------------------------------------------------------

    def need_items(self, *names: str) -> None:
        """Hidden where the module lacks an AT+QSSLCFG item."""
        if lacks := [name for name in names if name not in self.items]:
            raise Hidden(f"missing_items: the module has no {', '.join(lacks)}")

    def configure(self, **values: object) -> None:
        """Set items of the probe's SSL context."""
        for name, value in values.items():
            kind = CONFIG_ITEMS[name].kind
            self.must(
                f'AT+QSSLCFG="{name}",{CTX},' + (f'"{value}"' if kind == "path" else f"{value}")
            )

    def reset_context(self) -> None:
        """The probe's SSL context as the documents' defaults have it."""
        for name in self.items:
            item = CONFIG_ITEMS[name]
            value = f'"{item.default}"' if item.kind == "path" else item.default
            value = f"0X{item.default:04X}" if item.kind == "suite" else value
            self.ask(f'AT+QSSLCFG="{name}",{CTX},{value}')

    # -- files -----------------------------------------------------------------------------------

    def upload(self, name: str, data: bytes) -> None:
        """Put a file of the probe's own on the module; Hidden where that cannot be."""
        answer = self.ask(f'AT+QFUPL="{name}",{len(data)},20')
        if answer.result != "CONNECT":
            why = " (a file of that name is there)" if str(EXISTS) in answer.result else ""
            raise Hidden(f"the module takes no file {name}: {answer.result}{why}")
        self.uploaded.add(name)
        self.talk.write(data)
        self.talk.listen(25.0, until=b"OK\r\n")

    def delete(self, name: str) -> None:
        """Remove a file of the probe's own."""
        self.ask(f'AT+QFDEL="{name}"')

    # -- connections -----------------------------------------------------------------------------

    @property
    def server(self) -> tuple[str, int]:
        """Host and base port of the far side."""
        assert self.allowed.server is not None
        return self.allowed.server

    def open(self, mode: int = 0, port: int = 0, host: str = "") -> int:
        """Open the probe's connection to the far side's base port + `port`; <err>, -1 for none."""
        host, base = (host, 443) if host else self.server
        command = f'AT+QSSLOPEN={PDP},{CTX},{CLIENT},"{host}",{base + port},{mode}'
        answer = self.ask(command, OPEN_S)
        if mode == 2:
            return 0 if answer.result.startswith("CONNECT") else -1
        if not answer.ok:
            raise Hidden(f"AT+QSSLOPEN answers {answer.result or 'nothing'}")
        return self.opened()

    def opened(self) -> int:
        """The result of an open as its URC tells it; -1 where none comes."""
        match = self.talk.urc(rf"\+QSSLOPEN: {CLIENT},(\d+)", OPEN_S)
        return int(match[1]) if match else -1

    def connect(self, mode: int = 0) -> None:
        """As `open`, but Hidden where it fails."""
        error = self.open(mode)
        if error:
            self.close()
            raise Hidden(f"the far side cannot be reached: {error}")

    def close(self) -> Answer:
        """Close the probe's connection, whatever its state."""
        return self.ask(f"AT+QSSLCLOSE={CLIENT}", 20.0)

    def send(self, data: bytes) -> str:
        """Payload by AT+QSSLSEND; the final result. What comes back is not waited for."""
        self.talk.hush()
        self.talk.write(f"AT+QSSLSEND={CLIENT},{len(data)}\r".encode())
        heard = self.talk.listen(10.0, until=b">")
        if not heard.endswith(b">"):
            return heard.decode("latin-1").strip()
        self.talk.rest(0.05)  # the space, if one comes
        self.talk.hush()
        self.talk.write(data)
        said = self.talk.listen(125.0, until=b"SEND OK\r\n")
        return "SEND OK" if said.endswith(b"SEND OK\r\n") else said.decode("latin-1").strip()

    def receive(self, size: int, seconds: float = 10.0) -> bytes:
        """Payload out of the module's buffer by polling, since a URC may be missing."""
        data = b""
        end = self.line.now + seconds
        while len(data) < size and self.line.now < end:
            data += payload(self.ask(f"AT+QSSLRECV={CLIENT},1500"))
            if len(data) < size:
                self.talk.rest(0.1)
        return data

    def settle(self) -> None:
        """Let what was sent come back."""
        self.talk.rest(1.0)

    # -- network -----------------------------------------------------------------------------------

    def registration(self) -> int:
        """<stat> of AT+CEREG? or AT+CREG?: the better one (at-commands.md 2.3)."""
        stats = []
        for name in ("CEREG", "CREG"):
            match = re.search(r": \d,(\d)", self.ask(f"AT+{name}?").text)
            stats.append(int(match[1]) if match else 0)
        return next((stat for stat in stats if stat in (1, 5)), stats[0])

    def registered(self) -> bool:
        """Whether the network takes the module, within the time that the vendor gives it."""
        end = self.line.now + REGISTRATION_S
        while (stat := self.registration()) not in (1, 3, 5) and self.line.now < end:
            self.talk.rest(1.0)
        return stat in (1, 5)

    def activate(self) -> Answer:
        """Bring the PDP context up."""
        return self.ask(f"AT+QIACT={PDP}")

    def deactivate(self) -> Answer:
        """Take the PDP context down."""
        return self.ask(f"AT+QIDEACT={PDP}")

    def active(self) -> bool:
        """Whether the PDP context is up."""
        return any(line.startswith(f"+QIACT: {PDP},1") for line in self.ask("AT+QIACT?").lines)


def payload(answer: Answer) -> bytes:
    """The bytes of an AT+QSSLRECV answer."""
    match = re.search(rb"\+QSSLRECV: (\d+)\r\n(\n?)", answer.raw)
    if not match:
        return b""
    start = match.end()
    return answer.raw[start : start + int(match[1])]


def refuse_in_use(session: Session) -> None:
    """The probe works on a module that nobody works on."""
    for command in ("AT+QSSLSTATE", "AT+QISTATE", "AT+QMTCONN?"):
        if session.ask(command).lines:
            raise ToolError("the module has open connections: close them first")
