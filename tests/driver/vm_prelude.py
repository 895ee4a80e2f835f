"""Runs in front of every script of `vm.py`, inside the MicroPython VM: a UART over an inherited descriptor."""

import gc
import sys

import micropython

FD = int(sys.argv[1])
CAFILE = "cacert.pem"
PORT = int(sys.argv[2]) if len(sys.argv) > 2 else 0


class UART:
    """any, readinto and write as machine.UART has them; none allocates."""

    def __init__(self, rxbuf=4096):
        self._file = open(FD, "r+b")
        self._stage = bytearray(rxbuf)
        self._ring = micropython.RingIO(rxbuf + 1)
        self._room = rxbuf

    def any(self):
        if not self._ring.any():
            n = self._file.readinto(self._stage)
            if n:
                self._ring.write(self._stage, n)
        return self._ring.any()

    def readinto(self, buf, n):
        return self._ring.readinto(buf, n)

    def write(self, buf, off, n):
        return self._file.write(buf, off, n)


def online(sockets=2):
    """A modem that is online, and a context that trusts CAFILE."""
    import bg95

    modem = bg95.Modem(UART(), sockets=sockets)
    modem.active(True)
    modem.connect("iot")
    ctx = bg95.SSLContext(modem, 1)
    ctx.load_verify_locations(CAFILE)
    return modem, ctx


def allocated(function, *args):
    """Heap bytes that function(*args) takes, exact to a block."""
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    between = gc.mem_alloc()
    function(*args)
    after = gc.mem_alloc()
    gc.enable()
    return (after - between) - (between - before)
