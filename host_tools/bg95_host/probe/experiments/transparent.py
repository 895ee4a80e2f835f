"""Transparent mode: leaving it, coming back (at-commands.md 1.4.2, 1.4.3, 2.7)."""

from __future__ import annotations

from bg95_host.probe.experiment import Found, Hidden, experiment
from bg95_host.probe.session import CLIENT, Session

GUARD_S = 1.2


def _escape(p: Session) -> None:
    """+++ between two silences; Hidden where the module does not listen."""
    p.talk.listen(GUARD_S)
    p.talk.write(b"+++")
    said = p.talk.listen(GUARD_S + 2.0, until=b"OK\r\n")
    if not said.endswith(b"OK\r\n"):
        raise Hidden("+++ does not leave transparent mode")


@experiment("ato_resumes", "flush_on_return", needs="server")
def back(p: Session) -> Found:
    """Data comes while the port is in command mode; ATO or AT+QISWTMD goes back."""
    p.connect(mode=2)
    try:
        p.talk.write(b"*later 4500 flushed")
        _escape(p)
        p.talk.rest(4.0)
        resumed = p.ask("ATO", 5.0).result.startswith("CONNECT")
        if not resumed and not p.ask(f"AT+QISWTMD={CLIENT},2").result.startswith("CONNECT"):
            return {"ato_resumes": False}
        flushed = b"flushed" in p.talk.listen(2.0)
        _escape(p)
        return {"ato_resumes": resumed, "flush_on_return": flushed}
    finally:
        p.get_in_step()
        p.close()


@experiment("dtr2_result", needs="server dtr")
def dtr(p: Session) -> Found:
    before = _dtr_mode(p)
    p.must("AT&D2")
    try:
        p.connect(mode=2)
        p.line.set_dtr(1)
        said = p.talk.listen(3.0)
        p.line.set_dtr(0)
    finally:
        p.get_in_step()
        p.close()
        p.ask(f"AT&D{before}")
    return {
        "dtr2_result": "NO CARRIER" if b"NO CARRIER" in said else "OK" if b"OK" in said else None
    }


def _dtr_mode(p: Session) -> str:
    lines = dict(line.split(": ", 1) for line in p.ask("AT&V").lines if ": " in line)
    return lines.get("&D", "1")


@experiment("sleep_loses_input", needs="dtr")
def asleep(p: Session) -> Found:
    before = p.must("AT+QSCLK?").text.rpartition(" ")[2]
    p.must("AT+QSCLK=1")
    try:
        p.line.set_dtr(1)
        p.talk.rest(1.0)
        said = p.silent(b"AT\r")
    finally:
        p.line.set_dtr(0)
        p.talk.rest(1.0)
        p.get_in_step()
        p.ask(f"AT+QSCLK={before}")
    return {"sleep_loses_input": b"OK" not in said}
