"""host_tools/docs/sim.md is true: its C and Rust talk to the module, its CI runs, and what it names is there."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.faults import Faults
from bg95_host.module_sim.traits import Traits, parse_assignments

PAGE = (Path(__file__).resolve().parents[2] / "host_tools/docs/sim.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
INSTALL = "pip install ./bg95/host_tools"
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def block(language):
    (text,) = (text for kind, text in BLOCKS if kind == language)
    return text


def needs(tool):
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")


def built(folder, *command):
    subprocess.run(command, cwd=folder, check=True, timeout=120)


def said(program, port):
    done = subprocess.run([program, port], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.split(), done.stderr


@needs("cc")
def test_its_c_program_talks_to_the_module(simulator, tmp_path):
    (tmp_path / "whoami.c").write_text(block("c"))
    built(tmp_path, "cc", "-Wall", "-Wextra", "-Werror", "-o", "whoami", "whoami.c")
    module = simulator.add_module(SimOptions(), listen="pty")
    status, words, complaint = said(tmp_path / "whoami", module.path)
    assert (status, complaint) == (0, "")
    assert {"BG95-M3", "+CSQ:"} <= set(words) and words.count("OK") == 2


@needs("cc")
def test_its_c_program_says_what_was_wrong(simulator, tmp_path):
    (tmp_path / "whoami.c").write_text(block("c"))
    built(tmp_path, "cc", "-o", "whoami", "whoami.c")
    module = simulator.add_module(SimOptions(faults=["refuse=+CSQ:3"]), listen="pty")
    status, _, complaint = said(tmp_path / "whoami", module.path)
    assert status == 1 and complaint.startswith("AT+CSQ: no OK, but ")


@needs("rustc")
def test_its_rust_program_talks_to_the_module(simulator, tmp_path):
    (tmp_path / "whoami.rs").write_text(block("rust"))
    built(tmp_path, "rustc", "whoami.rs")
    module = simulator.add_module(SimOptions(), listen="tcp:127.0.0.1:0")
    status, words, complaint = said(tmp_path / "whoami", module.path.removeprefix("socket://"))
    assert (status, complaint) == (0, "")
    assert "BG95-M3" in words and words[-1] == "OK"


def job():
    (only,) = yaml.safe_load(block("yaml"))["jobs"].values()
    return only


@needs("cc")
@pytest.mark.parametrize("module", job()["strategy"]["matrix"]["module"])
def test_its_ci_runs(module, tmp_path):
    """But for the steps that fetch and install: what they bring is here."""
    (tmp_path / "whoami.c").write_text(block("c"))
    scripts = [step["run"] for step in job()["steps"] if "run" in step]
    assert scripts.pop(0) == INSTALL
    script = "\n".join(scripts).replace("${{ matrix.module }}", module)
    with subprocess.Popen(
        ["bash", "-euc", script], cwd=tmp_path, env={**os.environ, "PATH": PATH},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as running:  # fmt: skip
        try:
            printed = []
            for line in running.stdout:
                printed.append(line)
                if " commands (" in line:  # the last line of the last step
                    break
            assert running.wait(60) == 0, "".join(printed)
        finally:
            os.killpg(running.pid, signal.SIGTERM)  # as a CI ends what a job has left running
    assert "2 commands (0 failed)" in printed[-1]
    assert any("+CSQ" in line for line in printed)


def test_faults_traits_and_options_that_it_names_are_there():
    described = subprocess.run(
        ["bg95", "sim", "--help"], env={**os.environ, "PATH": PATH, "COLUMNS": "200"},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    of_others = {"--port", "--check"}
    named = set(re.findall(r"`bg95 sim[^`]*`|`--[^`]*`", PAGE))
    options = {option for text in named for option in re.findall(r"--[a-z-]+", text)}
    assert options - of_others <= set(re.findall(r"--[a-z-]+", described))
    Faults(re.findall(r"--fault ([^ `\"]+)", PAGE))
    Traits(parse_assignments(re.findall(r"--trait ([^ `\"]+)", PAGE)))
    listed = re.search(r"--list-faults +# (.*?) \.\.\.", PAGE)[1]
    Faults(listed.split(", "))
