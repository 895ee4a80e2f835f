"""The trace shows what happened, and never a secret; the same input gives the same output."""

import io
import json

import pytest

from bg95_host.module_sim import SimOptions

from .world import (
    ADDRESS,
    EchoTls,
    attached,
    authority,
    open_socket,
    server_context,
    server_credential,
    upload,
)

SECRETS = {
    "PIN": ('AT+CPIN="48151623"', "48151623"),
    "bare PIN": ("AT+CPIN=48151623", "48151623"),
    "APN password": ('AT+QICSGP=1,1,"apn","user","hunter2secret",1', "hunter2secret"),
    "AES key": ('AT+QSSLCRYPT="AES","0123456789abcdef",0,1,"hunter2secret!!!"', "hunter2secret"),
    "AES data": ('AT+QSSLCRYPT="AES","hunter2secret!!!",0,1,"0123456789abcdef"', "hunter2secret"),
    "broken line": ('AT+CPIN="hunter2secret', "hunter2secret"),
    "unknown command": ('AT+NOSUCH="hunter2secret"', "hunter2secret"),
    "payload out of place": ("hunter2secret", "hunter2secret"),
    "wrong number of parameters": ('AT+CPIN="1","2","hunter2secret"', "hunter2secret"),
}


def traced(**options):
    trace = io.StringIO()
    host = attached(SimOptions(trace=trace, **options))
    return host, trace


@pytest.mark.parametrize(("line", "secret"), SECRETS.values(), ids=SECRETS.keys())
def test_no_secret_of_a_command_line_is_traced(line, secret):
    host, trace = traced()
    host.write(line.encode() + b"\r")
    host.run(1)
    assert secret not in trace.getvalue()
    assert trace.getvalue().count('"host"') >= 2  # but that something came is


@pytest.mark.parametrize(
    ("asked", "secret", "shown"),
    [
        ("AT+QICSGP=1", "hunter2secret", '+QICSGP: 1,"apn","user","***",1'),
        ("AT+QICSGP=?", "", "+QICSGP: (1-16),(1-3),<APN>,<username>,<password>,(0-3)"),
        (
            'AT+QSSLCRYPT="AES","hunter2secret!!!",0,1,"0123456789abcdef"',
            "5AA989E3",
            "+QSSLCRYPT: ***",
        ),
        ("AT+CPIN?", "", "+CPIN: READY"),
    ],
)
def test_no_secret_of_an_answer_is_traced(asked, secret, shown):
    host, trace = traced()
    host.command('AT+QICSGP=1,1,"apn","user","hunter2secret",1')
    answer = host.command(asked).decode()
    texts = [json.loads(line).get("text") for line in trace.getvalue().splitlines()]
    assert secret in answer
    assert shown in texts
    assert "hunter2secret" not in trace.getvalue()


def test_a_line_is_stamped_when_its_cr_was_heard():
    host, trace = traced(traits={"command_latency_s": 0.25})
    began = host.now
    host.command("AT+CSQ;+CGMM;+NOSUCH", b"ERROR\r\n")
    lines = [json.loads(line) for line in trace.getvalue().splitlines()]
    times = {line["text"]: line["t"] for line in lines if "text" in line}
    assert times["AT+CSQ"] == pytest.approx(began + len("AT+CSQ;+CGMM;+NOSUCH\r") * 10 / 115200)
    assert times["+CSQ: 20,99"] - times["AT+CSQ"] == pytest.approx(0.25)
    assert times["AT+CGMM"] == times["+CSQ: 20,99"]  # begins where the one before it ends


def test_no_payload_is_traced():
    host, trace = traced()
    key = authority().client().key_pem
    upload(host, "me.key", key)
    upload(host, "0_server.psk", b"identity&hunter2secret")
    host.command('AT+QFDWL="me.key"')
    for mode in (0, 1, 2):
        open_socket(host, client_id=mode, mode=mode)
        if mode < 2:
            host.command(f"AT+QSSLSEND={mode},13", b"> ")
        host.write(b"hunter2secret")
        host.run(1)
        if mode == 0:
            host.command("AT+QSSLRECV=0")
    text = trace.getvalue()
    assert "hunter2secret" not in text
    assert key.splitlines()[1].decode() not in text
    assert text.count('"len": 13') >= 6


def test_a_trace_is_json_lines_in_order_of_time():
    host, trace = traced()
    open_socket(host)
    lines = [json.loads(line) for line in trace.getvalue().splitlines()]
    assert {line["dir"] for line in lines} == {"host", "module", "urc", "pin", "net"}
    assert [line["t"] for line in lines] == sorted(line["t"] for line in lines)
    assert {"t", "dir", "text"} <= set(lines[-1])
    asked = next(line for line in lines if "QIACT" in line.get("text", ""))
    done = lines[lines.index(asked) + 1]
    traits = host.module.traits
    took = traits.command_latency_s + traits.pdp_activation_s
    assert done["t"] - asked["t"] == pytest.approx(took)


def play(seed: int, **options):
    """A session with TLS, faults at random and all three modes; returns bytes with their times."""
    host = attached(
        SimOptions(seed=seed, faults=["duplicate_out=0.01", "garble_in=0.002@20"], **options),
        EchoTls(server_context(server_credential())),
    )
    host.write(b"AT+QIACT=1\r")
    host.run(1)
    for mode in (0, 1):
        host.write(b'AT+QSSLOPEN=1,1,%d,"broker.example.com",8883,%d\r' % (mode, mode))
        host.run(1)
        host.write(b"AT+QSSLSEND=%d,100\r" % mode)
        host.run(0.5)
        host.write(bytes(100))
        host.run(1)
        host.write(b"AT+QSSLRECV=%d\r" % mode)
        host.run(1)
    host.net.peers[ADDRESS, 8883].close()
    for _ in range(20):
        host.write(b"AT+CSQ;+CREG?\r")
        host.run(1)
    return host.log


def test_the_same_input_and_seed_give_the_same_bytes_at_the_same_times():
    first, second, other = play(7), play(7), play(8)
    assert first == second
    assert len(first) > 80
    assert first != other
