"""The AT port: framing, input, errors (at-commands.md 0.3, 2.1, 2.4, 3.4). No SIM is needed."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping

from bg95_host.module_sim.registry import COMMANDS
from bg95_host.probe.experiment import Found, Hidden, default_of, experiment, near
from bg95_host.probe.session import Session

TRIES = 9
LONGEST_LINE = 8192  # a limit beyond it is of no use to anybody
SLOW_S = 0.2  # of the 300 ms that most commands may take


@experiment("slow_answers", "command_latency_s")
def latency(p: Session) -> Found:
    """Commands that ask nothing of the network, several times."""
    took = statistics.median(p.must("AT+CMEE?").seconds for _ in range(TRIES))
    bare = statistics.median(p.must("AT").seconds for _ in range(TRIES))
    if took - bare > SLOW_S:
        return {
            "slow_answers": True,
            "command_latency_s": near(bare, default_of("command_latency_s"), 0.002),
        }
    return {
        "slow_answers": False,
        "command_latency_s": near(took, default_of("command_latency_s"), 0.002),
    }


@experiment("quoted_numbers")
def quoted(p: Session) -> Found:
    return {"quoted_numbers": p.ask('AT+CMEE="1"').ok}


@experiment("parameter_error", "cfun_error")
def wrong_parameters(p: Session) -> Found:
    p.must("AT+CMEE=1")
    return {
        "parameter_error": _error_kind(p, "AT+CMEE=9"),
        "cfun_error": _error_kind(p, "AT+CFUN=9"),
    }


def _error_kind(p: Session, command: str) -> str | None:
    result = p.ask(command).result
    return {"ERROR": "plain", "+CME ERROR: 3": "numbered"}.get(result)


@experiment("garbage_line")
def garbage(p: Session) -> Found:
    said = p.silent(b"BG95PROBE\r")
    if b"ERROR" in said:
        return {"garbage_line": "error"}
    return {} if said else {"garbage_line": "silent"}


@experiment("mixed_case_at")
def mixed_case(p: Session) -> Found:
    return {"mixed_case_at": b"OK" in p.silent(b"At\r")}


@experiment("ignore_lf")
def line_feed(p: Session) -> Found:
    """A line feed behind the CR, and the next command at once behind that."""
    p.must("AT")
    return {"ignore_lf": b"OK" in p.silent(b"\nAT\r")}


@experiment("line_limit")
def line_limit(p: Session) -> Found:
    """Spaces between the = and a parameter are ignored (at-commands.md 0.3)."""

    def passes(length: int) -> bool:
        head, tail = "AT+CMEE=", "1"
        return p.ask(head + " " * (length - len(head + tail)) + tail).ok

    length = 128
    if not passes(length):
        raise Hidden("a line with spaces before its parameter is refused, whatever its length")
    while length < LONGEST_LINE and passes(2 * length):
        length *= 2
    if length >= LONGEST_LINE:
        raise Hidden(f"lines of {LONGEST_LINE} characters still pass")
    low, high = length, 2 * length  # passes, does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if passes(middle) else (low, middle)
    return {"line_limit": low}


@experiment("input_while_busy")
def while_busy(p: Session) -> Found:
    """A command that arrives while a long line of commands is executed."""
    p.talk.hush()
    line = b"AT+CMEE?" + b";+CMEE?" * 11
    p.talk.write(line + b"\rAT\r")
    said = p.talk.listen(20.0, until=b"OK\r\n")
    said += p.talk.listen(1.0)
    results = said.count(b"\r\nOK\r\n")
    return {"input_while_busy": {1: "discard", 2: "keep"}.get(results)}


@experiment("crlf_each_line")
def information_lines(p: Session) -> Found:
    """ATI has three lines; a CRLF ends each, another may begin it."""
    raw = p.must("ATI").raw.removesuffix(b"\r\nOK\r\n").strip(b"\r\n")
    return {"crlf_each_line": b"\r\n\r\n" in raw}


@experiment("s_register_digits")
def s_register(p: Session) -> Found:
    digits = p.must("ATS0?").text
    if len(digits) > 1 and not digits.startswith("0"):
        raise Hidden(f"S0 is {digits}, which shows no leading zeros")
    return {"s_register_digits": len(digits)}


@experiment("test_forms")
def test_forms(p: Session) -> Found:
    """AT+CFUN=? is spelt differently on each module that was seen."""
    command = COMMANDS["+CFUN"]
    spelt: Mapping[str, str | None] = {"bg95": command.test, **command.tests_as}
    said = p.must("AT+CFUN=?").text
    return {
        "test_forms": next((name for name, text in spelt.items() if said == f"+CFUN: {text}"), None)
    }


@experiment("urcport")
def urc_port(p: Session) -> Found:
    """From here on URCs come to this port, which is put back in the end."""
    match = re.search(r'"urcport","(\w+)"', p.must('AT+QURCCFG="urcport"').text)
    p.ask(f'AT+QURCCFG="urcport","{p.line.urc_port}"')
    return {"urcport": match[1] if match else None}
