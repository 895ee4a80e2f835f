"""Opening a connection: what fails, what an ID in use answers, who is checked (at-commands.md 1.5, 1.6.2)."""

from __future__ import annotations

import re

from bg95_host.probe.experiment import Found, Hidden, experiment
from bg95_host.probe.farside import CN_ONLY, NO_SAN, SILENT
from bg95_host.probe.session import CLIENT, CTX, FILE, NOWHERE, PDP, Session

NEGOTIATE_S = 10  # the shortest that AT+QSSLCFG takes


def _error(p: Session) -> int:
    """The code of AT+QIGETERROR."""
    match = re.search(r"\+QIGETERROR: (\d+)", p.ask("AT+QIGETERROR").text)
    return int(match[1]) if match else -1


@experiment(
    "urc_sets_geterror", "failed_open_holds_id", "used_id_answer", "used_id_error", needs="network"
)
def failed(p: Session) -> Found:
    """A name that does not resolve, twice (open question 7)."""
    first = p.open(host=NOWHERE)
    if first < 0:
        p.has["server"] = "no URC comes to this port"
        raise Hidden("no URC comes to this port")
    found: dict[str, object] = {"urc_sets_geterror": _error(p) != 0}
    again = _again(p, first, NOWHERE, 443)
    found["failed_open_holds_id"] = again is not None
    p.close()
    if again is None:
        again = _in_use(p)
    if again is None:
        hidden = Hidden("failed_open_holds_id: it needs --server to have an ID in use")
        return {**found, "used_id_answer": hidden, "used_id_error": hidden}
    found["used_id_answer"], found["used_id_error"] = again
    return found


def _again(p: Session, first: int, host: str, port: int) -> tuple[str, int] | None:
    """What a second open on the ID gets: how, and which code; None where it is tried anew."""
    answer = p.ask(f'AT+QSSLOPEN={PDP},{CTX},{CLIENT},"{host}",{port},0')
    if not answer.ok:
        return "error", _error(p)
    code = p.opened()
    return None if code == first else ("urc", code)


def _in_use(p: Session) -> tuple[str, int] | None:
    """The same with an ID that is connected."""
    if p.has["server"]:
        return None
    try:
        p.connect()
        return _again(p, 0, *p.server)
    except Hidden:
        return None
    finally:
        p.close()


@experiment("transparent_open_failure", needs="network")
def transparent(p: Session) -> Found:
    """A failed open in mode 2 (open question 2)."""
    p.talk.hush()
    answer = p.ask(f'AT+QSSLOPEN={PDP},{CTX},{CLIENT},"{NOWHERE}",443,2', 160.0)
    how = "error" if answer.result == "ERROR" else None
    if answer.ok:
        how = "urc" if p.opened() > 0 else None
    p.close()
    return {"transparent_open_failure": how}


@experiment("local_port_zero", needs="server")
def state(p: Session) -> Found:
    """What +QSSLSTATE says of a connection. The first one; where it fails, so will the others."""
    try:
        p.connect()
    except Hidden as hidden:
        p.has["server"] = str(hidden)
        raise
    fields = p.ask(f"AT+QSSLSTATE={CLIENT}").text.split(",")
    p.close()
    return {"local_port_zero": len(fields) == 11 and fields[4] == "0"}


@experiment("tcp_state_3", needs="server")
def tcp_state(p: Session) -> Found:
    host, port = p.server
    p.talk.hush()
    p.must(f'AT+QIOPEN={PDP},{CLIENT},"TCP","{host}",{port},0,0')
    match = p.talk.urc(rf"\+QIOPEN: {CLIENT},(\d+)", 160.0)
    fields = p.ask(f"AT+QISTATE=1,{CLIENT}").text.split(",")
    p.ask(f"AT+QICLOSE={CLIENT}", 20.0)
    if match is None or match[1] != "0" or len(fields) < 6:
        raise Hidden("a plain TCP connection cannot be opened")
    return {"tcp_state_3": fields[5] == "3"}


@experiment("handshake_timeout_error", needs="server")
def handshake_timeout(p: Session) -> Found:
    p.need_items("negotiatetime")
    p.configure(negotiatetime=NEGOTIATE_S)
    try:
        error = p.open(port=SILENT)
    finally:
        p.close()
        p.reset_context()
    return {"handshake_timeout_error": error if error > 0 else None}


@experiment("checkhost", needs="server")
def host_name(p: Session) -> Found:
    """Two certificates with the name in the CN: beside another SAN, and without one."""
    p.need_items("checkhost", "seclevel", "cacert")
    p.upload(FILE, p.allowed.ca_pem)
    try:
        beside_san, without_san = (_verified(p, port) for port in (CN_ONLY, NO_SAN))
    finally:
        p.reset_context()
        p.delete(FILE)
    if beside_san == 0:
        return {"checkhost": "cn" if without_san == 0 else None}
    return {"checkhost": "san_or_cn" if without_san == 0 else "san"}


def _verified(p: Session, port: int) -> int:
    """Open with the far side's CA and the name checked. Set anew: a close may have set all back."""
    p.configure(cacert=FILE, seclevel=1, checkhost=1)
    error = p.open(port=port)
    p.close()
    return error
