"""README.md is true: its commands run, its code runs on a board, its wiring is that of `boards/`.

A fenced block `sh` is executed here, and `sh server` and `sh app` with the Python code. `sh hardware` needs a board;
`sh test` is the run you are in.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from bg95_host import boards
from bg95_host.cli import app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+) ?(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)

# What cannot run here, with the reason. A new entry is a decision, so it stands here by name.
HARDWARE = """\
make deploy PORT=/dev/ttyACM0 BOARD=RPI_PICO
make hil RIG=serial PORT=/dev/ttyACM0 MODULE=real BOARD=RPI_PICO \\
    APN=iot.apn PIN=1234 SERVER=tls.example.com:4433 CA=cacert.pem
"""


def blocks(language: str, mark: str = "") -> list[str]:
    return [text for kind, kind_mark, text in BLOCKS if (kind, kind_mark) == (language, mark)]


def test_the_readme_has_the_blocks_that_are_checked_here():
    assert {(kind, mark) for kind, mark, _ in BLOCKS} == {
        ("sh", ""),
        ("sh", "test"),
        ("sh", "hardware"),
        ("sh", "server"),
        ("sh", "app"),
        ("python", ""),
    }


@pytest.mark.parametrize("commands", blocks("sh"), ids=lambda text: text.splitlines()[-1])
def test_its_commands_run(commands):
    command = ["bash", "-euc", commands]
    done = subprocess.run(
        command, cwd=ROOT, timeout=150, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_test_command_is_what_ci_runs():
    (command,) = blocks("sh", "test")
    assert command.strip() in (ROOT / ".ci" / "run").read_text().splitlines()


def test_what_needs_hardware_is_known_and_every_variable_reaches_the_tool():
    assert "".join(blocks("sh", "hardware")) == HARDWARE
    for line in HARDWARE.replace("\\\n", "").splitlines():
        done = subprocess.run(
            ["bash", "-euc", line.replace("make", "make --just-print --no-print-directory")],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        (called,) = re.findall(r"^.*/bg95 .*$", done.stdout, re.MULTILINE)
        environment = dict(re.findall(r"(\w+)='(.*?)'", called.partition("/bg95 ")[0]))
        name, *words = shlex.split(called.partition("/bg95 ")[2])
        command = typer.main.get_command(app).commands[name]
        for variable in environment:
            assert variable in {option.envvar for option in command.params}
        taken = {str(value) for value in command.make_context(name, words).params.values()}
        taken |= set(environment.values())
        assert {each.partition("=")[2] for each in shlex.split(line)[2:]} <= taken


def test_its_message_is_sent_as_printed(tmp_path):
    (code,), (server,), (app,) = blocks("python"), blocks("sh", "server"), blocks("sh", "app")
    host, port = re.search(r'connect\("(.+)", (\d+)\)', code).groups()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell = {"cwd": tmp_path, "env": {**os.environ, "PATH": path}, "text": True}
    with subprocess.Popen(
        ["bash", "-euc", f"exec {server}"], stdout=subprocess.PIPE, **shell
    ) as running:
        try:
            told = next(line for line in running.stdout if line.startswith("echo over TLS"))
            there, _, listening = told.split()[-1].rpartition(":")
            assert there == host
            # As printed, unless somebody else on this machine has the port.
            (tmp_path / "hello.py").write_text(code.replace(port, listening))
            done = subprocess.run(
                ["bash", "-euc", app], capture_output=True, timeout=60, check=False, **shell
            )
        finally:
            running.terminate()
    assert (done.stdout, done.stderr) == ("b'hello\\n'\n", "")
    assert done.stdout.strip() in README.split("The second prints ")[1].partition(".")[0]


@pytest.mark.parametrize("column, board", [(2, "RPI_PICO"), (3, "ESP32_GENERIC")])
def test_its_wiring_is_that_of_the_board(column, board):
    described = boards.load(board)
    rows = [line.split("|")[1:-1] for line in README.splitlines() if line.startswith("| ")]
    pins = {row[0].strip(): row[column] for row in rows if len(row) == 4}
    number = {
        name: int(re.search(r"\d+", text).group())
        for name, text in pins.items()
        if re.search(r"\d+", text)
    }
    assert number["MAIN_RXD"] == described.uart.tx
    assert number["MAIN_TXD"] == described.uart.rx
    assert f"UART{described.uart.id} TX" in pins["MAIN_RXD"]
    assert number["PWRKEY"] == described.pins.pwrkey.gpio
    assert number["STATUS"] == described.pins.status.gpio
    assert number["MAIN_DTR"] == described.pins.dtr.gpio


def test_it_names_every_example():
    named = set(re.findall(r"`(\w+\.py)`", README))
    assert {path.name for path in (ROOT / "firmware" / "examples").glob("*.py")} <= named
