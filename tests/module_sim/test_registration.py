"""Registration takes a while, and until then the module says that it searches (spec 2.3)."""

import pytest

from bg95_host.module_sim import SimOptions

from .world import attached


def searching(host) -> None:
    assert b"+CREG: 0,2\r\n" in host.command("AT+CREG?")
    assert b"+CEREG: 0,2\r\n" in host.command("AT+CEREG?")
    assert b"+CSQ: 99,99\r\n" in host.command("AT+CSQ")
    assert host.command("AT+QIACT?") == b"\r\nOK\r\n"
    assert b"+CGATT: 0\r\n" in host.command("AT+CGATT?")
    assert host.command("AT+COPS?") == b"\r\n+COPS: 0\r\n\r\nOK\r\n"
    assert host.command("AT+QIACT=1", b"ERROR\r\n") == b"\r\nERROR\r\n"


def registered(host) -> None:
    assert b"+CREG: 0,1\r\n" in host.command("AT+CREG?")
    assert b"+CSQ: 20,99\r\n" in host.command("AT+CSQ")
    host.command("AT+QIDEACT=1")
    host.command("AT+QIACT=1")
    assert b"+QIACT: 1,1" in host.command("AT+QIACT?")


@pytest.mark.parametrize("restart", ["AT+CFUN=1,1", "AT+CFUN=4;+CFUN=1", "AT+QPOWD"])
def test_after_a_start_it_searches_for_a_while(restart):
    host = attached()
    registered(host)
    host.command(restart)
    if restart == "AT+QPOWD":
        host.wait_for(b"POWERED DOWN\r\n")
        host.run(1)
        host.set_pin("PWRKEY", 0)
        host.run(0.6)
        host.set_pin("PWRKEY", 1)
    if restart != "AT+CFUN=4;+CFUN=1":
        host.wait_for(b"RDY\r\n")
        host.command("ATE0")
        host.read()
    searching(host)
    host.run(1.5)
    registered(host)


def test_a_module_that_is_on_has_been_registered_for_long_unless_somebody_says_otherwise():
    registered(attached())
    host = attached(SimOptions(traits={"registration_s": 5.0}))
    searching(host)
    host.run(5)
    registered(host)


def test_an_operator_that_is_chosen_again_answers_once_it_is_found():
    host = attached(SimOptions(traits={"operator": "Other Net", "plmn": "26201"}))
    assert b'+COPS: 0,0,"Other Net",8' in host.command("AT+COPS?")
    host.command("AT+COPS=2")
    began = host.now
    host.command('AT+COPS=1,2,"26201"')
    assert 1.5 <= host.now - began < 1.6
    assert b'+COPS: 1,2,"26201",8' in host.command("AT+COPS?")
    assert b'(2,"Other Net","Other","26201",8)' in host.command("AT+COPS=?")
