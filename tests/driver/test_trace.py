"""Modem.trace(): everything that goes over the UART, and no secret."""

import contextlib

import pytest
import world as w

import bg95


class Log:
    """A stream that keeps what it gets, and raises on the writes whose numbers are in `full`."""

    def __init__(self, full=()):
        self.text = ""
        self.writes = 0
        self.full = full

    def write(self, text):
        self.writes += 1
        if self.writes in self.full:
            raise OSError(28)
        self.text += text


SECRETS = [
    "AT+CPIN=471147",
    "at+cpin=471147",
    "AT+CSQ;+CPIN=471147",
    'AT+CPIN="471147","1234"',
    'AT+CPWD="SC","471147","1234"',
    'AT+CLCK="SC",1,"471147"',
    'AT+QICSGP=1,1,"iot.apn","me","471147",1',
    "AT+QICSGP=1",
    'AT+CGAUTH=1,1,"me","471147"',
    'AT+QSSLCRYPT="AES","471147","471147"',
    'AT+QSSLCFG="psk",0,"471147"',
    'AT+QMTCONN=0,"id","me","471147"',
    'AT+QFTPCFG="account","me","471147"',
    'AT+QHTTPCFG="auth","me:471147"',
    'AT+QMTCFG="aliauth",0,"product","device","471147"',
    'AT+NOBODY="knows",471147',
    'AT+CPIN ="471147"',
    "AT+CPIN 471147",
    'AT+CSQ; +CPIN = "471147"',
    'AT+QFLST="*";+CPIN=471147',
]


@pytest.mark.parametrize("echo", [b"ATE0", b"ATE1"])
@pytest.mark.parametrize("command", SECRETS)
@pytest.mark.filterwarnings("ignore")
def test_no_secret_is_written_in_either_direction(command, echo):
    world = w.World()
    world.modem.active(True)
    world.modem.command('AT+QICSGP=1,1,"iot.apn","me","471147",1')
    world.host.write(echo + b"\r")
    world.host.run(0.1)
    log = Log()
    world.modem.trace(log)
    with contextlib.suppress(bg95.ModemError):
        world.modem.command(command)
    assert "471147" not in log.text
    assert "***" in log.text


@pytest.mark.parametrize("line", [b"+NOBODY: 471147", b'+CGAUTH: 1,1,"me","471147"', b"+471147"])
def test_of_an_answer_that_nobody_knows_only_the_name_is_written(fake, line):
    log = Log()
    fake.modem.trace(log)
    fake.module.replies = [(b"AT+NOBODY?", [b"\r\n" + line + b"\r\n\r\nOK\r\n"])]
    assert fake.modem.command("AT+NOBODY?") == [line.decode()]
    assert "> AT+NOBODY?" in log.text
    assert "471147" not in log.text
    assert "< OK" in log.text


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("AT", "AT"),
        ("ATE0", "ATE0"),
        ("AT+CSQ;+QCSQ", "AT+CSQ;+QCSQ"),
        ("at+qflst=?", "at+qflst=?"),
        ('AT+QSSLOPEN=1,1,0,"a.test",8883,0', 'AT+QSSLOPEN=1,1,0,"a.test",8883,0'),
        ('AT+QSSLCFG="seclevel",1,2', 'AT+QSSLCFG="seclevel",1,2'),
        ('AT+QSSLCFG="psk",1,2', "AT+QSSLCFG="),
        ("AT+CPIN?", "AT+CPIN?"),
        ("AT+CPIN=1", "AT+CPIN="),
        ("AT+QMTCFG=1", "AT+QMTCFG="),
        ("AT+CSQ;+QMTCFG=1;+CSQ", "AT+CSQ;+QMTCFG="),
        ('AT+QFTPCFG="account"', "AT+QFTPCFG="),
        ("471147", ""),
    ],
)
def test_what_is_known_is_shown_and_of_the_rest_the_name(line, shown):
    from bg95.trace import clear

    assert line[: clear(line.encode())] == shown


def test_a_secret_in_a_damaged_echo_is_not_written(fake):
    log = Log()
    fake.modem.trace(log)
    fake.module.replies = [(b"AT+CPIN=", [b"T+CIN=4711\r\r\n+CIN=4711\r\n\r\nOK\r\n"])]
    fake.modem.command("AT+CPIN=4711")
    assert "4711" not in log.text
    fake.modem.command("AT+CSQ")
    assert "< +CSQ: 20,99" in log.text


def test_payload_is_counted_never_shown(authority):
    world = w.World()
    world.serve(8883, authority.server(w.HOST))
    log = Log()
    world.modem.trace(log)
    sock = world.up(authority).connect(w.HOST, 8883)
    sock.write(b"a secret")
    assert sock.read(8) == b"a secret"
    sock.close()
    world.modem.files.read("cacert.pem", Nowhere())
    assert "secret" not in log.text
    assert "CERTIFICATE" not in log.text
    assert "> 8 bytes" in log.text
    assert "< 8 bytes" in log.text


class Nowhere:
    """A stream that forgets."""

    def write(self, data):
        return len(data)


def test_a_stream_that_is_full_stops_no_modem_and_says_what_it_missed():
    world = w.World()
    log = Log(full=range(5, 9))
    world.modem.trace(log)
    world.modem.active(True)
    assert world.modem.command("AT+CGMM") == ["BG95-M3"]
    assert log.text.count("(4 lines lost before this)") == 1
    assert log.text.count("lost") == 1
