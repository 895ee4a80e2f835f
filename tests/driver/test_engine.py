"""The AT engine towards a module that stops in the middle, or says what looks like something else."""

import io

import pytest
import world as w
from row_player import OK
from scripted import answering, connected

import bg95


@pytest.mark.parametrize("came", [b"", b"half of it"])
def test_payload_that_stops_coming_is_a_named_error(fake, came):
    sock = connected(fake)
    answering(fake, b"AT+QSSLRECV=", [b"\r\n+QSSLRECV: 100\r\n" + came])
    begun = fake.clock.now
    with pytest.raises(fake.driver.DisconnectedError, match="lost"):
        sock.read(10)
    assert fake.clock.now - begun < 10_000
    assert fake.modem.command("AT+CGMM") == ["BG95-M3"]


def test_a_file_that_stops_coming_is_a_named_error(fake):
    answering(fake, b"AT+QFOPEN=", [b"\r\n+QFOPEN: 3\r\n" + OK])
    answering(fake, b"AT+QFREAD=", [b"\r\nCONNECT 100\r\nhalf of it"])
    with pytest.raises(fake.driver.FileError, match="lost"):
        fake.modem.files.read("a.bin", io.BytesIO())
    assert fake.module.lines[-1] == b"AT+QFCLOSE=3"
    assert fake.modem.command("AT+CGMM") == ["BG95-M3"]


def test_a_late_payload_still_reaches_its_socket(fake):
    """The module counts it as read: dropped, it would be lost."""
    sock = connected(fake)
    hear = fake.module._hear_line
    late = []

    def slow(line):
        if line.startswith(b"AT+QSSLRECV=") and not late:
            late.append(line)
            fake.module.say(b"\r\n+QSSLRECV: 5\r\nhello\r\n" + OK, 3400)
        else:
            hear(line)

    fake.module._hear_line = slow
    assert sock.read(5) == b"hello"
    assert fake.modem.command("AT+CGMM") == ["BG95-M3"]


def test_pushed_data_waits_for_its_reader_however_long_that_takes(authority):
    world = w.World()
    server = world.serve(8883, authority.server(w.HOST))
    sock = world.up(authority).connect(w.HOST, 8883, mode=bg95.DIRECT_PUSH)
    data = bytes(i * 7 & 255 for i in range(6000))
    server.say(data)
    world.sleep(20)
    assert sock.read(6000) == data


def test_nothing_of_a_command_is_sent_to_a_module_that_restarts(fake):
    """What was still on its way into the UART would be a line of its own there."""
    at = fake.modem._at
    write, at._write = at._write, lambda *args: 0  # the UART takes nothing
    for _ in at.start(b"AT+QIACT=1"):
        fake.modem.poll()
    fake.module.say(b"\r\nRDY\r\n")
    fake.modem.poll()
    at._write = write
    fake.modem.active(True)
    assert b"AT+QIACT=1" not in fake.module.lines


@pytest.mark.parametrize("stat", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("place", ["echo", "before", "behind"])
def test_a_registration_urc_is_not_the_answer_to_its_question(fake, stat, place):
    """at-commands 2.3: told apart by the number and the kind of the fields."""
    urc = b'\r\n+CEREG: %d,"1A2B","01A2B3C4",8\r\n' % (5 - stat)
    short = b"\r\n+CEREG: %d\r\n" % (5 - stat)
    answer = b"\r\n+CEREG: 0,%d\r\n" % stat
    parts = {
        "echo": b"AT+CEREG?\r" + short + urc + answer + OK,
        "before": urc + short + answer + OK,
        "behind": answer + short + urc + OK,
    }
    answering(fake, b"AT+CEREG?", [parts[place]])
    assert fake.modem.status() is (stat in (1, 5))


@pytest.mark.parametrize("byte", [0, 10, 13, 32, 62, 65, 128, 255])
def test_noise_between_two_answers_is_nobodys(fake, byte):
    for _ in range(3):
        fake.module.say(bytes([byte]))
        for _ in range(5):
            fake.modem.poll()
            fake.module.idle()
        assert fake.modem.status("rssi") == 2 * 20 - 113
    fake.module.say(bytes([byte]))
    fake.modem.active(True)
    assert byte == 65 or fake.modem.config("model") == "BG95-M3"


def test_a_cancelled_command_keeps_nobody_waiting_for_its_deadline(fake):
    hear = fake.module._hear_line
    slow = b"\r\n+CSQ: 9,99\r\n" + OK
    fake.module._hear_line = lambda line: (
        fake.module.say(slow, 200) if line == b"AT+CSQ" else hear(line)
    )
    flow = fake.modem._at.run(b"AT+CSQ", 60_000, b"+CSQ:")
    next(flow)
    fake.modem.poll()
    flow.close()
    begun = fake.clock.now
    assert fake.modem.command("AT+CGMM") == ["BG95-M3"]
    assert fake.clock.now - begun < 3000


URC = b'\r\n+QSSLURC: "recv",0\r\n'


def announcing(fake, place):
    """From now on, every answer to a read has a recv URC before, inside or behind it."""
    hear = fake.module._hear_line

    def announced(line):
        if not line.startswith(b"AT+QSSLRECV="):
            hear(line)
            return
        held = fake.module.unread.pop(b"0", b"")
        parts = [b"", b"\r\n+QSSLRECV: %d\r\n" % len(held) + held, b"\r\n" * bool(held) + OK, b""]
        parts.insert(place, URC)
        fake.module.say(b"".join(parts), 1)

    fake.module._hear_line = announced
    fake.module.say(URC)
    idle, begun = fake.modem.idle, fake.clock.now

    def wait():
        assert fake.clock.now - begun < 60_000, "waits for ever"
        idle()

    fake.modem.idle = wait


@pytest.mark.parametrize("place", [1, 2, 3], ids=["before", "inside", "behind"])
@pytest.mark.parametrize("seconds", [5, 0])
def test_data_that_is_announced_in_every_answer_keeps_nothing_from_being_sent(fake, place, seconds):
    sock = connected(fake)
    announcing(fake, place)
    fake.modem.poll()
    sock.settimeout(seconds)
    for i in range(5):
        sock.write(b"request")
        until = fake.clock.now + 5000
        sock.flush()
        while len(fake.module.data) <= i and fake.clock.now < until:
            fake.modem.idle()
            sock.flush()
    assert b"".join(fake.module.data) == b"request" * 5
    fake.module.unread[b"0"] = b"answer"
    sock.settimeout(5)
    assert sock.read(6) == b"answer"


def test_what_is_written_without_end_keeps_nothing_from_being_read(fake):
    sock = connected(fake)
    sock.setblocking(False)
    fake.module.unread[b"0"] = bytes(6000)
    fake.module.say(URC)
    until = fake.clock.now + 5000
    got = 0
    while got < 6000:
        assert fake.clock.now < until
        while sock.write(bytes(1460)):
            pass
        got += len(sock.read(6000) or b"")
        fake.modem.idle()


def test_a_uart_that_is_never_empty_cannot_keep_transparent_mode(fake):
    """A slow processor finds its next bytes there before it has taken the last ones."""
    sock = connected(fake, bg95.TRANSPARENT)
    framer = fake.modem._at.framer

    def endless(buf, n):
        buf[:n] = b"x" * n
        return n

    fake.modem._at.any = lambda: 100
    framer._readinto = endless
    before = framer.received
    for polls in (1, 2):
        fake.modem.poll()
        assert framer.received - before == 100 * polls
    assert sock._c.rx.any() == 200
