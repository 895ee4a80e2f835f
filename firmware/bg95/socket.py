"""SSLSocket: a MicroPython stream over one client ID of the module, in any of the three access modes.

Bytes to send gather in a buffer and leave as one AT+QSSLSEND: on flush(), before a read that has to wait, when the
buffer is full, or `flush_ms` after the last write. Bytes received are fetched 1500 at a time and handed out from a
ring. Both buffers come from the modem's pool.

The hot calls are the Connection's own methods, bound to the socket when it is made: a class with a property (`mode`)
would make every attribute store of theirs search its bases.
"""

import io

from micropython import const

from . import visit
from .connection import RECV_MAX
from .errors import ENOBUFS, PARTLY, ModemError

_LONGEST_S = const(536870)  # what ticks_diff() of any port can tell from a time gone by


def _check(n, low):
    """A number of bytes that can be asked for. Raises ValueError."""
    if type(n) is not int or not low <= n <= _LONGEST_S * 1000:
        visit.load("limits").ranged("n", n, low, _LONGEST_S * 1000)


class SSLSocket(io.IOBase):
    """One TLS or DTLS connection; made by SSLContext.connect().

    `client_id` is its number on the module (0-11). Streams behave as MicroPython's own: read() and readinto() wait
    for all they are asked for, recv() for what there is; the end of the stream is b"" or 0; a non-blocking socket
    gives None where it would wait. With a timeout, TimeoutError (ETIMEDOUT) where nothing came in that time.
    Over DTLS one write is one datagram, and each read returns (what fits of) one.

    readinto(buf, nbytes=-1): fill buf (or its first `nbytes`), waiting for all of it. Returns the count; short only at
    the end of the stream, on a timeout, or without blocking. None where a non-blocking socket has nothing.
    recv_into(buf, nbytes=0): read what there is, up to `nbytes` or len(buf), at least one byte; waits for it. Returns
    the count: 0 at the end of the stream, None where a non-blocking socket has nothing.
    write(buf, off, n), send(buf): send buf, or as MicroPython's streams do buf[:off] / buf[off:off+n]. Returns how many
    bytes were taken. A blocking socket takes all. Small writes are gathered: see flush() and `flush_ms`. What does not
    fit is sent straight from `buf`. A non-blocking socket takes what fits, None where nothing does. A str is sent as
    UTF-8.
    flush(): send what was gathered and wait until the module has taken it (SEND OK).
    ioctl(request, arg): for select.poll and asyncio.
    None of these allocates on a blocking socket, but for a str.
    """

    def __init__(self, connection):
        self._c = connection
        if connection.owner is None:
            connection.owner = self
        self.client_id = connection.client_id
        self.context = connection.context
        self.readinto = connection.readinto
        self.recv_into = connection.recv_into
        self.write = self.send = connection.write
        self.flush = connection.flush
        self.ioctl = connection.ioctl

    def __getattr__(self, name):
        """What is rarely called: pending, send_text, makefile ... (visitors/socket.py)."""
        return visit.method("socket", self, name, self._c.modem)

    def __del__(self):
        """CPython's io.IOBase would close() here: talk to the module from wherever garbage is collected."""

    def __repr__(self):
        return "<SSLSocket %d mode=%d state=%d>" % (self.client_id, self._c.mode, self._c.state)

    def read(self, n=-1):
        """Read n bytes, or all up to the end of the stream. Returns bytes; see readinto(). Allocates the result."""
        _check(n, -1)
        if self._c.datagrams:
            return self.recv(n if n >= 0 else RECV_MAX)
        if n < 0:
            return self._read_all()
        buf = bytearray(n)
        got = self.readinto(buf)
        if got is None:
            return None
        return bytes(buf) if got == n else bytes(memoryview(buf)[:got])

    def _read_all(self):
        out = b""
        while True:
            piece = self.recv(RECV_MAX)
            if piece is None:
                return out or None
            if not piece:
                return out
            out += piece

    def recv(self, n):
        """Read at least one and up to n bytes; b"" at the end of the stream. Allocates the result."""
        c = self._c
        _check(n, 0)
        c.begin()
        got = c.next(n) if n else 0
        if got >= 0:
            buf = bytearray(got)
            if got:
                c.take(buf, 0, got)
                c.drop_excess()
        c.modem.inside -= 1
        return bytes(buf) if got >= 0 else None

    def readline(self, n=-1):
        """Read up to and with the next LF (or n bytes). Allocates the result."""
        _check(n, -1)
        out = bytearray()
        one = self._c.modem.chunks[-1]
        while n < 0 or len(out) < n:
            got = self.recv_into(one)
            if not got:
                if got is None and not out:
                    return None
                break
            out.append(one[0])
            if one[0] == 10:
                break
        return bytes(out)

    def sendall(self, buf):
        """Write all of buf and flush. ENOBUFS where a non-blocking socket has not room for all of it."""
        if isinstance(buf, str):
            buf = buf.encode()
        if self.write(buf) != len(buf):
            raise ModemError(PARTLY, errno=ENOBUFS)
        self.flush()

    def settimeout(self, seconds):
        """None: wait for ever; 0: never wait; else seconds (int or float) for each read or write."""
        if type(seconds) in (int, float) and 0 <= seconds <= _LONGEST_S:
            self._c.timeout_ms = int(seconds * 1000)
        else:
            self._c.timeout_ms = visit.load("limits").milliseconds(seconds)
            visit.leave(self._c.modem)

    def setblocking(self, flag):
        """setblocking(True) is settimeout(None), setblocking(False) is settimeout(0)."""
        self._c.timeout_ms = -1 if flag else 0

    @property
    def mode(self):
        """Access mode: BUFFER, DIRECT_PUSH or TRANSPARENT. Assigning switches it while open (AT+QISWTMD). Blocks."""
        return self._c.mode

    @mode.setter
    def mode(self, mode):
        self.switch(mode)

    @property
    def flush_ms(self):
        """How long a small write waits for company (default 20; 0: until flush(), a read or a full buffer)."""
        return self._c.flush_ms

    @flush_ms.setter
    def flush_ms(self, ms):
        self._c.flush_ms = ms

    def close(self):
        """Send what was gathered, close the connection (AT+QSSLCLOSE) and free the client ID. Blocks up to 10 s for
        each, or for the socket's timeout in all; poll() goes on with the rest, and does all of it for a non-blocking
        socket and while another has the port (transparent mode).
        Closing twice is harmless. No error: what is closed cannot fail any more. What a peer does not take in 10 s is
        lost, so flush() first where that matters.
        """
        if not self._c.is_closing:
            self.shut()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
