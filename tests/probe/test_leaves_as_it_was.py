"""A probe leaves no trace: settings, files, contexts and connections are what they were."""

from __future__ import annotations

import copy
import io

import pytest

from bg95_host.errors import ToolError
from bg95_host.module_sim import SimOptions
from bg95_host.probe.probing import probe
from bg95_host.probe.session import Allowed

from .combinations import combination


def remembered(host):
    """All that a module remembers, but for what time alone changes."""
    m = host.module
    return {
        "saved": copy.deepcopy(m.nv),
        "profile": copy.deepcopy(m.profile),
        "SSL contexts": {number: dict(context.values) for number, context in m.ssl.items()},
        "TCP/IP options": copy.deepcopy(m.tcpip),
        "PDP contexts": copy.deepcopy(m.pdp),
        "files": {name: m.flash.get(name) for name in m.flash.names()},
        "connections": dict(m.sockets),
        "sleep": m.sleep_mode,
        "power saving": m.psm.psm,
        "tries": (m.card.pin_tries, m.card.puk_tries),
    }


SETTINGS = (
    'AT+QICSGP=1,1,"internet"',
    "ATE0", "ATX1", "AT&D2", "ATS10=20", "AT+CMEE=2", "AT+CREG=1", "AT+CEREG=2", "AT+QISDE=0",
    'AT+QSSLCFG="seclevel",5,2', 'AT+QSSLCFG="cacert",5,"mine.pem"', 'AT+QSSLCFG="sni",0,1',
    'AT+QSSLCFG="ciphersuite",3,0XC02B', 'AT+QICFG="transpktsize",512',
    'AT+QICSGP=15,1,"spare","me","secret",1', 'AT+QCFG="psm/urc",1', "AT+CGEREP=1,0",
)  # fmt: skip


def used(laboratory, traits, active=True):
    """A module that somebody has set up, with a file of theirs."""
    line = laboratory.line(SimOptions(traits=traits))
    host = line.host
    host.module.flash.put("mine.pem", b"theirs")
    for command in SETTINGS:
        host.command(command)
    if active:
        host.command("AT+QIACT=1", b"\r\n")
    host.run(1)
    return line


@pytest.mark.parametrize("active", [False, True])
def test_after_everything_the_module_is_as_it_was(laboratory, active):
    line = used(laboratory, {"path_must_exist": True}, active)
    before = remembered(line.host)
    probe(line, laboratory.allowed())
    assert remembered(line.host) == before


@pytest.mark.parametrize("seed", range(10))
def test_whatever_module_it_is(laboratory, seed):
    traits = {**combination(seed), "slow_answers": False, "missing_items": "", "sim": "READY"}
    line = used(laboratory, {**traits, "qicsgp_survives": True}, active=False)
    before = remembered(line.host)
    probe(line, laboratory.allowed())
    assert remembered(line.host) == before


def test_nothing_that_costs_money_without_leave(laboratory):
    trace = io.StringIO()
    line = laboratory.line(SimOptions(trace=trace))
    profile = probe(line, Allowed())
    assert line.host.net.links == [] and line.host.module.counters["boots"] == 0
    assert '"net"' not in trace.getvalue() and "QIACT=1" not in trace.getvalue()
    assert "--network" in profile.unknown["dns_s"] and "--restart" in profile.unknown["boot_s"]


def test_a_file_of_the_users_own_is_not_touched(laboratory):
    line = used(laboratory, {})
    line.host.module.flash.put("5_server.psk", b"me&aa")
    profile = probe(line, laboratory.allowed())
    assert "a file of that name is there" in profile.unknown["psk_key"]
    assert line.host.module.flash.get("5_server.psk") == b"me&aa"


def test_a_module_in_use_is_left_alone(laboratory):
    line = used(laboratory, {})
    line.host.command('AT+QIOPEN=1,3,"TCP","192.0.2.1",4433,0,0', b"+QIOPEN: 3,0\r\n")
    with pytest.raises(ToolError, match="open connections"):
        probe(line, laboratory.allowed())
    assert list(line.host.module.sockets) == [3]


def test_an_experiment_that_breaks_does_not_keep_the_rest_from_being_put_back(
    laboratory, monkeypatch
):
    from bg95_host.probe import probing

    line = used(laboratory, {})
    before = remembered(line.host)

    def broken(_experiment, session, _profile):
        session.ask("AT+CREG=2")
        raise KeyboardInterrupt

    monkeypatch.setattr(probing, "_run", broken)
    with pytest.raises(KeyboardInterrupt):
        probe(line, laboratory.allowed())
    assert remembered(line.host) == before


def test_a_rate_that_a_restart_may_forget_keeps_the_module_from_restarting(laboratory):
    line = laboratory.line(SimOptions(baud=57600))
    profile = probe(line, laboratory.allowed())
    assert "rate" in profile.unknown["boot_urcs"] and line.host.module.counters["boots"] == 0


def test_a_sim_that_would_be_locked_afterwards_keeps_the_module_from_restarting(
    laboratory, monkeypatch
):
    from bg95_host.probe import probing

    monkeypatch.setattr(probing, "_is_pin_locked", lambda session: True)
    line = used(laboratory, {})
    profile = probe(line, laboratory.allowed())
    assert "--pin" in profile.unknown["boot_urcs"] and line.host.module.counters["boots"] == 0


def test_a_module_that_was_off_is_off_again(laboratory):
    line = laboratory.line(SimOptions(powered=False))
    profile = probe(line, Allowed())
    line.host.run(5)
    assert profile.identity["model"] == "BG95-M3"
    assert line.host.module.pins["STATUS"] == 0
