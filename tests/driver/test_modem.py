"""The modem as a network interface: registration, PDP contexts, URCs, tracing, diagnosis, any AT command."""

import re

import pytest
import world as w
from row_player import ERROR, OK

import bg95


def test_it_waits_for_a_registration_that_takes_its_time():
    world = w.World(registered_after_s=40)
    world.modem.active(True)
    world.modem.connect("iot.apn")
    assert world.host.now > 40
    assert world.modem.isconnected()
    assert world.modem.status() is True


def test_a_registration_that_never_comes_is_named():
    world = w.World(registered_after_s=10000)
    world.modem.active(True)
    with pytest.raises(bg95.NetworkError, match="antenna"):
        world.modem.connect("iot.apn", timeout_ms=30000)


@pytest.mark.parametrize(
    ("sim", "words"),
    [
        ("", "right way round"),
        ("SIM PIN", "pin="),
        ("SIM PUK", "AT.CPIN=<PUK>"),
        ("SIM PIN2", "PIN2.*no connection needs"),
        ("SIM PUK2", "PUK2.*no connection needs"),
        ("PH-NET PIN", "one operator"),
        ("PH-CORP PUK", "one operator"),
        ("NOT READY", "does not get ready.*contact"),
    ],
)
def test_a_sim_that_is_not_ready_is_named(sim, words):
    """Each state has words of its own, in connect() and in diagnose()."""
    world = w.World(traits={"sim": sim})
    world.modem.active(True)
    with pytest.raises(bg95.NetworkError, match=words):
        world.modem.connect("iot.apn")
    finding = next(f for f in world.modem.diagnose() if f.what == "SIM")
    assert finding.ok is False
    assert re.search(words, finding.advice)


@pytest.mark.parametrize(("code", "words"), [(13, "functionality"), (14, "busy"), (15, "cannot")])
def test_a_sim_that_only_has_a_number_is_named(fake, code, words):
    fake.module.replies = [(b"AT+CPIN?", [b"\r\n+CME ERROR: %d\r\n" % code])]
    with pytest.raises(fake.driver.NetworkError, match=words) as error:
        fake.modem.connect("iot.apn")
    assert error.value.code == code


@pytest.mark.parametrize("before", [b"\r\n+CPIN: READY\r\n", b"\r\n+CPIN: NOT READY\r\n"])
def test_the_last_word_on_the_sim_counts(fake, before):
    """What stands in front of the answer is a URC, though it looks like it (at-commands 2.13)."""
    fake.module.replies = [(b"AT+CPIN?", [before, b"\r\n+CPIN: SIM PUK\r\n" + OK])]
    with pytest.raises(fake.driver.NetworkError, match="SIM PUK"):
        fake.modem.connect("iot.apn")


@pytest.mark.parametrize("state", [b"\r\n+CPIN: NOT READY\r\n" + OK, b"\r\n+CME ERROR: 14\r\n", OK])
def test_a_sim_that_is_not_read_yet_is_waited_for(fake, state):
    asked = []
    hear = fake.module._hear_line

    def slow(line):
        if line == b"AT+CPIN?" and len(asked) < 10:
            asked.append(line)
            fake.module.say(state)
        else:
            hear(line)

    fake.module._hear_line = slow
    fake.modem.connect("iot.apn")
    assert len(asked) == 10


def test_a_pin_that_takes_a_moment_is_entered_once(fake):
    asked = []
    hear = fake.module._hear_line

    def slow(line):
        if line == b"AT+CPIN?" and len(asked) < 5:
            asked.append(line)
            fake.module.say(b"\r\n+CPIN: SIM PIN\r\n" + OK)
        else:
            hear(line)

    fake.module._hear_line = slow
    fake.modem.connect("iot.apn", pin="1234")
    assert fake.module.lines.count(b"AT+CPIN=1234") == 1


def locked_world(**traits):
    """A world whose SIM asks for the PIN 4711."""
    world = w.World(traits={"sim": "SIM PIN", "sim_pin": "4711", **traits})
    world.modem.active(True)
    return world


def test_a_wrong_pin_is_tried_once_and_named():
    world = locked_world()
    for _ in range(3):
        with pytest.raises(bg95.CommandError, match="tries left before it is locked: 2") as error:
            world.modem.connect("iot.apn", pin="1234")
        assert (error.value.code, error.value.errno) == (16, 13)
        world.modem.active(True)  # the same start of the module
    assert world.uart.sent.count(b"AT+CPIN=") == 1
    world.modem.connect("iot.apn", pin="4711")
    assert world.modem.command('AT+QPINC="SC"') == ['+QPINC: "SC",3,10']


def test_a_pin_is_tried_again_in_the_next_start():
    world = locked_world()
    for left in ("tries left .*: 2", "tries left .*: 1", "locked now.* PUK"):
        with pytest.raises(bg95.CommandError, match=left):
            world.modem.connect("iot.apn", pin="1234")
        world.modem.reset()
    with pytest.raises(bg95.NetworkError, match="PUK"):
        world.modem.connect("iot.apn", pin="4711")


def test_a_right_pin_is_entered_as_often_as_the_sim_asks():
    world = locked_world()
    world.modem.connect("iot.apn", pin="4711")
    world.host.module.radio.sim = "SIM PIN"  # as after AT+CFUN=0 and 1
    world.modem.connect("iot.apn", pin="4711")
    assert world.uart.sent.count(b"AT+CPIN=4711") == 2


def test_a_pin_without_an_answer_counts_as_refused(fake):
    fake.module.replies = [
        (b"AT+CPIN=", [b""]),
        (b"AT+CPIN?", [b"\r\n+CPIN: SIM PIN\r\n" + OK]),
        (b"AT+QPINC", [ERROR]),
    ]
    with pytest.raises(fake.driver.TimeoutError):
        fake.modem.connect("iot.apn", pin="1234")
    with pytest.raises(fake.driver.CommandError, match="this PIN; it is not sent again"):
        fake.modem.connect("iot.apn", pin="1234")
    assert fake.module.lines.count(b"AT+CPIN=1234") == 1


def test_a_pin_that_a_busy_sim_did_not_look_at_is_entered_again(fake):
    answers = [b"\r\n+CME ERROR: 14\r\n", b"\r\n+CME ERROR: 14\r\n", OK]
    hear = fake.module._hear_line

    def busy(line):
        if line == b"AT+CPIN=1234":
            fake.module.say(answers.pop(0))
        elif line == b"AT+CPIN?" and answers:
            fake.module.say(b"\r\n+CPIN: SIM PIN\r\n" + OK)
        else:
            hear(line)

    fake.module._hear_line = busy
    fake.modem.connect("iot.apn", pin="1234")
    assert not answers


@pytest.mark.parametrize("pin", ["123", "123456789", "12x4", "1234\r", "١٢٣٤"])
def test_a_pin_that_is_none_is_refused_before_a_byte_is_sent(pin):
    world = w.World()
    world.modem.active(True)
    sent = len(world.uart.sent)
    with pytest.raises(ValueError, match="pin"):
        world.modem.connect("iot.apn", pin=pin)
    assert len(world.uart.sent) == sent


INJECTED = ['a"b', "a\r", "a\n", "a\x00", "a\x1a", "a\x1b", "a\\", "x" * 100]


@pytest.mark.parametrize("text", INJECTED)
@pytest.mark.parametrize("what", ["apn", "user", "password"])
def test_what_cannot_be_written_on_a_line_is_refused_before_a_byte_is_sent(what, text):
    world = w.World()
    world.modem.active(True)
    sent = len(world.uart.sent)
    with pytest.raises(ValueError, match=what) as error:
        world.modem.connect(**{"apn": "iot.apn", "user": "me", what: text})
    assert len(world.uart.sent) == sent
    assert text not in str(error.value) or what != "password"


def test_a_denial_is_named_when_nobody_searches_any_more():
    world = w.World(traits={"registration": "denied"})
    world.modem.active(True)
    with pytest.raises(bg95.NetworkError, match="denies"):
        world.modem.connect("iot.apn")
    assert 4 <= world.host.now < 10


def test_a_denial_in_one_technology_is_none_while_another_still_searches(fake):
    """A module that scans GSM first, and is refused there, goes on to LTE-M."""
    asked = []
    hear = fake.module._hear_line

    def scanning(line):
        if line == b"AT+CREG?":
            fake.module.say(b"\r\n+CREG: 0,3\r\n" + OK)
        elif line == b"AT+CEREG?":
            asked.append(line)
            fake.module.say(b"\r\n+CEREG: 0,%d\r\n" % (2 if len(asked) < 40 else 5) + OK)
        else:
            hear(line)

    fake.module._hear_line = scanning
    fake.modem.connect("iot.apn")
    assert len(asked) == 40


def test_another_apn_takes_the_place_of_the_one_that_is_active():
    world = w.World()
    world.modem.active(True)
    for apn in ("one.apn", "one.apn", "", "two.apn"):
        world.modem.connect(apn)
        assert world.modem.isconnected()
    assert world.modem.command("AT+QICSGP=1")[0].startswith('+QICSGP: 1,"two.apn"')
    assert world.uart.sent.count(b"AT+QIACT=1\r") == 2


@pytest.mark.parametrize(
    ("options", "held"),
    [
        ({"user": "you"}, '1,"iot.apn","you","sesame",2'),
        ({"password": "other"}, '1,"iot.apn","me","other",2'),
        ({"auth": 3}, '1,"iot.apn","me","sesame",3'),
        ({"auth": None}, '1,"iot.apn","me","sesame",1'),
        ({"ip_version": 3}, '3,"iot.apn","me","sesame",2'),
    ],
)
def test_every_setting_of_an_active_context_counts(options, held):
    """Not only its APN: an operator tells tariffs apart by the user."""
    world = w.World()
    world.modem.active(True)
    first = {"user": "me", "password": "sesame", "auth": 2}
    world.modem.connect("iot.apn", **first)
    sent = len(world.uart.sent)
    world.modem.connect("iot.apn", **first)
    assert b"ACT=1\r" not in world.uart.sent[sent:]
    world.modem.connect("iot.apn", **{**first, **options})
    assert world.modem.command("AT+QICSGP=1") == ["+QICSGP: " + held]
    assert world.uart.sent.count(b"AT+QIACT=1\r") == 2
    assert world.modem.isconnected()


def test_a_password_without_a_user_is_one(fake):
    fake.modem.connect("iot.apn", password="sesame")
    assert b'AT+QICSGP=1,1,"iot.apn","","sesame",1' in fake.module.lines


def test_a_pin_is_entered_and_never_traced():
    world = w.World(traits={"sim": "SIM PIN", "sim_pin": "4711"})
    log = []
    world.modem.trace(type("Log", (), {"write": lambda self, text: log.append(text)})())
    world.modem.active(True)
    world.modem.connect("iot.apn", "me", "sesame", pin="4711")
    assert world.modem.isconnected()
    everything = "".join(log)
    assert "4711" not in everything
    assert "sesame" not in everything
    assert "+CPIN= ***" in everything
    world.modem.trace(None)
    count = len(log)
    world.modem.command("AT+CSQ")
    assert len(log) == count


def test_an_activation_that_fails_once_is_tried_again():
    world = w.World(faults=["refuse=+QIACT:572@+QIACT:2*1"])
    world.modem.active(True)
    world.modem.connect("iot.apn")
    assert world.modem.isconnected()
    ways = [line for line in bytes(world.uart.sent).split(b"\r") if line.endswith(b"ACT=1")]
    assert ways == [b"AT+QIACT=1", b"AT+QIDEACT=1", b"AT+QIACT=1"]


@pytest.mark.parametrize(
    ("answer", "active"),
    [
        (OK, False),
        (b"\r\n+QIACT: 1,0,1\r\n" + OK, False),
        (b'\r\n+QIACT: 2,1,1,"10.0.0.2"\r\n' + OK, False),
        (b'\r\n+QIACT: 2,1,1,"10.0.0.2"\r\n+QIACT: 1,1,1,"10.0.0.1"\r\n' + OK, True),
        (b"\r\n+QIACT: 1,1,1\r\n" + OK, True),
    ],
)
def test_only_a_context_that_is_active_is_one(fake, answer, active):
    fake.module.replies = [(b"AT+QIACT?", [answer])]
    assert fake.modem.isconnected() is active


def test_a_refusal_without_a_reason_has_no_number(fake):
    """AT+QIGETERROR may say 0 all the same (at-commands 1.8)."""
    fake.module.replies = [(b"AT+QICSGP=", [b"\r\nERROR\r\n"])]
    with pytest.raises(fake.driver.CommandError, match="no reason") as error:
        fake.modem.connect("iot.apn")
    assert (error.value.code, error.value.command) == (None, "AT+QICSGP")


def test_an_activation_that_fails_names_the_apn():
    world = w.World(faults=["refuse=+QIACT:561"])
    world.modem.active(True)
    with pytest.raises(bg95.ModemError):
        world.modem.connect("wrong.apn")


def test_two_pdp_contexts_side_by_side(authority):
    world = w.World()
    world.serve(8883, authority.server(w.HOST))
    world.up(authority)
    world.modem.connect("second.apn", pdp_ctx_id=2)
    assert world.modem.isconnected(2)
    context = bg95.SSLContext(world.modem, 3, pdp_ctx_id=2)
    context.load_verify_locations("cacert.pem")
    with context.connect(w.HOST, 8883):
        assert world.modem.ssl_sockets()[0].pdp_ctx_id == 2
    world.modem.disconnect(2)
    assert not world.modem.isconnected(2)
    assert world.modem.isconnected()


@pytest.mark.parametrize("fault", ["pdp_loss=1", "urc=+CPIN: NOT READY"])
def test_losing_the_network_delivers_what_is_left_then_names_it(authority, fault):
    """Also where AT+QSIMDET tells of a SIM that is gone, and nothing else does (at-commands 2.2.1)."""
    world = w.World()
    server = world.serve(8883, authority.server(w.HOST))
    sock = world.up(authority).connect(w.HOST, 8883)
    sock.settimeout(5)
    server.say(b"last words")
    world.sleep(0.1)
    world.host.module.faults.add(fault)
    world.sleep(0.1)
    assert sock.read(10) == b"last words"
    with pytest.raises(bg95.DisconnectedError, match="connect"):
        sock.read(1)


def test_a_pdp_context_that_was_lost_is_deactivated_once(authority):
    world = w.World()
    world.up(authority)
    world.host.module.faults.add("pdp_loss=1")
    world.sleep(0.1)
    sent = len(world.uart.sent)
    world.modem.connect("iot.apn")
    assert world.modem.isconnected()
    # at-commands 2.6.3: AT+QIDEACT is due though the network was quicker, and once
    again = bytes(world.uart.sent[sent:])
    assert again.index(b"AT+QIDEACT=1\r") < again.index(b"AT+QIACT=1\r")
    world.modem.disconnect()
    sent = len(world.uart.sent)
    world.modem.connect("iot.apn")
    assert b"AT+QIDEACT" not in world.uart.sent[sent:]


def test_dns_servers_are_shown_and_set():
    world = w.World()
    world.modem.active(True)
    world.modem.connect("iot.apn")
    world.modem.ipconfig(dns=("192.0.2.53", "192.0.2.54"))
    assert world.modem.ipconfig("dns") == ("192.0.2.53", "192.0.2.54")


def test_on_urc_gets_what_it_asked_for_and_nothing_else():
    world = w.World()
    seen = []
    world.modem.on_urc("+NEWS:", seen.append)
    world.modem.active(True)
    for text in ("+NEWS: 1", "+OLDS: 2", "+NEWS: 3"):
        world.host.module.faults.add(f"urc={text}")
        world.sleep(0.1)
    assert seen == [b"+NEWS: 1", b"+NEWS: 3"]
    assert world.modem._at.unknown == 3
    world.modem.on_urc("+NEWS:", None)
    world.host.module.faults.add("urc=+NEWS: 4")
    world.sleep(0.1)
    assert len(seen) == 2


def test_what_a_handler_is_not_given_is_counted(fake):
    seen = []
    fake.modem.on_urc("+NEWS:", seen.append)
    before = fake.modem._at.unknown
    for i in range(40):
        fake.module.say(b"\r\n+NEWS: %03d %s\r\n" % (i, b"x" * 80))
    for _ in range(10):
        fake.modem.poll()
        fake.module.idle()
    assert 0 < len(seen) < 40
    assert seen == sorted(seen)
    assert all(len(line) == 91 for line in seen)
    # Each is unknown to the driver itself, and once more where the handler missed it
    assert fake.modem._at.unknown - before == 40 + 40 - len(seen)


def test_any_command_answers_its_lines_or_a_named_error():
    world = w.World()
    world.modem.active(True)
    assert world.modem.command("AT+CSQ")[0].startswith("+CSQ: ")
    assert world.modem.command("ATI")[0] == "Quectel"
    with pytest.raises(bg95.CommandError, match="NOSUCH"):
        world.modem.command("AT+NOSUCH")
    for bad in ("AT\rAT", "AT+X\x1a", "at\n", "CSQ", "AT+é"):
        with pytest.raises(ValueError, match="command"):
            world.modem.command(bad)


def test_a_diagnosis_of_a_healthy_module_finds_nothing(authority):
    world = w.World()
    world.up(authority)
    findings = world.modem.diagnose()
    assert {f.what for f in findings} >= {
        "SIM",
        "registration",
        "PDP context",
        "DNS servers",
        "clock",
    }
    assert [f for f in findings if not f.ok] == []


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"traits": {"sim": ""}}, "SIM"),
        ({"registered_after_s": 10000}, "registration"),
        ({"clock": None, "traits": {"nitz": False}}, "clock"),
    ],
)
def test_a_diagnosis_points_at_what_is_wrong(options, what):
    world = w.World(**options)
    world.modem.active(True)
    wrong = {f.what: f for f in world.modem.diagnose() if not f.ok}
    assert wrong[what].ok is False
    assert wrong[what].advice
    assert wrong["DNS servers"].ok is None
    assert "PDP context" in wrong["DNS servers"].advice


def test_a_diagnosis_that_the_module_does_not_answer_is_one_as_well(fake):
    fake.driver.SSLContext(fake.modem, 2).load_verify_locations("ca.pem")
    fake.module.replies = [(b"AT+QFLST", [b"\r\n+CME ERROR: 419\r\n"])]
    finding = fake.modem.diagnose()[-1]
    assert (finding.what, finding.ok) == ("files", None)
    assert "419" in finding.seen


def test_a_diagnosis_names_a_certificate_that_is_missing():
    world = w.World()
    world.modem.active(True)
    bg95.SSLContext(world.modem, 2).load_verify_locations("nowhere.pem")
    finding = next(f for f in world.modem.diagnose() if "CA certificate" in f.what)
    assert finding.ok is False
    assert "upload" in finding.advice


@pytest.mark.parametrize(
    "traits", [{}, {"crypt_upper": False}, {"crypt_quoted": False}, {"crypt_iv": "ab" * 16}]
)
def test_the_modules_aes_and_md5_take_and_give_bytes(traits):
    world = w.World(traits=traits)
    world.modem.active(True)
    crypt = world.modem.crypt
    data = bytes(range(240, 256)) * 3
    secret = crypt.encrypt(b"1234567890abcdef", data)
    assert secret != data
    assert (
        crypt.decrypt(b"1234567890abcdef", secret) == data
    )  # whatever the IV is (SSL 2.3.7 does not say)
    assert crypt.md5(b"Test data from SSL").hex() == "7ce684fe1ed51b8a767bb6587222691b"
    if not traits:
        vector = crypt.encrypt(b"1234567890abcdef", b"0123456789abcdef")
        assert vector.hex() == "690543c7d297ddad4b7f7c6c75338f74"
    for key, wrong in (
        (b"short", data),
        (b"1234567890abcdef", b"15 bytes only.."),
        (b"1234567890abcdef", b""),
        (b"1234567890abcdef", bytes(272)),
        (b'12345678"0abcdef', data),
    ):
        with pytest.raises(ValueError, match=r"key|data"):
            crypt.encrypt(key, wrong)


def test_the_model_is_no_urc(fake):
    fake.module.replies = [(b"AT+CGMM", [b"\r\n+SOMETHING: new\r\n\r\nBG77\r\n" + OK])]
    fake.modem.active(True)
    assert fake.modem.config("model") == "BG77"


SETTERS = [
    ("version", 5),
    ("version", -1),
    ("version", "TLS"),
    ("negotiate_timeout", 9),
    ("negotiate_timeout", 301),
    ("dtls_version", 3),
    ("verify_mode", 1),
    ("psk", ("a&b", "00")),
    ("psk", ("id", "xyz")),
    ("psk", ("id", "0")),
    ("psk", ('i"d', "00")),
]


@pytest.mark.parametrize(("name", "value"), SETTERS)
def test_a_setting_out_of_range_is_refused_at_once(name, value):
    context = bg95.SSLContext(w.World().modem, 0)
    with pytest.raises(ValueError):
        setattr(context, name, value)


def test_every_item_of_a_context_reaches_the_module_once(authority):
    world = w.World()
    world.serve(8883, authority.server(w.HOST))
    client = authority.client()
    world.modem.files.upload("client.pem", client.cert_pem)
    world.modem.files.upload("client.key", client.key_pem)
    context = world.up(authority)
    context.load_cert_chain("client.pem", "client.key")
    context.session_resumption = True
    context.negotiate_timeout = 77
    context.extra["sslversion"] = 3
    context.connect(w.HOST, 8883).close()
    held = context.read_back()
    assert (held["seclevel"], held["clientcert"], held["clientkey"]) == (
        2,
        "client.pem",
        "client.key",
    )
    assert (held["session"], held["negotiatetime"], held["sni"], held["checkhost"]) == (1, 77, 1, 1)
    assert (held["ignorelocaltime"], held["ciphersuite"]) == (0, 0xFFFF)
    before = world.uart.sent.count(b"AT+QSSLCFG")
    context.connect(w.HOST, 8883).close()
    # One question whether the module has kept the context; no setting again.
    assert world.uart.sent.count(b"AT+QSSLCFG") == before + 1


def test_a_weak_suite_has_to_be_named():
    context = bg95.SSLContext(w.World().modem, 0)
    with pytest.raises(ValueError, match="TLS_RSA_WITH_RC4_128_SHA"):
        context.set_ciphers(0x0005)
    context.set_ciphers("TLS_RSA_WITH_RC4_128_SHA")
    assert "0x0005" in repr(context)
    context.set_ciphers(0xC02F)
    with pytest.raises(ValueError, match="suite"):
        context.set_ciphers("TLS_AES_128_GCM_SHA256")


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("prefix", ["+NEWS:", b"NEWS", ""])
def test_a_handler_hears_what_comes_inside_an_answer_of_any_lines(fake, place, prefix):
    """Before it, between its lines, behind them and behind its end. Who wants all URCs gets no answers."""
    seen = []
    fake.modem.on_urc(prefix, seen.append)
    fake.modem.on_urc("+OLDS:", seen.append)
    urc = b"NEWS: 7" if prefix == b"NEWS" else b"+NEWS: 7"
    parts = [b"\r\nQuectel\r\n", b"BG95-M3\r\n", b"\r\nOK\r\n"]
    parts.insert(place, b"\r\n" + urc + b"\r\n")
    fake.module.replies = [(b"ATI", [b"".join(parts)])]
    lines = fake.modem.command("ATI")
    fake.modem.poll()
    unasked = prefix == "" and place < 3  # nobody can tell
    assert [line for line in lines if line != urc.decode()] == ["Quectel", "BG95-M3"]
    assert len(lines) == 2 + unasked
    assert seen == ([] if unasked else [urc])


@pytest.mark.parametrize("prefix", ["+CSQ:", "+NEWS:"])
def test_a_handler_does_not_take_a_commands_own_answer(fake, prefix):
    fake.modem.on_urc(prefix, lambda line: None)
    assert fake.modem.command("AT+CSQ") == ["+CSQ: 20,99"]


def test_a_handler_hears_what_comes_while_the_driver_gets_in_step(fake):
    seen = []
    fake.modem.on_urc("+NEWS:", seen.append)
    fake.module.replies = [(b"AT+CMEE?", [b"\r\n+NEWS: 7\r\n\r\n+CMEE: 1\r\n\r\nOK\r\n"])]
    fake.modem.active(True)
    assert seen == [b"+NEWS: 7"]
