"""Calls in any order on sockets of every mode: right bytes or a named error, never for ever, and nothing left over."""

import random

import pytest
import world as w

import bg95

CALLS = 120
MIX = [*["write"] * 4, *["read"] * 4, "open", "set", "mode", "close", "other"]
SIZES = (1, 50, 300, 1460, 1461, 4000)


class Player:
    """Plays random calls; each socket carries what was written to it and what came back from the echo server."""

    def __init__(self, world, context, rng):
        self.world, self.context, self.rng = world, context, rng
        self.sockets = {}  # socket -> [written, read, whether all of it is accounted for]

    def open(self):
        if len(self.sockets) < 3:
            mode = self.rng.choice((bg95.BUFFER, bg95.BUFFER, bg95.DIRECT_PUSH, bg95.TRANSPARENT))
            sock = self.context.connect(w.HOST, 8883, mode=mode)
            sock.settimeout(self.rng.choice((1, 3)))
            self.sockets[sock] = [b"", b"", True]

    def write(self, sock):
        data = self.rng.randbytes(self.rng.choice(SIZES))
        taken = sock.write(data) or 0
        self.sockets[sock][0] += data[:taken]

    def read(self, sock):
        call = self.rng.choice((sock.read, sock.recv))
        self.sockets[sock][1] += call(self.rng.choice(SIZES)) or b""

    def set(self, sock):
        sock.settimeout(self.rng.choice((0, 0.5, 2)))

    def mode(self, sock):
        sock.mode = self.rng.randrange(3)

    def close(self, sock):
        del self.sockets[sock]
        sock.close()

    def other(self, sock):
        self.rng.choice((sock.flush, sock.pending, lambda: sock.ioctl(3, 5)))()

    def step(self):
        call = self.rng.choice(MIX)
        if call == "open":
            self.open()
        elif self.sockets:
            sock = self.rng.choice(list(self.sockets))
            try:
                getattr(self, call)(sock)
            except bg95.ModemError:
                # What an interrupted call had moved is not known
                self.sockets.get(sock, [0, 0, 0])[2] = False
                raise

    def check(self):
        assert self.world.modem.inside == 0
        for written, read, known in self.sockets.values():
            assert not known or written.startswith(read)


@pytest.mark.parametrize("seed", range(8))
def test_calls_in_any_order(authority, seed):
    rng = random.Random(seed)
    world = w.World(sockets=3, faults=[f"chunk={rng.randrange(1, 60)}"])
    server = world.serve(8883, authority.server(w.HOST))
    context = world.up(authority)
    idle = world.modem.idle

    def idle_for_a_while_at_most():
        assert world.host.now < 3600, "waits for ever"
        idle()

    world.modem.idle = idle_for_a_while_at_most
    player = Player(world, context, rng)
    for _ in range(CALLS):
        try:
            player.step()
        except bg95.ModemError as error:
            assert str(error)
        if rng.random() < 0.02:
            server.close()
        world.sleep(rng.choice((0, 0, 0.1, 1)))
        player.check()
    for sock in player.sockets:
        sock.close()
    world.sleep(15)
    assert (world.modem.connections, world.modem.jobs) == ([], [])
    assert world.modem.ssl_sockets() == []
    with context.connect(w.HOST, 8883) as sock:
        sock.write(b"ping")
        assert sock.read(4) == b"ping"
