"""Probing through a MicroPython board: the same answers, the board's pins, its times."""

import pytest

from bg95_host.deploy import deploy
from bg95_host.module_sim import SimOptions
from bg95_host.probe.line import BoardLine
from bg95_host.probe.session import Allowed, Session
from bg95_host.rigs.virtual import VirtualRig

TRAITS = {"command_latency_s": 0.05, "boot_s": 0.5, "status_s": 0.2, "boot_urc_gap_s": 0.0}


@pytest.fixture(scope="module")
def session():
    options = SimOptions(traits=TRAITS, powered=True)
    with VirtualRig(options=options) as rig:
        deploy(rig.port, rig.board, reset=False)
        line = BoardLine(rig.port, 115200)
        yield Session(line, Allowed())
        line.close()


def test_it_asks_and_hears(session):
    assert session.get_in_step()
    answer = session.ask("AT+CSQ")
    assert answer.lines == ["+CSQ: 20,99"] and answer.ok
    assert 0.04 < answer.seconds < 5
    assert session.silent(b"BG95\r") == b""


def test_it_moves_the_pins(session):
    assert session.line.features == {"dtr", "pwrkey", "status"}
    session.must("AT+QPOWD=1")
    session.talk.rest(2.0)
    assert not session.ask("AT", 0.5).ok
    session.line.press_power(0.8)
    assert b"RDY" in session.talk.listen(5.0, until=b"RDY\r\n")
    assert session.get_in_step(10)
    assert session.line.status_rose() > 0
