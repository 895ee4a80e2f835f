"""AT+QSSLSEND: prompt, echo, cancelling, what ends a send (at-commands.md 1.6.3, 3.1)."""

from __future__ import annotations

from bg95_host.probe.experiment import Found, Hidden, default_of, experiment, near
from bg95_host.probe.session import CLIENT, Session

MOST_SENT = 1460
IDLE_S = 65.0  # the longest that a send is left unfinished
RRC_S = 120.0
DATA = b"hello"


def _prompt(p: Session, size: str) -> bytes:
    """Ask for the prompt; what comes, up to a moment after its >."""
    p.talk.hush()
    p.talk.write(f"AT+QSSLSEND={CLIENT}{size}\r".encode())
    heard = p.talk.listen(10.0, until=b">")
    return heard + p.talk.listen(0.1)


@experiment("prompt_crlf", "prompt_space", "cancel_send", "send_overrun", needs="server")
def prompt(p: Session) -> Found:
    p.connect()
    try:
        heard = _prompt(p, "")
        p.talk.write(b"\x1b")
        cancelled = p.talk.listen(5.0, until=b"\r\n") + p.talk.listen(0.3)
        return {
            "prompt_crlf": heard.startswith(b"\r\n"),
            "prompt_space": heard.endswith(b" "),
            "cancel_send": "error"
            if b"ERROR" in cancelled
            else "ok"
            if b"OK" in cancelled
            else None,
            "send_overrun": _overrun(p),
        }
    finally:
        p.close()


def _overrun(p: Session) -> str | None:
    """One byte more than a send may hold. What the module does not take is ended as a line."""
    _prompt(p, "")
    p.talk.write(b"x" * (MOST_SENT + 1) + b"\x1a")
    said = p.talk.listen(30.0, until=b"\r\n", quiet=1.0) + p.talk.listen(1.0)
    p.silent(b"\r")
    p.get_in_step()
    if b"SEND OK" in said:
        return "send"
    return "error" if b"ERROR" in said else None


@experiment("echo_payload", needs="server")
def echo(p: Session) -> Found:
    p.connect()
    try:
        p.must("ATE1")
        _prompt(p, f",{len(DATA)}")
        p.talk.write(DATA)
        said = p.talk.listen(30.0, until=b"SEND OK\r\n")
    finally:
        p.ask("ATE0")
        p.close()
    return {"echo_payload": said.startswith(DATA)}


@experiment("send_idle_s", needs="server")
def unfinished(p: Session) -> Found:
    """A send that lacks bytes: given up after a time, or never."""
    p.connect()
    try:
        _prompt(p, ",10")
        start = p.line.now
        p.talk.write(b"abc")
        said = p.talk.listen(IDLE_S, until=b"ERROR\r\n")
        if said:
            return {"send_idle_s": near(p.line.now - start, 0.0, 0.01)}
        p.talk.write(b"x" * 7)
        said = p.talk.listen(30.0, until=b"SEND OK\r\n")
        return {"send_idle_s": 0.0 if b"SEND OK" in said else None}
    finally:
        p.close()


@experiment("rrc_idle_s", needs="server")
def radio_idle(p: Session) -> Found:
    """From a few bytes of traffic to the URC that says that the radio connection is gone."""
    before = p.must("AT+QCSCON?").text.partition(": ")[2][:1]
    p.must("AT+QCSCON=1")
    p.connect()
    try:
        p.send(DATA)
        start = p.line.now
        if p.talk.urc(r"\+QCSCON: 1,0", RRC_S) is None:
            raise Hidden(f"the radio connection stands for more than {RRC_S:g} s")
        took = p.line.now - start
    finally:
        p.close()
        p.ask(f"AT+QCSCON={before}")
    return {"rrc_idle_s": near(took, default_of("rrc_idle_s"), 0.1)}
