"""The 64 KiB that make the trip: binary, and full of what a careless driver trips over."""

import random

SIZE = 64 * 1024

# What means something on an AT line and must mean nothing inside data (at-commands.md 3.7, row 11).
TRAPS = (
    b"\r\nOK\r\n",
    b"\r\nERROR\r\n",
    b"\r\n> ",
    b'+QSSLURC: "recv",0',
    b'\r\n+QSSLURC: "closed",0\r\n',
    b"\r\nSEND OK\r\n",
    b"\r\nNO CARRIER\r\n",
    b"+++",
    b"\x1a",  # Ctrl-Z ends AT+QSSLSEND without a length
    b"\x1b",  # ESC cancels it
)

# Where the driver or the module cuts the stream: packets of transparent mode, one send, one read.
_CUTS = (1024, 1460, 1500)


def make(size: int = SIZE) -> bytes:
    """Return `size` bytes, always the same: every byte value, every trap, traps across cuts."""
    data = bytearray(random.Random(0).randbytes(size))
    data[:256] = bytes(range(256))
    at = 256
    for trap in TRAPS:
        data[at : at + len(trap)] = trap
        at += len(trap) + 7
    number = 0
    for cut in _CUTS:
        for edge in range(cut, size - 64, cut):
            trap = TRAPS[number % len(TRAPS)]
            start = edge - number % (len(trap) + 1)
            if start > at:
                data[start : start + len(trap)] = trap
            number += 1
    return bytes(data[:size])
