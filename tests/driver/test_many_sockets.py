"""Twelve sockets at once, in mixed modes, each moving 64 KiB both ways."""

import random

import pytest
import world as w

import bg95

SIZE = 64 * 1024
CHUNK = 1000


def test_twelve_sockets_move_64_kib_each_byte_exact(authority):
    world = w.World(sockets=12)
    world.serve(8883, authority.server(w.HOST))
    context = world.up(authority)
    sockets = [context.connect(w.HOST, 8883, mode=i % 2) for i in range(12)]
    assert sorted(s.client_id for s in sockets) == list(range(12))
    data = [random.Random(i).randbytes(SIZE) for i in range(12)]
    sent = [0] * 12
    got = [bytearray() for _ in range(12)]
    for s in sockets:
        s.setblocking(False)
    deadline = world.host.now + 3600
    while any(len(g) < SIZE for g in got) and world.host.now < deadline:
        for i, s in enumerate(sockets):
            if sent[i] < SIZE and sent[i] - len(got[i]) < CHUNK:
                sent[i] += s.write(data[i][sent[i] : sent[i] + CHUNK]) or 0
            got[i] += s.recv(CHUNK) or b""
        world.modem.poll()
        world.modem.idle()
    assert [bytes(g) == d for g, d in zip(got, data, strict=True)] == [True] * 12
    for s in sockets:
        s.close()
    assert world.modem.ssl_sockets() == []


def test_a_thirteenth_is_refused_before_anything_is_sent(authority):
    world = w.World(sockets=12)
    world.serve(8883, authority.server(w.HOST))
    context = world.up(authority)
    sockets = [context.connect(w.HOST, 8883) for _ in range(12)]
    sent = len(world.uart.sent)
    with pytest.raises(bg95.ConnectError, match="12 sockets"):
        context.connect(w.HOST, 8883)
    assert len(world.uart.sent) == sent
    sockets[3].close()
    assert context.connect(w.HOST, 8883).client_id == 3


def test_a_socket_that_is_not_read_does_not_stop_the_others(authority):
    world = w.World(sockets=2)
    world.serve(8883, authority.server(w.HOST))
    context = world.up(authority)
    idle, busy = (context.connect(w.HOST, 8883) for _ in range(2))
    idle.write(bytes(1460))
    idle.flush()
    idle.write(bytes(1460))
    idle.flush()
    for _ in range(20):
        busy.write(b"ping")
        assert busy.read(4) == b"ping"
    assert idle.read(2920) == bytes(2920)
