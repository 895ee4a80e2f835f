"""Modem.command(): any AT command, but no data, and nothing that it leaves behind."""

import pytest
import world as w
from row_player import OK

MOVE_DATA = [
    "AT+QSSLSEND=0,5",
    "at+qsslsend=0",
    "AT+CSQ;+QSSLSEND=0,5",
    "AT+QSSLRECV=0",
    "AT+QSSLRECV=0,1500",
    "AT+QISEND=0,5",
    "AT+QIRD=0",
    'AT+QFUPL="x",10',
    'AT+QFDWL="x"',
    "AT+QFREAD=1,10",
    "AT+QFWRITE=1,10",
    "AT+QISWTMD=0, 2",
    'AT+QSSLOPEN=1,1,0,"h",443,2',
    "ATO",
    "ATD*99#",
    "ATE0O",
    "AT&D1O",
    "AT+CSQ;O",
    "AT+CSQ;+QISWTMD=0,2",
    "ATE0+QSSLSEND=0,5",
    "AT+QISWTMD=0,02",
    "at+qiswtmd = 0 , 2",
    'AT+QIOPEN=1,0,"TCP","a;b,0",7,0,002',
    "AT+QSSLSEND=0,5;+CSQ",
    "ATA",
]
# Look like those, and are none
HARMLESS = [
    "AT&D1",
    "AT+CPBR=?",
    "AT+QISWTMD=0,0",
    "AT+COPS?",
    'AT+QFLST="O;+QISWTMD=0,2"',
    "AT+QSSLSEND=?;+CSQ",
]


@pytest.mark.parametrize("command", MOVE_DATA)
def test_what_moves_data_is_refused_before_a_byte_is_sent(command):
    """The prompt would take the driver's next command for data of the connection."""
    world = w.World()
    world.modem.active(True)
    sent = len(world.uart.sent)
    with pytest.raises(ValueError, match="data"):
        world.modem.command(command)
    assert len(world.uart.sent) == sent


@pytest.mark.parametrize("command", HARMLESS)
def test_what_only_looks_like_it_is_not(command):
    from bg95.visitors.command import checked

    assert checked(command) == command.encode()


def test_what_only_asks_about_data_is_not(authority):
    world = w.World()
    world.serve(8883, authority.server(w.HOST))
    with world.up(authority).connect(w.HOST, 8883):
        assert world.modem.command("AT+QSSLSEND=?") == ["+QSSLSEND: (0-11)[,(1-1460)]"]
        assert world.modem.command("AT+QSSLRECV=0,0") == ["+QSSLRECV: 0,0,0"]
        assert world.modem.command("AT+QISWTMD=0,1") == []


def test_a_prompt_that_nobody_expected_is_taken_back(fake):
    hear = fake.module._hear_line
    asked = []

    def prompting(line):
        if line.startswith(b"AT+QMTPUB"):
            asked.append(line)
            fake.module.say(b"\r\n> ")
        else:
            if line[:1] == b"\x1b":
                fake.module.say(
                    OK
                )  # taken back, which may be answered like this (at-commands 1.6.3)
            hear(line.lstrip(b"\x1b"))

    fake.module._hear_line = prompting
    with pytest.raises(fake.driver.CommandError, match="QMTPUB"):
        fake.modem.command('AT+QMTPUB=0,0,0,0,"topic"')
    assert asked
    assert fake.modem.command("AT+CGMM") == ["BG95-M3"]


@pytest.mark.parametrize(
    ("answer", "words", "code"),
    [
        (b"\r\n+CME ERROR: 10\r\n", "SIM not inserted", 10),
        (b"\r\n+CME ERROR: SIM not inserted\r\n", "SIM not inserted", None),  # AT+CMEE=2
        (b"\r\nERROR\r\n", "refused", None),  # AT+CMEE=0
        (b"\r\n+CMS ERROR: 302\r\n", "CMS ERROR: 302", None),
        (b"\r\n+CME ERROR: 9999\r\n", "no document", 9999),
    ],
)
def test_an_error_has_its_number_or_its_words(fake, answer, words, code):
    fake.module.replies = [(b"AT+X", [answer])]
    with pytest.raises(fake.driver.CommandError, match=words) as error:
        fake.modem.command("AT+X=1")
    assert (error.value.code, error.value.command) == (code, "AT+X")
    assert fake.modem.command("AT+CGMM") == ["BG95-M3"]


def test_a_line_that_is_too_long_is_not_left_out_without_a_word(fake):
    network = b'(1,"Operator","Op","26202",8),'
    fake.module.replies = [(b"AT+COPS=?", [b"\r\n+COPS: " + network * 60 + b"\r\n" + OK])]
    with pytest.raises(fake.driver.CommandError, match="too long"):
        fake.modem.command("AT+COPS=?")
    assert fake.modem.command("AT+CGMM") == ["BG95-M3"]


@pytest.mark.parametrize("question", ["AT+CMEE?", "AT+CSQ", "AT+CPIN?"])
@pytest.mark.parametrize("late_ms", [3010, 3300, 4500, 5500])
def test_a_late_answer_is_never_the_next_commands(fake, question, late_ms):
    """Also where it looks like the answer to the question with which the driver gets back in step."""
    module, clock = fake.module, fake.clock
    hear = module._hear_line
    due = []

    def late(line):
        if not due:
            assert line == question.encode()
            due.append(clock.now + late_ms)
        # A module works off its commands one by one: nothing is answered before the late answer.
        wait = max(0, due[0] - clock.now)
        answers = []
        say, module.say = module.say, lambda data, delay_ms=0: answers.append(data)
        hear(line)
        module.say = say
        module.say(b"".join(answers), wait + 20)

    module._hear_line = late
    with pytest.raises(fake.driver.TimeoutError):
        fake.modem.command(question)
    for _ in range(4):
        assert fake.modem.command("AT+CGMM") == ["BG95-M3"]


def test_a_line_that_nobody_fetches_any_more_does_not_stop_the_engine(fake):
    """An exception can end a flow between the start of its command and the answer."""
    at = fake.modem._at
    flow = at.start(b"AT+CSQ", 3000, b"+CSQ:")
    for _ in flow:
        fake.modem.poll()
    del flow
    begun = fake.clock.now
    assert fake.modem.command("AT+CGMM") == ["BG95-M3"]
    assert fake.clock.now - begun < 10_000


@pytest.mark.parametrize("command", ["ATE1", "ATZ", "AT&F", "ate1"])
def test_a_command_that_brings_the_echo_back_spoils_no_connection(authority, command):
    """What is sent would come back (at-commands 1.6.3), and SEND OK in it pass for the module's."""
    world = w.World()
    server = world.serve(8883, authority.server(w.HOST))
    with world.up(authority).connect(w.HOST, 8883) as sock:
        world.modem.command(command)
        data = b"\r\nERROR\r\n\r\nSEND OK\r\n"
        for _ in range(3):
            sock.write(data)
            assert sock.read(len(data)) == data
    assert server.plaintext == data * 3


def test_an_echo_that_was_switched_on_is_switched_off_again():
    world = w.World()
    world.modem.active(True)
    world.host.write(b"ATE1\r")
    world.host.run(0.1)
    world.modem.command("AT+CSQ")
    assert world.modem._at.echoes
    world.modem.connect("iot.apn")
    assert not world.modem._at.echoes
    assert world.modem.isconnected()


def test_a_module_that_babbles_does_not_fill_the_heap(fake):
    babble = b"".join(b"\r\n+NOISE: %d,%s\r\n" % (i, b"x" * 90) for i in range(1000))
    fake.module.replies = [(b"AT+NOISE?", [babble + OK])]
    with pytest.raises(fake.driver.CommandError, match="too long"):
        fake.modem.command("AT+NOISE?")
    fake.module.replies = []
    assert fake.modem.command("AT") == []


@pytest.mark.parametrize("command", ["AT", "ATI", "AT+CSQ", "AT+CEREG?"])
def test_it_costs_one_command(command):
    world = w.World()
    world.modem.active(True)
    before = world.modem._at.commands
    world.modem.command(command)
    assert world.modem._at.commands == before + 1
