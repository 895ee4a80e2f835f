"""`bg95 probe` at a module in real time, and as a command."""

import json

import pytest

from bg95_host.module_sim import SimOptions, SimServer
from bg95_host.probe import line as lines
from bg95_host.probe.line import SerialLine
from bg95_host.probe.profile import read
from bg95_host.probe.session import Allowed, Session


@pytest.fixture
def bg95():
    from typer.testing import CliRunner

    from bg95_host.cli import app

    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def test_a_port_in_real_time():
    with SimServer() as server:
        module = server.add_module(
            SimOptions(traits={"command_latency_s": 0.02, "prompt_space": False}), listen="pty"
        )
        line = SerialLine(module.path, 115200)
        session = Session(line, Allowed())
        assert session.get_in_step()
        answer = session.ask("AT+CSQ")
        line.close()
    assert answer.lines == ["+CSQ: 20,99"] and answer.seconds >= 0.015
    assert session.talk.times["AT+CSQ"] == [answer.seconds]


def test_the_command_writes_profile_and_report(bg95, laboratory, tmp_path, monkeypatch):
    line = laboratory.line(SimOptions(traits={"crypt_upper": False}))
    line.close = lambda: None
    monkeypatch.setattr(lines, "SerialLine", lambda port, baud, dtr: line)
    result = bg95("probe", "--port", "/dev/module", "-o", tmp_path, "--json")
    facts = json.loads(result.stdout)
    assert result.exit_code == 0 and facts["differences"] == {"crypt_upper": False}
    assert read(tmp_path / "profile.toml").traits == facts["traits"]
    assert "crypt_upper" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--port", "x", "--server", "a:1"),
        ("--port", "x", "--network", "--server", "a"),
        ("--serve", "a:99999"),
    ],
)
def test_a_wrong_command_line(words, bg95):
    result = bg95("probe", *words)
    assert result.exit_code == 2 or getattr(result.exception, "status", 0) == 2
