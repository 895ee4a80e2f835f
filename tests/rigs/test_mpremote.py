"""The stock mpremote takes the virtual board for a board."""

import hashlib
import os
import signal
import subprocess

import pytest
from rigs.conftest import MPREMOTE
from rigs.terminal import PATIENCE_S


def test_exec_prints_what_the_board_prints(mpremote):
    assert mpremote("exec", "print(6 * 7)") == "42\n"


def test_eval_gives_a_value(mpremote):
    assert mpremote("eval", "2 ** 40") == f"{2**40}\n"


def test_an_exception_is_status_1_with_the_boards_own_frames_only(mpremote):
    printed = mpremote("exec", "def f():\n 1/0\nf()", status=1)
    assert printed == (
        "Traceback (most recent call last):\n"
        '  File "<stdin>", line 3, in <module>\n'
        '  File "<stdin>", line 2, in f\n'
        "ZeroDivisionError: divide by zero\n"
    )


def test_run_takes_a_program_longer_than_the_raw_paste_window(mpremote, tmp_path):
    program = tmp_path / "long.py"
    program.write_text("\n".join(f"x{i} = {i}" for i in range(800)) + "\nprint(x0 + x799)\n")
    assert mpremote("run", str(program)) == "799\n"


def test_files_survive_a_reset_byte_for_byte(mpremote, tmp_path):
    data = os.urandom(5000)
    (tmp_path / "data.bin").write_bytes(data)
    mpremote("mkdir", ":/folder", "+", "cp", str(tmp_path / "data.bin"), ":/folder/data.bin")
    mpremote("reset")
    assert hashlib.sha256(data).hexdigest() in mpremote("sha256sum", ":/folder/data.bin")
    mpremote("cp", ":/folder/data.bin", str(tmp_path / "back.bin"))
    assert (tmp_path / "back.bin").read_bytes() == data
    assert "5000 data.bin" in mpremote("ls", ":/folder")
    mpremote("rm", ":/folder/data.bin", "+", "rmdir", ":/folder")
    assert "folder" not in mpremote("ls", ":/")


def test_mount_imports_from_the_pc(mpremote, tmp_path):
    (tmp_path / "from_pc.py").write_text("value = bytes(range(256))\n")
    printed = mpremote("mount", str(tmp_path), "exec", "import from_pc; print(sum(from_pc.value))")
    assert "32640\n" in printed  # mpremote's own message comes before or after it


def test_soft_reset_forgets_and_resume_keeps(mpremote):
    mpremote("exec", "kept = 1")
    assert mpremote("resume", "eval", "'kept' in globals()") == "True\n"
    mpremote("soft-reset")
    assert mpremote("resume", "eval", "'kept' in globals()") == "False\n"


def test_sys_exit_resets_as_on_a_board(mpremote):
    mpremote("exec", "import sys; gone = 1; sys.exit(3)")
    assert mpremote("resume", "eval", "'gone' in globals()") == "False\n"


def test_set_rtc_sets_the_boards_clock_only(mpremote):
    mpremote("exec", "import machine; machine.RTC().datetime((2031, 2, 3, 0, 4, 5, 6, 0))")
    assert "2031" not in mpremote("rtc")  # a reset board starts with the PC's time


def test_boot_py_runs_before_a_program(mpremote, tmp_path):
    (tmp_path / "boot.py").write_text("booted = 'yes'\n")
    mpremote("cp", str(tmp_path / "boot.py"), ":/boot.py")
    try:
        assert mpremote("exec", "print(booted)") == "yes\n"
    finally:
        mpremote("rm", ":/boot.py")


def test_the_heap_is_unlocked_after_a_program_that_left_it_locked(mpremote):
    mpremote("exec", "import micropython; micropython.heap_lock()")
    assert mpremote("resume", "exec", "print(len(bytearray(100)))") == "100\n"


@pytest.mark.parametrize("program", ["while True: pass", "import time\nwhile True: time.sleep(60)"])
def test_ctrl_c_interrupts_a_program(rig, mpremote, program):
    running = subprocess.Popen(
        [MPREMOTE, "connect", rig.port, "exec", f"print('started')\n{program}"],
        stdout=subprocess.PIPE,
    )
    assert running.stdout.readline().strip() == b"started"
    running.send_signal(signal.SIGINT)
    running.wait(PATIENCE_S)
    assert mpremote("resume", "exec", "print('free again')") == "free again\n"


def test_statvfs_shows_the_flash_of_board_toml(rig, board):
    block, _, blocks = board.evaluate("__import__('os').statvfs('/')[:3]")
    assert block * blocks == rig.board.flash.fs_size


def test_a_full_flash_is_enospc(board):
    code = board.evaluate("28")
    printed = board.execute(
        "import os\n"
        "try:\n"
        " with open('/big', 'wb') as f:\n"
        "  while True: f.write(bytes(4096))\n"
        "except OSError as e: print(e.errno)\n"
        "os.remove('/big')"
    )
    assert int(printed) == code
