"""How a connection ends, in every access mode: what came before is delivered, what did not go out is told."""

import pytest
import world as w
from scripted import answering, connected

import bg95
from bg95_host.module_sim.manual import TlsPeer

MODES = [bg95.BUFFER, bg95.DIRECT_PUSH, bg95.TRANSPARENT]
PATTERN = bytes(range(256)) * 24


class Brief(TlsPeer):
    """Says a word and closes, as soon as the handshake is done."""

    word = b"no"

    def received(self, link, data):
        super().received(link, data)
        if link in self.sessions and self.sessions[link].get_cipher_name():
            if self.word:
                self.say(self.word)
            self.close()


class Mute(Brief):
    word = b""


@pytest.fixture
def world(authority):
    world = w.World()
    world.server = world.serve(8883, authority.server(w.HOST))
    world.context = world.up(authority)
    world.wait_at_most(60)
    return world


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("peer", [Brief, Mute])
def test_a_peer_that_closes_as_soon_as_it_is_open(world, authority, mode, peer):
    world.serve(8884, authority.server(w.HOST), peer)
    sock = world.context.connect(w.HOST, 8884, mode=mode)
    assert sock.read() == peer.word
    assert sock.read(1) == b""
    sock.close()
    assert world.modem.ssl_sockets() == []


@pytest.mark.parametrize("mode", MODES)
def test_what_was_written_and_not_sent_is_lost_with_a_word(world, mode):
    sock = world.context.connect(w.HOST, 8883, mode=mode)
    sock.flush_ms = 0
    sock.flush()  # nothing to send: no error, not even after the end
    world.server.close()
    assert sock.read() == b""
    sock.flush()
    for call in (lambda: sock.write(b"x"), lambda: sock.sendall(b"x")):
        with pytest.raises(bg95.DisconnectedError) as lost:
            call()
        assert lost.value.errno == 104


def test_what_was_gathered_before_the_end_is_lost_with_a_word(world):
    sock = world.context.connect(w.HOST, 8883)
    sock.flush_ms = 0
    sock.write(b"gathered")
    world.server.close()
    world.sleep(0.5)
    with pytest.raises(bg95.DisconnectedError):
        sock.flush()
    assert sock.read() == b""
    with pytest.raises(bg95.DisconnectedError):
        sock.flush()


def test_sendall_without_blocking_says_that_it_could_not(world):
    sock = world.context.connect(w.HOST, 8883)
    sock.setblocking(False)
    with pytest.raises(bg95.ModemError, match="only a part"):
        sock.sendall(bytes(5000))
    sock.setblocking(True)
    assert sock.read(1460) == bytes(1460)
    sock.sendall("text \xe4")
    assert sock.read(7) == "text \xe4".encode()


def test_who_waits_to_write_is_told_of_the_end_with_data_unread(world):
    sock = world.context.connect(w.HOST, 8883)
    world.server.say(PATTERN)
    world.sleep(0.5)
    assert sock.ioctl(3, 4) == 4
    world.server.close()
    world.sleep(0.5)
    assert sock.ioctl(3, 4) == 4  # POLLOUT: write() raises at once
    with pytest.raises(bg95.DisconnectedError):
        sock.write(b"x")
    assert sock.read() == PATTERN


def test_who_waits_for_room_is_told_of_the_end(world):
    sock = world.context.connect(w.HOST, 8883)
    sock.setblocking(False)
    world.host.module.faults.add("send_fail")
    while sock.write(bytes(1000)):
        pass
    assert sock.ioctl(3, 4) == 0
    world.server.say(PATTERN)
    world.sleep(0.5)
    world.server.close()
    world.sleep(0.5)
    assert sock.ioctl(3, 4) == 4
    with pytest.raises(bg95.DisconnectedError):
        sock.write(b"x")


def test_an_empty_datagram_is_not_sent(authority):
    world = w.World()
    world.serve(5684, authority.server(w.HOST), dtls=True)
    context = world.up(authority)
    context.dtls = True
    with context.connect(w.HOST, 5684) as sock:
        assert sock.write(b"") == 0
        sock.write(b"ping")
        assert sock.read(10) == b"ping"


TIMED = {
    "read": lambda sock: sock.read(5),
    "readinto": lambda sock: sock.readinto(bytearray(5)),
    "recv": lambda sock: sock.recv(5),
    "readline": lambda sock: sock.readline(),
    "write": lambda sock: sock.write(bytes(5000)),
    "flush": lambda sock: (sock.write(b"x"), sock.flush()),
}


@pytest.mark.parametrize("call", TIMED)
@pytest.mark.parametrize("seconds", [2, 0.5, None])
def test_a_timeout_is_as_long_as_it_was_set_and_no_end(world, call, seconds):
    """None: it waits for as long as it takes."""
    sock = world.context.connect(w.HOST, 8883)
    if call in ("write", "flush"):
        world.host.module.faults.add("send_fail")
    sock.settimeout(seconds)
    start = world.host.now
    with pytest.raises(bg95.TimeoutError if seconds else AssertionError) as late:
        TIMED[call](sock)
    if seconds:
        assert late.value.errno == 110
        assert seconds <= world.host.now - start < seconds + 0.3
    else:
        assert "waits for ever" in str(late.value)


def test_what_comes_after_a_timeout_is_read(world):
    sock = world.context.connect(w.HOST, 8883)
    sock.settimeout(1)
    with pytest.raises(bg95.TimeoutError):
        sock.read(4)
    world.server.say(b"late")
    assert sock.read(4) == b"late"


def test_nothing_is_read_where_nothing_is_asked_for(world):
    sock = world.context.connect(w.HOST, 8883)
    assert (sock.recv(0), sock.recv_into(bytearray(0)), sock.readinto(bytearray(0))) == (b"", 0, 0)
    sock.write(b"abcdef")
    buf = bytearray(4)
    assert (sock.recv_into(buf, 6), bytes(buf), sock.readinto(buf, 2)) == (4, b"abcd", 2)
    assert len(buf) == 4


@pytest.mark.parametrize("mode", [bg95.BUFFER, bg95.DIRECT_PUSH, bg95.TRANSPARENT])
def test_a_lost_data_connection_ends_a_stream_with_its_name_and_can_be_opened_again(world, mode):
    sock = world.context.connect(w.HOST, 8883, mode=mode)
    world.server.say(PATTERN[:1000])
    world.sleep(0.5)
    world.host.module.pdp_lost(1, "test")
    assert sock.recv(2000) == PATTERN[:1000]
    for call in (lambda: sock.recv(1), lambda: sock.write(b"x")):
        with pytest.raises(bg95.DisconnectedError, match=r"modem\.connect\(\)"):
            call()
    sock.close()
    with pytest.raises(bg95.ConnectError, match=r"modem\.connect\(\)"):
        world.context.connect(w.HOST, 8883)
    world.modem.connect("iot.apn")
    world.context.connect(w.HOST, 8883).close()


REFUSALS = [b"\r\nERROR\r\n", b"\r\n+CME ERROR: 3\r\n"]


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("mode", [bg95.BUFFER, bg95.DIRECT_PUSH])
@pytest.mark.parametrize("when", range(3))
def test_one_refused_read_after_the_end_is_not_the_end_of_what_was_sent(fake, when, mode, refusal):
    """A question that the UART spoilt is answered with ERROR, too. Whichever read it is."""
    sock = connected(fake, mode)
    fake.module.unread[b"0"] = PATTERN[:4000]
    hear = fake.module._hear_line
    reads = []

    def spoilt(line):
        reads.append(line)
        if line.startswith(b"AT+QSSLRECV=") and len(reads) == when + 1:
            fake.module.say(refusal)
        else:
            hear(line)

    fake.module._hear_line = spoilt
    fake.module.say(b'\r\n+QSSLURC: "closed",0\r\n')
    assert sock.read() == PATTERN[:4000]
    assert sock.read(1) == b""


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_module_that_drops_what_was_unread_says_so_twice(fake, refusal):
    """Nor is it asked for ever."""
    sock = connected(fake)
    fake.module.replies = [(b"AT+QSSLRECV=", [refusal])]
    fake.module.say(b'\r\n+QSSLURC: "closed",0\r\n')
    assert sock.read() == b""
    assert fake.module.lines[-2:] == [b"AT+QSSLRECV=0,1500"] * 2


def test_two_refused_reads_with_an_answer_between_are_no_end_either(fake):
    sock = connected(fake)
    fake.module.unread[b"0"] = PATTERN[:2000]
    hear = fake.module._hear_line
    turns = [True, False, True]
    fake.module._hear_line = lambda line: (
        fake.module.say(REFUSALS[0]) if turns and turns.pop(0) else hear(line)
    )
    fake.module.say(b'\r\n+QSSLURC: "closed",0\r\n')
    assert sock.read() == PATTERN[:2000]


@pytest.mark.parametrize("times", [1, 2])
def test_a_connection_that_the_module_denies_is_asked_for_once_more(fake, times):
    sock = connected(fake)
    sock.settimeout(5)
    fake.module.unread[b"0"] = b"answer"
    answering(fake, b"AT+QSSLRECV=", REFUSALS[:1] * times)
    if times == 1:
        assert sock.read(6) == b"answer"
        return
    with pytest.raises(fake.driver.DisconnectedError, match="no such connection"):
        sock.read(6)
