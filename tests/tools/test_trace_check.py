"""`bg95 trace --check`: what anybody recorded is said again, and the first difference is shown."""

import json

import pytest

from bg95_host import trace
from bg95_host.errors import ToolError
from bg95_host.module_sim import SimOptions
from bg95_host.trace.replay import check, shape
from bg95_host.trace.script import load
from bg95_host.trace.shapes import entries

from .recordings import SCRIPT, SHAPES

COMMANDS = sum(isinstance(words, str) for words, _ in SCRIPT)


@pytest.fixture
def loaded(tmp_path):
    """loaded(text): the entries of a file with this text."""

    def run(text):
        file = tmp_path / "log"
        file.write_bytes(text.encode())
        return load(file)

    return run


@pytest.mark.parametrize("written", SHAPES)
def test_every_shape_is_replayed_without_a_difference(written, loaded):
    found = check(loaded(written()), SimOptions())
    assert found.difference is None, found.difference
    assert found.commands in (COMMANDS, COMMANDS + 1)  # ATE0 is in some
    assert found.compared > COMMANDS
    assert found.unmatched == []


@pytest.mark.parametrize("written", SHAPES)
def test_the_first_difference_is_where_the_file_says_it(written, loaded):
    text = written()
    changed = text.replace("+CME ERROR: 405", "+CME ERROR: 407")
    found = check(loaded(changed), SimOptions()).difference
    assert found is not None
    assert found.at == changed.encode().index(b"ERROR: 407") + 9  # 40 is the same
    assert found.entry.text == "+CME ERROR: 407" and found.said == "+CME ERROR: 405"
    assert found.after == 'AT+QFDEL="a.pem"'


@pytest.mark.parametrize("written", SHAPES)
def test_a_module_that_behaves_otherwise_is_found_out(written, loaded):
    options = SimOptions(traits={"recv_urc_length": True})
    found = check(loaded(written()), options).difference
    assert found is not None and found.entry.text == '+QSSLURC: "recv",0'


@pytest.mark.parametrize("written", SHAPES)
def test_every_shape_is_shown_as_a_trace(written, tmp_path):
    file = tmp_path / "log"
    file.write_bytes(written().encode())
    records = trace.load(file)
    spans = trace.spans(records)
    (opened, failed) = (span for span in spans if span.command.startswith("AT+QSSLOPEN"))
    assert opened.result == "+QSSLOPEN: 0,0" and failed.result == "+QSSLOPEN: 0,565"
    (send,) = (span for span in spans if span.command == "AT+QSSLSEND=0,5")
    assert (send.sent, send.result) == (5, "SEND OK")
    assert all(record.time >= 0 for record in records)


def test_secrets_of_a_log_are_masked(tmp_path):
    file = tmp_path / "log"
    file.write_text(
        'AT+CPIN="4711"\nOK\nAT+QICSGP=1,1,"apn","me","sesame"\nOK\nAT+QICSGP=1\n+QICSGP: 1,"apn","me","sesame",1\n'
    )
    shown = " ".join(record.text for record in trace.load(file))
    assert "4711" not in shown and "sesame" not in shown and "AT+CPIN=" in shown


def test_what_no_two_modules_share_is_compared_by_its_shape(loaded):
    log = "AT+CSQ\r\n+CSQ: {}\r\n\r\nOK\r\nAT+GSN\r\n860000000000001\r\n\r\nOK\r\n"
    assert check(loaded(log.format("31,0")), SimOptions()).difference is None
    found = check(loaded(log.format("31")), SimOptions()).difference
    assert found is not None and found.said == "+CSQ: 20,99"


def test_shapes():
    assert shape('+QIACT: 1,1,1,"10.0.0.1"') == shape('+QIACT: 2,1,1,"100.64.0.1"')
    assert shape("+QFUPL: 12,ab0") == shape("+QFUPL: 9,77")
    assert shape('+QCSQ: "NOSERVICE"') != shape('+QCSQ: "eMTC",-50'), "a word is no value"
    assert shape('+CREG: 0,1,"1A2B","01",8') == shape('+CREG: 0,5,"FFFE","02",9')


def test_a_boot_is_a_boot(loaded):
    log = "RDY\r\nAPP RDY\r\n+CPIN: READY\r\n+CFUN: 1\r\nAT\r\nOK\r\nAT+CFUN=1,1\r\nOK\r\nRDY\r\n"
    found = check(loaded(log), SimOptions())
    assert found.difference is None
    odd = check(loaded(log.replace("APP RDY", "+QIND: SMS DONE")), SimOptions()).difference
    assert odd is not None and odd.entry.text == "+QIND: SMS DONE"


def test_the_network_does_what_it_did(loaded):
    log = (
        ">> AT+QIACT=1\n<< OK\n>> AT+QIOPEN=1,3,\"TCP\",\"a.test\",80,0,0\n<< OK\n<< +QIOPEN: 3,0\n"
        '<< +QIURC: "recv",3\n>> AT+QIRD=3,100\n<< +QIRD: 4\n<< abcd\n<< OK\n'
        '<< +QIURC: "closed",3\n>> AT+QICLOSE=3\n<< OK\n'
        '>> AT+QSSLOPEN=1,0,4,"b.test",443,0\n<< OK\n<< +QSSLOPEN: 4,566\n>> AT+QSSLCLOSE=4\n<< OK\n'
        '<< +QIURC: "pdpdeact",1\n>> AT+QIACT=1\n<< ERROR\n'
    )  # fmt: skip
    assert check(loaded(log), SimOptions()).difference is None
    options = SimOptions(traits={"pdp_needs_qideact": False})
    assert check(loaded(log), options).difference.said == "OK"


def test_a_recording_that_begins_in_the_middle(loaded):
    log = '>> AT+QSSLOPEN=1,0,4,"b.test",443,0\n<< OK\n<< +QSSLOPEN: 4,0\n'
    assert check(loaded(log), SimOptions()).difference is None


def test_what_a_trace_keeps_to_itself_is_not_asked(loaded):
    log = (
        "  0.001 > AT+CPIN?\n  0.002 < +CPIN: SIM PIN\n  0.003 < OK\n"
        "  0.004 > AT+CPIN= ***\n  0.005 < OK\n  0.006 < +CPIN: READY\n"
        "  0.007 > AT+QICSGP= ***\n  0.008 < OK\n  0.009 > AT+CSQ\n  0.010 < +CSQ: 9,9\n  0.011 < OK\n"
    )
    assert check(loaded(log), SimOptions()).difference is None
    found = check(loaded(log.replace("+CPIN: READY", "+CPIN: NOT READY")), SimOptions()).difference
    assert found is not None


@pytest.mark.parametrize("text", ["", "hello\nworld\n", "I (12) wifi: connected\n", "\0\xff\n" * 9])
def test_what_is_no_conversation_is_one_sentence(text, loaded):
    with pytest.raises(ToolError, match="no AT conversation"):
        loaded(text)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("10:15:42.123 -> AT+CSQ", "AT+CSQ"),
        ("[2026-11-25 10:15:42] AT+CSQ", "AT+CSQ"),
        ("I (3452) modem: AT+CSQ", "AT+CSQ"),
        ("[  3452][D][Modem.cpp:12] send(): AT+CSQ", "AT+CSQ"),
        ("    12.345 AT+CSQ", "AT+CSQ"),
        ("\x1b[36mat+csq\x1b[0m", "at+csq"),
    ],
)
def test_what_tools_put_in_front_is_taken_off(line, said):
    (entry,) = entries(f"{line}\n".encode())
    assert (entry.side, entry.text) == ("host", said)
    assert line.encode()[entry.at :].startswith(said.encode())


def test_the_command(bg95, tmp_path):
    file = tmp_path / "log"
    file.write_text("AT+CMEE=1\nOK\nAT+CFUN=9\nERROR\n")
    differs = bg95("trace", file, "--check")
    assert differs.exit_code == 1
    assert "line 4: differs at byte 23" in differs.stdout
    assert "recorded  ERROR" in differs.stdout and "simulated +CME ERROR: 3" in differs.stdout
    assert bg95("trace", file, "--check", "--trait", "cfun_error=plain").exit_code == 0
    profile = tmp_path / "profile.toml"
    profile.write_text('version = 1\n[traits]\ncfun_error = "plain"\n')
    same = bg95("trace", file, "--check", "--profile", profile, "--json")
    assert same.exit_code == 0 and json.loads(same.stdout)["difference"] is None
