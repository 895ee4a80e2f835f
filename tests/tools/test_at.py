"""`bg95 at`: answers, refusals, URCs apart, completion from the command table, history."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from bg95_host import console
from bg95_host.cli.at import _interact
from bg95_host.console import AtCompleter, CommandTable, Console, keeps
from bg95_host.errors import ToolError
from bg95_host.module_link import DirectLink


@pytest.fixture
def shown():
    return []


@pytest.fixture
def running(add_module, shown):
    with DirectLink(add_module().path) as link:
        link.activate()
        with Console(link, lambda *what: shown.append(what)) as running:
            yield running


def test_a_command_shows_its_answer_and_ok(running, shown):
    assert running.send("AT+CSQ")
    assert shown == [("answer", "+CSQ: 20,99"), ("ok", "OK")]


def test_what_a_terminal_would_obey_is_shown(bg95, add_module):
    module = add_module(model="BG95\x1b[2J\x07")
    for command in ("at", "doctor"):
        done = bg95(command, "--port", module.path, input="ATI\n")
        assert r"BG95\x1b[2J" in done.stdout
        assert done.stdout.replace("\n", "").isprintable()


def test_a_refusal_names_the_section_to_read(running, shown):
    assert not running.send("AT+QIACT=99")
    ((kind, text),) = shown
    assert kind == "error" and "AT+QIACT" in text and "(at-commands.md 2.6.2)" in text


def test_what_is_no_command_is_refused_before_it_is_sent(running, shown):
    assert not running.send("hello")
    assert shown == [("error", "command: starts with AT")]


@pytest.mark.parametrize(
    "line",
    [
        "AT+QSSLSEND=0,18",
        'at+qfupl="a",5',
        "AT+CSQ;+QSSLSEND=0",
        "ATO",
        "ATD*99#",
        "AT+QISWTMD=0,2",
        'AT+QSSLOPEN=1,1,0,"a.test",443,2',
        'AT+QIOPEN=1,0,"TCP","a.test",80,0,2',
    ],
)
def test_a_command_after_which_a_line_would_be_data_is_not_sent(running, shown, line):
    assert not running.send(line)
    ((kind, text),) = shown
    assert kind == "error" and text.startswith("command: this moves data")
    assert running.send("AT")


def test_a_urc_stands_apart(add_module, shown):
    module = add_module(resolve={"a.test": "127.0.0.1"})
    with DirectLink(module.path) as link:
        link.activate()
        with Console(link, lambda *what: shown.append(what)) as running:
            running.send('AT+QICSGP=1,1,"apn"')
            running.send("AT+QIACT=1")
            running.send('AT+QIDNSGIP=1,"a.test"')
            wait_until(lambda: ("urc", '+QIURC: "dnsgip","127.0.0.1"') in shown)
    assert ("answer", '+QIURC: "dnsgip","127.0.0.1"') not in shown


def wait_until(condition):
    import time

    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come within 10 s"
        time.sleep(0.02)


def test_a_port_that_goes_away_is_one_sentence(add_module, simulator, shown):
    module = add_module()
    with DirectLink(module.path) as link:
        link.activate()
        with Console(link, lambda *what: shown.append(what)) as running:
            simulator.remove_module(module)
            wait_until(lambda: shown)
            with pytest.raises(ToolError, match="went away"):
                running.send("AT")


def completions(text):
    found = AtCompleter(CommandTable()).get_completions(Document(text), CompleteEvent())
    return {completion.text: completion.display_meta_text for completion in found}


def test_completion_offers_commands_with_their_parameters():
    assert set(completions("at+qsslc")) == {"AT+QSSLCFG", "AT+QSSLCLOSE", "AT+QSSLCRYPT"}
    assert completions("AT+QSSLCLOSE")["AT+QSSLCLOSE"] == "<clientID>,<close_timeout>"
    assert completions("AT+QSSLCLOSE=") == {}
    assert completions("") == {}


def test_the_time_limit_is_the_commands_own():
    table = CommandTable()
    assert table.time_limit("at+qiact=1") > 150  # at-commands.md 2.6.2
    assert table.time_limit("AT+CSQ") < 5


@pytest.mark.parametrize(
    "line",
    [
        'AT+CPIN="1234"',
        'at+qicsgp=1,1,"a","u","p"',
        'AT+CSQ;+CPIN="1234"',
        'AT+CPWD="SC","1234","5678"',
        'AT+CLCK="SC",1,"1234"',
        'AT+QSSLCRYPT="AES",1,"key"',
        'AT+CGAUTH=1,1,"user","sesame"',
        'AT+QHTTPCFG="auth","user:sesame"',
        'AT+QMTCONN=0,"id","user","sesame"',
        'AT+QMTCFG="aliauth",0,"product","device","sesame"',
        'AT+NOSUCH="sesame"',
        'AT+CPIN = "1234"',
        "AT+CPIN 1234",
        "1234",
    ],
)
def test_secrets_stay_out_of_the_history(line):
    assert not keeps(line)
    assert keeps("AT+CSQ")


def test_the_prompt_completes_runs_and_remembers(running, shown, tmp_path, monkeypatch):
    history = tmp_path / "history"
    monkeypatch.setattr(console, "HISTORY", history)
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text('AT+CSQ\rAT+CPIN="1234"\rexit\r')
        assert _interact(running)
    assert shown[:2] == [("answer", "+CSQ: 20,99"), ("ok", "OK")]
    assert "AT+CSQ" in history.read_text()
    assert "1234" not in history.read_text()


def test_a_history_that_cannot_be_written_stops_nobody(running, shown, tmp_path, monkeypatch):
    monkeypatch.setattr(console, "HISTORY", tmp_path / "no" / "such")
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text("AT+CSQ\rexit\r")
        assert _interact(running)
    assert ("ok", "OK") in shown


def test_ctrl_c_ends_the_wait_for_an_answer_not_the_console(add_module, tmp_path):
    trace = tmp_path / "trace"
    module = add_module(faults=["late_answer=+CSQ:1"], trace=trace)
    keyboard, terminal = os.openpty()
    with subprocess.Popen(
        [Path(sys.executable).with_name("bg95"), "at", "--port", module.path],
        stdin=terminal, stdout=terminal, stderr=terminal,
        env={**os.environ, "HOME": str(tmp_path), "TERM": "dumb"},
    ) as running:  # fmt: skip
        os.close(terminal)
        os.write(keyboard, b"AT+CSQ\r")
        wait_until(lambda: "AT+CSQ" in trace.read_text())
        running.send_signal(signal.SIGINT)
        os.write(keyboard, b"ATI\rexit\r")
        assert running.wait(30) == 0
    os.close(keyboard)
    assert '"ATI"' in trace.read_text()


def test_a_module_that_was_given_up_is_looked_for_anew(add_module, shown):
    module = add_module(faults=["stall_out=8@+CSQ*1"])
    with DirectLink(module.path) as link:
        link.activate()
        with Console(link, lambda *what: shown.append(what)) as running:
            assert not running.send("AT+CSQ")
            assert running.send("AT+CREG?")
    assert ("answer", "+CREG: 0,1") in shown


def test_commands_from_a_pipe_set_the_exit_status(bg95, add_module):
    good = bg95("at", "--port", add_module().path, input="AT+CSQ\nAT+CCLK?\n")
    assert good.exit_code == 0
    assert "+CSQ: 20,99" in good.stdout and "+CCLK:" in good.stdout
    bad = bg95("at", "--port", add_module().path, input="AT+NONSENSE\nAT\n")
    assert bad.exit_code == 1
    assert bad.stdout.rstrip().endswith("OK")
