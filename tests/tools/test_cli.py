"""The command `bg95` itself: its help, completion, and what becomes of output that nobody takes."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from rich.text import Text
from rigs.terminal import PATIENCE_S, eventually

from bg95_host import boards
from bg95_host.cli import app
from bg95_host.module_sim.faults import FAULTS
from bg95_host.module_sim.traits import TRAITS
from bg95_host.rigs import RIGS

BG95 = str(Path(sys.executable).with_name("bg95"))
COMMANDS = typer.main.get_command(app).commands


def shell(line, **environment):
    """Run a line of bash with bg95 in the PATH."""
    return subprocess.run(
        ["bash", "-c", line],
        env={**os.environ, "PATH": f"{Path(BG95).parent}:{os.environ['PATH']}", **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_is(name):
    for option in COMMANDS[name].params:
        assert option.help, option.name
        assert Text.from_markup(option.help).plain == option.help, option.name


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("de", ["demo", "deploy"]),
        ("image --board ", boards.names()),
        ("deploy --board RPI_PICO_", ["RPI_PICO_W"]),
        ("hil --rig ", RIGS),
        ("run --fault hang", ["hang"]),
        ("sim --trait sim_", ["sim_pin=", "sim_puk="]),
    ],
)
def test_the_shell_completes(typed, offered):
    words = f"bg95 {typed}"
    place = str(len(words.split(" ")) - 1)
    done = shell("bg95", _BG95_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=place)
    assert set(done.stdout.split()) == set(offered), done


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_shows_no_type_where_nothing_is_taken(name):
    for option in ("-h", "--help"):
        done = shell(f"bg95 {name} {option}", COLUMNS="80")
        assert done.returncode == 0 and "Show this message and exit." in done.stdout
        assert "<bool>" not in done.stdout


@pytest.mark.parametrize("what", ["traits", "faults"])
def test_a_list_has_whole_names_on_a_narrow_terminal(what):
    names = TRAITS if what == "traits" else FAULTS
    shown = shell(f"bg95 sim --list-{what}", FORCE_COLOR="1", COLUMNS="80").stdout
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
    assert max(map(len, lines)) <= 80 and "…" not in shown
    assert names.keys() <= {line.split()[0] for line in lines if line.strip()}


@pytest.mark.parametrize(
    "words", ["at", "doctor --port x --board-port y", "provision", "provision --check --cert x"]
)
def test_what_cannot_be_asked_for_is_status_2(words):
    done = shell(f"bg95 {words}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_a_full_disk_is_one_sentence():
    done = shell("bg95 sim --list-traits >/dev/full")
    assert done.returncode == 1
    assert done.stderr == "bg95: No space left on device\n"


def test_a_list_can_be_searched():
    assert "hand bytes to the host N at a time" in shell("bg95 sim --list-faults").stdout


def test_lists_are_there_as_json():
    lists = json.loads(shell("bg95 sim --list-traits --list-faults --json").stdout)
    assert [each["name"] for each in lists["traits"]] == list(TRAITS)
    assert [each["name"] for each in lists["faults"]] == list(FAULTS)
    (trait,) = (each for each in lists["traits"] if each["name"] == "garbage_line")
    assert trait == {
        "name": "garbage_line",
        "default": "silent",
        "help": TRAITS["garbage_line"].help,
        "section": "3.4, 2.7",
        "choices": ["silent", "error"],
    }
    assert list(json.loads(shell("bg95 sim --list-faults --json").stdout)) == ["faults"]


def test_a_reader_that_has_seen_enough_is_no_error():
    done = shell("bg95 sim --list-traits | head -1")
    assert done.stdout.split()[0] == "trait"
    assert done.stderr == ""


def test_a_folder_that_cannot_be_written_is_one_sentence():
    done = shell("bg95 hil -o /proc/no/such")
    assert done.returncode == 1
    assert done.stderr == "bg95: No such file or directory: '/proc/no'\n"


def test_with_json_stdout_is_json_only(tmp_path):
    trace = tmp_path / "trace"
    trace.write_text('{"t": 0, "dir": "host", "text": "AT"}\n')
    done = shell(f"bg95 trace --json --html {tmp_path}/page --perfetto {tmp_path}/events {trace}")
    (span,) = json.loads(done.stdout)
    assert span["command"] == "AT"
    assert (tmp_path / "page").exists() and (tmp_path / "events").exists()


def test_a_rig_that_lacks_something_is_one_sentence_without_a_test_run(tmp_path):
    done = shell(f"bg95 hil --rig labgrid -o {tmp_path}")
    assert done.returncode == 1
    assert done.stdout == "" and done.stderr.startswith("bg95: the rig labgrid needs a place")
    assert not list(tmp_path.iterdir())


def test_piped_output_has_whole_lines_and_no_colour():
    done = shell("bg95 doctor --port socket://127.0.0.1:1 2>&1", COLUMNS="20", TERM="xterm")
    assert done.stdout == (
        "bg95: the port socket://127.0.0.1:1 cannot be opened: Connection refused\n"
    )


@pytest.mark.parametrize("words", ["deploy --port /dev/null", "doctor --port /dev/null"])
def test_a_refused_port_leaves_nothing_open(words):
    done = shell(f"python -X dev -W error -c 'from bg95_host.cli import main; main()' {words}")
    assert done.stderr == "bg95: the port /dev/null cannot be opened: it is not a serial port\n"


def test_ctrl_c_ends_the_hardware_tests_with_a_report_and_takes_the_board_along(tmp_path):
    (tmp_path / "test_endless.py").write_text(
        "from pathlib import Path\n"
        "def test_endless(rig, board):\n"
        f"    Path({str(tmp_path)!r}, 'pid').write_text(str(rig.pid))\n"
        "    board.run('while True: pass')\n"
        "def test_never(board):\n    pass\n"
    )
    pid = tmp_path / "pid"
    command = [BG95, "hil", "-o", str(tmp_path), str(tmp_path / "test_endless.py")]
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE) as running:
        eventually(lambda: pid.exists() and pid.read_text())
        os.killpg(running.pid, signal.SIGINT)  # as the terminal does
        out, _ = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 1
    assert b"KeyboardInterrupt" in out and b"report.html" in out
    assert (tmp_path / "report.html").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
