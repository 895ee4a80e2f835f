"""Two events in one poll, in either order: neither decides alone what becomes of what was written or received."""

import itertools

import pytest
import world as w
from driver import vm
from scripted import connected, taking

import bg95
from bg95_host.module_sim.manual import TlsPeer
from bg95_host.testbed.servers import TlsServer

MODES = [bg95.BUFFER, bg95.DIRECT_PUSH, bg95.TRANSPARENT]
REQUEST = b"GET / HTTP/1.0\r\n\r\n"
ANSWER = b"answer" * 50
POLL_S = 0.020  # between two polls: what comes meanwhile, comes together


class AnswerAndClose(TlsPeer):
    """As an HTTP server does, with Connection: close."""

    def on_data(self, link, data):
        if self.plaintext.endswith(REQUEST):
            self.say(ANSWER)
            self.close()


def blocking(world, sock):
    sock.settimeout(20)
    sock.write(REQUEST)
    sock.flush()
    return sock.read()


def without_waiting(world, sock):
    sock.setblocking(False)
    assert sock.write(REQUEST) == len(REQUEST)
    got = b""
    while True:
        sock.flush()
        piece = sock.read(1000)
        if piece == b"":
            return got
        got += piece or b""
        world.modem.idle()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("face", [blocking, without_waiting])
def test_a_server_that_answers_and_closes_at_once_is_read(authority, face, mode):
    world = w.World(step_s=POLL_S)
    world.serve(8883, authority.server(w.HOST), AnswerAndClose)
    context = world.up(authority)
    world.wait_at_most(600)
    for i in range(20):
        world.host.run_quietly(i / 1000)  # whatever the polls coincide with
        with context.connect(w.HOST, 8883, mode=mode) as sock:
            assert face(world, sock) == ANSWER


def test_a_server_that_answers_and_closes_at_once_is_read_by_a_task(sim, options, authority):
    script = f"""
import asyncio, time
import bg95

class Slow(UART):
    "Shows what has come every 20 ms only."
    shown = 0
    now = 0
    def any(self):
        if self.now != time.ticks_ms() // 20:
            self.now = time.ticks_ms() // 20
            self.shown = UART.any(self)
        return self.shown
    def readinto(self, buf, n):
        n = UART.readinto(self, buf, n)
        self.shown -= n
        return n

link = bg95.Modem(Slow(), sockets=2)
modem = bg95.aio.Modem(link)

async def main():
    await modem.active(True)
    await modem.connect("iot")
    ctx = bg95.SSLContext(link, 1)
    ctx.load_verify_locations(CAFILE)
    right = 0
    for _ in range(10):
        reader, writer = await bg95.aio.open_connection("broker.test", PORT, ssl=ctx)
        writer.write({REQUEST!r})
        await writer.drain()
        right += await reader.read(-1) == {ANSWER!r}
        await writer.wait_closed()
    print(right)
asyncio.run(main())
"""

    def answer_and_close(peer):
        got = b""
        while not got.endswith(REQUEST):
            got += peer.recv()
        peer.send(ANSWER)

    with TlsServer(authority.server("broker.test"), answer_and_close) as server:
        assert vm.run(script, sim, options, server.port, heap="512k") == "10\n"


SENT = b"\r\nSEND OK\r\n"
FULL = b"\r\nSEND FAIL\r\n"
REFUSED = b"\r\nERROR\r\n"
RESULTS = [SENT, FULL, REFUSED]
DATA = b"data"  # arrives, as the access mode has it
CLOSED = b'\r\n+QSSLURC: "closed",0\r\n'
LOST = b'\r\n+QIURC: "pdpdeact",1\r\n'
DOWN = b"\r\nPOWERED DOWN\r\n"
EVENTS = [DATA, CLOSED, LOST, DOWN]
PAIRS = [pair for a, b in itertools.product(RESULTS, EVENTS) for pair in ([a, b], [b, a])] + [
    [SENT, *pair] for pair in itertools.permutations([DATA, CLOSED, LOST], 2)
]


def say(fake, mode, events):
    """All in one poll."""
    arrival = b'\r\n+QSSLURC: "recv",0\r\n'
    if mode == bg95.DIRECT_PUSH:
        arrival = b'\r\n+QSSLURC: "recv",0,%d\r\n' % len(ANSWER) + ANSWER
    elif DATA in events:
        fake.module.unread[b"0"] = ANSWER
    fake.module.say(b"".join([arrival if event == DATA else event for event in events]))


def sent(sock, fake, waits):
    """Send, waiting or not; the error or None."""
    try:
        assert sock.write(REQUEST) == len(REQUEST)
        if waits:
            sock.flush()
        for _ in range(0 if waits else 300):
            sock.flush()
            fake.modem.idle()
    except fake.driver.DisconnectedError as e:
        return e
    return None


def read(sock, fake):
    """What comes, and how it ends: None where nothing more comes, b"" or an error."""
    got = b""
    sock.settimeout(10)
    while True:
        try:
            piece = sock.recv(1000)
        except fake.driver.TimeoutError:
            return got, None
        except fake.driver.DisconnectedError as e:
            return got, e
        if not piece:
            return got, b""
        got += piece


@pytest.mark.parametrize("waits", [True, False], ids=["blocking", "non-blocking"])
@pytest.mark.parametrize("mode", [bg95.BUFFER, bg95.DIRECT_PUSH])
@pytest.mark.parametrize(
    "events", PAIRS, ids=lambda events: " ".join(b" ".join(events).decode().split())
)
def test_the_result_of_a_send_and_an_event_in_one_poll(fake, events, mode, waits):
    sock = connected(fake, mode)
    sock.settimeout(5 if waits else 0)
    taking(fake, [lambda: say(fake, mode, events)])
    error = sent(sock, fake, waits)
    ends = CLOSED in events or LOST in events or DOWN in events
    # Taken by the module, or a second time where its buffer had been full; a restart takes it with it, where it is
    # known before the call returns
    if events[:2] != [SENT, DOWN]:
        assert (error is None) == (
            (SENT in events or (FULL in events and not ends)) and DOWN not in events
        )
    assert fake.module.data == [REQUEST] * (2 if FULL in events and not ends else 1)
    got, end = read(sock, fake)
    kept = DOWN not in events or (mode == bg95.DIRECT_PUSH)
    assert got == (ANSWER if DATA in events and kept else b"")
    if LOST in events or DOWN in events or (REFUSED in events and CLOSED not in events):
        assert isinstance(end, fake.driver.DisconnectedError)
    else:
        assert end == (b"" if CLOSED in events else None)


@pytest.mark.parametrize("waits", [True, False], ids=["blocking", "non-blocking"])
@pytest.mark.parametrize("last", [b"\r\nNO CARRIER\r\n", b""])
def test_in_transparent_mode_the_answer_and_the_end_in_one_poll(fake, last, waits):
    sock = connected(fake, bg95.TRANSPARENT)
    sock.settimeout(5 if waits else 0)
    hear = fake.module._hear_raw

    def hear_raw():
        hear()
        if fake.module.sent_raw == REQUEST:
            fake.module.say(ANSWER + last)
            fake.module._raw = not last

    fake.module._hear_raw = hear_raw
    assert sent(sock, fake, waits) is None
    assert read(sock, fake) == (ANSWER, b"" if last else None)
    assert fake.module.sent_raw == REQUEST


@pytest.mark.parametrize("seconds", [0.02, 3])
def test_the_result_of_a_send_may_come_after_the_end(fake, seconds):
    """And decides whether what was written is lost."""
    for result in (SENT, REFUSED):
        sock = connected(fake)

        def answer(result=result):
            fake.module.say(CLOSED)
            fake.module.say(result, int(seconds * 1000))

        taking(fake, [answer])
        assert (sent(sock, fake, True) is None) == (result == SENT)
        assert read(sock, fake) == (b"", b"")
        sock.close()
