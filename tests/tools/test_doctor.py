"""`bg95 doctor`: the checklist on a well module and on sick ones."""

import json
import re

import pytest

from bg95_host.cli.doctor import _for_a_terminal
from bg95_host.module_link import DirectLink, Finding
from bg95_host.testbed.servers import TlsServer

from .conftest import NAME


@pytest.fixture
def server(authority):
    with TlsServer(authority.server(NAME)) as running:
        yield running


def by_name(done) -> dict:
    return {finding["what"]: finding for finding in json.loads(done.stdout)}


def test_a_well_module_passes_and_connects(bg95, add_module, authority, server):
    module = add_module()
    with DirectLink(module.path) as link:
        link.activate()
        link.upload("ca.pem", authority.cert_pem)
    words = ["--apn", "demo.apn", "--server", f"{NAME}:{server.port}", "--ca", "ca.pem", "--json"]
    done = bg95("doctor", "--port", module.path, *words)
    findings = by_name(done)
    assert [name for name, finding in findings.items() if finding["ok"] is not True] == []
    assert findings["module"]["seen"].startswith("BG95-M3")
    assert server.counters.handshakes == 1
    assert done.exit_code == 0


def test_a_missing_ca_file_is_found_and_the_way_out_named(bg95, add_module, server):
    module = add_module()
    words = ["--apn", "demo.apn", "--server", f"{NAME}:{server.port}", "--ca", "ca.pem", "--json"]
    done = bg95("doctor", "--port", module.path, *words)
    missing = by_name(done)["CA certificate of context 5"]
    assert missing["ok"] is False
    assert missing["advice"] == "`bg95 provision --ca FILE` puts it there"
    assert done.exit_code == 1


def test_a_module_that_is_offline_is_told_how_to_go_online(bg95, add_module):
    found = by_name(bg95("doctor", "--port", add_module().path, "--json"))
    assert found["PDP context"]["advice"] == "--apn NAME activates it"
    tried = _for_a_terminal(Finding("PDP context", False, "not active", ""), apn="iot")
    assert tried.advice == "see `going online` for the reason"


def test_a_module_without_a_sim_is_told_from_the_first_cause_on(bg95, add_module):
    done = bg95("doctor", "--port", add_module(traits={"sim": ""}).path)
    assert "✗ SIM " in done.stdout
    assert done.exit_code == 1


def test_a_silent_port_is_a_finding(bg95, add_module):
    done = bg95("doctor", "--port", add_module(powered=False).path)
    assert "✗ module" in done.stdout
    assert "is the module on" in done.stdout
    assert done.exit_code == 1


def plain(text):
    """Without what only a terminal shows: colour, and the spinner with its cursor movements."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_no_word_is_cut_on_a_narrow_terminal(bg95, add_module, server):
    module = add_module()
    words = ["doctor", "--port", module.path, "--server", f"{NAME}:1", "--ca", "no.pem"]
    whole = bg95(*words).stdout
    assert max(map(len, whole.splitlines())) > 100  # for grep
    lines = plain(bg95(*words, env={"FORCE_COLOR": "1", "COLUMNS": "80"}).stdout).splitlines()
    assert max(map(len, lines)) <= 80
    words = {word for word in whole.split() if not re.fullmatch(r"\d\d:\d\d:\d\d", word)}
    assert words <= {word for line in lines for word in line.split()}
    (start,) = (at for at, line in enumerate(lines) if f"TLS to {NAME}:1" in line)
    indent = lines[start].index("AT+QSSLOPEN")
    assert lines[start + 1][:indent].isspace() and not lines[start + 1][indent].isspace()


def test_what_could_not_be_asked_is_not_well(bg95, add_module):
    module = add_module(faults=["refuse=+CCLK:3"])
    done = bg95("doctor", "--port", module.path, "--apn", "demo.apn", "--json")
    assert [name for name, finding in by_name(done).items() if not finding["ok"]] == ["clock"]
    assert by_name(done)["clock"]["ok"] is None
    assert done.exit_code == 1


@pytest.mark.parametrize(
    "words, said",
    [
        (["--server", "nowhere"], "write HOST:PORT"),
        (["--server", "a.test:443"], "belong together"),
        (["--ca", "ca.pem"], "belong together"),
        (["--baud", "0"], "300"),
    ],
)
def test_a_wrong_command_line_is_told_before_the_port_is_opened(bg95, words, said):
    done = bg95("doctor", "--port", "x", *words)
    assert done.exit_code == 2
    assert said in done.output
