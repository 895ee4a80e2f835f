"""The AT port: framing, echo, line editing, what arrives while a command runs (spec 0.3, 3.3, 3.4)."""

import pytest

from bg95_host.module_sim import SimOptions

from .world import attached, open_socket

BYTE = 10 / 115200


def port(**traits):
    return attached(SimOptions(traits=traits))


def said(host, data: bytes, seconds: float = 0.5) -> bytes:
    host.write(data)
    return host.run(seconds)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"AT\r", b"\r\nOK\r\n"),
        (b"at\r", b"\r\nOK\r\n"),
        (b"\r", b""),
        (b"  \r", b""),
        (b"AT\r\n", b"\r\nOK\r\n"),
        (b"AT\r\nAT\r\n", b"\r\nOK\r\n\r\nOK\r\n"),
        (b"ATX\x08E0\r", b"\r\nOK\r\n"),
        (b"AXT\x08\x08T\r", b"\r\nOK\r\n"),
        (b"AT;;+CMEE?\r", b"\r\n+CMEE: 1\r\n\r\nOK\r\n"),
        (b"ATE0V1+CMEE?;+CSQ\r", b"\r\n+CMEE: 1\r\n\r\n+CSQ: 20,99\r\n\r\nOK\r\n"),
        (b"AT+cmee?\r", b"\r\n+CMEE: 1\r\n\r\nOK\r\n"),
        (b'AT+QSSLCFG="SNI", 1 , 1\r', b"\r\nOK\r\n"),
        (b'AT+QSSLCFG="sni",1,"1"\r', b"\r\nERROR\r\n"),
        (b"AT+QSSLCFG=sni,1,1\r", b"\r\nERROR\r\n"),
        (b'AT+QSSLCFG="sni,1,1\r', b"\r\nERROR\r\n"),
        (b'AT+QSSLCFG="sni"x,1,1\r', b"\r\nERROR\r\n"),
        (b'AT+QSSLCFG="sni",1,-1\r', b"\r\nERROR\r\n"),
        (b'AT+QSSLCFG="sni",1,99999999999999999999\r', b"\r\nERROR\r\n"),
        (b'AT+QSSLCFG="sni",1,1,1\r', b"\r\nERROR\r\n"),
        (b'AT+QSSLCFG="ciphersuite",1,0XZZZZ\r', b"\r\nERROR\r\n"),
        (b'AT+QSSLCFG="ciphersuite",1,0X 1F\r', b"\r\nERROR\r\n"),
        (b"AT+\r", b"\r\nERROR\r\n"),
        (b"AT#X\r", b"\r\nERROR\r\n"),
        (b"AT+CSQ;+NOPE;+CMEE=0\r", b"\r\n+CSQ: 20,99\r\n\r\nERROR\r\n"),
        (b"aT\r", b""),
        (b"+++\r", b""),
        (b"\xff\x00\x1a\r", b""),
        (b"AT\xff\r", b"\r\nERROR\r\n"),
        (b"AT+CSQ\rA/", b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n" * 2),
    ],
)
def test_a_line_and_its_answer(sent, answer):
    assert said(port(), sent) == answer


def test_echo_comes_back_byte_by_byte_as_received():
    host = attached(echo=True)
    host.write(b"AT+CSQ\r")
    answer = host.run(0.1)
    assert answer == b"AT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n"
    times = [due for due, _data in host.log]
    assert times == sorted(times)


def test_a_line_beyond_the_limit_is_an_error_and_the_next_one_is_not():
    host = port(line_limit=100)
    assert said(host, b"AT+CSQ" + b" " * 100 + b"\rAT\r") == b"\r\nERROR\r\n\r\nOK\r\n"
    assert said(host, b"AT" + b" " * 98 + b"\r") == b"\r\nOK\r\n"


@pytest.mark.parametrize(
    ("choice", "answer"),
    [("keep", b"\r\nOK\r\n\r\n+CSQ: 20,99\r\n\r\nOK\r\n"), ("discard", b"\r\nOK\r\n")],
)
def test_what_arrives_while_a_command_runs(choice, answer):
    assert said(port(input_while_busy=choice), b"AT+QIACT=1\rAT+CSQ\r") == answer


def test_numeric_results():
    host = port()
    assert said(host, b"ATV0\r") == b"0\r"
    assert said(host, b"AT+CSQ\r") == b"+CSQ: 20,99\r\n0\r"
    assert said(host, b"AT+QSSLRECV=0\r") == b"4\r"
    assert said(host, b"ATV1\r") == b"\r\nOK\r\n"


def test_quiet_suppresses_result_codes_and_nothing_else():
    host = port()
    assert said(host, b"ATQ1\r") == b""
    assert said(host, b"AT+CSQ\r") == b"\r\n+CSQ: 20,99\r\n"
    assert said(host, b"ATQ0\r") == b"\r\nOK\r\n"


def test_a_byte_takes_ten_bits_each_way():
    host = port()
    start = host.now
    host.write(b"AT\r")
    host.wait_for(b"OK\r\n")
    latency = host.module.traits.command_latency_s
    assert host.now - start == pytest.approx(3 * BYTE + latency + 6 * BYTE)


def test_a_new_rate_applies_after_its_ok_and_survives_only_with_w():
    host = port()
    assert said(host, b"AT+IPR=9600\r") == b"\r\nOK\r\n"
    host.module.host_baud = 9600
    start = host.now
    host.command("AT")
    assert host.now - start > 9 * 10 / 9600
    host.command("AT+CFUN=1,1")
    host.module.host_baud = 115200
    host.wait_for(b"+CFUN: 1\r\n")
    host.command("ATE0+IPR=9600;&W")
    host.module.host_baud = 9600
    host.command("AT+CFUN=1,1")
    host.wait_for(b"+CFUN: 1\r\n")
    assert said(host, b"AT+IPR?\r") == b"\r\n+IPR: 9600\r\n\r\nOK\r\n"  # and ATE0 was stored


def test_a_wrong_rate_makes_other_bytes_of_the_right_ones():
    host = port()
    host.module.host_baud = 9600
    host.write(b"AT\r")
    assert b"OK" not in host.run(0.5)
    host.module.host_baud = 115200
    host.write(b"\r")
    host.run(0.1)
    assert said(host, b"AT\r").endswith(b"\r\nOK\r\n")


@pytest.mark.parametrize(("width", "pulses"), [(120, 1), (50, 3)])
def test_ri_pulses_for_every_urc(width, pulses):
    host = port()
    edges = []
    host.module.on_pin = lambda name, level: edges.append((round(host.module.now, 3), name, level))
    host.command(f'AT+QCFG="urc/ri/other","pulse",{width},{pulses}')
    host.module.urc("RING")
    start = round(host.now, 3)
    host.run(2)
    expected = [(round(start + at * width / 1000, 3), "RI", at % 2) for at in range(2 * pulses)]
    assert edges == expected


def test_urc_delay_prints_after_the_pulse():
    host = port()
    host.command('AT+QCFG="urc/delay",1')
    host.module.urc("RING")
    assert host.run(0.119) == b""
    assert host.run(0.01) == b"\r\nRING\r\n"


def test_urcs_wait_for_the_end_of_a_command_and_keep_their_order():
    host = port(pdp_activation_s=1.0)
    host.write(b"AT+QIACT=1\r")
    host.run(0.1)
    host.module.urc("ONE")
    host.module.urc("TWO")
    assert host.run(0.5) == b""
    assert host.run(1) == b"\r\nOK\r\n\r\nONE\r\n\r\nTWO\r\n"


@pytest.mark.parametrize(
    ("place", "answer"),
    [
        ("between", b'\r\n+QSSLRECV: 5\r\nhello\r\n\r\nOK\r\n\r\n+QSSLURC: "closed",0\r\n'),
        ("inside", b'\r\n+QSSLRECV: 5\r\nhello\r\n\r\n+QSSLURC: "closed",0\r\n\r\nOK\r\n'),
        ("after_echo", b'\r\n+QSSLURC: "closed",0\r\n\r\n+QSSLRECV: 5\r\nhello\r\n\r\nOK\r\n'),
    ],
)
def test_where_a_hostile_module_prints_a_urc(place, answer):
    host = port(urc_placement=place)
    open_socket(host)
    peer = host.net.peers["220.180.239.212", 8883]
    peer.say(b"hello")
    host.wait_for(b'"recv",0\r\n')
    # Both arrive while the line is on the wire: the close is known before the command runs.
    host.write(b"AT+QSSLRECV=0\r")
    host.module.world_event(16 * BYTE, lambda: host.module.sockets[0].lost("by the test"))
    assert host.run(1) == answer


def test_profile_is_stored_and_reloaded():
    host = port()
    host.command("ATE0S0=3+CREG=2;+CMEE=2;&W")
    host.command("ATS0=0+CREG=0")
    host.command("ATZ")
    assert said(host, b"ATS0?\r") == b"\r\n3\r\n\r\nOK\r\n"
    assert said(host, b"AT+CREG?\r").startswith(b'\r\n+CREG: 2,1,"')
    assert said(host, b"AT+CMEE?\r") == b"\r\n+CMEE: 1\r\n\r\nOK\r\n"  # not in the AT&W list


def test_what_a_restart_keeps_and_what_it_forgets():
    host = port()
    for line in ('AT+QURCCFG="urcport","uart1"', "AT+CTZU=3", 'AT+QCFG="psm/urc",1'):
        host.command(line)
    host.command('AT+QSSLCFG="seclevel",1,1')
    host.command('AT+QICSGP=1,1,"apn"')
    host.command("AT+CFUN=1,1")
    host.wait_for(b"+CFUN: 1\r\n")
    host.command("ATE0")
    assert said(host, b"AT+CTZU?\r") == b"\r\n+CTZU: 3\r\n\r\nOK\r\n"
    assert said(host, b'AT+QCFG="psm/urc"\r') == b'\r\n+QCFG: "psm/urc",1\r\n\r\nOK\r\n'
    assert said(host, b'AT+QSSLCFG="seclevel",1\r').startswith(b'\r\n+QSSLCFG: "seclevel",1,0')
    assert said(host, b"AT+QICSGP=1\r") == b'\r\n+QICSGP: 1,"apn","","",0\r\n\r\nOK\r\n'


def test_asleep_the_module_hears_nothing_until_dtr_falls():
    host = port()
    host.command("AT+QSCLK=1")
    host.set_pin("DTR", 1)
    assert said(host, b"AT\r") == b""
    host.set_pin("DTR", 0)
    assert said(host, b"AT\r") == b"\r\nOK\r\n"


def test_pressing_pwrkey_switches_on_and_off_as_the_hardware_manual_says():
    host = attached(SimOptions(powered=False, traits={"boot_s": 2.5, "status_s": 2.1}), echo=True)
    pins = []
    host.module.on_pin = lambda name, level: pins.append((name, level))
    host.set_pin("PWRKEY", 0)
    host.run(0.4)
    host.set_pin("PWRKEY", 1)
    assert host.run(5) == b""  # too short
    host.set_pin("PWRKEY", 0)
    host.run(0.6)
    host.set_pin("PWRKEY", 1)
    host.run(2.0)
    assert pins == []
    host.write(b"ATE0\r")  # before the UART lives: lost
    assert host.run(0.2) == b""
    assert pins == [("STATUS", 1)]
    assert host.run(3).startswith(b"\r\nRDY\r\n")
    host.set_pin("PWRKEY", 0)
    host.run(0.7)
    host.set_pin("PWRKEY", 1)
    assert host.run(2) == b"\r\nPOWERED DOWN\r\n"
    assert pins[-1] == ("STATUS", 0) or ("STATUS", 0) in pins
    assert said(host, b"AT\r") == b""


def test_files_survive_a_new_simulator_on_the_same_directory(tmp_path):
    from .world import upload

    upload(attached(SimOptions(files=tmp_path)), "../ca.pem", b"content")
    again = attached(SimOptions(files=tmp_path))
    assert said(again, b"AT+QFLST\r") == b'\r\n+QFLST: "../ca.pem",7\r\n\r\nOK\r\n'
    assert [path.parent for path in tmp_path.iterdir()] == [tmp_path]
    assert not (tmp_path.parent / "ca.pem").exists()


def test_power_saving_begins_when_the_radio_is_idle_and_ends_with_its_timer_or_pwrkey():
    host = port()
    host.command('AT+CPSMS=1,,,"01101010","00001111"')  # T3412 20 s, T3324 30 s
    assert host.run(29) == b""
    assert host.run(2) == b"\r\nPOWER DOWN\r\n"
    assert host.module.pins["STATUS"] == 0
    assert host.run(26).startswith(b"\r\nRDY\r\n")
    assert said(host, b"AT\r") == b"AT\r\r\nOK\r\n"
    host.command('ATE0+CPSMS=1,,,"00100001","00000001"')  # an hour, 2 s
    host.wait_for(b"POWER DOWN\r\n")
    host.run(1)
    host.set_pin("PWRKEY", 0)
    host.run(0.7)
    host.set_pin("PWRKEY", 1)
    assert host.run(3).startswith(b"\r\nRDY\r\n")
    host.command("AT+CPSMS=0")  # it is saved: without this it would sleep again
    host.command("AT+QPOWD")
    host.wait_for(b"POWERED DOWN\r\n")
    assert host.run(2 * 3600) == b""  # the timer of the sleep before wakes nobody
