"""host_tools/README.md shows every tool, and shows what a tool has printed."""

import importlib.util
import re
from pathlib import Path

import pytest

from bg95_host.cli import app

HOST_TOOLS = Path(__file__).resolve().parents[2] / "host_tools"
README = (HOST_TOOLS / "README.md").read_text(encoding="utf-8")
SHOWN = dict(re.findall(r"<!-- capture: (.+?) -->\n(.*?)<!-- end -->", README, re.DOTALL))


@pytest.fixture(scope="module")
def captures():
    spec = importlib.util.spec_from_file_location("captures", HOST_TOOLS / "captures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_sub_command_is_shown():
    commands = {command.name for command in app.registered_commands}
    assert commands <= {name.split()[0] for name in SHOWN}


def test_every_capture_of_the_page_is_one_the_script_makes(captures):
    assert set(SHOWN) == {*captures.CAPTURES, *captures.EMULATED}


@pytest.mark.parametrize("name", SHOWN)
def test_a_capture_is_a_command_and_its_output(name):
    lines = SHOWN[name].splitlines()
    assert lines[0] == "```text" and lines[-1] == "```"
    assert lines[1].startswith("$ ")
    assert len(lines) > 3
    assert "Traceback" not in SHOWN[name]


def test_a_long_output_keeps_its_beginning_and_its_end(captures, tmp_path):
    text = captures.capture("seq 100; exit 3", tmp_path).splitlines()
    assert text[0] == "$ seq 100; exit 3"
    assert text[1] == "1" and text[-2] == "100"
    assert text[-1] == "(exit status 3)"
    assert "... 76 more lines ..." in text
