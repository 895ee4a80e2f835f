"""Sockets that nobody holds any more: MicroPython's garbage collector closes its own; the modem has to look closer."""

import pytest
import world as w
from driver import vm

import bg95
from bg95_host.testbed.servers import TlsServer


@pytest.fixture
def world(authority):
    world = w.World(sockets=2)
    world.server = world.serve(8883, authority.server(w.HOST))
    world.context = world.up(authority)
    return world


def connect(world):
    return world.context.connect(w.HOST, 8883)


def answered_and_closed(world):
    """A socket with a half-read answer of a peer that has closed, as requests leaves it without close()."""
    sock = connect(world)
    world.server.say(bytes(2000))
    world.server.close()
    assert sock.read(100) == bytes(100)
    return sock


def test_answers_that_nobody_reads_do_not_use_up_the_sockets(world):
    for _ in range(5):
        answered_and_closed(world)
    assert len(world.modem.connections) == 2


def test_an_answer_that_is_being_read_is_not_taken_away(world):
    """Not even where that is the last socket."""
    sock = answered_and_closed(world)
    connect(world)
    flow = world.context._connect(w.HOST, 8883, bg95.BUFFER, None)
    got = 100
    with pytest.raises(bg95.ConnectError, match="all 2 sockets"):
        while True:
            next(flow)
            world.sleep(0.1)
            got += len(sock.recv(10))
    assert got + len(sock.read()) == 2000


def test_open_sockets_are_nobodys_to_take(world):
    first, second = connect(world), connect(world)
    world.sleep(60)
    start = world.host.now
    with pytest.raises(bg95.ConnectError, match="all 2 sockets"):
        connect(world)
    assert world.host.now - start < 0.1
    for sock in (first, second):
        sock.write(b"ping")
        assert sock.read(4) == b"ping"


CANCELLED = """
import asyncio
import bg95
modem, ctx = online()
bg95.install(modem, ctx)
import ssl

async def main():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for ms in (1, 5, 10, 20, 40, 1):
        try:
            await asyncio.wait_for_ms(asyncio.open_connection("broker.test", PORT, ssl=tls), ms)
        except asyncio.TimeoutError:
            pass
    reader, writer = await asyncio.open_connection("broker.test", PORT, ssl=tls)
    writer.write(b"ping")
    await writer.drain()
    print(await reader.readexactly(4), len(modem.connections) <= 2)
    await writer.wait_closed()

asyncio.run(main())
"""


def test_connections_of_cancelled_tasks_do_not_use_up_the_sockets(sim, options, authority):
    """asyncio.open_connection() is MicroPython's own here: whom it is cancelled in loses what is being opened."""
    with TlsServer(authority.server(w.HOST)) as server:
        assert vm.run(CANCELLED, sim, options, server.port, heap="384k") == "b'ping' True\n"
