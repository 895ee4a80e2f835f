"""The rig's life: it starts, and whatever dies is named at once and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import serial
from rigs.conftest import ScriptedModule
from rigs.terminal import eventually

from bg95_host.mpremote_link import BoardError, BoardLink
from bg95_host.rigs import RigError, RigOptions, make_rig, unix_vm
from bg95_host.rigs.virtual import VirtualRig


@pytest.fixture
def own_rig():
    """A rig that a test may break."""
    with VirtualRig(add_module=ScriptedModule) as rig:
        yield rig


def failure(rig):
    """The reason, as soon as the rig has one."""

    def dead():
        try:
            rig.check()
        except RigError as e:
            return str(e)
        return None

    return eventually(dead, timeout_s=5)


def test_a_killed_vm_is_named_and_ends_a_running_program_at_once(own_rig):
    started = time.monotonic()
    with pytest.raises(BoardError), BoardLink(own_rig.port) as link:
        link.run("while True: print('x', end='')", lambda _: os.kill(own_rig.pid, signal.SIGKILL))
    assert "its MicroPython was killed by SIGKILL" in failure(own_rig)
    assert time.monotonic() - started < 5


def test_a_vm_that_exits_is_named_with_its_status(own_rig):
    with pytest.raises(BoardError), BoardLink(own_rig.port) as link:
        link.run("import os; os.system('kill -TERM $PPID')\nwhile True: pass", lambda _: None)
    assert "SIGTERM" in failure(own_rig)


def test_a_dead_module_is_named_and_hangs_up(own_rig):
    with pytest.raises(BoardError), BoardLink(own_rig.port) as link:
        own_rig.module.die()
        link.run("while True: pass", lambda _: None)
    assert "the simulated module died" in failure(own_rig)


def test_a_dead_simulator_is_named():
    """The real one, whose thread ends under a running program."""
    with VirtualRig() as rig, pytest.raises(BoardError), BoardLink(rig.port) as link:
        rig._simulator.close()
        link.run("while True: pass", lambda _: None)
    assert rig._failure is not None
    assert "the simulated module died" in str(rig._failure)


def test_closing_leaves_no_process_thread_or_descriptor():
    def descriptors():
        return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0

    before = descriptors()
    with VirtualRig(add_module=ScriptedModule) as rig, BoardLink(rig.port):
        pid = rig.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    eventually(lambda: descriptors() <= before)
    assert "virtual-board" not in [thread.name for thread in threading.enumerate()]
    rig.close()  # again: harmless


def test_a_killed_tool_takes_its_board_with_it():
    program = (
        "import time; from bg95_host.rigs.virtual import VirtualRig\n"
        "with VirtualRig() as rig: print(rig.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as tool:
        board = int(tool.stdout.readline())
        tool.kill()
    eventually(lambda: not running(board))


def running(pid):
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_every_reset_is_a_new_process(own_rig):
    first = own_rig.pid
    with BoardLink(own_rig.port):
        pass
    assert own_rig.pid != first
    assert not running(first)


def test_the_flash_can_outlive_the_rig(tmp_path):
    for step in ("open('/kept', 'w').close()", "import os; os.stat('/kept')"):
        with (
            VirtualRig(add_module=ScriptedModule, flash=tmp_path / "flash") as rig,
            BoardLink(rig.port) as link,
        ):
            link.execute(step)


def test_output_that_nobody_reads_does_not_stop_the_board(own_rig):
    with BoardLink(own_rig.port) as link:
        link.transport.exec_raw_no_follow(
            "import machine\nfor i in range(3000): print('x' * 100)\n"
            "machine.Pin(8, machine.Pin.OUT, value=1)"
        )
        eventually(lambda: own_rig.module.pins[-1] == ("DTR", 1))
    assert own_rig.unread_bytes > 100_000


def test_the_console_is_a_plain_serial_port(own_rig):
    with serial.Serial(own_rig.port, timeout=5) as console:
        console.write(b"\r")  # opening it dropped what was said before
        assert console.read_until(b">>> ").endswith(b">>> ")


def test_a_missing_vm_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(RigError, match="install `micropython`"):
        unix_vm.command()


def test_a_vm_that_cannot_run_the_board_says_why(monkeypatch):
    monkeypatch.setattr(unix_vm, "command", lambda: ["sh", "-c", "echo too old >&2; exit 3", "sh"])
    rig = VirtualRig(add_module=ScriptedModule)
    with pytest.raises(RigError, match=r"ended with status 3 \(too old\)"), rig:
        pass


def test_an_unknown_rig_is_refused_by_name():
    with pytest.raises(RigError, match="choose one of virtual"):
        make_rig("breadboard", RigOptions())
