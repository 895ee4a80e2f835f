"""`bg95 run`: the app's output as it comes, and an exit status that tells how it ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rigs.conftest import MPREMOTE
from rigs.terminal import PATIENCE_S

BG95 = str(Path(sys.executable).with_name("bg95"))


def start(tmp_path, app, *options):
    file = tmp_path / "app.py"
    file.write_text(app)
    return subprocess.Popen(
        [BG95, "run", str(file), "--no-pace", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(tmp_path, app, *options):
    running = start(tmp_path, app, *options)
    out, err = running.communicate(timeout=PATIENCE_S)
    return running.returncode, out, err


def test_an_app_talks_to_the_module_through_the_driver_and_ends_with_0(tmp_path):
    status, out, err = finish(
        tmp_path,
        "import wiring\nmodem = wiring.modem()\nmodem.active(True)\nprint(modem.command('ATI'))\n",
        "--model",
        "BG77",
    )
    assert (status, err) == (0, "")
    assert "'BG77'" in out


def test_the_modules_options_reach_it(tmp_path):
    trace = tmp_path / "trace.jsonl"
    app = "import wiring\nwiring.modem().active(True)\n"
    assert finish(tmp_path, app, "--trace", str(trace))[0] == 0
    assert "AT+CMEE" in trace.read_text()


def test_files_that_the_app_needs_are_on_the_board(tmp_path):
    (tmp_path / "settings.json").write_text('{"apn": "iot"}')
    words = ["--file", f"{tmp_path}/settings.json", "--file", f"{tmp_path}/settings.json:data/s"]
    app = "print(open('settings.json').read(), open('/data/s').read())\n"
    assert finish(tmp_path, app, *words) == (0, '{"apn": "iot"} {"apn": "iot"}\n', "")


def test_an_app_that_raises_shows_its_traceback_and_ends_with_1(tmp_path):
    status, out, err = finish(tmp_path, "print('before')\n1/0\n")
    assert (status, out) == (1, "before\n")
    assert err == (
        'Traceback (most recent call last):\n  File "<stdin>", line 2, in <module>\n'
        "ZeroDivisionError: divide by zero\n"
    )


def test_output_is_streamed_and_ctrl_c_ends_it_cleanly(tmp_path):
    running = start(tmp_path, "print('first')\nwhile True: pass\n")
    assert running.stdout.readline() == "first\n"
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 1
    assert err.splitlines()[-1].startswith("KeyboardInterrupt")


@pytest.mark.parametrize("prints", ["pass", "print('tick')"])
def test_an_app_that_swallows_ctrl_c_is_told_apart_from_a_board_that_went_away(tmp_path, prints):
    app = "import time\nwhile True:\n  try:\n    print('first')\n"
    running = start(tmp_path, f"{app}    while True: time.sleep_ms(5); {prints}\n  except: pass\n")
    assert running.stdout.readline() == "first\n"
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 1
    assert "goes on: it is an app that catches Ctrl-C" in err and err.count("\n") == 1


def test_what_is_no_program_is_named(tmp_path):
    file = tmp_path / "app.py"
    file.write_bytes(b"\xff\xfe")
    done = subprocess.run([BG95, "run", file], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"bg95: {file} is no Python program: it is not text in UTF-8\n"


def test_a_terminated_run_takes_its_board_with_it(tmp_path):
    running = start(tmp_path, "import os\nos.system('echo $PPID')\nwhile True: pass\n")
    board = int(running.stdout.readline())
    running.terminate()
    assert running.wait(PATIENCE_S) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(board, 0)


def test_a_board_that_dies_is_named_and_ends_with_1(tmp_path):
    status, _, err = finish(tmp_path, "import os\nos.system('kill -9 $PPID')\nwhile True: pass\n")
    assert status == 1
    assert err.startswith("bg95: the virtual board died: its MicroPython was killed by SIGKILL")


def test_without_an_app_the_board_is_kept_up_for_mpremote():
    with subprocess.Popen([BG95, "run"], stdout=subprocess.PIPE, text=True) as running:
        port = running.stdout.readline().split()[4].rstrip(";")
        done = subprocess.run(
            [MPREMOTE, "connect", port, "exec", "import bg95; print(bg95.Modem.__name__)"],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
        assert done.stdout.strip() == "Modem"
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--rig", "breadboard"], 2, "there is no rig 'breadboard'"),
        (["--trait", "colour=red"], 2, "there is no trait 'colour'"),
        (["--fault", "flood"], 2, "there is no fault 'flood'"),
        (["--board", "TOASTER"], 2, "there is no board 'TOASTER'"),
        (["--clock", "noon"], 2, "noon"),
        (["--file", "no.pem"], 2, "there is no file no.pem"),
        (["--rig", "labgrid"], 1, "the rig labgrid needs a place: name one with --place"),
        (["--trace", "/no/folder/trace"], 1, "No such file or directory: '/no/folder/trace'"),
    ],
)
def test_a_wrong_option_is_one_sentence(tmp_path, options, status, said):
    ended, _, err = finish(tmp_path, "pass\n", *options)
    assert ended == status
    assert said in err
    assert "Traceback" not in err
