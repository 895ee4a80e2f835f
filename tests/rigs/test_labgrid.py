"""The labgrid rig on loopback: a coordinator, an exporter and two virtual boards."""

import contextlib
import os
import socket
import subprocess
from xml.etree import ElementTree

import pytest
import yaml
from rigs.bridge import Bridge
from rigs.terminal import PATIENCE_S, eventually

from bg95_host import hil
from bg95_host.hil.lab import HOST, Settings
from bg95_host.module_sim import SimOptions
from bg95_host.mpremote_link import BoardLink
from bg95_host.rigs import RigError, RigOptions, make_rig
from bg95_host.rigs.labgrid import LabgridRig, _board_url, command
from bg95_host.rigs.serial_port import SIMULATED
from bg95_host.rigs.virtual import VirtualRig


def installed():
    try:
        return bool(command("labgrid-client"))
    except RigError:
        return False


with_labgrid = pytest.mark.skipif(not installed(), reason="labgrid is not installed: make labgrid")


class Lab:
    """The lab's processes; everything of theirs is in one folder."""

    def __init__(self, folder, boards):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.coordinator = f"127.0.0.1:{free.getsockname()[1]}"
        self._folder = folder
        self._log = (folder / "log").open("wb")
        exported = {
            name: {
                "board": {
                    "cls": "NetworkSerialPort",
                    "host": "127.0.0.1",
                    "port": bridge.port,
                    "protocol": "raw",
                }
            }
            for name, bridge in boards.items()
        }
        (folder / "exporter.yaml").write_text(yaml.safe_dump(exported))
        self._processes = [self._start("labgrid-coordinator", "-l", self.coordinator)]
        eventually(lambda: self.client("places").returncode == 0)
        self._processes.append(
            self._start(
                "labgrid-exporter", "-c", self.coordinator, "--name", "lab", "exporter.yaml"
            )
        )
        eventually(lambda: len(self.client("resources").stdout.split()) >= len(boards))
        for name in boards:
            assert self.client("-p", name, "create").returncode == 0
            assert self.client("-p", name, "add-match", f"lab/{name}/*").returncode == 0

    def _start(self, name, *arguments):
        return subprocess.Popen(
            [command(name), *arguments], cwd=self._folder, stdout=self._log, stderr=self._log
        )

    def client(self, *arguments):
        return subprocess.run(
            [command("labgrid-client"), "-x", self.coordinator, *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def close(self):
        for process in reversed(self._processes):
            process.terminate()
            process.wait(PATIENCE_S)
        self._log.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        boards = {}
        for name in ("desk-1", "desk-2"):
            rig = stack.enter_context(VirtualRig(options=SimOptions(resolve={HOST: "127.0.0.1"})))
            boards[name] = stack.enter_context(contextlib.closing(Bridge(rig.port)))
        running = stack.enter_context(
            contextlib.closing(Lab(tmp_path_factory.mktemp("lab"), boards))
        )
        os.environ["LG_COORDINATOR"] = running.coordinator
        yield running
        del os.environ["LG_COORDINATOR"]


def holder(lab, place):
    lines = lab.client("-p", place, "show").stdout.splitlines()
    return next(line.split("acquired:")[1].strip() for line in lines if "acquired:" in line)


@with_labgrid
def test_two_boards_are_had_by_name_at_the_same_time_and_given_back(lab):
    with LabgridRig("desk-1") as one, LabgridRig("desk-2") as two:
        assert one.port != two.port
        for number, rig in enumerate((one, two)):
            assert rig.board.name == "UNIX_VIRTUAL"
            with BoardLink(rig.port) as link:
                link.execute(f"number = {number}")
        for number, rig in enumerate((one, two)):
            with BoardLink(rig.port, soft_reset=False) as link:
                assert link.evaluate("number") == number
        assert holder(lab, "desk-1") != "None"
    assert {holder(lab, place) for place in ("desk-1", "desk-2")} == {"None"}


@with_labgrid
def test_a_place_that_someone_else_has_is_said_to_be_theirs(lab, monkeypatch):
    with LabgridRig("desk-1"):
        monkeypatch.setenv("LG_USERNAME", "somebody")
        with (
            pytest.raises(RigError, match=r"cannot acquire desk-1.*already acquired"),
            LabgridRig("desk-1"),
        ):
            pass


@with_labgrid
def test_a_place_that_was_acquired_before_is_used_and_kept(lab):
    assert lab.client("-p", "desk-2", "acquire").returncode == 0
    with LabgridRig("desk-2", module=SIMULATED) as rig:
        assert "local-server" in rig.features
    assert holder(lab, "desk-2") != "None"
    assert lab.client("-p", "desk-2", "release").returncode == 0


@with_labgrid
def test_an_unknown_place_and_an_unreachable_coordinator_are_named(lab, monkeypatch):
    with pytest.raises(RigError, match="matches nothing"), LabgridRig("attic"):
        pass
    monkeypatch.setenv("LG_COORDINATOR", "127.0.0.1:1")
    with pytest.raises(RigError, match="labgrid cannot acquire desk-1"), LabgridRig("desk-1"):
        pass


def test_each_worker_has_a_place_of_its_own(monkeypatch):
    settings = Settings(rig="labgrid", place="desk-1, desk-2")
    assert settings.places == ["desk-1", "desk-2"]
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw1")
    assert settings.own_place == "desk-2"
    monkeypatch.delenv("PYTEST_XDIST_WORKER")
    assert settings.own_place == "desk-1"
    assert Settings().own_place is None


@with_labgrid
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_hil_tests_are_shared_between_two_places(lab, tmp_path):
    settings = Settings(rig="labgrid", place="desk-1,desk-2", module=SIMULATED)
    assert hil.run(settings, tmp_path) == 0
    suite = ElementTree.parse(tmp_path / "results.xml").getroot().find("testsuite")
    assert int(suite.get("tests")) > 10
    assert {suite.get(bad) for bad in ("failures", "errors")} == {"0"}


def environment(*resources):
    return yaml.safe_dump({"targets": {"desk": {"resources": list(resources)}}})


def port(name, number, protocol):
    facts = {"name": name, "host": "lab", "port": number, "speed": 115200, "protocol": protocol}
    return {"NetworkSerialPort": facts}


@pytest.mark.parametrize(
    ("resources", "url"),
    [
        ([port("any", 7, "raw")], "socket://lab:7"),
        ([port("board", 8, "rfc2217")], "rfc2217://lab:8?ign_set_control"),
        ([port("module", 1, "raw"), port("board", 2, "raw")], "socket://lab:2"),
    ],
)
def test_the_port_of_the_board_is_found_in_the_place(resources, url):
    assert _board_url("desk", environment(*resources)) == url


@pytest.mark.parametrize("resources", [[], [port("a", 1, "raw"), port("b", 2, "raw")]])
def test_a_place_without_a_clear_board_is_refused(resources):
    with pytest.raises(RigError, match="one serial port, or one that is named `board`"):
        _board_url("desk", environment(*resources))


def test_without_a_place_or_without_labgrid_the_rig_says_so(monkeypatch):
    with pytest.raises(RigError, match="name one with --place"):
        make_rig("labgrid", RigOptions())
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(RigError, match="install labgrid, in a virtualenv"):
        make_rig("labgrid", RigOptions(place="desk-1"))
