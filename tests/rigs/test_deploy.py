"""Deploy copies what changed, says what it did, and leaves a stated state when it is cut short."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import serial
from mpremote.transport import TransportError
from rigs.conftest import ScriptedModule
from rigs.terminal import PATIENCE_S, Terminal
from serial.tools.list_ports_common import ListPortInfo

import bg95_host.deploy
from bg95_host import boards, mpy, places
from bg95_host.deploy import DeployError, DeployStopped, Firmware, build, deploy, find_board
from bg95_host.errors import ToolError
from bg95_host.mpremote_link import BoardError, BoardException, BoardLink
from bg95_host.rigs.virtual import VirtualRig

BG95 = str(Path(sys.executable).with_name("bg95"))
DRIVER_FILES = {f"/lib/bg95/{path}" for path in mpy.compile_package(places.FIRMWARE / "bg95")}


@pytest.fixture
def blank():
    """A board with nothing on it."""
    with VirtualRig(add_module=ScriptedModule) as rig:
        yield rig


@pytest.fixture
def firmware(tmp_path, monkeypatch):
    """A small driver of the test's own in place of firmware/bg95."""
    package = tmp_path / "firmware" / "bg95"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from bg95.one import value\n")
    (package / "one.py").write_text("value = 1\n")
    (package / "two.py").write_text("value = 2\n")
    monkeypatch.setattr(places, "FIRMWARE", tmp_path / "firmware")
    return package


def files_on(rig):
    with BoardLink(rig.port) as link:
        found = {}
        folders = ["", "/lib/bg95"]
        for folder in folders:
            for name, kind, _, size in link.transport.fs_listdir(folder or "/"):
                if kind == 0x8000:
                    found[f"{folder}/{name}"] = size
                elif folder:
                    folders.append(f"{folder}/{name}")
        return found


def test_a_blank_board_gets_the_whole_driver_compiled_and_it_imports(blank):
    report = deploy(blank.port)
    assert report.board == "UNIX_VIRTUAL"
    assert report.copied.keys() == DRIVER_FILES | {"/wiring.py"}
    assert files_on(blank) == report.copied
    with BoardLink(blank.port) as link:
        assert link.execute("import bg95; print(bg95.__file__)") == "/lib/bg95/__init__.mpy\n"


def test_a_second_deploy_copies_nothing(blank, firmware):
    first = deploy(blank.port)
    second = deploy(blank.port)
    assert (second.copied, second.removed) == ({}, [])
    assert second.unchanged == list(first.copied)


def test_only_what_changed_is_copied_and_what_is_gone_is_removed(blank, firmware):
    deploy(blank.port)
    (firmware / "one.py").write_text("value = 10\n")
    (firmware / "two.py").unlink()
    report = deploy(blank.port)
    assert list(report.copied) == ["/lib/bg95/one.mpy"]
    assert report.removed == ["/lib/bg95/two.mpy"]
    with BoardLink(blank.port) as link:
        assert link.execute("import bg95; print(bg95.value)") == "10\n"


def test_debug_keeps_the_modules_and_the_lines_of_a_traceback(blank, firmware):
    (firmware / "__init__.py").write_text("from .one import fail\n")
    (firmware / "one.py").write_text("\n\ndef fail():\n    raise ValueError\n")
    said = []
    for debug in (False, True):
        report = deploy(blank.port, debug=debug)
        assert ("/lib/bg95/one.mpy" in report.copied) == debug
        with BoardLink(blank.port) as link, pytest.raises(BoardException) as failed:
            link.execute("import bg95; bg95.fail()")
        said.append(str(failed.value))
    assert 'File "bg95/one.py", line 4, in fail' in said[1]
    assert "one.py" not in said[0]


def test_a_source_beside_the_compiled_file_would_win_and_is_removed(blank, firmware):
    deploy(blank.port)
    with BoardLink(blank.port) as link:
        link.write_file("/lib/bg95/one.py", b"value = 'stale'\n")
    assert deploy(blank.port).removed == ["/lib/bg95/one.py"]


def test_a_package_inside_goes_along_and_is_gone_with_its_folder_when_it_becomes_a_module(
    blank, firmware
):
    inside = firmware / "parts"
    inside.mkdir()
    (inside / "three.py").write_text("value = 3\n")
    assert "/lib/bg95/parts/three.mpy" in deploy(blank.port).copied
    with BoardLink(blank.port) as link:
        assert link.execute("import bg95.parts.three as t; print(t.value)") == "3\n"
    shutil.rmtree(inside)
    (firmware / "parts.py").write_text("value = 4\n")  # a folder of that name would hide it
    assert deploy(blank.port).removed == ["/lib/bg95/parts/three.mpy"]
    with BoardLink(blank.port) as link:
        assert link.execute("import bg95.parts as p; print(p.value)") == "4\n"


@pytest.mark.parametrize(
    ("path", "taken"),
    [("/bg95/__init__.py", "/bg95"), ("/bg95/one.mpy", "/bg95"), ("/bg95.py", "/bg95.py")],
)
def test_a_driver_that_comes_first_on_the_path_is_named(blank, firmware, path, taken):
    deploy(blank.port)
    with BoardLink(blank.port) as link:
        if path.count("/") > 1:
            link.execute("import os; os.mkdir('/bg95')")
        link.write_file(path, b"value = 'old'\n")
    said = f"`import bg95` takes {taken}: remove that \\(mpremote connect .* fs rm -r :{taken}\\)"
    with pytest.raises(DeployError, match=said):
        deploy(blank.port)
    with BoardLink(blank.port) as link:
        link.transport.fs_rmfile(path)
        if path.count("/") > 1:
            link.transport.fs_rmdir("/bg95")
    assert deploy(blank.port).copied == {}


def test_a_driver_that_is_frozen_in_is_named(blank, firmware, monkeypatch):
    frozen = "import bg95; bg95.__file__ = 'bg95/__init__.py'"
    monkeypatch.setattr(
        "bg95_host.deploy._IMPORT", bg95_host.deploy._IMPORT.replace("import bg95", frozen)
    )
    with pytest.raises(DeployError, match="takes the one frozen into the firmware"):
        deploy(blank.port)


def test_a_driver_that_cannot_be_imported_is_told_at_once(blank, firmware):
    (firmware / "__init__.py").write_text("import no_such_thing\n")
    with pytest.raises(DeployError, match="there fails: ImportError: no module named 'no_such"):
        deploy(blank.port)


def test_more_files_go_where_they_are_wanted(blank, firmware, tmp_path):
    ca = tmp_path / "cacert.pem"
    ca.write_bytes(bytes(range(256)))
    words = ["--port", blank.port, "--json", "--file", str(ca), "--file", f"{ca}:certs/"]
    report = json.loads(command("deploy", *words).stdout)
    assert {"/cacert.pem", "/certs/cacert.pem"} <= report["copied"].keys()
    with BoardLink(blank.port) as link:
        assert link.transport.fs_readfile("/certs/cacert.pem") == ca.read_bytes()
    assert json.loads(command("deploy", *words).stdout)["copied"] == {}
    missing = command("deploy", "--port", blank.port, "--file", "no.pem")
    assert missing.returncode == 2 and "there is no file no.pem" in missing.stderr


def test_a_damaged_file_is_replaced(blank, firmware):
    deploy(blank.port)
    with BoardLink(blank.port) as link:
        link.write_file("/lib/bg95/one.mpy", b"x" * files_on_link(link)["one.mpy"])
    assert list(deploy(blank.port).copied) == ["/lib/bg95/one.mpy"]


def files_on_link(link):
    return {entry.name: entry.st_size for entry in link.transport.fs_listdir("/lib/bg95")}


def test_an_app_becomes_main_py_and_runs_after_the_reset(blank, firmware, tmp_path):
    app = tmp_path / "app.py"
    app.write_text("import bg95\nprint('app has', bg95.value)\n")
    terminal_output = []
    report = deploy(blank.port, app=app)
    assert "/main.py" in report.copied
    terminal = Terminal(blank.port)
    terminal_output.append(terminal.expect("app has 1\r\n"))
    terminal.close()


def test_progress_is_told_up_to_the_last_byte(blank, firmware):
    told = []
    report = deploy(blank.port, progress=lambda *step: told.append(step))
    total = sum(report.copied.values())
    assert told[-1][1:] == (total, total)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_a_full_board_is_left_as_it_was(blank, firmware):
    deploy(blank.port)
    with BoardLink(blank.port) as link:
        link.execute(
            "import os\nf = open('/filler', 'wb')\n"
            "while os.statvfs('/')[3] > 3: f.write(bytes(2048)); f.flush()\nf.close()"
        )
    before = files_on(blank)
    (firmware / "one.py").write_text(f"value = {bytes(range(256)) * 40!r}\n")
    with pytest.raises(DeployError, match=r"no room on the board: .* The board is as it was"):
        deploy(blank.port)
    assert files_on(blank) == before


def test_a_flash_that_fills_up_while_copying_is_left_as_it_was(blank, firmware, monkeypatch):
    deploy(blank.port)
    before = files_on(blank)
    monkeypatch.setattr("bg95_host.deploy._check_space", lambda *_: None)
    (firmware / "one.py").write_text(f"value = {os.urandom(9000).hex()!r}\n")
    with BoardLink(blank.port) as link:
        link.execute(
            "f = open('/filler', 'wb')\ntry:\n while True: f.write(bytes(4096)); f.flush()\n"
            "except OSError: f.close()"
        )
    with pytest.raises(DeployError, match="no room on the board"):
        deploy(blank.port)
    after = files_on(blank)
    del after["/filler"]
    assert after == before


def test_a_cable_pulled_while_copying_leaves_the_driver_that_was_there(
    firmware, tmp_path, monkeypatch
):
    flash = tmp_path / "flash.bin"
    with VirtualRig(add_module=ScriptedModule, flash=flash) as rig:
        deploy(rig.port)
        before = files_on(rig)
        for name in ("one", "two"):
            (firmware / f"{name}.py").write_text(f"value = {os.urandom(2000).hex()!r}\n")

        def pull(file, done, total):
            if "two" in file:
                os.kill(rig.pid, signal.SIGKILL)

        with pytest.raises(DeployError, match="still has the driver it had"):
            deploy(rig.port, progress=pull)
    with VirtualRig(add_module=ScriptedModule, flash=flash) as rig:
        left = files_on(rig)
        assert {f: s for f, s in left.items() if not f.endswith(".new")} == before
        with BoardLink(rig.port) as link:
            assert link.execute("import bg95; print(bg95.value)") == "1\n"
        assert len(deploy(rig.port).copied) == 2
        assert not [f for f in files_on(rig) if f.endswith(".new")]


def test_ctrl_c_while_copying_leaves_the_driver_that_was_there(blank, firmware):
    deploy(blank.port)
    before = files_on(blank)
    (firmware / "one.py").write_text(f"value = {os.urandom(2000).hex()!r}\n")
    with pytest.raises(DeployStopped, match="stopped while copying: the board still has the"):
        deploy(blank.port, progress=lambda *_: signal.raise_signal(signal.SIGINT))
    assert {f: s for f, s in files_on(blank).items() if not f.endswith(".new")} == before
    assert list(deploy(blank.port).copied) == ["/lib/bg95/one.mpy"]


def test_ctrl_c_while_switching_ends_the_boards_program_and_says_that_it_is_mixed(
    blank, firmware, monkeypatch
):
    monkeypatch.setattr("bg95_host.deploy._SWITCH", "print('switching')\nwhile True: pass")
    execute = BoardLink.execute

    def press(link, program):
        if "switching" not in program:
            return execute(link, program)
        keys = iter([signal.SIGINT])  # at the first byte that is printed
        return link.run(program, lambda _: [signal.raise_signal(key) for key in keys])

    monkeypatch.setattr(BoardLink, "execute", press)
    with pytest.raises(DeployStopped, match="some old and some new"):
        deploy(blank.port)
    with BoardLink(blank.port, soft_reset=False) as link:
        assert link.evaluate("1 + 1") == 2


def test_a_board_lost_while_switching_is_said_to_be_mixed(blank, firmware, monkeypatch):
    monkeypatch.setattr("bg95_host.deploy._SWITCH", "os.system('kill -9 $PPID')")
    with pytest.raises(DeployError, match="some old and some new"):
        deploy(blank.port)


def test_a_board_lost_at_its_reset_is_said_to_hold_the_new_files(blank, firmware, monkeypatch):
    reset = BoardLink.soft_reset_into_app

    def pull(link):
        os.kill(blank.pid, signal.SIGKILL)
        reset(link)

    monkeypatch.setattr(BoardLink, "soft_reset_into_app", pull)
    with pytest.raises(DeployError, match="at its reset: it holds the new files, verified"):
        deploy(blank.port)


def test_a_port_that_is_not_there_lists_those_that_are():
    with pytest.raises(BoardError, match="there is no port /dev/nothing; the serial ports here"):
        deploy("/dev/nothing")


def test_no_board_found_by_serial_number():
    with pytest.raises(BoardError, match="no board was found at id:0815"):
        deploy("id:0815")


def test_auto_without_a_board_says_so(monkeypatch):
    monkeypatch.setattr("serial.tools.list_ports.comports", list)
    with pytest.raises(BoardError, match="no board is connected"):
        deploy("auto")


def test_auto_does_not_choose_among_several_boards(monkeypatch):
    ports = [ListPortInfo("/dev/ttyACM0"), ListPortInfo("/dev/ttyACM1")]
    for number, port in enumerate(ports):
        port.vid, port.serial_number = 0x2E8A, f"pico{number}"
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: ports)
    with pytest.raises(BoardError, match=r"name one with --port: /dev/ttyACM0 \(id:pico0\), "):
        deploy("auto")


def test_a_busy_port_is_said_to_be_busy(rig):
    with (
        serial.Serial(rig.port, exclusive=True),
        pytest.raises(BoardError, match="another program uses it"),
    ):
        deploy(rig.port)


@pytest.fixture
def stranger():
    """A device that is not MicroPython: it answers everything with ERROR, as a module would."""
    master, slave = os.openpty()
    stop = threading.Event()

    def serve():
        while not stop.is_set():
            try:
                if os.read(master, 100):
                    os.write(master, b"\r\nERROR\r\n")
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield os.ttyname(slave)
    stop.set()
    os.write(slave, b"\r")


def test_a_port_without_micropython_says_so(stranger, monkeypatch):
    monkeypatch.setattr("bg95_host.mpremote_link._CONNECT_S", 1)
    monkeypatch.setattr("bg95_host.mpremote_link._READ_S", 0.2)
    with pytest.raises(BoardError, match=r"nothing on .* answers as MicroPython"):
        deploy(stranger)


@pytest.mark.parametrize("prints", ["pass", "print('tick')"])
def test_an_app_that_swallows_ctrl_c_is_named_as_a_cause(prints, blank, tmp_path, monkeypatch):
    """Also where it prints all the time, which mpremote would listen to for ever."""
    app = tmp_path / "app.py"
    app.write_text(
        "import time\nsaid = ['begun']\nwhile True:\n    try:\n        if said: print(said.pop())\n"
        f"        while True: time.sleep_ms(5); {prints}\n    except: pass\n"
    )
    deploy(blank.port, app=app)
    terminal = Terminal(blank.port)
    terminal.expect("begun")
    terminal.close()
    monkeypatch.setattr("bg95_host.mpremote_link._CONNECT_S", 1)
    monkeypatch.setattr("bg95_host.mpremote_link._READ_S", 0.2)
    monkeypatch.setattr("bg95_host.mpremote_link._NOISE_S", 2)
    said = "though it says 'tick'" if "tick" in prints else "answers as MicroPython: check"
    with pytest.raises(BoardError, match=f"{said}.* an app that catches Ctrl-C, as a bare"):
        deploy(blank.port)


@pytest.mark.parametrize(
    ("prints", "said"),
    [
        ("print('\\x1b[2Jrubbish')", r"answered '\\x1b\[2Jrubbish', which"),
        ("print('[1, 2]')", r"answered '\[1, 2\]', which makes no sense"),
        ("print('[' * 5000)", r"answered '\[+', which makes no sense"),
        ("pass", "answered nothing, which makes no sense"),
    ],
)
def test_rubbish_from_a_board_is_one_sentence(prints, said, rig, monkeypatch):
    monkeypatch.setattr("bg95_host.deploy._INSPECT", prints)
    with pytest.raises(BoardError, match=said) as error:
        deploy(rig.port)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("helper", ["_INSPECT", "_HELPERS", "_SWITCH"])
def test_what_fails_on_the_board_is_one_sentence(helper, blank, firmware, monkeypatch):
    monkeypatch.setattr(f"bg95_host.deploy.{helper}", "raise OSError(5)")
    with pytest.raises(ToolError, match=r"the board on .* failed \(OSError: \[Errno 5\] EIO\)"):
        deploy(blank.port)


def test_what_the_board_says_out_of_turn_is_not_printed(rig, capsys, monkeypatch):
    """mpremote prints it where its raw paste is answered by rubbish."""
    with BoardLink(rig.port) as link:

        def talk(_command):
            print("b'??'")
            raise TransportError("could not enter raw repl")

        monkeypatch.setattr(link.transport, "exec_raw_no_follow", talk)
        with pytest.raises(BoardError, match="could not enter raw repl"):
            link.execute("pass")
    assert capsys.readouterr() == ("", "")


def inspected(rig, monkeypatch, board=None, **facts):
    printed = {"name": "micropython", "version": [1, 29, 0], "mpy": 0x0B06, "machine": "linux"}
    values = [*(printed | facts).values(), 10**6]
    monkeypatch.setattr("bg95_host.deploy._INSPECT", f"print({json.dumps(json.dumps(values))})")
    with pytest.raises(DeployError) as error:
        deploy(rig.port, board)
    return str(error.value)


def test_a_firmware_that_is_too_old_says_what_is_needed(rig, monkeypatch):
    said = inspected(rig, monkeypatch, version=[1, 22, 2])
    assert "is MicroPython 1.22.2, and bg95 needs 1.24 or newer" in said
    assert "bg95 needs 1.24" in inspected(rig, monkeypatch, mpy=0x0B05)


def test_another_python_and_an_unknown_board_are_refused(rig, monkeypatch):
    assert "runs circuitpython" in inspected(rig, monkeypatch, name="circuitpython")
    assert "name one with --board: " in inspected(rig, monkeypatch, machine="Toaster with RP2040")


def test_two_folders_for_one_firmware_have_to_be_named(rig, monkeypatch, tmp_path):
    monkeypatch.setattr(boards, "BOARDS", tmp_path)
    for name in ("BREADBOARD", "PRODUCT"):
        shutil.copytree(places.ROOT / "boards/RPI_PICO", tmp_path / name)
    said = inspected(rig, monkeypatch, machine="Raspberry Pi Pico with RP2040")
    assert "more than one folder" in said
    assert said.endswith("name one with --board: BREADBOARD, PRODUCT")


def test_a_board_with_another_chip_is_refused(rig, monkeypatch):
    said = inspected(rig, monkeypatch, "RPI_PICO", machine="Generic ESP32S3 module with ESP32S3")
    assert "RPI_PICO has the chip rp2040, and the firmware runs on Generic ESP32S3" in said


@pytest.mark.parametrize(
    ("name", "machine"),
    [
        ("RPI_PICO", "Somebody's own board with RP2040"),
        ("RPI_PICO2", "Raspberry Pi Pico2 with RP2350-RISCV"),
        ("ESP32_GENERIC", "Generic ESP32 module with SPIRAM with ESP32"),
    ],
)
def test_a_board_that_is_named_needs_the_chip_only(name, machine):
    assert find_board(name, Firmware(machine, (1, 29, 0), "", 0)).name == name


def test_a_source_that_does_not_compile_is_named_with_its_line(firmware, tmp_path):
    (firmware / "one.py").write_text("value = 0\nvalue = = 1\n")
    with pytest.raises(ToolError, match=r"one.py, line 2, does not compile: SyntaxError"):
        build(boards.load("UNIX_VIRTUAL"))


def test_an_app_that_does_not_compile_stays_here(firmware, tmp_path):
    app = tmp_path / "app.py"
    app.write_text("def f(:\n")
    with pytest.raises(ToolError, match=r"app.py, line 1, does not compile: SyntaxError"):
        build(boards.load("UNIX_VIRTUAL"), app=app)


def command(*arguments):
    return subprocess.run(
        [BG95, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def test_the_command_prints_json_and_fails_with_one_sentence(rig):
    done = command("deploy", "--port", rig.port, "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["board"]) == (0, "UNIX_VIRTUAL")
    assert {*report["copied"], *report["unchanged"]} == DRIVER_FILES | {"/wiring.py"}
    failed = command("deploy", "--port", "/dev/nothing")
    assert failed.returncode == 1
    assert failed.stderr.startswith("bg95: there is no port /dev/nothing")
    assert failed.stderr.count("\n") == 1


def test_what_arrives_is_what_was_compiled(rig):
    deploy(rig.port)
    wanted = {
        path: hashlib.sha256(data).hexdigest()
        for path, data in build(rig.board, arch="x64").items()
    }
    with BoardLink(rig.port) as link:
        arrived = {path: link.transport.fs_hashfile(path, "sha256").hex() for path in wanted}
    assert arrived == wanted


@pytest.fixture
def watching(blank, tmp_path):
    """A `bg95 deploy --watch` of a clone, with an app; it deploys by the time of the test."""
    clone, app = tmp_path / "clone", tmp_path / "app.py"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for part in ("firmware", "boards", "host_tools"):
        shutil.copytree(places.ROOT / part, clone / part, ignore=ignored)
    app.write_text("pass\n")
    code = "from bg95_host.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-uc", code, "deploy", "--port", blank.port, "--watch", "--app", app],
        env={**os.environ, "PYTHONPATH": str(clone / "host_tools")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        running.clone, running.app = clone, app
        running.says = lambda text: any(text in line for line in iter(running.stdout.readline, ""))
        assert running.says("watching")
        yield running
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE_S) == 0


def test_watching_deploys_again_when_a_source_changes(watching):
    source = watching.clone / "firmware" / "bg95" / "visitors" / "limits.py"
    source.write_text(source.read_text() + "\nadded = 1\n")
    assert watching.says("limits.mpy")
    (watching.clone / "boards" / "UNIX_VIRTUAL" / "wiring.py").write_text("import bg95\n")
    assert watching.says("/wiring.py")


def test_watching_goes_on_after_a_mistake_and_when_an_editor_replaces_the_file(watching):
    watching.app.write_text("a = = 1\n")
    assert watching.says("not deployed: ")
    for text in ("print(1)\n", "print(22)\n"):
        new = watching.app.with_suffix(".new")
        new.write_text(text)
        new.replace(watching.app)
        assert watching.says(f"/main.py  {len(text)} bytes")
