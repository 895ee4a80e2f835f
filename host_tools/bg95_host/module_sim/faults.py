"""Faults: what goes wrong in the field, by name, at a chosen moment, so many times (spec 3.7).

    NAME[=VALUE][@WHEN][*COUNT]        drop_out=0.001   restart@rx:5000   send_fail@+QSSLSEND:3*5

WHEN is a time in seconds since the module was made, `rx:N`/`tx:N` (after N bytes from/to the host),
`in:N`/`out:N` (after N payload bytes from/to the network), or `+COMMAND[:N]` (the Nth time it
starts). With *COUNT an event repeats at every further multiple of WHEN.

There are three kinds. An event happens at its moment. A condition holds from its moment on, for
COUNT uses. A rate hits every byte with a probability, from its moment on, at most COUNT times.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .commands import sim_card
from .results import AtError, CmeError, TcpipError
from .tables import CME_ERRORS, HTTP_ERRORS, SSL_ERRORS

if TYPE_CHECKING:
    from .core import Module

_RULE = re.compile(
    r"(?P<name>[a-z_]+)(=(?P<value>.*?))?"
    r"(@(?P<when>(?:rx:|tx:|in:|out:)?\d+(?:\.\d+)?|\+[A-Z0-9]+(?::\d+)?))?(\*(?P<count>\d+))?"
)


@dataclass(frozen=True)
class Fault:
    """One kind of fault. `kind` is "event", "condition" or "rate"."""

    name: str
    kind: str
    help: str
    section: str
    default: str = ""  # the value where none is given


FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        # the UART
        Fault("chunk", "condition", "hand bytes to the host N at a time", "3.7 item 12", "1"),
        Fault("drop_in", "rate", "lose host bytes", "3.7", "0.001"),
        Fault("drop_out", "rate", "lose module bytes", "3.7", "0.001"),
        Fault("duplicate_in", "rate", "double host bytes", "3.7", "0.001"),
        Fault("duplicate_out", "rate", "double module bytes", "3.7", "0.001"),
        Fault("garble_in", "rate", "change host bytes", "3.7", "0.001"),
        Fault("garble_out", "rate", "change module bytes", "3.7", "0.001"),
        Fault("baud", "event", "the module's UART changes to this rate", "2.5", "9600"),
        Fault("stall_in", "event", "the module hears nothing new for so many seconds", "3.7", "5"),
        Fault("stall_out", "event", "the module says nothing for so many seconds", "3.7", "5"),
        Fault("urc", "event", "print this URC", "2.6.7", "RING"),
        # power, network
        Fault("restart", "event", "the module restarts without a word", "3.7"),
        Fault("power_cut", "event", "the module goes dark until PWRKEY", "2.12"),
        Fault("hang", "event", "the module stops for good; only PWRKEY or RESET_N helps", "2.12"),
        Fault("pdp_loss", "event", "the network takes this PDP context down", "3.7 item 10", "1"),
        Fault("deregister", "event", "registration is lost for so many seconds", "2.3", "10"),
        Fault("no_sim", "event", "the SIM card is out for so many seconds", "2.2.1", "10"),
        Fault("timezone", "event", "the network tells another zone, in quarter hours", "2.9", "4"),
        Fault("clock_reset", "event", "the clock falls back to 1980", "3.7 item 8"),
        # connections
        Fault("peer_reset", "event", "this connection breaks; -1: all of them", "3.5", "-1"),
        Fault("tls_alert", "event", "this connection ends as by a TLS alert; -1: all", "3.5", "-1"),
        Fault("silent_loss", "event", "this connection dies without a URC; -1: all", "3.7", "-1"),
        Fault("slow_net", "condition", "the network delays data by so many seconds", "3.3", "2"),
        Fault("send_fail", "condition", "sends answer SEND FAIL", "3.7 item 2"),
        Fault("open_error", "condition", "opens end with this <err>", "3.7 item 3", "566"),
        Fault("open_silent", "condition", "opens never report a result", "3.7 item 3"),
        Fault("dns_error", "condition", "names fail with 564 or 565", "2.6.6", "565"),
        Fault("id_leak", "condition", "AT+QSSLCLOSE says OK and the ID stays in use", "3.7 item 4"),
        Fault("swallow_urc", "condition", "a URC is not printed", "3.2"),
        # commands and files
        Fault(
            "refuse", "condition", "COMMAND:CODE, refused with this error", "1.8, 2.4", "+QIACT:561"
        ),
        Fault("no_answer", "condition", "this command never answers", "2.6.2", "+QIACT"),
        Fault("late_answer", "condition", "COMMAND:SECONDS, answered late", "2.6.2", "+QIACT:150"),
        Fault("flash_full", "condition", "no file fits", "3.7 item 7"),
        Fault("corrupt_upload", "condition", "one bit of an upload is stored wrong", "3.7 item 7"),
    )
}

EVENTS: dict[str, Callable[[Module, str], None]] = {}


def _event(name: str) -> Callable[[Callable[[Module, str], None]], None]:
    def register(action: Callable[[Module, str], None]) -> None:
        EVENTS[name] = action

    return register


@_event("baud")
def _baud(m: Module, value: str) -> None:
    m.set_baud(int(value))


@_event("stall_in")
def _stall_in(m: Module, value: str) -> None:
    m.rx.hold(m.now + float(value))


@_event("stall_out")
def _stall_out(m: Module, value: str) -> None:
    m.tx.hold(m.now + float(value))


@_event("urc")
def _urc(m: Module, value: str) -> None:
    m.urc(value)


@_event("restart")
def _restart(m: Module, value: str) -> None:
    m.power.restart()


@_event("power_cut")
def _power_cut(m: Module, value: str) -> None:
    m.power.cut()


@_event("hang")
def _hang(m: Module, value: str) -> None:
    m.power.hang()


@_event("pdp_loss")
def _pdp_loss(m: Module, value: str) -> None:
    m.pdp_lost(int(value), "the network deactivated the PDP context")


@_event("deregister")
def _deregister(m: Module, value: str) -> None:
    m.lose_network()
    m.after(float(value), m.register)


@_event("no_sim")
def _no_sim(m: Module, value: str) -> None:
    sim_card.card_removed(m)
    m.world_event(float(value), lambda: sim_card.card_inserted(m))


@_event("timezone")
def _timezone(m: Module, value: str) -> None:
    m.tell_time(int(value))


@_event("clock_reset")
def _clock_reset(m: Module, value: str) -> None:
    m.rtc.reset(m.now)


@_event("peer_reset")
def _peer_reset(m: Module, value: str) -> None:
    for socket in m.chosen_sockets(int(value)):
        socket.break_off("connection reset by peer")


@_event("tls_alert")
def _tls_alert(m: Module, value: str) -> None:
    for socket in m.chosen_sockets(int(value)):
        socket.break_off("TLS alert: internal error")


@_event("silent_loss")
def _silent_loss(m: Module, value: str) -> None:
    for socket in m.chosen_sockets(int(value)):
        socket.lost_silently()


@dataclass
class Rule:
    """One wanted fault, and how often it may still happen."""

    fault: Fault
    value: str
    when: str
    left: float  # uses left; infinity where no count was given
    active: bool = field(default=False)

    def use(self) -> bool:
        """Take one use, if it is active and has one left."""
        if not self.active or self.left <= 0:
            return False
        self.left -= 1
        return True


def parse(text: str) -> Rule:
    """A rule from its text; raises ValueError with what is wrong."""
    match = _RULE.fullmatch(text)
    if not match:
        raise ValueError(f"write a fault as NAME[=VALUE][@WHEN][*COUNT], not {text!r}")
    name, value, when, count = match.group("name", "value", "when", "count")
    if name not in FAULTS:
        raise ValueError(f"there is no fault {name!r}; see --list-faults")
    fault = FAULTS[name]
    endless = fault.kind != "event"
    left = float(count) if count else (float("inf") if endless else 1.0)
    rule = Rule(fault, fault.default if value is None else value, when or "0", left)
    _check(rule, text)
    return rule


def _check(rule: Rule, text: str) -> None:
    """Refuse a value that the fault cannot use, before the module starts."""
    name, value = rule.fault.name, rule.value
    try:
        if rule.fault.kind == "rate" and not 0 <= float(value) <= 1:
            raise ValueError("a probability is between 0 and 1")
        if name in ("stall_in", "stall_out", "slow_net", "deregister", "no_sim"):
            float(value)
        if name in (
            "chunk",
            "pdp_loss",
            "peer_reset",
            "tls_alert",
            "silent_loss",
            "baud",
            "timezone",
        ):
            int(value)
        if name == "open_error" and int(value) not in SSL_ERRORS:
            raise ValueError("not an error code of spec 1.8")
        if (
            name == "refuse"
            and int(value.rpartition(":")[2]) not in SSL_ERRORS | CME_ERRORS | HTTP_ERRORS
        ):
            raise ValueError("not an error code")
        if name == "late_answer":
            float(value.rpartition(":")[2])
    except ValueError as error:
        raise ValueError(f"fault {text!r}: {error}") from None


class Faults:
    """The faults of one module: rules, and the places where they bite."""

    def __init__(self, wanted: Iterable[str]) -> None:
        self.rules = [parse(text) for text in wanted]
        self._m: Module | None = None
        self._seen: dict[str, int] = {}

    def arm(self, module: Module) -> None:
        """The module exists: time starts."""
        self._m = module
        for rule in self.rules:
            if rule.when[0].isdigit():
                self._at(rule, float(rule.when))

    def add(self, text: str) -> None:
        """One more, with its time counted from now."""
        rule = parse(text)
        self.rules.append(rule)
        if rule.when[0].isdigit():
            self._at(rule, float(rule.when))

    def _at(self, rule: Rule, seconds: float) -> None:
        assert self._m is not None
        if seconds == 0:
            self._reached(rule)
        else:
            self._m.world_event(seconds, lambda: self._reached(rule))

    def _reached(self, rule: Rule) -> None:
        """A rule's moment: its event happens, or it holds from now on."""
        rule.active = True
        if rule.fault.kind != "event" or not rule.use():
            return
        assert self._m is not None
        module = self._m
        module.trace("log", text=f"fault {rule.fault.name}={rule.value}")
        module.count("faults")
        # Never from inside a command or a transmission: between two events of the module.
        module.world_event(0.0, lambda: EVENTS[rule.fault.name](module, rule.value))
        if rule.when[0].isdigit() and float(rule.when) and rule.left:
            self._at(rule, float(rule.when))

    def passed(self, what: str, by: int) -> None:
        """Count bytes (rx, tx, in, out) or a command; rules that wait for it happen."""
        if not self.rules:
            return
        before = self._seen.get(what, 0)
        self._seen[what] = after = before + by
        for rule in self.rules:
            head, _, tail = rule.when.partition(":")
            if head == what:
                mark = int(tail or 1)
                if before // mark < after // mark and (rule.left or not rule.active):
                    self._reached(rule)

    def _uses(self, name: str, match: Callable[[str], bool] = lambda value: True) -> str | None:
        """The value of a condition that holds now, and one use of it; None if none holds."""
        for rule in self.rules:
            if rule.fault.name == name and match(rule.value) and rule.use():
                assert self._m is not None
                self._m.count("faults")
                return rule.value
        return None

    # -- where they bite -----------------------------------------------------------------------

    @property
    def chunk(self) -> int:
        """Bytes a write to the host; 0 for no limit."""
        return next((int(r.value) for r in self.rules if r.fault.name == "chunk"), 0)

    def bytes_to_mark(self, what: str, at_most: int) -> int:
        """How many more of these until the next rule's moment."""
        least = at_most
        for rule in self.rules:
            head, _, tail = rule.when.partition(":")
            if head == what:
                mark = int(tail)
                least = min(least, mark - self._seen.get(what, 0) % mark)
        return least

    def spoiled(self, data: bytes, way: str) -> bytes:
        """Bytes on the UART ("in" or "out") after the rates have hit them."""
        for rule in self.rules:
            if rule.fault.kind == "rate" and rule.active and rule.fault.name.endswith("_" + way):
                data = self._apply(rule, data)
        return data

    def _apply(self, rule: Rule, data: bytes) -> bytes:
        assert self._m is not None
        rng, rate, result = self._m.rng, float(rule.value), bytearray()
        for byte in data:
            if rng.random() >= rate or not rule.use():
                result.append(byte)
                continue
            self._m.count("faults")
            if rule.fault.name.startswith("duplicate"):
                result += bytes((byte, byte))
            elif rule.fault.name.startswith("garble"):
                result.append(byte ^ rng.randrange(1, 256))
        return bytes(result)

    def command_started(self, name: str) -> None:
        """A command begins to run; raises the error that it is refused with."""
        self.passed(name, 1)
        for rule in self.rules:
            command, _, code = rule.value.rpartition(":")
            if rule.fault.name == "refuse" and command == name and rule.use():
                raise _error(int(code))

    def delay(self, name: str) -> float | None:
        """Extra seconds before a command runs; None: it never answers."""
        if self._uses("no_answer", lambda value: value == name) is not None:
            return None
        late = self._uses("late_answer", lambda value: value.rpartition(":")[0] == name)
        return float(late.rpartition(":")[2]) if late else 0.0

    def stack_is_dead(self) -> bool:
        """Every open is refused with 552 until a restart (spec 3.7 item 6)."""
        assert self._m is not None
        limit = self._m.traits.opens_until_552
        return bool(limit) and self._m.opens_since_boot >= limit

    def send_fails(self) -> bool:
        """The send buffer pretends to be full."""
        return self._uses("send_fail") is not None

    def open_error(self) -> int | None:
        """The error that this open ends with."""
        value = self._uses("open_error")
        return int(value) if value else None

    def open_is_silent(self) -> bool:
        """This open never reports its result."""
        return self._uses("open_silent") is not None

    def dns_error(self) -> int | None:
        """The error that this name query ends with."""
        value = self._uses("dns_error")
        return int(value) if value else None

    def leaks_id(self) -> bool:
        """This close frees nothing."""
        return self._uses("id_leak") is not None

    def swallows_urc(self) -> bool:
        """This URC is not printed."""
        return self._uses("swallow_urc") is not None

    def network_delay(self) -> float:
        """Seconds that data from the network is late."""
        value = self._uses("slow_net")
        return float(value) if value else 0.0

    def flash_is_full(self) -> bool:
        """No room for a file."""
        return self._uses("flash_full") is not None

    def corrupts_upload(self) -> bool:
        """One bit of this upload is stored wrong."""
        return self._uses("corrupt_upload") is not None


def _error(code: int) -> AtError:
    return TcpipError(code) if code in SSL_ERRORS and code >= 550 else CmeError(code)
