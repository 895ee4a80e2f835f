"""Traits are all in use, told apart from typing errors, and each is described."""

import re
from pathlib import Path

import pytest

from bg95_host import module_sim
from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.manual import TlsPeer
from bg95_host.module_sim.traits import TRAITS, Traits, parse_assignments

from .world import (
    ADDRESS,
    HOST,
    attached,
    open_socket,
    psk_context,
    server_context,
    server_credential,
    upload,
)

SOURCE = "\n".join(
    path.read_text()
    for path in Path(module_sim.__file__).parent.rglob("*.py")
    if path.name != "traits.py"
)


@pytest.mark.parametrize("trait", TRAITS.values(), ids=TRAITS.keys())
def test_a_trait_decides_something_and_says_what(trait):
    named = re.search(rf'traits\.{trait.name}\b|error_trait(: str)? ?= ?"{trait.name}"', SOURCE)
    assert named, "nothing reads it"
    assert trait.help and trait.section


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        ({"nosuch": "1"}, "no trait"),
        ({"nitz": "maybe"}, "on or off"),
        ({"line_limit": "long"}, "a number"),
        ({"checkhost": "everywhere"}, "one of"),
    ],
)
def test_a_wrong_trait_says_what_is_wrong(chosen, why):
    with pytest.raises(ValueError, match=why):
        Traits(chosen)


def test_texts_from_a_command_line_become_values():
    traits = Traits(parse_assignments(["nitz=off", "line_limit=99", "boot_s=0.5", "sim="]))
    assert (traits.nitz, traits.line_limit, traits.boot_s, traits.sim) == (False, 99, 0.5, "")


# -- effects ---------------------------------------------------------------------------------------
# The rows of the reference play the traits that change an answer's text. Here are the others: a
# trait, a value that is not its default, and a script whose result shows the difference.


def said(host, data: bytes, seconds: float = 1.0) -> bytes:
    host.write(data)
    return host.run(seconds)


def peer_of(host):
    return host.net.peers[ADDRESS, 8883]


def echoing(host) -> None:
    host.command("ATE1")
    host.read()


def send_with_echo(host):
    open_socket(host)
    echoing(host)
    said(host, b"AT+QSSLSEND=0,5\r")
    return said(host, b"hello", 0.005)


def upload_with_echo(host):
    echoing(host)
    said(host, b'AT+QFUPL="a",5\r')
    return said(host, b"hello")


def prompt(host):
    open_socket(host)
    return said(host, b"AT+QSSLSEND=0\r")


def time_to_boot(host):
    host.write(b"AT+CFUN=1,1\r")
    start = host.now
    host.wait_for(b"+CFUN: 1\r\n")
    return round(host.now - start, 1)


def time_of(line: str):
    def script(host):
        host.command("AT+CSQ")
        start = host.now
        host.command(line)
        return round(host.now - start, 1)

    return script


def power_down(host):
    start = host.now
    answer = said(host, b"AT+QPOWD\r", 100)
    return answer, round(host.log[-1][0] - start, 0)


def psm(host):
    said(host, b'AT+QCFG="psm/urc",1\r')
    return b"QPSMTIMER" in said(host, b'AT+CPSMS=1,,,"00000100","00001111"\r')


def asleep(host):
    said(host, b"AT+QSCLK=1\r")
    host.set_pin("DTR", 1)
    return said(host, b"AT\r")


def pin_1234(host):
    return said(host, b'AT+CPIN="1234"\r')


def pdp_twice(host):
    host.command("AT+QIACT=1")
    host.module.pdp_lost(1, "by the test")
    host.run(1)
    return said(host, b"AT+QIACT=1\r")


def apn_after_restart(host):
    host.command('AT+QICSGP=1,1,"my.apn"')
    host.command("AT+CFUN=1,1")
    host.wait_for(b"+CFUN: 1\r\n")
    host.command("ATE0")
    return said(host, b"AT+QICSGP=1\r")


def name_query(host):
    host.command("AT+QIACT=1")
    host.module.options.resolve = {"known": ADDRESS}
    host.command('AT+QIDNSGIP=1,"known"')
    start = host.now
    return host.run(10), round(host.log[-1][0] - start, 0)


def ping(host):
    host.command("AT+QIACT=1")
    return said(host, f'AT+QPING=1,"{ADDRESS}",1,1\r'.encode())


def dead_send(host):
    open_socket(host)
    peer_of(host).close()
    host.run(1)
    return said(host, b"AT+QSSLSEND=0,1\r")


def read_something(host):
    open_socket(host)
    peer_of(host).say(b"hello")
    host.run(1)
    return said(host, b"AT+QSSLRECV=0\r")


def read_after_the_end(host):
    open_socket(host)
    peer_of(host).close()
    host.run(1)
    return said(host, b"AT+QSSLRECV=0\r")


def two_datagrams(host):
    host.command('AT+QSSLCFG="dtls",1,1')
    host.net.peers[ADDRESS, 8883] = peer = TlsPeer(
        server_context(server_credential(), dtls=True), dtls=True
    )
    open_socket(host)
    peer.say(b"one")
    peer.say(b"two")
    host.run(1)
    return said(host, b"AT+QSSLRECV=0\r")


def local_close(host):
    open_socket(host)
    return said(host, b"AT+QSSLCLOSE=0\r")


def ssl_state(host):
    open_socket(host)
    return said(host, b"AT+QSSLSTATE\r")


def tcp_state(host):
    host.command("AT+QIACT=1")
    host.command(f'AT+QIOPEN=1,0,"TCP","{ADDRESS}",8883', b",0\r\n")
    return said(host, b"AT+QISTATE\r")


def failed_then_again(host):
    host.command("AT+QIACT=1")
    said(host, b'AT+QSSLOPEN=1,1,0,"nowhere",1,0\r')
    return said(host, b'AT+QSSLOPEN=1,1,0,"nowhere",1,0\r')


def used_id(host):
    open_socket(host)
    said(host, b'AT+QSSLOPEN=1,1,0,"nowhere",1,0\r')
    return said(host, b"AT+QIGETERROR\r")


def escaped(host):
    open_socket(host, mode=2)
    host.run(2)
    said(host, b"+++", 2)
    peer_of(host).say(b"meanwhile")
    host.run(1)


def registration(host):
    """When it is registered again, once the radio was off."""
    host.command("AT+CFUN=4")
    host.command("AT+CREG=1")
    said(host, b"AT+CFUN=1\r", 0.1)
    host.wait_for(b"+CREG: 1\r\n")
    return round(host.now, 1)


def idle_again(host):
    host.command("AT+QIACT=1")
    host.command("AT+QCSCON=1")
    said(host, f'AT+QIOPEN=1,0,"TCP","{ADDRESS}",8883\r'.encode(), 3)
    host.wait_for(b"+QCSCON: 1,0\r\n")
    return round(host.now, 0)


def return_with_data(host):
    escaped(host)
    return said(host, b"AT+QISWTMD=0,2\r")


def ato(host):
    escaped(host)
    return said(host, b"ATO\r")


def aes(host):
    return said(host, b'AT+QSSLCRYPT="AES","0123456789abcdef",0,1,"1234567890abcdef"\r')


def slow_upload(host):
    said(host, b'AT+QFUPL="a",10,5\r')
    said(host, b"abc", 3)
    return said(host, b"def", 3)


def acknowledged(host):
    said(host, b'AT+QFUPL="a",1024,5,1\r')
    return said(host, bytes(1024))


def missing_path(host):
    return said(host, b'AT+QSSLCFG="cacert",1,"nowhere.pem"\r')


def psk_from_text(host):
    host.net.peers[ADDRESS, 8883] = TlsPeer(psk_context(b"me", b"1a2b3c4d"), dtls=True)
    upload(host, "1_server.psk", b"me&1a2b3c4d")
    for item in ('"dtls",1,1', '"ciphersuite",1,0X00AE', '"negotiatetime",1,10'):
        host.command(f"AT+QSSLCFG={item}")
    host.command("AT+QIACT=1")
    return said(host, f'AT+QSSLOPEN=1,1,0,"{HOST}",8883,0\r'.encode(), 20)


def quoted_number(host):
    return said(host, b'AT+CMEE="1"\r')


EFFECTS = [
    ("echo_payload", False, send_with_echo),
    ("echo_upload", True, upload_with_echo),
    ("quoted_numbers", True, quoted_number),
    ("prompt_crlf", False, prompt),
    ("slow_answers", True, time_of("AT+QIACT=1")),
    ("mixed_case_at", True, lambda host: said(host, b"At\r")),
    ("ignore_lf", False, lambda host: said(host, b"AT\r\nAT\r")),
    ("boot_urc_gap_s", 1.0, time_to_boot),
    ("power_down_s", 60.0, power_down),
    ("pdpdeact_after_power_down", True, power_down),
    ("psm_granted", False, psm),
    ("sleep_loses_input", False, asleep),
    ("registration_s", 20.0, registration),
    ("operator", "Other Net", lambda host: said(host, b"AT+COPS?\r")),
    ("plmn", "26201", lambda host: said(host, b"AT+COPS=3,2;+COPS?\r")),
    ("revision", "BG95M3LAR02A04", lambda host: said(host, b"AT+CGMR\r")),
    ("act", 7, lambda host: said(host, b"AT+COPS?\r")),
    ("network_scan_s", 100.0, time_of("AT+COPS=?")),
    ("pdp_deactivation_s", 30.0, time_of("AT+QIDEACT=1")),
    ("pdp_needs_qideact", False, pdp_twice),
    ("qicsgp_survives", False, apn_after_restart),
    ("dns_s", 5.0, name_query),
    ("dns_busy_first", True, name_query),
    ("ping_ms", 300, ping),
    ("rrc_idle_s", 20.0, idle_again),
    ("send_refused", "after", dead_send),
    ("stray_lf", True, read_something),
    ("datagrams", True, two_datagrams),
    ("drained_after_close", "zero", read_after_the_end),
    ("close_urc", True, local_close),
    ("close_s", 5.0, local_close),
    ("local_port_zero", True, ssl_state),
    ("tcp_state_3", True, tcp_state),
    ("failed_open_holds_id", False, failed_then_again),
    ("used_id_error", 550, used_id),
    ("flush_on_return", False, return_with_data),
    ("ato_resumes", False, ato),
    ("crypt_iv", "00112233445566778899aabbccddeeff", aes),
    ("upload_timeout_restarts", False, slow_upload),
    ("ack_after_last", True, acknowledged),
    ("path_must_exist", True, missing_path),
    ("psk_key", "text", psk_from_text),
]


@pytest.mark.parametrize(("name", "value", "script"), EFFECTS, ids=[name for name, *_ in EFFECTS])
def test_a_trait_makes_a_difference(name, value, script):
    usual = script(attached(SimOptions()))
    unusual = script(attached(SimOptions(traits={name: value})))
    assert usual != unusual


def test_the_pin_is_a_trait():
    locked = {"sim": "SIM PIN"}
    assert pin_1234(attached(SimOptions(traits=locked))).startswith(b"\r\nOK\r\n")
    other = pin_1234(attached(SimOptions(traits={**locked, "sim_pin": "9999"})))
    assert other == b"\r\n+CME ERROR: 16\r\n"


def test_three_wrong_pins_lock_the_card_and_its_puk_gives_it_a_new_pin():
    host = attached(SimOptions(traits={"sim": "SIM PIN", "sim_puk": "87654321"}))
    for _ in range(3):
        assert said(host, b"AT+CPIN=0000\r") == b"\r\n+CME ERROR: 16\r\n"
    said(host, b"AT+CFUN=1,1\r")
    host.run(5)  # what the card counts, no restart undoes
    said(host, b"ATE0\r")
    assert b"+CPIN: SIM PUK\r\n" in said(host, b"AT+CPIN?\r")
    assert b'"SC",0,10\r\n' in said(host, b'AT+QPINC="SC"\r')
    assert said(host, b"AT+CPIN=12345678,4711\r") == b"\r\n+CME ERROR: 16\r\n"
    assert b'"SC",0,9\r\n' in said(host, b'AT+QPINC="SC"\r')
    assert said(host, b"AT+CPIN=87654321,4711\r").startswith(b"\r\nOK\r\n")
    assert b'"SC",3,10\r\n' in said(host, b'AT+QPINC="SC"\r')
    said(host, b"AT+CFUN=1,1\r")
    host.run(5)
    said(host, b"ATE0\r")
    assert said(host, b"AT+CPIN=4711\r").startswith(b"\r\nOK\r\n")


def test_no_trait_is_left_unplayed():
    played = {name for name, *_ in EFFECTS} | {"sim_pin", "sim_puk"}
    others = "\n".join(
        path.read_text()
        for path in Path(__file__).parent.glob("*.py")
        if path.name != "test_traits.py"
    )
    assert {name for name in set(TRAITS) - played if not re.search(rf"\b{name}\b", others)} == set()


def test_a_module_that_wants_files_to_exist_forgets_one_all_the_same():
    host = attached(SimOptions(traits={"path_must_exist": True}))
    assert said(host, b'AT+QSSLCFG="cacert",1,"no.pem"\r') == b"\r\nERROR\r\n"
    upload(host, "ca.pem", b"x")
    assert said(host, b'AT+QSSLCFG="cacert",1,"ca.pem"\r') == b"\r\nOK\r\n"
    assert said(host, b'AT+QSSLCFG="cacert",1,""\r') == b"\r\nOK\r\n"
