"""Whatever breaks, wherever: the right bytes or a named error, in bounded time, and a link that can be used again."""

import contextlib

import pytest
import world as w

import bg95

DATA = bytes(range(256)) * 24 + b"\r\nOK\r\n+++\x1a" * 8
PIECE = 700
# SSL 2.3.2: an open takes 150 s + 300 s at most; twice that leaves room for getting back in step.
LIMIT_S = 900

MODES = [bg95.BUFFER, bg95.DIRECT_PUSH, bg95.TRANSPARENT]


def echo(world, context, mode, got):
    """Open, echo DATA into `got`, close."""
    with context.connect(w.HOST, 8883, mode=mode) as sock:
        sock.settimeout(30)
        for start in range(0, len(DATA), PIECE):
            piece = DATA[start : start + PIECE]
            sock.write(piece)
            while len(got) < start + len(piece):
                more = sock.recv(start + len(piece) - len(got))
                if not more:
                    raise bg95.DisconnectedError("end of stream")
                got += more


def attempt(authority, mode, fault, seed=0):
    """Run an echo under `fault`. Returns (world, what came back, the error or None)."""
    world = w.World(pins=True, faults=[fault], seed=seed)
    world.serve(8883, authority.server(w.HOST))
    got = bytearray()
    error = None
    try:
        context = world.up(authority)
        echo(world, context, mode, got)
    except bg95.ModemError as e:
        error = e
    return world, bytes(got), error


def check(world, got, error):
    assert DATA.startswith(got), "wrong bytes were handed out"
    assert error is not None or got == DATA
    assert error is None or str(error)
    assert world.host.now < LIMIT_S


def recover(world, authority, mode):
    """As an application would after an error: start again, by force if need be."""
    try:
        context = world.up(authority)
    except bg95.ModemError:
        world.modem.reset()
        context = world.up(authority)
    got = bytearray()
    echo(world, context, mode, got)
    assert bytes(got) == DATA


EVENTS = [
    "restart",
    "stall_out=5",
    "stall_in=5",
    "stall_out=60",
    "pdp_loss=1",
    "peer_reset=-1",
    "tls_alert=-1",
    "silent_loss=-1",
    "power_cut",
    "hang",
]
# Bytes from the host: during start-up, in the upload, at the open, while data flows.
MOMENTS = ["rx:60", "rx:300", "rx:1500", "rx:2200", "rx:4000", "tx:3000", "tx:5001"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("event", EVENTS)
def test_an_event_at_any_moment(authority, event, moment, mode):
    world, got, error = attempt(authority, mode, f"{event}@{moment}")
    check(world, got, error)
    recover(world, authority, mode)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("rate", "mode"),
    [
        ("drop_out", bg95.BUFFER),
        ("drop_out", bg95.DIRECT_PUSH),
        ("drop_in", bg95.BUFFER),
        ("drop_in", bg95.DIRECT_PUSH),
        ("duplicate_out", bg95.BUFFER),
    ],
)
def test_a_lost_or_doubled_byte_is_never_handed_out(authority, rate, mode, seed):
    """Counts and line ends give it away. What transparent mode carries has neither (README, Limitations)."""
    world, got, error = attempt(authority, mode, f"{rate}=0.0005*1", seed)
    check(world, got, error)
    recover(world, authority, mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rate", ["drop_out", "drop_in", "duplicate_out", "duplicate_in"])
def test_a_lost_or_doubled_byte_does_not_stop_the_link(authority, rate, seed, mode):
    """Whatever it did, the next connection works. What it did to the bytes is known only where something frames
    them: not in transparent mode, and not where a byte was doubled on its way to the module, which counts its own."""
    world, got, error = attempt(authority, mode, f"{rate}=0.0005*1", seed)
    framed = mode != bg95.TRANSPARENT and rate != "duplicate_in"
    assert error is not None or got == DATA or not framed
    assert world.host.now < LIMIT_S
    recover(world, authority, mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [1, 3, 50])
def test_bytes_that_come_in_pieces(authority, size, mode):
    _, got, error = attempt(authority, mode, f"chunk={size}")
    assert error is None
    assert got == DATA


@pytest.mark.parametrize("mode", [bg95.BUFFER, bg95.DIRECT_PUSH])
@pytest.mark.parametrize("times", [1, 3, 20])
def test_send_fail_is_retried_until_it_is_taken(authority, times, mode):
    _, got, error = attempt(authority, mode, f"send_fail*{times}")
    assert error is None
    assert got == DATA


@pytest.mark.parametrize(
    "fault", ["late_answer=+QSSLRECV:5*1", "late_answer=+QSSLSEND:4*1", "late_answer=+QIACT:140*1"]
)
def test_a_late_answer_is_not_the_next_commands(authority, fault):
    world, got, error = attempt(authority, bg95.BUFFER, fault)
    check(world, got, error)
    recover(world, authority, bg95.BUFFER)


@pytest.mark.parametrize("seconds", range(4, 14))
def test_after_a_silence_every_answer_goes_to_its_own_command(seconds):
    """The barriers that were sent into it are all answered at once when it ends."""
    modem = w.World(faults=[f"stall_out={seconds}@+CSQ*1"]).modem
    modem.active(True)
    for _ in range(2):
        with contextlib.suppress(bg95.TimeoutError):
            modem.command("AT+CSQ")
    modem.active(True)
    assert modem.model == "BG95-M3"
    assert modem.command("AT+CREG?") == ["+CREG: 0,1"]
    assert modem.command("AT+CPIN?") == ["+CPIN: READY"]


@pytest.mark.parametrize("first", [b"", b"\r\n+QSSLRECV: 2\r\nab\r\n\r\nOK\r\n"])
@pytest.mark.parametrize(
    "payload", [b"hell", b"he+llo", b"\rhello", b"hello\n", b"hello\r", b"hello\r\n"]
)
def test_an_answer_whose_payload_is_not_as_long_as_it_says_is_not_handed_out(fake, payload, first):
    """Nor where it is the first one, from which the line ends behind a payload are learnt."""
    context = fake.driver.SSLContext(fake.modem, 1)
    context.verify_mode = fake.driver.CERT_NONE
    context.check_validity = False
    sock = context.connect("192.0.2.1", 443)
    sock.settimeout(60)
    answers = [first] * bool(first) + [b"\r\n+QSSLRECV: 5\r\n" + payload + b"\r\n\r\nOK\r\n"]
    hear = fake.module._hear_line

    def spoilt(line):
        if line.startswith(b"AT+QSSLRECV=") and answers:
            fake.module.say(answers.pop(0))
        else:
            hear(line)

    fake.module._hear_line = spoilt
    if first:
        assert sock.read(2) == b"ab"
    with pytest.raises(fake.driver.DisconnectedError, match="lost"):
        sock.read(5)
    assert not answers
