"""AT+QMT… on a manual clock, with a broker in memory (spec 4.4): settings, states, what goes wrong."""

from __future__ import annotations

import pytest

from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.view import snapshot

from .memory_servers import CONNECT, DISCONNECT, PINGREQ, PUBLISH, SUBSCRIBE, Broker
from .world import ADDRESS, HOST, attached


def with_broker(**traits):
    """A host whose PDP context is active, and a broker at HOST:1883."""
    host = attached(SimOptions(traits=traits))
    host.broker = host.net.peers[ADDRESS, 1883] = Broker()
    host.command("AT+QIACT=1")
    return host


def opened(host, index=0):
    host.command(f'AT+QMTOPEN={index},"{HOST}",1883', b"+QMTOPEN: %d,0\r\n" % index)
    return host


def connected(index=0, **traits):
    host = opened(with_broker(**traits), index)
    host.command(f'AT+QMTCONN={index},"me"', b"+QMTCONN: %d,0,0\r\n" % index)
    return host


def refused(host, *lines):
    for line in lines:
        assert host.command(line, b"\r\n") == b"\r\nERROR\r\n", line


# -- settings --------------------------------------------------------------------------------------


def test_what_has_no_value_keeps_it_and_a_switch_needs_all():
    host = with_broker()
    host.command('AT+QMTCFG="timeout",0,7')
    assert b'"timeout",7,3,0\r\n' in host.command('AT+QMTCFG="timeout",0')
    host.command('AT+QMTCFG="ssl",0,1,4')
    refused(host, 'AT+QMTCFG="ssl",0,1', 'AT+QMTCFG="will",0,1,1,1,"a/b"')
    assert b'"ssl",1,4\r\n' in host.command('AT+QMTCFG="ssl",0')
    host.command('AT+QMTCFG="ssl",0,0')
    assert b'"ssl",0\r\n' in host.command('AT+QMTCFG="ssl",0')
    host.command('AT+QMTCFG="will",0,1,2,1,"a/b","gone"')
    assert b'"will",1,2,1,"a/b","gone"\r\n' in host.command('AT+QMTCFG="will",0')


def test_settings_are_each_clients_own_and_lost_at_a_restart():
    host = with_broker()
    host.command('AT+QMTCFG="keepalive",3,77')
    assert b'"keepalive",77' in host.command('AT+QMTCFG="keepalive",3')
    assert b'"keepalive",120' in host.command('AT+QMTCFG="keepalive",2')
    host.command("AT+CFUN=1,1")
    host.run(10)
    host.command("ATE0")
    assert b'"keepalive",120' in host.command('AT+QMTCFG="keepalive",3')


def test_secrets_and_messages_are_in_no_trace(tmp_path):
    trace = tmp_path / "trace"
    host = attached(SimOptions(trace=trace))
    host.command('AT+QMTCFG="aliauth",0,"prod1","dev1","s3cret"')
    assert b"s3cret" in host.command('AT+QMTCFG="aliauth",0')
    host.command('AT+QMTCFG="keepalive",0,55')
    host.net.peers[ADDRESS, 1883] = broker = Broker()
    host.command("AT+QIACT=1")
    opened(host)
    host.command('AT+QMTCONN=0,"me","you","s3cret"', b"+QMTCONN: 0,0,0\r\n")
    host.command('AT+QMTPUBEX=0,0,0,0,"a","s3cret"')
    broker.say(b"s3cret")
    host.run(1)
    host.module.shut()
    text = trace.read_text()
    assert "s3cret" not in text
    assert "55" in text


# -- states ----------------------------------------------------------------------------------------


def test_commands_in_the_wrong_state_are_refused():
    talk = ('AT+QMTSUB=0,1,"a",0', 'AT+QMTUNS=0,1,"a"', 'AT+QMTPUB=0,0,0,0,"a"')
    talk += ('AT+QMTPUBEX=0,0,0,0,"a","b"', "AT+QMTDISC=0", "AT+QMTRECV=0")
    host = with_broker()
    refused(host, *talk, 'AT+QMTCONN=0,"me"', "AT+QMTCLOSE=0")
    opened(host)
    refused(host, *talk)
    assert host.command("AT+QMTCONN?") == b"\r\n+QMTCONN: 0,1\r\n\r\nOK\r\n"
    host.command('AT+QMTCONN=0,"me"', b"+QMTCONN: 0,0,0\r\n")
    refused(host, 'AT+QMTCONN=0,"me"')
    assert host.command("AT+QMTDISC=0", b"+QMTDISC: 0,0\r\n").startswith(b"\r\nOK\r\n")
    refused(host, *talk, "AT+QMTCLOSE=0")  # AT+QMTDISC closes as well
    assert host.broker.kinds() == [CONNECT, DISCONNECT]


def test_the_view_shows_clients_beside_sockets():
    host = connected(2)
    host.command('AT+QMTPUBEX=2,0,0,0,"a","b"', b"+QMTPUB: 2,0,0\r\n")
    (seen,) = snapshot(host.module, "here").connections
    assert (seen.owner, seen.kind, seen.peer) == ("MQTT client 2", "TCP", f"{HOST}:1883")
    assert seen.sent == sum(map(len, host.broker.got)) + 6
    assert seen.received == 4


def test_six_clients_at_once():
    host = with_broker()
    for index in range(6):
        opened(host, index)
        host.command(f'AT+QMTCONN={index},"me{index}"', b"+QMTCONN: %d,0,0\r\n" % index)
    assert host.command("AT+QMTCONN?").count(b",3\r\n") == 6
    refused(host, 'AT+QMTOPEN=6,"a",1')
    answer = host.command(f'AT+QMTOPEN=5,"{HOST}",1883', b"+QMTOPEN: 5,2\r\n")
    assert answer.startswith(b"\r\nOK\r\n")


@pytest.mark.parametrize(
    ("address", "result"), [("no.such.name", 4), ("220.180.239.99", -1), (f"{HOST}", 0)]
)
def test_results_of_an_open(address, result):
    host = with_broker()
    host.command(f'AT+QMTOPEN=0,"{address}",1883', b"+QMTOPEN: 0,%d\r\n" % result)
    assert (host.command("AT+QMTOPEN?") == b"\r\nOK\r\n") == bool(result)


def test_faults_of_connections_are_those_of_mqtt_too():
    open_it = f'AT+QMTOPEN=0,"{HOST}",1883'
    host = with_broker()
    for fault, result in (("open_error=566*1", b"-1"), ("dns_error*1", b"4")):
        host.module.faults.add(fault)
        host.command(open_it, b"+QMTOPEN: 0," + result + b"\r\n")
    host.module.faults.add("open_silent*1")
    assert host.command(open_it) + host.run(400) == b"\r\nOK\r\n"
    host.command("AT+QMTCLOSE=0", b"+QMTCLOSE: 0,0\r\n")
    opened(host)
    host.module.faults.add("peer_reset")
    assert host.run(1) == b"\r\n+QMTSTAT: 0,1\r\n"
    opened(host)
    host.command('AT+QMTCONN=0,"me"', b"+QMTCONN: 0,0,0\r\n")
    host.module.faults.add("silent_loss")
    assert host.run(200) == b"\r\n+QMTSTAT: 0,2\r\n"  # only keep-alive finds out


def test_an_open_activates_the_pdp_context_or_says_that_it_cannot():
    open_it = f'AT+QMTOPEN=0,"{HOST}",1883'
    host = with_broker()
    host.command("AT+QIDEACT=1")
    host.command(open_it, b"+QMTOPEN: 0,0\r\n")
    assert b"+QIACT: 1,1,1" in host.command("AT+QIACT?")
    host.command("AT+QMTCLOSE=0", b"+QMTCLOSE: 0,0\r\n")
    host.command("AT+CFUN=4")
    host.run(1)
    host.command(open_it, b"+QMTOPEN: 0,3\r\n")
    strict = with_broker(mqtt_activates_pdp=False)
    strict.command("AT+QIDEACT=1")
    strict.command(open_it, b"+QMTOPEN: 0,3\r\n")


@pytest.mark.parametrize("code", range(1, 6))
def test_a_broker_that_refuses(code):
    host = opened(with_broker())
    host.command('AT+QMTCFG="version",0,4')
    host.broker.returned = code
    host.command('AT+QMTCONN=0,"me","you","wrong"', b"+QMTCONN: 0,0,%d\r\n" % code)
    host.broker.close()
    assert host.run(1) == b"\r\n+QMTSTAT: 0,1\r\n"


def test_a_broker_that_does_not_answer_connect():
    host = opened(with_broker())
    host.broker.deaf_to = {CONNECT}
    asked = host.now
    host.command('AT+QMTCONN=0,"me"', b"+QMTCONN: 0,2\r\n")
    assert host.now - asked == pytest.approx(5, abs=0.2)
    assert host.run(1) == b"\r\n+QMTSTAT: 0,4\r\n"
    refused(host, "AT+QMTCLOSE=0")


# -- the protocol ----------------------------------------------------------------------------------


def test_what_connect_carries():
    host = with_broker()
    host.command('AT+QMTCFG="will",0,1,1,1,"last/will","bye"')
    host.command('AT+QMTCFG="keepalive",0,300')
    host.command('AT+QMTCFG="session",0,0')
    opened(host)
    host.command('AT+QMTCONN=0,"device","user","pass"', b"+QMTCONN: 0,0,0\r\n")
    flags = 0x80 | 0x40 | 0x20 | 1 << 3 | 0x04  # user, password, will retained, QoS 1; kept session
    assert host.broker.got[0][2:] == (
        b"\x00\x06MQIsdp\x03" + bytes((flags, 300 >> 8, 300 & 255)) + b"\x00\x06device"
        b"\x00\x09last/will\x00\x03bye\x00\x04user\x00\x04pass"
    )


def test_message_ids_are_the_hosts():
    host = connected()
    host.command('AT+QMTSUB=0,4711,"a/b",1,"c",2,"d",0', b"+QMTSUB: 0,4711,0,1,2,0\r\n")
    host.command('AT+QMTPUBEX=0,513,1,1,"a/b","hi"', b"+QMTPUB: 0,513,0\r\n")
    host.command('AT+QMTPUBEX=0,514,2,0,"a/b","hi"', b"+QMTPUB: 0,514,0\r\n")
    host.command('AT+QMTUNS=0,65535,"a/b","c"', b"+QMTUNS: 0,65535,0\r\n")
    wire = [bytes(one) for one in host.broker.got[1:]]
    assert wire == [
        b"\x82\x10\x12\x67\x00\x03a/b\x01\x00\x01c\x02\x00\x01d\x00",
        b"\x33\x09\x00\x03a/b\x02\x01hi",
        b"\x34\x09\x00\x03a/b\x02\x02hi",
        b"\x62\x02\x02\x02",
        b"\xa2\x0a\xff\xff\x00\x03a/b\x00\x01c",
    ]


@pytest.mark.parametrize(("notice", "retries"), [(0, 3), (1, 3), (1, 0), (1, 1)])
def test_what_is_not_acknowledged_is_sent_again_and_given_up(notice, retries):
    host = connected()
    host.command(f'AT+QMTCFG="timeout",0,2,{retries},{notice}')
    host.broker.deaf_to = {PUBLISH, SUBSCRIBE}
    host.command('AT+QMTPUBEX=0,7,1,0,"a","b"')
    tries = max(1, retries)
    again = b"".join(b"\r\n+QMTPUB: 0,7,1,%d\r\n" % number for number in range(1, tries)) * notice
    assert host.run(2 * tries + 0.5) == again + b"\r\n+QMTPUB: 0,7,2\r\n"
    firsts = [one[0] for one in host.broker.got if one[0] >> 4 == PUBLISH]
    assert firsts == [0x32] + [0x3A] * (tries - 1)  # DUP from the second on
    host.command('AT+QMTSUB=0,8,"a",0')
    assert host.run(2 * tries + 0.5).endswith(b"\r\n+QMTSUB: 0,8,2\r\n")
    host.broker.deaf_to.clear()
    host.command('AT+QMTPUBEX=0,7,1,0,"a","b"', b"+QMTPUB: 0,7,0\r\n")


def test_five_messages_in_flight():
    host = connected()
    host.broker.deaf_to = {PUBLISH}
    for number in range(1, 6):
        host.command(f'AT+QMTPUBEX=0,{number},1,0,"a","b"')
    refused(host, 'AT+QMTPUBEX=0,6,1,0,"a","b"', 'AT+QMTPUB=0,5,1,0,"a",1')
    assert host.run(16).count(b",2\r\n") == 5
    host.command('AT+QMTPUBEX=0,6,0,0,"a","b"', b"+QMTPUB: 0,6,0\r\n")


@pytest.mark.parametrize(
    "line",
    [
        'AT+QMTPUB=0,0,1,0,"a"',  # message ID 0 is for QoS 0
        'AT+QMTPUB=0,1,1,0,"a",4097',
        'AT+QMTPUBEX=0,1,1,0,"a/#","b"',  # no wildcards here
        'AT+QMTPUBEX=0,0,0,0,"a","' + "x" * 561 + '"',
        'AT+QMTSUB=0,0,"a",1',
        'AT+QMTSUB=0,1,"a"',
        'AT+QMTSUB=0,1,"a",1,"b"',
        'AT+QMTSUB=0,1,"a",3',
        'AT+QMTSUB=0,1,"",1',
        "AT+QMTRECV=0,5",
    ],
)
def test_what_mqtt_or_the_note_does_not_allow(line):
    host = connected()
    refused(host, line)
    assert host.broker.kinds() == [CONNECT]


def test_more_than_4096_bytes_before_ctrl_z_are_dropped():
    host = connected()
    host.command('AT+QMTPUB=0,0,0,0,"a"', b"> ")
    host.write(b"x" * 5000 + b"\r\n\x1a")
    host.wait_for(b"+QMTPUB: 0,0,0\r\n")
    host.run(0.1)
    assert host.broker.got[-1][3:] == b"\x00\x01a" + b"x" * 4096
    host.command('AT+QMTPUB=0,0,0,0,"a"', b"> ")
    host.write(b"y" * 5000 + b"\x1b")
    assert host.run(1) == b"\r\nOK\r\n"
    assert len(host.broker.got) == 2


# -- receiving -------------------------------------------------------------------------------------


def test_messages_as_urcs():
    host = connected()
    host.broker.say(b'"\r\nOK\r\n"')
    assert host.run(1) == b'\r\n+QMTRECV: 0,0,"a/b",""\r\nOK\r\n""\r\n'
    host.broker.say(b"once", message_id=9)
    assert host.run(1) == b'\r\n+QMTRECV: 0,9,"a/b","once"\r\n'
    assert host.broker.got[-1] == b"\x40\x02\x00\x09"
    host.command('AT+QMTCFG="recv/mode",0,0,1')
    host.broker.say("Grüße".encode(), topic="grüße")
    text = '\r\n+QMTRECV: 0,0,"grüße",7,"Grüße"\r\n'
    assert host.run(1) == text.encode()
    host.broker.links[-1].reply(b"\x30\x04\x00\x01\xfc!")  # a topic that is not UTF-8
    assert host.run(1) == b"\r\n+QMTSTAT: 0,7\r\n"


def test_messages_that_the_module_keeps():
    host = connected()
    host.command('AT+QMTCFG="recv/mode",0,1,0')
    for number in range(6):
        host.broker.say(b"%d" % number)
    urcs = b"".join(b"\r\n+QMTRECV: 0,%d\r\n" % number for number in range(5))
    assert host.run(1) == urcs  # the sixth is lost
    assert host.command("AT+QMTRECV?") == b"\r\n+QMTRECV: 0,1,1,1,1,1\r\n\r\nOK\r\n"
    assert host.command("AT+QMTRECV=0,3") == b'\r\n+QMTRECV: 0,0,"a/b","3"\r\n\r\nOK\r\n'
    assert host.command("AT+QMTRECV=0,3") == b"\r\nOK\r\n"
    rest = b"".join(b'+QMTRECV: 0,0,"a/b","%d"\r\n' % number for number in (0, 1, 2, 4))
    assert host.command("AT+QMTRECV=0") == b"\r\n" + rest + b"\r\nOK\r\n"
    host.broker.say(b"again")
    assert host.run(1) == b"\r\n+QMTRECV: 0,0\r\n"


# -- the end ---------------------------------------------------------------------------------------


def test_keep_alive_asks_after_silence_and_gives_up_without_an_answer():
    host = with_broker()
    host.command('AT+QMTCFG="keepalive",0,30')
    opened(host)
    host.command('AT+QMTCONN=0,"me"', b"+QMTCONN: 0,0,0\r\n")
    assert host.run(95) == b""
    assert host.broker.kinds() == [CONNECT, PINGREQ, PINGREQ, PINGREQ]
    host.broker.deaf_to = {PINGREQ}
    assert host.run(40) == b"\r\n+QMTSTAT: 0,2\r\n"
    assert host.command("AT+QMTCONN?") == b"\r\nOK\r\n"
    opened(host)


def test_keep_alive_0_never_asks():
    host = with_broker()
    host.command('AT+QMTCFG="keepalive",0,0')
    opened(host)
    host.command('AT+QMTCONN=0,"me"', b"+QMTCONN: 0,0,0\r\n")
    host.run(10000)
    assert host.broker.kinds() == [CONNECT]


def test_a_broker_that_closes():
    host = connected()
    host.broker.deaf_to = {PUBLISH}
    host.command('AT+QMTPUBEX=0,1,1,0,"a","b"')
    host.broker.close()
    assert host.run(60) == b"\r\n+QMTSTAT: 0,1\r\n"  # and nothing more about the message
    opened(host)


def test_a_lost_pdp_context_and_one_that_the_host_takes_down():
    host = connected()
    host.module.faults.add("pdp_loss=1")
    assert b"\r\n+QMTSTAT: 0,7\r\n" in host.run(1)
    host.command("AT+QIDEACT=1")
    host.command("AT+QIACT=1")
    opened(host)
    assert b"\r\n+QMTSTAT: 0,7\r\n" in host.command("AT+QIDEACT=1") + host.run(1)


def test_bytes_that_are_not_mqtt():
    host = connected()
    host.broker.links[-1].reply(b"\xf0\x00")
    assert host.run(1) == b"\r\n+QMTSTAT: 0,7\r\n"
    opened(host)
