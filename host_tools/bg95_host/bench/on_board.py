"""The benchmarks' part on the board, for MicroPython: small calls that the PC makes one after the other."""

import gc
from time import ticks_diff, ticks_us

_PIECE = 1460


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
    start = ticks_us()
    for _ in range(times):
        modem.command("AT")
    return ticks_diff(ticks_us(), start) // times


def upload(socket, size):
    """Microseconds until the server has all of `size` bytes and said so, and `size`."""
    piece = bytes(_PIECE)
    view = memoryview(piece)
    start = ticks_us()
    socket.write(b"U%07d" % size)
    left = size
    while left > 0:
        socket.write(view[: min(left, _PIECE)])
        left -= _PIECE
    socket.read(1)
    return ticks_diff(ticks_us(), start), size


def download(socket, size):
    """Microseconds from the first of `size` bytes to the last, and how many came in them.

    The clock starts with the first bytes, since the module keeps a short request for 200 ms in
    transparent mode (at-commands.md 2.6.9, "transwaittm").
    """
    piece = bytearray(_PIECE)
    socket.write(b"D%07d" % size)
    left = size - socket.recv_into(piece, _PIECE)
    counted = left
    start = ticks_us()
    while left > 0:
        got = socket.recv_into(piece, min(left, _PIECE))
        if not got:
            raise OSError("the connection ended %d bytes early" % left)
        left -= got
    return ticks_diff(ticks_us(), start), counted
