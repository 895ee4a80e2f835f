"""The tools as a wheel, installed where no clone is: they bring along what they need of the project."""

import json
import os
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from rigs.conftest import ScriptedModule

from bg95_host import hil, places
from bg95_host.errors import ToolError
from bg95_host.hil.settings import Settings
from bg95_host.module_sim import SimOptions
from bg95_host.rigs.virtual import VirtualRig

pytest.importorskip("setuptools", "77", reason="setuptools 77 or newer is needed to build a wheel")


def copy_of_the_clone(folder):
    """The files that git keeps, without what a build would leave in them."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", ".*")
    for part in ("firmware", "boards", "host_tools", "tests"):
        shutil.copytree(places.ROOT / part, folder / part, ignore=ignored, symlinks=True)
    shutil.copy(places.ROOT / "LICENSE", folder)
    return folder


def built(clone, *what):
    """What setuptools makes of the clone, as pip and build do it but without a download."""
    program = f"from setuptools import build_meta as b; print(b.{what[0]}({str(clone)!r}))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=what[1],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return clone / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    clone = copy_of_the_clone(tmp_path_factory.mktemp("clone"))
    return built(clone, "build_wheel", clone / "host_tools")


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory):
    """A folder with a virtualenv of its own that has the wheel, and finds here what the wheel depends on."""
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv/bin/python"
    there = subprocess.run(
        [python, "-c", "import site; print(site.getsitepackages()[0])"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", wheel]
    subprocess.run(pip, check=True, timeout=120, env=os.environ | {"PIP_NO_INDEX": "1"})
    # A path in a .pth file is not searched for .pth files: the clone installed here stays unseen.
    (Path(there) / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return folder


@pytest.fixture
def run(elsewhere):
    """run(*words): `bg95` of the wheel, as in a shell in that folder; what it printed."""

    def run(*words, status=0):
        done = subprocess.run(
            [elsewhere / "venv/bin/bg95", *map(str, words)],
            cwd=elsewhere,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    return run


def test_it_holds_driver_boards_tests_and_licence(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    wanted = {
        f"bg95_host/project/{path.relative_to(places.ROOT)}"
        for folder in (places.FIRMWARE, places.BOARDS, places.HIL_TESTS)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted <= set(names)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert "bg95_host/rigs/virtual_board/main.py" in names
    assert not [name for name in names if "__pycache__" in name]


def test_a_source_distribution_makes_the_same_wheel(wheel, tmp_path):
    clone = copy_of_the_clone(tmp_path / "clone")
    shutil.unpack_archive(built(clone, "build_sdist", clone / "host_tools"), tmp_path)
    (unpacked,) = tmp_path.glob("bg95_host-*")
    again = built(tmp_path, "build_wheel", unpacked)
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())


def test_it_is_the_wheel_that_is_tried(elsewhere):
    program = "from bg95_host import places; print(places.ROOT, places.IS_CLONE)"
    python = elsewhere / "venv/bin/python"
    done = subprocess.run(
        [python, "-c", program], cwd=elsewhere, capture_output=True, text=True, check=True
    )
    root, is_clone = done.stdout.split()
    assert Path(root).is_relative_to(elsewhere / "venv") and is_clone == "False"


def test_an_app_runs(run, elsewhere):
    (elsewhere / "app.py").write_text("import bg95, wiring\nprint(bg95.__file__)\n")
    assert run("run", "app.py") == "/lib/bg95/__init__.mpy\n"


def test_a_board_is_deployed_to(run):
    with VirtualRig(add_module=ScriptedModule) as rig:
        report = json.loads(run("deploy", "--port", rig.port, "--json"))
    assert "/wiring.py" in report["copied"] and "/lib/bg95/__init__.mpy" in report["copied"]


def test_a_module_is_examined(run, simulator):
    module = simulator.add_module(SimOptions(), listen="pty")
    found = json.loads(run("doctor", "--port", module.path, "--apn", "iot", "--json"))
    assert all(finding["ok"] for finding in found)


def test_the_hardware_tests_run(run, elsewhere):
    (elsewhere / "test_mine.py").write_text(
        "def test_mine(modem):\n    assert modem.value('modem.isconnected()')\n"
    )
    assert "1 passed" in run("hil", "-o", "report", "test_mine.py")
    assert (elsewhere / "report/report.html").exists()
    alone = [elsewhere / "venv/bin/python", "-m", "pytest", "--rig", "virtual", "test_mine.py"]
    done = subprocess.run(alone, cwd=elsewhere, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert "1 passed" in run(
        "hil", "-o", "report", "--", "-k", "identified"
    )  # of the package's own


def test_the_demo_ends_well(run, elsewhere):
    assert "All right in" in run("demo", "--size", 4096)
    assert (elsewhere / "build/demo/trace.jsonl").exists()


def test_tests_without_pytest_are_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(hil, "_NEEDED", ("pytest", "no_such_plugin"))
    with pytest.raises(
        ToolError, match=r"no_such_plugin not installed: pip install 'bg95_host\[hil\]'"
    ):
        hil.run(Settings(), tmp_path)
