"""Every fault bites where, when and as often as it was asked to."""

import re
from pathlib import Path

import pytest

from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.faults import FAULTS, parse

from .world import ADDRESS, attached, open_socket, upload

PLAIN = b"\r\nOK\r\n"


def faulty(*faults, **traits):
    return attached(SimOptions(faults=faults, traits=traits))


def said(host, line: str, seconds: float = 1.0) -> bytes:
    host.write(line.encode() + b"\r")
    return host.run(seconds)


def after_opening(host, mode=0):
    open_socket(host, mode=mode)
    host.net.peers[ADDRESS, 8883].say(b"x")
    return host.run(3)


# A fault, and what a host sees of it. The first answer of ATE0 has passed before.
def test_drop_out():
    assert said(faulty("drop_out=1@+CSQ"), "AT+CSQ") == b""


def test_drop_in():
    host = faulty("drop_in=1@+CSQ*3")
    said(host, "AT+CSQ")
    assert said(host, "AT") == b""
    assert said(host, "\rAT").endswith(PLAIN)


def test_duplicate_out():
    assert said(faulty("duplicate_out=1@+CSQ"), "AT+CSQ;").startswith(b"\r\r\n\n++CCSSQQ")


def test_duplicate_in():
    host = faulty("duplicate_in=1@+CSQ*2")
    said(host, "AT+CSQ")
    assert said(host, "AT") == b""  # AATT


def test_garble_out():
    answer = said(faulty("garble_out=1@+CSQ"), "AT+CSQ")
    assert len(answer) == len(b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n")
    assert b"CSQ" not in answer


def test_garble_in():
    host = faulty("garble_in=1@+CSQ*1")
    said(host, "AT+CSQ")
    assert said(host, "AT") == b""


def test_chunk():
    host = faulty("chunk=1")
    said(host, "AT")
    assert {len(data) for _due, data in host.log} == {1}


def test_baud():
    host = faulty("baud=9600@5")
    assert said(host, "AT") == PLAIN
    host.run(5)
    assert said(host, "AT") != PLAIN
    host.module.host_baud = 9600
    assert said(host, "\rAT").endswith(PLAIN)


def test_stall_in():
    host = faulty("stall_in=5@+CSQ")
    said(host, "AT+CSQ")
    assert said(host, "AT") == b""
    assert host.run(5) == PLAIN


def test_after_a_stall_bytes_arrive_one_by_one_as_before():
    host = faulty("stall_in=5@rx:5000*1")
    host.command('AT+QFUPL="a",10000,60', b"CONNECT\r\n")
    begun = host.now
    host.write(bytes(10000))
    host.wait_for(b"OK\r\n")
    assert host.now - begun >= 5 + 9900 * 10 / 115200


def test_stall_out():
    host = faulty("stall_out=5@+CSQ")
    assert said(host, "AT+CSQ") == b""
    assert host.run(5) == b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"


def test_urc():
    assert said(faulty('urc=+QIURC: "pdpdeact",1@+CSQ*2'), "AT+CSQ").endswith(
        b'OK\r\n\r\n+QIURC: "pdpdeact",1\r\n'
    )


@pytest.mark.parametrize("position", [1, 5, 20, 700, 1459])
def test_restart_in_the_middle_of_a_payload(position):
    head = len(b"ATE0\rAT+QIACT=1\r") + len(b'AT+QSSLOPEN=1,1,0,"broker.example.com",8883,0\r')
    start = head + len(b"AT+QSSLSEND=0,1460\r")
    host = faulty(f"restart@rx:{start + position}")
    open_socket(host)
    host.command("AT+QSSLSEND=0,1460", b"> ")
    host.write(b"AT\r" * 486 + b"\r\r")
    answer = host.run(10)
    assert b"SEND" not in answer
    assert answer.startswith(b"\r\nRDY\r\n")
    assert not host.net.peers[ADDRESS, 8883].plaintext
    assert said(host, "AT") == b"AT\r\r\nOK\r\n"  # echo is on again
    assert not host.net.peers[ADDRESS, 8883].sessions  # the connection went with it
    assert said(host, "ATE0;+QSSLSTATE").endswith(b"\r\r\nOK\r\n")


def test_restart_in_the_middle_of_an_answer():
    host = faulty("restart@tx:30")
    host.write(b"AT+QSSLCFG=?\r")
    answer = host.run(5)
    assert answer.endswith(b"\r\n+CFUN: 1\r\n")
    assert b"OK" not in answer


def test_power_cut():
    host = faulty("power_cut@+CSQ")
    said(host, "AT+CSQ")
    assert said(host, "AT", 20) == b""
    assert host.module.pins["STATUS"] == 0
    host.set_pin("PWRKEY", 0)
    host.run(0.7)
    host.set_pin("PWRKEY", 1)
    assert host.run(4).startswith(b"\r\nRDY\r\n")


def test_hang():
    host = faulty("hang@+CSQ")
    said(host, "AT+CSQ")
    assert said(host, "AT", 20) == b""
    assert host.module.pins["STATUS"] == 1
    host.set_pin("RESET_N", 0)
    host.run(3)
    host.set_pin("RESET_N", 1)
    assert host.run(4).startswith(b"\r\nRDY\r\n")


def test_pdp_loss():
    host = faulty("pdp_loss@60")
    open_socket(host)
    assert host.run(60) == b'\r\n+QSSLURC: "closed",0\r\n\r\n+QIURC: "pdpdeact",1\r\n'
    assert said(host, "AT+QIACT=1") == b"\r\nERROR\r\n"
    host.command("AT+QIDEACT=1")
    host.command("AT+QIACT=1")


def test_deregister():
    host = faulty("deregister=5@+CSQ")
    host.command("AT+CEREG=1")
    answer = said(host, "AT+CSQ", 10)
    assert answer.endswith(b"\r\n+CEREG: 2\r\n\r\n+CEREG: 1\r\n")


def test_no_sim():
    host = faulty("no_sim=5@+CSQ")
    host.command("AT+CEREG=1")
    assert said(host, "AT+CSQ", 10).endswith(b"\r\n+CEREG: 0\r\n")  # back, and nobody looks
    assert said(host, "AT+CPIN?") == b"\r\n+CME ERROR: 10\r\n"
    host.command("AT+CFUN=1,1")
    host.run(5)
    assert said(host, "AT+CPIN?").endswith(b"\r\n+CPIN: READY\r\n\r\nOK\r\n")


def test_timezone():
    host = faulty("timezone=-20@+CSQ")
    host.command("AT+CTZR=1")
    assert said(host, "AT+CSQ").endswith(b'\r\n+CTZV: "-20"\r\n')
    assert b'-20"' in said(host, "AT+CCLK?")


def test_clock_reset():
    host = faulty("clock_reset@10")
    host.run(11)
    assert said(host, "AT+CCLK?").startswith(b'\r\n+CCLK: "80/01/06,00:00:01+00"')
    assert said(host, "AT+QLTS") == b'\r\n+QLTS: ""\r\n\r\nOK\r\n'


@pytest.mark.parametrize("name", ["peer_reset", "tls_alert"])
@pytest.mark.parametrize(
    ("mode", "answer"), [(0, b'\r\n+QSSLURC: "closed",0\r\n'), (2, b"\r\nNO CARRIER\r\n")]
)
def test_a_connection_breaks(name, mode, answer):
    host = faulty(f"{name}=0@in:1")
    assert after_opening(host, mode).endswith(answer)


@pytest.mark.parametrize("name", ["peer_reset", "tls_alert"])
def test_a_handshake_breaks(name):
    host = faulty(f"{name}@+QSSLSTATE")
    host.command("AT+QIACT=1")
    host.command('AT+QSSLOPEN=1,1,0,"broker.example.com",8883,0')
    assert said(host, "AT+QSSLSTATE").endswith(b"\r\n+QSSLOPEN: 0,566\r\n")


def test_silent_loss():
    host = faulty("silent_loss@in:1")
    assert after_opening(host) == b'\r\n+QSSLURC: "recv",0\r\n'
    assert said(host, "AT+QSSLSEND=0,1") == b"\r\nERROR\r\n"


def test_slow_net():
    host = faulty("slow_net=2")
    start = host.now
    open_socket(host)
    assert host.now - start > 4  # two flights
    host.net.peers[ADDRESS, 8883].say(b"x")
    host.net.peers[ADDRESS, 8883].close()
    assert host.run(1.9) == b""
    assert host.run(1) == b'\r\n+QSSLURC: "recv",0\r\n\r\n+QSSLURC: "closed",0\r\n'


def test_send_fail_storm():
    host = faulty("send_fail@+QSSLSEND:2*3")
    open_socket(host)
    answers = []
    for _ in range(6):
        host.command("AT+QSSLSEND=0,1", b"> ")
        host.write(b"x")
        answers.append(host.wait_for(b"\r\n", 1) + host.run(0.1))
    assert [b"OK" in answer for answer in answers] == [True, False, False, False, True, True]
    assert answers[1] == b"\r\nSEND FAIL\r\n"


def test_urc_storm():
    host = faulty("urc=RING@0.5*20")
    assert host.run(20).count(b"\r\nRING\r\n") == 20


def test_open_error():
    host = faulty("open_error=552*1")
    host.command("AT+QIACT=1")
    answer = said(host, 'AT+QSSLOPEN=1,1,0,"broker.example.com",8883,0')
    assert answer == b"\r\nOK\r\n\r\n+QSSLOPEN: 0,552\r\n"
    host.command("AT+QSSLCLOSE=0")
    open_socket(host)


def test_open_silent():
    host = faulty("open_silent*1")
    host.command("AT+QIACT=1")
    assert said(host, 'AT+QSSLOPEN=1,1,0,"broker.example.com",8883,0', 460) == PLAIN
    host.command("AT+QSSLCLOSE=0")
    open_socket(host)


def test_dns_error():
    host = faulty("dns_error=564*1")
    host.command("AT+QIACT=1")
    answer = said(host, 'AT+QSSLOPEN=1,1,0,"broker.example.com",8883,0')
    assert answer.endswith(b"\r\n+QSSLOPEN: 0,564\r\n")


def test_id_leak():
    host = faulty("id_leak*1")
    open_socket(host)
    host.command("AT+QSSLCLOSE=0")
    assert said(host, 'AT+QSSLOPEN=1,1,0,"broker.example.com",8883,0') == b"\r\nERROR\r\n"
    assert b"563" in said(host, "AT+QIGETERROR")


def test_swallow_urc():
    host = faulty("swallow_urc@+CSQ*1")
    said(host, "AT+CSQ")
    assert after_opening_urcs(host) == 1


def after_opening_urcs(host) -> int:
    host.command("AT+QIACT=1")
    host.command('AT+QSSLOPEN=1,1,0,"broker.example.com",8883,0')
    host.run(1)
    host.net.peers[ADDRESS, 8883].say(b"x")
    return len(re.findall(rb"\+QSSL", host.run(1)))


@pytest.mark.parametrize(
    ("fault", "line", "answer"),
    [
        ("refuse=+QIACT:561*1", "AT+QIACT=1", b"\r\nERROR\r\n"),
        ("refuse=+QFLST:417*1", "AT+QFLST", b"\r\n+CME ERROR: 417\r\n"),
    ],
)
def test_refuse(fault, line, answer):
    host = faulty(fault)
    assert said(host, line) == answer
    assert said(host, line) == PLAIN


def test_no_answer():
    host = faulty("no_answer=+QIACT")
    assert said(host, "AT+QIACT=1", 1000) == b""
    assert said(host, "AT") == b""


def test_late_answer():
    host = faulty("late_answer=+QIACT:100*1")
    assert said(host, "AT+QIACT=1", 100) == b""
    assert host.run(1) == PLAIN


def test_flash_full():
    host = faulty("flash_full*1", "flash_full@+QFCPY*1")
    assert said(host, 'AT+QFUPL="a",1') == b"\r\n+CME ERROR: 420\r\n"
    upload(host, "a", b"x")
    assert said(host, 'AT+QFCPY="a","b"') == b"\r\n+CME ERROR: 420\r\n"
    host.command('AT+QFCPY="a","b"')


def test_corrupt_upload():
    host = faulty("corrupt_upload*1")
    host.command('AT+QFUPL="a",2', b"CONNECT\r\n")
    host.write(b"AB")
    assert host.wait_for(b"OK\r\n") == b"\r\n+QFUPL: 2,4042\r\n\r\nOK\r\n"


def test_the_stack_dies_after_so_many_opens_until_a_restart():
    host = faulty(opens_until_552=20)
    for _ in range(20):
        open_socket(host)
        host.command("AT+QSSLCLOSE=0")
    assert said(host, 'AT+QSSLOPEN=1,1,0,"broker.example.com",8883,0') == b"\r\nERROR\r\n"
    assert b"552" in said(host, "AT+QIGETERROR")
    assert b"+QIACT: 1,1" in said(host, "AT+QIACT?")
    host.command("AT+CFUN=1,1")
    host.wait_for(b"+CFUN: 1\r\n")
    host.command("ATE0")
    host.run(2)  # it registers
    open_socket(host)


def test_no_fault_is_left_untested():
    source = Path(__file__).read_text()
    assert {name for name in FAULTS if name not in source} == set()


@pytest.mark.parametrize(
    "text",
    [
        "nosuch",
        "drop_in=2",
        "drop_in=x",
        "restart@",
        "open_error=1",
        "refuse=+X:9999",
        "",
        "=",
        "urc*x",
    ],
)
def test_a_wrong_fault_says_so_before_anything_starts(text):
    with pytest.raises(ValueError, match="fault"):
        parse(text)
