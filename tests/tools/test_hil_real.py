"""HIL tests of a module that these tools know nothing of (a virtual board as the rig `serial` sees it), and pytest on
its own, in a folder of somebody else's."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from tools.pages import Page

from bg95_host.hil import run
from bg95_host.hil.settings import Settings
from bg95_host.module_sim import SimOptions
from bg95_host.rigs.virtual import VirtualRig
from bg95_host.testbed.pki import Authority
from bg95_host.testbed.servers import TlsServer

NAME = "localhost"  # for this PC it has an address as well
PIN = "4711"


@pytest.fixture
def trace(tmp_path):
    """The AT line as the module hears it, secrets shown by their length only."""
    return tmp_path / "trace.jsonl"


@pytest.fixture
def board(trace):
    """The port of a board whose module has a SIM with a PIN."""
    options = SimOptions(
        resolve={NAME: "127.0.0.1"},
        traits={"sim": "SIM PIN", "sim_pin": PIN},
        powered=False,
        trace=trace,
    )
    with VirtualRig(options=options) as rig:
        yield rig.port


@pytest.fixture
def server(tmp_path):
    """An echo server that the module reaches, and the file of its CA: (HOST:PORT, file)."""
    authority = Authority()
    with TlsServer(authority.server(NAME)) as server:
        yield f"{NAME}:{server.port}", str(authority.write(tmp_path))


def skipped(junit):
    return [case.get("message") for case in ET.parse(junit).getroot().iter("skipped")]


def pytest_alone(folder, *words, **environment):
    """pytest as its user starts it, with nothing of this project but what is installed."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_sim_and_server_reach_the_tests_and_the_board_tells_its_at_line(
    board, server, trace, tmp_path
):
    address, ca = server
    words = ["--rig", "serial", "--port", board, "--module", "real", "--apn", "iot.apn"]
    words += ["--server", address, "--ca", ca, "-o", tmp_path]
    words += ["--", "-k", "every_byte and BUFFER or heap or unknown_ca or another_name"]
    done = subprocess.run(
        [Path(sys.executable).with_name("bg95"), "hil", *words],
        env={**os.environ, "BG95_PIN": PIN},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    page = Page((tmp_path / "report.html").read_text())
    assert page.classes["passed"] == 4
    assert page.classes["picture"] == 4 and page.classes["sent"] > 0
    for said in (f'AT+QSSLOPEN=1,1,0,"{NAME}"', "+QSSLURC", "1,024", "AT+CPIN="):
        assert said in page.shown
    assert f"AT+CPIN={PIN}" not in page.shown
    assert "iot.apn" in trace.read_text() and "AT+CPIN=" in trace.read_text()


def test_a_pin_that_is_refused_is_tried_once(board, trace, tmp_path):
    settings = Settings("serial", board, "real", apn="iot.apn", pin="9999")
    assert run(settings, tmp_path, ["tests/hil/test_module.py", "-k", "file or identified"]) == 1
    assert trace.read_text().count("AT+CPIN=") == 1
    assert (tmp_path / "report.html").read_text().count("failed in setup") == 2


def test_without_a_server_it_is_said_which_one_is_needed_and_how_to_get_it(board, tmp_path):
    settings = Settings("serial", board, "real", pin=PIN)
    assert run(settings, tmp_path, ["tests/hil/test_connection.py"]) == 0
    reasons = set(skipped(tmp_path / "results.xml"))
    (needed,) = (reason for reason in reasons if "bg95 testbed --public --name HOST" in reason)
    assert "--server HOST:4433" in needed and "--ca" in needed
    assert "whoever reaches that machine can use these servers" in needed
    (other,) = reasons - {needed}
    assert "no feature local-server: its module reaches no server on this PC" in other


TEST_OF_AN_APP = """
import pytest

def test_the_app_sends_a_reading(modem, tls_server):
    modem.run("import reading")
    modem.run(
        "context = bg95.SSLContext(modem, 1)\\n"
        f"context.load_verify_locations(cafile={tls_server.ca!r})\\n"
        f"with context.connect({tls_server.host!r}, {tls_server.port}) as s:\\n"
        "    s.write(reading.line(21))\\n    back = s.readline()"
    )
    assert modem.value("back.decode()") == "21 C\\n"

@pytest.mark.needs("teleportation")
def test_never(rig):
    pass
"""


def test_an_application_is_tested_from_its_own_folder(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/reading.py").write_text("def line(c):\n    return b'%d C\\n' % c\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_app.py").write_text(TEST_OF_AN_APP)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    words = ["--rig", "virtual", "--file", "src/reading.py", "--hil-report", "out/report.html"]
    status, said = pytest_alone(tmp_path, *words)
    assert (status, "1 passed, 1 skipped" in said) == (0, True), said
    page = Page((tmp_path / "out/report.html").read_text())
    assert "AT+QSSLOPEN" in page.shown and "rig virtual has no feature teleportation" in page.shown


def test_a_real_module_is_tested_from_its_own_folder(board, server, tmp_path):
    (tmp_path / "test_app.py").write_text(TEST_OF_AN_APP)
    (tmp_path / "reading.py").write_text("def line(c):\n    return b'%d C\\n' % c\n")
    address, ca = server
    words = ["--rig", "serial", "--port", board, "--module", "real"]
    words += ["--server", address, "--ca", ca, "--file", "reading.py"]
    status, said = pytest_alone(tmp_path, *words, BG95_PIN=PIN)
    assert (status, "1 passed, 1 skipped" in said) == (0, True), said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--server", "tls.example.com"], "the server is HOST:PORT, not 'tls.example.com'"),
        (["--server", "tls.example.com:4433"], "a server needs its CA"),
        (["--file", "nothing.py"], "there is no file nothing.py"),
    ],
)
def test_what_cannot_work_is_one_sentence_before_any_test(words, told, tmp_path):
    (tmp_path / "test_app.py").write_text("def test_it(rig):\n    pass\n")
    status, said = pytest_alone(tmp_path, *words)
    assert status == pytest.ExitCode.USAGE_ERROR
    assert told in said and "Traceback" not in said and "passed" not in said


def test_a_pytest_that_tests_no_board_loads_no_tools(tmp_path):
    (tmp_path / "test_other.py").write_text(
        "import sys\n"
        "def test_light():\n"
        "    assert 'bg95_host.hil.fixtures' in sys.modules\n"
        "    assert not {'bg95_host.hil.lab', 'OpenSSL', 'pydantic', 'typer'} & sys.modules.keys()\n"
    )
    status, said = pytest_alone(tmp_path)
    assert status == 0, said
