"""The benchmarks' part on the board, for MicroPython: small calls that the PC makes one after the other."""

import asyncio
import gc
from time import ticks_diff, ticks_us

_PIECE = 1460
_REQUEST = 1024
_TICK_MS = 10


def heap():
    gc.collect()
    return gc.mem_alloc()


def allocated(call, *args):
    """Bytes that one call of `call` takes from the heap."""
    gc.collect()
    gc.disable()
    try:
        before = gc.mem_alloc()
        empty = gc.mem_alloc() - before
        before = gc.mem_alloc()
        call(*args)
        return gc.mem_alloc() - before - empty
    finally:
        gc.enable()


def control():
    """What `allocated` says of something known: bytearray(64)."""
    return allocated(bytearray, 64)


def round_trip(modem, times):
    """Microseconds for a bare AT and its answer, the mean of `times`."""
    modem.command("AT")  # imports what it needs
    start = ticks_us()
    for _ in range(times):
        modem.command("AT")
    return ticks_diff(ticks_us(), start) // times


def request(socket, what, size):
    """Ask the server to take (U) or to send (D) `size` bytes; the module has it all when this returns.

    A request fills a packet of transparent mode (AT+QICFG "transpktsize", 1024), or the module would
    keep it for 200 ms ("transwaittm").
    """
    text = b"%s%07d" % (what, size)
    socket.write(text + bytes(_REQUEST - len(text)))
    socket.flush()


def upload(socket, size):
    """Microseconds until the server has all of `size` bytes and has said so."""
    piece = bytes(_PIECE)
    view = memoryview(piece)
    request(socket, b"U", size)
    start = ticks_us()
    left = size
    while left > 0:
        socket.write(view[: min(left, _PIECE)])
        left -= _PIECE
    socket.read(1)
    return ticks_diff(ticks_us(), start)


def download(socket, size):
    """Microseconds from a request, which is on the wire as well, to the last of `size` bytes."""
    piece = bytearray(_PIECE)
    start = ticks_us()
    request(socket, b"D", size)
    left = size
    while left > 0:
        got = socket.recv_into(piece, min(left, _PIECE))
        if not got:
            raise OSError("the connection ended %d bytes early" % left)
        left -= got
    return ticks_diff(ticks_us(), start)


async def _stream(aio, context, host, port, size):
    """Download `size` bytes over a connection of its own."""
    reader, writer = await aio.open_connection(host, port, ssl=context)
    text = b"D%07d" % size
    writer.write(text + bytes(_REQUEST - len(text)))
    await writer.drain()
    while size > 0:
        got = await reader.read(min(size, _PIECE))
        if not got:
            raise OSError("the connection ended %d bytes early" % size)
        size -= len(got)
    await writer.wait_closed()


async def _tick(delays):
    """Sleep for 10 ms, over and over; keep the longest delay in delays[0]."""
    while True:
        start = ticks_us()
        await asyncio.sleep_ms(_TICK_MS)
        delays[0] = max(delays[0], ticks_diff(ticks_us(), start) - _TICK_MS * 1000)


async def _worst_delay(*stream):
    delays = [0]
    ticking = asyncio.create_task(_tick(delays))
    await asyncio.gather(_stream(*stream), _stream(*stream))
    ticking.cancel()
    return delays[0]


def worst_delay(aio, context, host, port, size):
    """The longest delay, in microseconds, of a task that sleeps for 10 ms at a time while two sockets download."""
    return asyncio.run(_worst_delay(aio, context, host, port, size))
