"""A deadline that the caller gave covers everything that he waits for, the engine included; nothing is sent twice."""

import contextlib

import pytest
import world as w
from scripted import connected, taking

import bg95

MODES = [bg95.BUFFER, bg95.DIRECT_PUSH, bg95.TRANSPARENT]
SENT = b"\r\nSEND OK\r\n"
SMALL = bytes(range(256)) * 5 + b"end of it"
LARGE = SMALL * 4


@pytest.fixture
def watched(fake):
    """The fake module, on which nothing waits for ever; took(call, *args): milliseconds and error."""
    idle, begun = fake.modem.idle, fake.clock.now

    def wait():
        assert fake.clock.now - begun < 600_000, "waits for ever"
        idle()

    fake.modem.idle = wait

    def took(call, *args, **options):
        start = fake.clock.now
        try:
            call(*args, **options)
        except fake.driver.ModemError as e:
            return fake.clock.now - start, e
        return fake.clock.now - start, None

    fake.took = took
    return fake


def mute(fake):
    """A power cut, or a cable that fell off: the module hears nothing more."""
    fake.module._digest = lambda: False


def nothing():
    """The answer of a module whose SEND OK gets lost on the way."""


WRITES = {
    "flush": lambda sock: (sock.write(SMALL), sock.flush()),
    "sendall": lambda sock: sock.sendall(LARGE),
    "write": lambda sock: sock.write(LARGE),
}


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize("loss", ["SEND OK", "power"])
@pytest.mark.parametrize("seconds", [0.5, 3])
def test_a_timeout_bounds_a_send_that_is_under_way(watched, call, loss, seconds):
    sock = connected(watched)
    taking(watched, [nothing if loss == "SEND OK" else lambda: mute(watched)])
    sock.settimeout(seconds)
    ms, error = watched.took(WRITES[call], sock)
    assert isinstance(error, watched.driver.TimeoutError)
    assert error.errno == 110
    assert seconds * 1000 <= ms < seconds * 1000 + 200


CALLS = {
    "flush": lambda fake, sock: sock.flush(),
    "write": lambda fake, sock: sock.write(LARGE),
    "close": lambda fake, sock: sock.close(),
    "command": lambda fake, sock: fake.modem.command("AT+CSQ", timeout_ms=3000),
    "connect": lambda fake, sock: fake.modem.connect("iot.apn", timeout_ms=3000),
    "open": lambda fake, sock: sock.context.connect("192.0.2.1", 443, timeout_ms=3000),
    "mode": lambda fake, sock: setattr(sock, "mode", fake.driver.DIRECT_PUSH),
    "send_text": lambda fake, sock: sock.send_text("text"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("loss", ["SEND OK", "power"])
def test_a_deadline_covers_the_wait_for_the_engine(watched, call, loss):
    """Which another send keeps busy."""
    sock = connected(watched)
    taking(watched, [nothing if loss == "SEND OK" else lambda: mute(watched)])
    sock.setblocking(False)
    sock.write(SMALL)
    for _ in range(30):
        sock.flush()
        watched.modem.idle()
    sock.settimeout(3)
    ms, error = watched.took(CALLS[call], watched, sock)
    assert 2900 < ms < 3300
    assert call == "close" or isinstance(error, watched.driver.ModemError)


def test_a_deadline_covers_what_an_opening_does_before_it_opens(watched):
    context = watched.driver.SSLContext(watched.modem, 1)
    context.verify_mode = watched.driver.CERT_NONE
    mute(watched)
    ms, error = watched.took(context.connect, "192.0.2.1", 443, timeout_ms=2000)
    assert isinstance(error, watched.driver.TimeoutError)
    assert 1900 < ms < 2300


@pytest.mark.parametrize("late_s", [1, 5, 8, 9])
@pytest.mark.parametrize("seconds", [None, 60])
def test_a_slow_module_is_asked_and_what_it_took_counts(watched, late_s, seconds):
    sock = connected(watched)
    answers = []

    def late():
        hear = watched.module._hear_line

        def busy(line):  # answers in order, once it is done
            answers.append(line)
            hear(line)

        watched.module._hear_line = busy
        watched.module.say(SENT, late_s * 1000)

    taking(watched, [late])
    sock.settimeout(seconds)
    ms, error = watched.took(lambda: (sock.write(SMALL), sock.flush()))
    assert error is None
    assert late_s * 1000 <= ms < late_s * 1000 + 800  # of which 550 for the way to the module
    assert watched.module.data == [SMALL]
    assert answers == ([b"AT+CMEE?"] if late_s > 7 else [])
    sock.write(b"more")
    sock.flush()
    assert watched.module.data == [SMALL, b"more"]
    assert watched.modem.command("AT+CGMM") == ["BG95-M3"]


def test_a_slow_refusal_is_a_refusal(watched):
    """SEND FAIL: nothing was taken, so the same bytes go again."""
    sock = connected(watched)
    taking(watched, [lambda: watched.module.say(b"\r\nSEND FAIL\r\n", 8000)])
    sock.write(SMALL)
    sock.flush()
    assert watched.module.data == [SMALL, SMALL]


def test_a_lost_send_ok_is_asked_for_after_a_few_seconds(watched):
    """Nobody can tell whether the data was taken: the connection is in doubt, the link is not."""
    sock = connected(watched)
    sock.settimeout(None)
    taking(watched, [nothing])
    ms, error = watched.took(lambda: (sock.write(SMALL), sock.flush()))
    assert isinstance(error, watched.driver.DisconnectedError)
    assert 5000 <= ms < 10_500
    assert watched.module.lines[-1] == b"AT+CMEE?"
    assert watched.modem.command("AT+CGMM") == ["BG95-M3"]


@pytest.mark.parametrize("lost", [1, 5, 9, 100])
def test_data_that_lost_bytes_on_the_way_is_never_taken_for_sent(watched, lost):
    """The module waits for the rest, and takes the question for it; SEND OK then means nothing."""
    sock = connected(watched)
    write, spoilt = watched.modem._at._write, []

    def losing(buf, off, n):
        if buf is sock._c.tx and not spoilt:
            spoilt.append(1)
            n = min(n, 120)
            write(buf, off + lost, n - lost)
            return n
        return write(buf, off, n)

    watched.modem._at._write = losing
    sock.settimeout(None)
    ms, error = watched.took(lambda: (sock.write(SMALL), sock.flush()))
    assert isinstance(error, watched.driver.DisconnectedError)
    assert ms < 15_000
    assert watched.modem.command("AT+CGMM") == ["BG95-M3"]


@pytest.mark.parametrize("late_s", [1, 4])
@pytest.mark.parametrize("call", WRITES)
def test_a_piece_that_was_promised_leaves_though_its_writer_gave_up(watched, late_s, call):
    """From a buffer of the socket's own: the writer's is his again."""
    sock = connected(watched)
    sock.settimeout(0.5)
    hear = watched.module._hear_line
    watched.module._hear_line = lambda line: (
        watched.module.say(b"\r\n> ", late_s * 1000) or watched.module._follow(line, b"\r\n> ")
        if line.startswith(b"AT+QSSLSEND=")
        else hear(line)
    )
    mine = bytearray(LARGE)
    _, error = watched.took(lambda: sock.write(mine) if call == "write" else WRITES[call](sock))
    assert isinstance(error, watched.driver.TimeoutError)
    mine[:] = bytes(len(mine))
    sock.settimeout(20)
    sock.flush()
    assert watched.module.data == [(SMALL if call == "flush" else LARGE)[:1460]]
    watched.module._hear_line = hear
    sock.write(b"more")
    sock.flush()
    assert watched.module.data[1:] == [b"more"]


def stopping(world, stops_at):
    """Let the UART take so many more bytes; returns [how many]."""
    write, room = world.uart.write, [stops_at]

    def limited(buf, off, n):
        n = min(n, room[0])
        room[0] -= n
        return write(buf, off, n) if n else 0

    world.modem._at._write = limited
    return room


@pytest.mark.parametrize("then", ["flush", "close", "write"])
@pytest.mark.parametrize("stops_at", [0, 1, 128, 500, 1023])
@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_sent_twice_where_the_uart_takes_no_more_for_a_while(
    authority, mode, stops_at, then
):
    world = w.World()
    server = world.serve(8883, authority.server(w.HOST))
    sock = world.up(authority).connect(w.HOST, 8883, mode=mode)
    world.wait_at_most(600)
    room = stopping(world, stops_at)
    sock.settimeout(1)
    start = world.host.now
    with pytest.raises(bg95.TimeoutError):
        sock.write(SMALL)
        sock.flush()
    assert world.host.now - start < 1.2
    room[0] = 1 << 20
    sock.settimeout(30)
    if then == "write":
        sock.write(b"more")
    if then != "close":
        sock.flush()
        world.sleep(1)
    sock.close()
    world.sleep(1)
    assert server.plaintext == SMALL + b"more" * (then == "write")


@pytest.mark.parametrize("stops_at", [0, 1, 1000, 1500, 3000])
def test_of_a_large_write_in_transparent_mode_nothing_is_sent_twice(authority, stops_at):
    world = w.World()
    server = world.serve(8883, authority.server(w.HOST))
    sock = world.up(authority).connect(w.HOST, 8883, mode=bg95.TRANSPARENT)
    world.wait_at_most(600)
    room = stopping(world, stops_at)
    sock.settimeout(1)
    with pytest.raises(bg95.TimeoutError):
        sock.write(LARGE)
    room[0] = 1 << 20
    sock.settimeout(30)
    sock.flush()
    sock.close()
    world.sleep(1)
    assert server.plaintext == LARGE[: len(server.plaintext)]
    assert len(server.plaintext) == stops_at


@pytest.mark.parametrize("taken", [True, False])
def test_what_comes_while_the_data_is_in_doubt_waits_for_the_answer(watched, taken):
    """It may be the answer to something that the peer was never meant to get."""
    sock = connected(watched, bg95.DIRECT_PUSH)
    sock.setblocking(False)
    pushed = b'\r\n+QSSLURC: "recv",0,4\r\ndata'

    def late():
        watched.module.say(pushed + pushed, 7600)
        watched.module.say(SENT if taken else b"", 8600)
        hear = watched.module._hear_line
        watched.module._hear_line = lambda line: (
            watched.module.say(b"\r\n+CMEE: 1\r\n\r\nOK\r\n", 1500)
            if line == b"AT+CMEE?"
            else hear(line)
        )

    taking(watched, [late])
    assert sock.write(SMALL) == len(SMALL)
    start, got = watched.clock.now, b""
    with contextlib.suppress(watched.driver.DisconnectedError):
        while watched.clock.now - start < 11_000:
            got += sock.read(100) or b""
            assert not got or watched.clock.now - start > 8000
            watched.modem.idle()
    assert got == (b"datadata" if taken else b"")
