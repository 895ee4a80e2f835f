"""PDP contexts, names and ping (at-commands.md 2.6). What costs money needs the user's word."""

from __future__ import annotations

from bg95_host.probe.experiment import Found, Hidden, default_of, experiment, near
from bg95_host.probe.session import PDP, Session


@experiment("pdp_activation_s", "pdp_deactivation_s", "activate_active_context", needs="network")
def activation(p: Session) -> Found:
    """Up with what AT+QICSGP holds, down, up, up once more."""
    if not p.active():
        _activate(p)
    down = p.deactivate()
    up = _activate(p)
    again = p.ask(f"AT+QIACT={PDP}")
    found = {"activate_active_context": "ok" if again.ok else "error"}
    if p.found.get("slow_answers"):
        hidden = Hidden("slow_answers: every command takes nearly its longest time")
        return {"pdp_activation_s": hidden, "pdp_deactivation_s": hidden, **found}
    latency = p.latency
    return {
        "pdp_activation_s": near(up - latency, default_of("pdp_activation_s"), 0.02),
        "pdp_deactivation_s": near(down.seconds - latency, default_of("pdp_deactivation_s"), 0.02),
        **found,
    }


def _activate(p: Session) -> float:
    answer = p.activate()
    if not answer.ok:
        p.has["network"] = p.has["server"] = "the PDP context cannot be activated"
        raise Hidden("the PDP context cannot be activated")
    return answer.seconds


@experiment("cgpaddr_quoted", needs="network")
def address(p: Session) -> Found:
    text = p.must(f"AT+CGPADDR={PDP}").text
    return {"cgpaddr_quoted": '"' in text if text.startswith("+CGPADDR:") else None}


@experiment("dns_s", "dns_busy_first", needs="network")
def names(p: Session) -> Found:
    p.talk.hush()
    answer = p.must(f'AT+QIDNSGIP={PDP},"{p.allowed.name}"')
    first = p.talk.urc(r'\+QIURC: "dnsgip",(\d+)', 65.0)
    busy = first is not None and first[1] in ("564", "568")
    last = p.talk.urc(r'\+QIURC: "dnsgip",(\d+)', 65.0) if busy else first
    if last is None or last[1] != "0":
        raise Hidden(f"{p.allowed.name} does not resolve; name another one with --name")
    took = p.line.now - answer.end
    return {"dns_s": near(took, 0.0, 0.03), "dns_busy_first": busy}


@experiment("ping_ms", needs="network")
def ping(p: Session) -> Found:
    p.talk.hush()
    p.must(f'AT+QPING={PDP},"{p.allowed.name}",10,1')
    match = p.talk.urc(r'\+QPING: 0,"[^"]*",\d+,(\d+)', 20.0)
    p.talk.urc(r"\+QPING: 0,\d+,\d+,\d+,", 20.0)
    if match is None:
        raise Hidden(f"{p.allowed.name} answers no ping")
    return {"ping_ms": int(match[1])}
