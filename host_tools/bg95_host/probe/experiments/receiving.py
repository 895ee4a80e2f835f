"""AT+QSSLRECV and the recv URC (at-commands.md 1.6.4, 3.2, open question 1)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from bg95_host.probe.experiment import Found, Hidden, default_of, experiment, near
from bg95_host.probe.session import CLIENT, Session

DATA = b"hello"
ARRIVALS = 24
TRIES = 20
FLOOD, RECORD = 400, 100
PUSHED = 4000
_RECV = rf'\+QSSLURC: "recv",{CLIENT}(,\d+)?'
_READ = re.compile(rb"(\n?)\r\n\+QSSLRECV: 5\r\n(\n?)hello(\r\n)?\r\nOK\r\n")
_EMPTY = re.compile(rb"\r\n\+QSSLRECV: 0\r\n(\r\n)?\r\nOK\r\n")


@experiment("crlf_after_data", "stray_lf", "empty_recv_line", needs="server")
def framing(p: Session) -> Found:
    p.connect()
    try:
        p.send(DATA)
        p.settle()
        full = _READ.fullmatch(p.ask(f"AT+QSSLRECV={CLIENT},1500").raw)
        empty = _EMPTY.fullmatch(p.ask(f"AT+QSSLRECV={CLIENT},1500").raw)
    finally:
        p.close()
    return {
        "crlf_after_data": full and bool(full[3]),
        "stray_lf": full and bool(full[1] or full[2]),
        "empty_recv_line": empty and bool(empty[1]),
    }


def _arrivals(p: Session, read: int, count: int) -> Iterator[re.Match[str] | None]:
    """One byte after the other comes back; the recv URC of each, if one is printed.

    `read`: how often the buffer is read each time: 2 is to the 0, 1 to the last byte, 0 not at all.
    """
    for _ in range(count):
        p.send(b"a")
        yield p.talk.urc(_RECV, 1.0)
        for _ in range(read):
            p.ask(f"AT+QSSLRECV={CLIENT},1")


@experiment("swallow_recv_urc", "recv_urc_length", needs="server")
def urcs(p: Session) -> Found:
    """Arrivals in an empty buffer: each one is worth a URC."""
    p.connect()
    try:
        seen = list(_arrivals(p, 2, ARRIVALS))
    finally:
        p.close()
    missing = [number for number, match in enumerate(seen) if match is None]
    gaps = {later - earlier for earlier, later in itertools.pairwise(missing)}
    first = next((match for match in seen if match), None)
    if first is None:
        return {
            "swallow_recv_urc": 1,
            "recv_urc_length": Hidden("swallow_recv_urc: none is printed"),
        }
    every: object = 0
    if missing:
        every = (
            gaps.pop() if len(gaps) == 1 else Hidden(f"{len(missing)} URCs are missing in no order")
        )
    return {"swallow_recv_urc": every, "recv_urc_length": bool(first[1])}


def _need_urcs(p: Session) -> None:
    if p.found.get("swallow_recv_urc") == 1:
        raise Hidden("swallow_recv_urc: no recv URC is ever printed")


@experiment("recv_urc_repeats", "recv_rearm", needs="server")
def rearming(p: Session) -> Found:
    _need_urcs(p)
    p.connect()
    try:
        repeats = any(list(_arrivals(p, 0, 4))[1:])
        if repeats:
            return {
                "recv_urc_repeats": True,
                "recv_rearm": Hidden("recv_urc_repeats: every arrival has its URC"),
            }
        p.receive(4)
        p.ask(f"AT+QSSLRECV={CLIENT},1")
        again = any(list(_arrivals(p, 1, 4))[1:])
    finally:
        p.close()
    return {"recv_urc_repeats": False, "recv_rearm": "empty" if again else "zero"}


@experiment("urc_placement", needs="server")
def placement(p: Session) -> Found:
    """Data arrives while commands are executed, until its URC stands where it should not.

    The echo is on: it tells a URC from before the command's end from one after it.
    """
    _need_urcs(p)
    p.connect()
    try:
        p.must("ATE1")
        for number in range(TRIES):
            p.send(b"*later %d x" % (100 + number))
            if place := _place(p):
                return {"urc_placement": place}
    finally:
        p.ask("ATE0")
        p.close()
    return {"urc_placement": "between"}


def _place(p: Session) -> str | None:
    """Where the URC stands in an answer; None where it stood between two."""
    command = f"AT+QSSLRECV={CLIENT},1500"
    after_echo = command.encode() + b"\r\r\n+QSSLURC"
    end = p.line.now + 0.3
    while p.line.now < end:
        raw = p.ask(command).raw
        if after_echo in raw:
            return "after_echo"
        if p.talk.waiting(b"+QSSLURC") or raw.startswith(b"\r\n+QSSLURC"):
            break
        if -1 < raw.find(b"+QSSLRECV:") < raw.find(b"+QSSLURC"):
            return "inside"
    return None


@experiment("receive_buffer", needs="server")
def buffer(p: Session) -> Found:
    """The far side sends, nobody reads: what is unread once no more comes."""
    p.connect()
    try:
        p.send(b"*flood %d %d" % (FLOOD, RECORD))
        unread, before = 0, -1
        while unread != before:
            before = unread
            p.talk.rest(3.0)
            counters = re.search(
                r"\+QSSLRECV: \d+,\d+,(\d+)", p.ask(f"AT+QSSLRECV={CLIENT},0").text
            )
            unread = int(counters[1]) if counters else 0
    finally:
        p.ask(f"AT+QSSLCLOSE={CLIENT},0")
    if unread >= FLOOD * RECORD:
        raise Hidden(f"the buffer takes {unread} bytes and more")
    return {"receive_buffer": int(near(unread, default_of("receive_buffer"), RECORD))}


@experiment("push_chunk", "recv_in_push", needs="server")
def push(p: Session) -> Found:
    p.connect(mode=1)
    try:
        p.send(b"*flood 1 %d" % PUSHED)
        said = p.talk.listen(10.0, quiet=2.0)
        answer = p.ask(f"AT+QSSLRECV={CLIENT},100")
    finally:
        p.close()
    pattern = rb'\+QSSLURC: "recv",%d,(\d+)\r\n' % CLIENT
    chunks = [int(size) for size in re.findall(pattern, said)]
    chunk: object = max(chunks, default=None)
    if chunk == PUSHED:
        chunk = Hidden(f"{PUSHED} bytes are pushed in one piece")
    return {"push_chunk": chunk, "recv_in_push": "zero" if answer.ok else "error"}
