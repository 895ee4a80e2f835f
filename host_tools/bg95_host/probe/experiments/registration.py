"""SIM and network, as far as asking costs nothing (at-commands.md 2.2, 2.3, 2.9)."""

from __future__ import annotations

import re
from datetime import datetime

from bg95_host.module_sim.traits import TRAITS
from bg95_host.probe.experiment import Found, Hidden, default_of, experiment, near
from bg95_host.probe.session import Session

STATS = {1: "home", 5: "roaming", 3: "denied", 2: "searching"}
LISTEN_S = 3.0
CLOCK_S = 5.0  # that clocks may differ


@experiment("sim")
def sim(p: Session) -> Found:
    answer = p.ask("AT+CPIN?")
    if answer.result == "+CME ERROR: 10":
        return {"sim": ""}
    match = re.search(r"\+CPIN: (.*)", answer.text)
    return {"sim": match and match[1]}


@experiment("pin_boot_urcs", needs="pin")
def unlock(p: Session) -> Found:
    """The PIN that the user gives, once."""
    if p.found.get("sim") != "SIM PIN":
        raise Hidden("the SIM asks for no PIN")
    p.talk.hush()
    p.must(f'AT+CPIN="{p.allowed.pin}"')
    p.locked = True
    said = p.talk.listen(LISTEN_S)
    return {"pin_boot_urcs": b"+QUSIM: 1" in said}


@experiment("registration", "act", "sysmode", "cgreg_unknown_on_lte")
def registration(p: Session) -> Found:
    if p.found.get("sim") != "READY" and not p.locked:
        p.has["network"] = p.has["server"] = "the SIM is missing or locked"
        raise Hidden("the SIM is missing or locked")
    p.registered()
    stat = p.registration()
    if stat not in (1, 5):
        p.has["network"] = p.has["server"] = f"not registered: {STATS.get(stat, stat)}"
        hidden = Hidden("not registered")
        return {
            "registration": STATS.get(stat),
            "act": hidden,
            "sysmode": hidden,
            "cgreg_unknown_on_lte": hidden,
        }
    act = re.search(r'\+COPS: \d,\d,"[^"]*",(\d)', p.ask("AT+COPS?").text)
    mode = re.search(r'\+QCSQ: "([^"]*)"', p.ask("AT+QCSQ").text)
    cgreg = re.search(r"\+CGREG: \d,(\d)", p.ask("AT+CGREG?").text)
    known = mode and mode[1] in TRAITS["sysmode"].choices
    return {
        "registration": STATS[stat],
        "act": act and int(act[1]),
        "sysmode": mode[1] if mode and known else None,
        "cgreg_unknown_on_lte": cgreg and cgreg[1] == "4",
    }


@experiment("reject_cause")
def rejection(p: Session) -> Found:
    if p.found.get("registration") != "denied":
        raise Hidden("registration: no network has refused this module")
    match = re.search(r"\+CEREG: \d,3(?:,.*\b0,(\d+))?$", p.ask("AT+CEREG?").text)
    return {"reject_cause": match and int(match[1] or 0)}


@experiment("unquoted_operator", needs="network")
def operator(p: Session) -> Found:
    """The network that the module is in, chosen by its number: manually, else automatically."""
    p.must("AT+COPS=3,2")
    match = re.search(r'\+COPS: (\d),2,"(\d+)"', p.must("AT+COPS?").text)
    if match is None or match[1] != "0":
        raise Hidden("the network is not chosen automatically, or it tells no number")
    taken = p.ask(f"AT+COPS=4,2,{match[2]}").ok
    if taken:
        p.must("AT+COPS=0")
        p.registered()
    return {"unquoted_operator": taken}


@experiment("nitz", "timezone")
def network_time(p: Session) -> Found:
    if p.found.get("registration") not in ("home", "roaming"):
        raise Hidden("not registered")
    said = p.must("AT+QLTS").text
    if said == '+QLTS: ""':
        return {"nitz": False, "timezone": Hidden("nitz: the network tells no time")}
    zone = re.search(r'([+-]\d\d),\d"', said)
    return {"nitz": True, "timezone": zone and int(zone[1])}


@experiment("network_scan_s", needs="network")
def scan(p: Session) -> Found:
    p.steady()
    took = p.must("AT+COPS=?").seconds - p.latency
    return {"network_scan_s": near(took, default_of("network_scan_s"), 0.02)}


@experiment("qlts_local")
def last_network_time(p: Session) -> Found:
    """AT+QLTS tells the last network time in GMT or in local time (open question 16).

    It cannot lie ahead, so the reading that makes it the younger one is right.
    """
    quarters = p.found.get("timezone")
    if not quarters:
        raise Hidden("timezone: local time is GMT, or not known")
    told, gmt = (_moment(p.must(command).text) for command in ("AT+QLTS", "AT+QLTS=1"))
    if told is None or gmt is None:
        return {}
    age = (gmt - told).total_seconds()
    ages = {False: age, True: age + 900 * quarters}
    return {"qlts_local": min((each, local) for local, each in ages.items() if each > -CLOCK_S)[1]}


def _moment(text: str) -> datetime | None:
    match = re.search(r'\+QLTS: "(\d{4}/\d\d/\d\d,\d\d:\d\d:\d\d)', text)
    return datetime.strptime(match[1], "%Y/%m/%d,%H:%M:%S") if match else None


@experiment("cedrxs_off_line")
def edrx_off(p: Session) -> Found:
    """What is asked for while nothing is set (open question 15)."""
    lines = p.must("AT+CEDRXS?").lines
    if any('"' in line for line in lines):
        raise Hidden("eDRX is in use, and stays as it is")
    return {"cedrxs_off_line": bool(lines)}


@experiment("cedrxs_lists_both", needs="network")
def edrx(p: Session) -> Found:
    """eDRX for one access technology, if it is off now (at-commands.md 2.10)."""
    if any('"' in line for line in p.must("AT+CEDRXS?").lines):
        raise Hidden("eDRX is in use, and stays as it is")
    p.must('AT+CEDRXS=1,4,"0001"')
    lines = p.ask("AT+CEDRXS?").lines
    p.ask("AT+CEDRXS=3")
    return {"cedrxs_lists_both": len(lines) == 2}
