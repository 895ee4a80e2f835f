"""One module behind all commands: who tells the same thing, tells the same (part 4, 4.1-4.3)."""

from __future__ import annotations

import re

import pytest

from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.power import PowerState

from .memory_servers import Broker, WebServer
from .world import ADDRESS, attached


def module(**traits):
    return attached(SimOptions(traits=traits))


def told(host, line):
    """The information lines of an answer, without their prefix; or the error."""
    host.write(line.encode() + b"\r")
    final = re.compile(rb"\r\n(OK|ERROR|\+CME ERROR: \d+)\r\n$")
    assert host.wait_until(lambda: final.search(host.unread), 200), line
    rows = [row for row in host.read().decode().split("\r\n") if row and row != "OK"]
    return [re.sub(r"^\+[A-Z]+: ", "", row) for row in rows]


def one(host, line):
    (row,) = told(host, line)
    return row


def restarted(host):
    host.command("AT+CFUN=1,1")
    host.run(10)
    host.command("ATE0")
    return host


# -- the SIM card ----------------------------------------------------------------------------------


def unswapped(hexadecimal):
    return "".join(hexadecimal[at + 1] + hexadecimal[at] for at in range(0, len(hexadecimal), 2))


def luhn(digits):
    doubled = [int(d) * (1 + at % 2) for at, d in enumerate(reversed(digits))]
    return sum(d // 10 + d % 10 for d in doubled) % 10 == 0


def test_numbers_are_the_same_wherever_they_are_asked_for():
    host = module()
    iccid, imsi = one(host, "AT+QCCID"), one(host, "AT+CIMI")
    assert len(iccid) == 20
    assert iccid.startswith("89")
    assert luhn(iccid)
    assert luhn(one(host, "AT+GSN"))
    assert unswapped(one(host, "AT+CRSM=176,12258,0,0,10").split('"')[1]) == iccid
    content = one(host, "AT+CRSM=176,28423").split('"')[1]
    assert content[:2] == "08"
    assert unswapped(content[2:])[1:] == imsi
    assert imsi.startswith(one(host, "AT+COPN").split('"')[1])
    assert one(restarted(host), "AT+CIMI") == imsi


def test_modules_have_numbers_of_their_own():
    numbers = set()
    for seed in range(20):
        host = attached(SimOptions(seed=seed))
        numbers |= {one(host, line) for line in ("AT+QCCID", "AT+CIMI", "AT+GSN")}
    assert len(numbers) == 60


def test_a_card_abroad_is_not_of_the_network_it_is_in():
    host = module(registration="roaming")
    plmn = one(host, "AT+COPN").split('"')[1]
    assert not one(host, "AT+CIMI").startswith(plmn)


@pytest.mark.parametrize(("sim", "code"), [("", 10), ("SIM PIN", 11), ("SIM PUK", 12)])
def test_a_card_that_is_missing_or_locked(sim, code):
    host = module(sim=sim)
    for line in ("AT+CIMI", "AT+CRSM=176,12258", "AT+CNUM", 'AT+CLCK="SC",2'):
        assert told(host, line) == [f"+CME ERROR: {code}"]
    assert told(host, "AT+QCCID") == ["ERROR"] if not sim else one(host, "AT+QCCID").isdigit()


def test_the_lock_is_the_cards_own():
    host = module(sim_pin="4711")
    assert one(host, 'AT+CLCK="SC",2') == "0"
    assert b"16\r\n" in host.command('AT+CLCK="SC",1,"0000"', b"\r\n")
    host.command('AT+CLCK="SC",1,"4711"')
    assert one(host, 'AT+CLCK="SC",2') == "1"
    assert b"3,10" in host.command('AT+QPINC="SC"')
    host.command('AT+CPWD="SC","4711","1234"')
    restarted(host)
    assert one(host, "AT+CPIN?") == "SIM PIN"
    host.command('AT+CPIN="1234"')
    host.run(1)
    host.command('AT+CLCK="SC",0,"1234"')
    assert one(restarted(host), "AT+CPIN?") == "READY"
    assert b"+CME ERROR: 3\r\n" in host.command('AT+CPWD="SC","1234","5555"', b"\r\n")


def test_three_wrong_pins_lock_the_card_here_too():
    host = module(sim_pin="4711")
    for _ in range(3):
        assert b"16\r\n" in host.command('AT+CLCK="SC",1,"0000"', b"\r\n")
    assert one(host, "AT+CPIN?") == "SIM PUK"
    assert b"12\r\n" in host.command('AT+CLCK="SC",2', b"\r\n")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("AT+CRSM=176,12258,0,4,2", None),
        ("AT+CRSM=176,12258,0,0,11", "103,0"),
        ("AT+CRSM=176,28486", "106,130"),
        ('AT+CRSM=214,12258,0,0,1,"00"', "105,130"),
        ("AT+CRSM=178,12258,1,4,10", "148,8"),
        ("AT+CRSM=242", "144,0"),
        ("AT+CRSM=176,28589", '144,0,"00000002"'),
        ("AT+CRSM=192,12258", '144,0,"0000000A2FE2040011FFFF01020000"'),
    ],
)
def test_files_of_the_card(line, answer):
    host = module()
    said = one(host, line)
    if answer is None:
        assert re.fullmatch(r'144,0,"[0-9A-F]{4}"', said)
    else:
        assert said == answer


# -- the network -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sysmode", "band"), [("eMTC", "LTE BAND 20"), ("NBIoT", "LTE BAND 20"), ("GSM", "GSM 900")]
)
def test_every_command_tells_of_the_same_cell(sysmode, band):
    host = module(sysmode=sysmode)
    host.command("AT+CEREG=2")
    engineering = one(host, 'AT+QENG="servingcell"').replace('"', "").split(",")
    technology, plmn, its_band, channel = one(host, "AT+QNWINFO").replace('"', "").split(",")
    signal = one(host, "AT+QCSQ").replace('"', "").split(",")
    assert engineering[:3] == ["servingcell", "NOCONN", sysmode]
    assert technology == ("EDGE" if sysmode == "GSM" else sysmode) and signal[0] == sysmode
    assert its_band == band
    assert channel in engineering
    assert signal[1] in engineering
    assert int(one(host, "AT+CSQ").split(",")[0]) * 2 - 113 == int(signal[1])
    _n, _stat, tac, cell, _act = one(host, "AT+CEREG?").replace('"', "").split(",")
    assert {tac.lstrip("0"), cell.lstrip("0")} <= set(engineering)
    assert plmn[:3] in engineering
    host.command("AT+COPS=3,2")
    assert one(host, "AT+COPS?").split('"')[1] == plmn
    host.command("AT+COPS=3,0")
    name = one(host, "AT+COPS?").split('"')[1]
    assert one(host, "AT+QSPN") == f'"{name}","Example","",0,"{plmn}"'
    assert one(host, "AT+COPN") == f'"{plmn}","{name}"'
    if sysmode != "GSM":
        assert engineering[9] == band.split()[-1]
        assert engineering[13:15] == [signal[2], signal[4]]
        assert int(engineering[16]) == int(signal[3]) // 5 - 20


def test_without_a_network_nobody_tells_of_one():
    host = module()
    host.command("AT+CFUN=4")
    assert told(host, 'AT+QENG="servingcell"') == ['"servingcell","SEARCH"']
    assert one(host, "AT+QSPN") == '"","","",0,""'
    denied = module(registration="denied")
    assert '"LIMSRV"' in one(denied, 'AT+QENG="servingcell"')
    assert told(denied, 'AT+QENG="neighbourcell"') == []


@pytest.mark.parametrize(
    ("setting", "sysmode", "found"),
    [
        ('"nwscanmode",1', "eMTC", False),
        ('"nwscanmode",3', "eMTC", True),
        ('"nwscanmode",3', "GSM", False),
        ('"iotopmode",1', "eMTC", False),
        ('"iotopmode",1', "NBIoT", True),
        ('"iotopmode",0', "NBIoT", False),
        ('"band",f,80000,80000', "eMTC", True),
        ('"band",0xF,0x8,0x80000', "eMTC", False),
        ('"band",f,0,0', "eMTC", True),  # no change
        ('"band",8,0,0', "GSM", False),
    ],
)
def test_the_radio_looks_where_it_is_told_to(setting, sysmode, found):
    host = module(sysmode=sysmode)
    host.command(f"AT+QCFG={setting}")
    host.run(10)
    assert one(host, "AT+CEREG?") == ("0,1" if found else "0,2")
    restarted(host)
    host.run(10)
    assert one(host, "AT+CEREG?") == ("0,1" if found else "0,2")


def test_a_radio_setting_may_wait_for_a_restart():
    host = module()
    host.command('AT+QCFG="iotopmode",1,0')
    host.run(10)
    assert one(host, "AT+CEREG?") == "0,1"
    assert one(host, 'AT+QCFG="iotopmode"') == '"iotopmode",1'
    restarted(host)
    host.run(10)
    assert one(host, "AT+CEREG?") == "0,2"


def test_a_radio_setting_that_changes_nothing_disturbs_nothing():
    host = module()
    host.command("AT+QIACT=1")
    host.command('AT+QCFG="iotopmode",2,1')
    assert host.run(5) == b""
    assert told(host, "AT+QIACT?")
    host.command('AT+QCFG="nwscanseq",020301,1')
    assert b'"pdpdeact",1' in host.run(5)
    assert one(host, 'AT+QCFG="nwscanseq"') == '"nwscanseq",020301'


# -- the packet domain -----------------------------------------------------------------------------


def test_both_families_write_the_same_contexts():
    host = module()
    assert told(host, "AT+CGDCONT?") == []
    host.command('AT+CGDCONT=2,"IPV4V6","iot.example"')
    assert one(host, "AT+QICSGP=2") == '3,"iot.example","","",0'
    host.command('AT+QICSGP=1,1,"other","u","p",1')
    assert told(host, "AT+CGDCONT?") == [
        '1,"IP","other","0.0.0.0",0,0,0',
        '2,"IPV4V6","iot.example","0.0.0.0",0,0,0',
    ]
    host.command("AT+QIACT=2")
    assert told(host, "AT+CGACT?") == ["1,0", "2,1"]
    assert one(host, "AT+CGPADDR=2") == "2,100.64.0.2"
    assert host.command('AT+CGDCONT=2,"IP","x"', b"\r\n") == b"\r\nERROR\r\n"  # it is active
    host.command("AT+CGACT=0,2")
    host.run(1)
    assert told(host, "AT+QIACT?") == []
    host.command("AT+CGDCONT=2")
    assert told(host, "AT+CGACT?") == ["1,0"]
    assert one(host, "AT+QICSGP=2") == '1,"","","",0'


@pytest.mark.parametrize("survives", [False, True])
def test_what_cgdcont_defines_survives_a_restart(survives):
    host = module(qicsgp_survives=survives)
    host.command('AT+CGDCONT=3,"IPV6","kept"')
    host.command('AT+QICSGP=4,1,"by trait"')
    lines = told(restarted(host), "AT+CGDCONT?")
    assert lines[0] == '3,"IPV6","kept","0.0.0.0",0,0,0'
    assert len(lines) == 1 + survives


def test_what_cgact_has_activated_is_not_for_qiact():
    host = module()
    host.command('AT+CGDCONT=1,"IP","a"')
    host.command("AT+CGEREP=2,1")
    host.command("AT+CGACT=1,1")
    assert host.run(1) == b"\r\n+CGEV: PDN ACT 1\r\n"
    assert told(host, "AT+CGACT?") == ["1,1"]
    assert told(host, "AT+QIACT?") == []
    assert host.command("AT+QIACT=1", b"\r\n") == b"\r\nERROR\r\n"
    host.command("AT+CGACT=0,1")
    host.run(1)
    host.command("AT+QIACT=1")
    host.run(1)
    host.module.faults.add("deregister=1")
    host.run(5)
    assert told(host, "AT+CGACT?") == ["1,0"]
    assert host.command("AT+CGACT=1,9", b"\r\n") == b"\r\nERROR\r\n"  # not defined
    host.command("AT+CFUN=4")
    host.run(1)
    assert host.command("AT+CGACT=1,1", b"\r\n") == b"\r\n+CME ERROR: 30\r\n"


@pytest.mark.parametrize("line", ["AT+CGACT?", "AT+CGACT=1,1"])
def test_cgact_may_hang_the_module(line):
    host = module(cgact_hangs=True)
    host.command('AT+CGDCONT=1,"IP","a"')
    host.write(line.encode() + b"\r")
    assert host.run(300) == b""
    host.write(b"AT\r")
    assert host.run(10) == b""
    assert host.module.power.state is PowerState.HUNG


# -- the device ------------------------------------------------------------------------------------


def test_supply_and_temperature_are_traits():
    host = module(supply_mv=4200, temperature_c=-20)
    assert one(host, "AT+CBC") == "0,100,4200"
    assert one(host, "AT+QTEMP") == "-20,-21,-19"
    assert one(module(supply_mv=3300), "AT+CBC") == "0,0,3300"


@pytest.mark.parametrize("line", ["AT+QSPN", "AT+QGDCNT?", "AT+QGDCNT=0", "AT+QGDCNT=?", "AT+CEER"])
def test_what_the_manual_has_dropped_may_be_gone(line):
    assert told(module(dropped_commands=False), line) == ["ERROR"]
    assert told(module(), line) != ["ERROR"]


def test_a_command_of_no_document():
    assert told(module(), "AT+QPRTPARA=1") == ["ERROR"]
    assert told(module(qprtpara="ok"), "AT+QPRTPARA=1") == []


def test_traffic_is_counted_and_stored():
    host = module()
    host.net.peers[ADDRESS, 7] = WebServer(b"twelve bytes")
    host.command("AT+QIACT=1")
    host.command(f'AT+QIOPEN=1,0,"TCP","{ADDRESS}",7', b",0\r\n")
    host.command('AT+QISENDEX=0,"0d0a0d0a"', b"SEND OK\r\n")
    host.run(1)
    assert one(host, "AT+QGDCNT?") == "4,12"
    host.command("AT+QGDCNT=1")
    host.command('AT+QISENDEX=0,"00"', b"SEND OK\r\n")
    assert one(host, "AT+QGDCNT?") == "5,12"
    assert one(restarted(host), "AT+QGDCNT?") == "4,12"
    host.command("AT+QGDCNT=0")
    assert one(host, "AT+QGDCNT?") == "0,0"


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        ('"urc/ri/other","off"', '"urc/ri/other","off",120,1'),
        ('"urc/ri/ring","wave",200,300,400,"on",5', '"urc/ri/ring","wave",200,300,400,"on",5'),
        ('"apready",1,1', '"apready",1,1,500'),
        ('"gpio",1,"x",,7', '"gpio",1,"x",,7'),
        ('"nb1/bandprior",1c', '"nb1/bandprior",0x1c'),
        ('"LEDMODE",1', '"ledmode",1'),
    ],
)
def test_settings_are_kept_as_they_were_written(setting, shown):
    host = module()
    host.command(f"AT+QCFG={setting}")
    name = setting.split(",")[0]
    assert one(restarted(host), f"AT+QCFG={name}") == shown


@pytest.mark.parametrize(
    "setting",
    [
        '"nwscanmode",2',
        '"nwscanseq",0204',
        '"nwscanseq",02030',
        '"nwscanseq",0202',
        '"nwscanseq","02"',
        '"band",g,1,1',
        '"band",f',
        '"celevel",1',
        '"roamservice",1',
        '"urc/ri/other","wave"',
        '"nvrestore",1',
        '"psm/urc",2',
        '"iotopmode",1,2',
    ],
)
def test_settings_that_are_none(setting):
    assert module().command(f"AT+QCFG={setting}", b"\r\n") == b"\r\nERROR\r\n"


@pytest.mark.parametrize(("enter", "seconds"), [(0, 60), (1, 10)])
def test_power_saving_may_skip_its_active_time(enter, seconds):
    host = module(rrc_idle_s=10.0)
    host.command(f'AT+QCFG="psm/enter",{enter}')
    host.command('AT+CPSMS=1,,,"00100100","00100001"')  # T3412 4 h, T3324 1 min
    assert host.run(seconds - 1) == b""
    assert host.run(2) == b"\r\nPOWER DOWN\r\n"


def test_a_response_that_nobody_reads_does_not_keep_the_module_awake():
    host = module()
    host.net.peers[ADDRESS, 80] = WebServer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    host.command("AT+QIACT=1")
    url = f"http://{ADDRESS}/"
    host.command(f"AT+QHTTPURL={len(url)}", b"CONNECT\r\n")
    host.write(url.encode())
    host.wait_for(b"OK\r\n")
    host.command("AT+QHTTPGET", b"+QHTTPGET: 0,200,2\r\n")
    host.command('AT+CPSMS=1,,,"00100100","00000101"')
    assert b"POWER DOWN" in host.run(100)


def test_an_open_mqtt_client_keeps_the_module_awake():
    host = module()
    host.net.peers[ADDRESS, 1883] = Broker()
    host.command("AT+QIACT=1")
    host.command(f'AT+QMTOPEN=0,"{ADDRESS}",1883', b"+QMTOPEN: 0,0\r\n")
    host.command('AT+CPSMS=1,,,"00100100","00000101"')
    assert host.run(100) == b""
    host.command("AT+QMTCLOSE=0", b"+QMTCLOSE: 0,0\r\n")
    assert host.run(20) == b"\r\nPOWER DOWN\r\n"


def test_without_pulses_urcs_leave_ri_alone():
    host = module()
    host.command('AT+QCFG="urc/ri/other","off"')
    edges = []
    host.module.on_pin = lambda name, level: edges.append(name)
    host.module.faults.add("urc=HELLO")
    assert host.run(1) == b"\r\nHELLO\r\n"
    assert edges == []
