"""`machine` on the virtual board: UART on an inherited socket, the rest on a control socket.

any(), readinto(), write(), Pin.value() and idle() allocate nothing, as on a board.

Control frames are six bytes: operation, number (UART or GPIO), value (32 bits, little endian).
"""

import io
import select
import struct
import time

import micropython

# The built-in `machine` of the unix port, under the name that reaches it from within this one.
from umachine import PinBase, Signal, mem8, mem16, mem32, time_pulse_us  # noqa: F401

SOFT_RESET, SOFT_RESET_RAW, _HARD_RESET = 0, 1, 2
PWRON_RESET = 1

_BAUD, _OUTPUT, _INPUT, _RESTART, _ACK, _READY = b"BOIRAH"
_FRAME_BYTES = 6
_GPIOS = 64
_BITS_PER_BYTE = 10  # 8N1
_TX_FIFO_BYTES = 32  # of an RP2040; a write may run ahead of the line by this much and txbuf
_POLL, _FLUSH, _CLOSE = 3, 1, 4  # py/stream.h MP_STREAM_*
_EINVAL = 22

_host = None  # _Host
_uart_files = {}  # UART id -> FileIO; one for the life of the board: its finaliser closes the fd
_paced = True
_wakers = None  # whatever ends idle()


def setup(control_fd, paced, uarts):
    """Take the inherited descriptors. `uarts` is a list of (UART id, fd)."""
    global _host, _paced, _wakers
    _host = _Host(control_fd)
    _paced = paced
    for uart_id, fd in uarts:
        _uart_files[uart_id] = open(fd, "r+b")
    _wakers = _waiter(_host.file, *_uart_files.values())


def _waiter(*files):
    """A poll object for reading, that has made its table: the first wait allocates it."""
    waiter = select.poll()
    for file in files:
        waiter.register(file, select.POLLIN)
    for _ in waiter.ipoll(0):
        pass
    return waiter


def ready():
    """Tell the rig that the board is up."""
    _host.tell(_READY, 0, 0)


class _Host:
    """The control socket to the rig."""

    def __init__(self, fd):
        self.file = open(fd, "r+b")
        self._in = bytearray(_FRAME_BYTES)
        self._out = bytearray(_FRAME_BYTES)
        self.waiting = _waiter(self.file)
        self.inputs = bytearray(_GPIOS)
        self.handlers = {}  # GPIO -> Pin with a handler

    def pump(self):
        """Take what has come; True if an acknowledgement was in it."""
        acknowledged = False
        # Frames are written whole and smaller than any socket buffer, so they are read whole.
        while True:
            n = self.file.readinto(self._in)
            if n is None:
                return acknowledged
            if n == 0:  # the rig has gone
                raise SystemExit
            if self._in[0] == _ACK:
                acknowledged = True
            else:
                self._input(self._in[1], self._in[2])

    def _input(self, gpio, level):
        if self.inputs[gpio] == level:
            return
        self.inputs[gpio] = level
        if gpio in self.handlers:
            self.handlers[gpio].changed(level)

    def tell(self, operation, number, value):
        """Send a frame and wait until the rig has acted on it.

        What is then written to the UART comes after it also for the module: two sockets have no
        order between them.
        """
        struct.pack_into("<BBI", self._out, 0, operation, number, value)
        self.file.write(self._out)
        while not self.pump():
            for _ in self.waiting.ipoll(1000):
                pass


def restart(kind):
    """End this board; the rig starts the next one. Does not return."""
    _host.tell(_RESTART, kind, 0)
    while True:  # the rig never acknowledges it
        _host.pump()


class Pin(PinBase):
    """A GPIO. Levels of inputs come from the rig; pins that it does not wire read 0."""

    IN, OUT, OPEN_DRAIN = 0, 1, 2
    PULL_UP, PULL_DOWN = 1, 2
    IRQ_FALLING, IRQ_RISING = 4, 8

    def __init__(self, id, mode=IN, pull=None, *, value=None):
        if not 0 <= id < _GPIOS:
            raise ValueError("invalid pin")
        self._gpio = id
        self._handler = None
        self._trigger = 0
        self._level = 0
        self.init(mode, pull, value=value)

    def __repr__(self):
        return "Pin({}, mode={})".format(self._gpio, "OUT" if self._mode else "IN")

    def init(self, mode=IN, pull=None, *, value=None):
        """As machine.Pin.init()."""
        self._mode = mode
        if mode != self.IN:
            self.value(self._level if value is None else value)

    def value(self, level=None):
        """The level, or set it."""
        if level is not None:
            self._level = 1 if level else 0
            if self._mode != self.IN:
                _host.tell(_OUTPUT, self._gpio, self._level)
            return None
        if self._mode != self.IN:
            return self._level
        _host.pump()
        return _host.inputs[self._gpio]

    __call__ = value

    def on(self):
        """Set the level to 1."""
        self.value(1)

    def off(self):
        """Set the level to 0."""
        self.value(0)

    high = on
    low = off

    def toggle(self):
        """Change the level."""
        self.value(not self._level)

    def irq(self, handler=None, trigger=IRQ_FALLING | IRQ_RISING, *, hard=False):
        """Have `handler(pin)` scheduled on an edge; edges are seen by any use of this module."""
        self._handler = handler
        self._trigger = trigger
        if handler is None:
            _host.handlers.pop(self._gpio, None)
        else:
            _host.handlers[self._gpio] = self

    def changed(self, level):
        """The rig has changed the level of this input."""
        if self._trigger & (self.IRQ_RISING if level else self.IRQ_FALLING):
            micropython.schedule(self._handler, self)


class UART(io.IOBase):
    """machine.UART. Nothing is lost here: see `overruns`.

    `overruns` counts the bytes that came when rxbuf was full. A board would have lost them; here
    they wait in the socket, since on this rig they mean that the PC was busy, and a loss would
    depend on the weather. Losses are for the simulator's faults and for the emulated Pico.
    """

    def __init__(self, id, baudrate=115200, **options):
        if id not in _uart_files:
            raise ValueError("UART({}) doesn't exist".format(id))
        self._id = id
        self._file = _uart_files[id]
        self._readable = _waiter(self._file)
        self._rxbuf = 256  # defaults as on rp2
        self._txbuf = 256
        self._timeout_ms = 0
        self.overruns = 0
        self.init(baudrate, **options)

    def __repr__(self):
        return "UART({}, baudrate={}, txbuf={}, rxbuf={}, timeout={})".format(
            self._id, self.baudrate, self._txbuf, self._rxbuf, self._timeout_ms
        )

    def init(
        self, baudrate=None, bits=8, parity=None, stop=1, *, tx=None, rx=None, rts=None, cts=None,
        txbuf=None, rxbuf=None, timeout=None, timeout_char=None, invert=0, flow=0,
    ):  # fmt: skip
        """As machine.UART.init(). As on rp2, what was received before is gone."""
        if (bits, parity, stop) != (8, None, 1):
            raise ValueError("the rig's module is wired for 8N1")
        self.baudrate = baudrate or self.baudrate
        self._rxbuf = rxbuf or self._rxbuf
        self._txbuf = txbuf or self._txbuf
        self._timeout_ms = self._timeout_ms if timeout is None else timeout
        self._ring = micropython.RingIO(self._rxbuf)
        self._stage = bytearray(self._rxbuf)
        self._held_at = self._held = 0  # the part of _stage that had no room in the ring
        self._line_free_us = time.ticks_us()  # when the last byte written will have left
        while self._file.readinto(self._stage):
            pass
        _host.tell(_BAUD, self._id, self.baudrate)

    def deinit(self):
        """As machine.UART.deinit()."""

    # Receiving

    def _pump(self):
        """Move what has come to the ring, as far as it has room."""
        while True:
            if not self._held:
                got = self._file.readinto(self._stage)
                if not got:
                    return
                self._held_at, self._held = 0, got
                self.overruns += max(got - (self._rxbuf - self._ring.any()), 0)
            n = min(self._held, self._rxbuf - self._ring.any())
            if not n:
                return
            self._ring.write(self._stage, self._held_at, n)
            self._held_at += n
            self._held -= n

    def any(self):
        """The number of bytes that can be read without waiting."""
        self._pump()
        return self._ring.any()

    def _wait_readable(self):
        """True when there is something; waits no longer than `timeout`."""
        if self.any():
            return True
        start = time.ticks_ms()
        left = self._timeout_ms
        while left > 0:
            for _ in self._readable.ipoll(left):
                pass
            if self.any():
                return True
            left = self._timeout_ms - time.ticks_diff(time.ticks_ms(), start)
        return False

    def read(self, n=-1):
        """Up to `n` bytes, or None if there are none in time."""
        if not self._wait_readable():
            return None
        return self._ring.read(self._ring.any() if n is None or n < 0 else n)

    def readinto(self, buf, n=-1):
        """Fill `buf`, or its first `n` bytes, with what is there; the count, or None."""
        if not self._wait_readable():
            return None
        return self._ring.readinto(buf) if n < 0 else self._ring.readinto(buf, n)

    def readline(self):
        """What is there up to a line feed, or None."""
        return self._ring.readline() if self._wait_readable() else None

    # Sending

    def _unsent(self):
        """Bytes that are still to leave at the baud rate."""
        if not _paced:
            return 0
        us = time.ticks_diff(self._line_free_us, time.ticks_us())
        return 0 if us <= 0 else 1 + us * self.baudrate // (_BITS_PER_BYTE * 1_000_000)

    def _room(self):
        return self._txbuf + _TX_FIFO_BYTES - self._unsent()

    def write(self, buf, off=None, n=None):
        """write(buf), write(buf, n) or write(buf, off, n): the count taken, or None if none was.

        As on rp2: when txbuf is full, waits `timeout` for each byte, then returns short.
        """
        size = len(buf)
        if n is None:
            off, n = 0, size if off is None else off
        n = min(n, size - off)
        sent = 0
        start = time.ticks_ms()
        while sent < n:
            taken = self._send(buf, off + sent, min(n - sent, self._room()))
            if taken:
                sent += taken
                if not _paced and not self._timeout_ms:
                    break  # without a rate nothing drains txbuf meanwhile: one txbuf a call
                start = time.ticks_ms()
            elif time.ticks_diff(time.ticks_ms(), start) >= self._timeout_ms:
                break
        return sent if sent or not n else None

    def _send(self, buf, off, n):
        taken = self._file.write(buf, off, n) if n > 0 else None
        if not taken:
            return 0
        now = time.ticks_us()
        if time.ticks_diff(self._line_free_us, now) < 0:
            self._line_free_us = now
        line_us = -(-taken * _BITS_PER_BYTE * 1_000_000 // self.baudrate)
        self._line_free_us = time.ticks_add(self._line_free_us, line_us)
        return taken

    def txdone(self):
        """True when the last byte has left."""
        return self._unsent() == 0

    def flush(self):
        """Wait until the last byte has left."""
        while not self.txdone():
            idle()

    def ioctl(self, request, arg):
        """For select.poll and asyncio."""
        if request == _POLL:
            ready = select.POLLIN if self.any() else 0
            if self._room() > 0:
                ready |= select.POLLOUT
            return ready & arg
        if request == _FLUSH:
            self.flush()
            return 0
        return 0 if request == _CLOSE else -_EINVAL


class RTC:
    """A clock of its own, so that setting it leaves the PC's alone. Starts at the PC's time."""

    _ahead_s = 0

    def datetime(self, new=None):
        """(year, month, day, weekday, hour, minute, second, subsecond), or set it."""
        if new is not None:
            year, month, day, _, hour, minute, second, _ = new
            wanted = time.mktime((year, month, day, hour, minute, second, 0, 0))
            RTC._ahead_s = wanted - time.time()
            return None
        t = time.localtime(time.time() + RTC._ahead_s)
        return (t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0)


def idle():
    """Wait for a byte or a pin, 1 ms at most, as a board whose tick interrupt wakes it."""
    for _ in _wakers.ipoll(1):
        pass
    _host.pump()


def lightsleep(time_ms=None):
    """Sleep; without a time, until a pin changes."""
    if time_ms is not None:
        time.sleep_ms(time_ms)
        return
    for _ in _host.waiting.ipoll():
        pass
    _host.pump()


def deepsleep(time_ms=0):
    """Sleep, then start anew."""
    time.sleep_ms(time_ms)
    reset()


def reset():
    """Start anew, as by the reset button."""
    restart(_HARD_RESET)


def soft_reset():
    """Start the interpreter anew."""
    restart(SOFT_RESET)


def reset_cause():
    """Always PWRON_RESET."""
    return PWRON_RESET


def freq():
    """0: the VM has no clock frequency."""
    return 0


def unique_id():
    """The same for every virtual board."""
    return b"bg95-vm"
