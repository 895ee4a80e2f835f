"""SSLSocket: a MicroPython stream over one client ID of the module, in any of the three access modes.

Bytes to send gather in a buffer and leave as one AT+QSSLSEND: on flush(), before a read that has to wait, when the
buffer is full, or `flush_ms` after the last write. Bytes received are fetched 1500 at a time and handed out from a
ring. Both buffers come from the modem's pool.

Hot path: readinto, recv_into, write, send and flush allocate nothing on a blocking socket.
"""

from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from . import at as _at
from .at import within
from .connection import (
    BUFFER,
    DIRECT_PUSH,
    ENDED,
    ENDING,
    FAILED,
    OPEN,
    RECEIVING,
    SENDING,
    SPARE,
    TRANSPARENT,
)
from .errors import (
    EBADF,
    EINVAL,
    EMSGSIZE,
    ENOBUFS,
    DisconnectedError,
    ModemError,
    TimeoutError,
)
from .job import Job
from .limits import (
    ASK_MS,
    BYTES,
    CLOSE_S,
    LONGEST_MS,
    PROMPT_MS,
    RECV_MAX,
    RETRY_MS,
    SEND_MAX,
    SEND_MS,
    SEND_OK_MS,
    milliseconds,
    ranged,
    typed,
)
from .network import pause
from .transparent import Transparent

_MP_STREAM_POLL = const(3)
_MP_STREAM_CLOSE = const(4)
_POLL_RD = const(1)
_POLL_WR = const(4)
_POLL_ERR = const(8)
_POLL_HUP = const(16)
_POLL_NVAL = const(32)


def _within(buf, n):
    """n, or len(buf) where n is less than 0 or more."""
    size = len(buf)
    return n if 0 <= n <= size else size


class SSLSocket(Transparent):
    """One TLS or DTLS connection; made by SSLContext.connect().

    `client_id` is its number on the module (0-11). Streams behave as MicroPython's own: read() and readinto() wait
    for all they are asked for, recv() for what there is; the end of the stream is b"" or 0; a non-blocking socket
    gives None where it would wait. With a timeout, TimeoutError (ETIMEDOUT) where nothing came in that time.
    Over DTLS one write is one datagram, and each read returns (what fits of) one.

    `flush_ms` is how long a small write waits for company (default 20; 0: until flush(), a read or a full buffer).
    """

    def __init__(self, modem, context, client_id, mode, buffers):
        super().__init__(modem, context, client_id, mode, buffers)
        self._chunks = modem._chunks
        self._timeout_ms = -1  # -1 for ever, 0 not at all
        self._excess = 0  # bytes of a datagram that its reader had no room for

    # -- waiting -----------------------------------------------------------------------------------

    def _ready(self):
        """Bytes that can be handed out now."""
        if self._unsure and self._op != RECEIVING and self._state != FAILED:
            f = self._at.framer
            # Bytes that were lost on the way out may have made an answer to something else of what comes meanwhile.
            if self._at.asked is not self and (not f.left or f.sink is not self):
                self._unsure = 0  # the pushed chunk is whole
        return self._rx.any() - self._unsure

    def _wait_ready(self):
        """Wait as settimeout() says; how many bytes can be read, 0 at the end of the stream, -1 nothing yet."""
        n = self._ready()
        if n:
            return n
        start = ticks_ms()
        while True:
            if self._w and self._src is None:
                self._push()  # what was asked has to leave before an answer can come
            self._modem.poll()
            n = self._ready()
            if n:
                return n
            if self._state == ENDED:
                return 0
            if self._state >= FAILED:
                self._raise()
            self._ask_again()
            if self._timeout_ms == 0:
                return -1
            if self._timeout_ms > 0 and ticks_diff(ticks_ms(), start) >= self._timeout_ms:
                raise TimeoutError("nothing received in %d ms" % self._timeout_ms)
            self._modem.rest(self)

    def _ask_again(self):
        """Who wants to read asks by itself once a second: modules lose recv URCs (field notes 3.2)."""
        if self._mode == BUFFER and ticks_diff(ticks_ms(), self._asked_at) >= ASK_MS:
            self._hint = True
            self._asked_at = ticks_ms()

    def _wait_sent(self):
        """Wait until nothing is being sent. False where a non-blocking socket would wait."""
        start = ticks_ms()
        while self._src is not None:
            self._modem.poll()
            # First what became of the data, then how the connection fares: one poll may take in SEND OK and "closed",
            # and after "closed" the SEND OK may still be on its way.
            if self._src is None and self._state < FAILED:
                return True
            if self._state >= FAILED or (self._state != OPEN and self._op != SENDING):
                self._raise()
            if self._timeout_ms == 0:
                return False
            if self._timeout_ms > 0 and ticks_diff(ticks_ms(), start) >= self._timeout_ms:
                if self._src is not self._tx:
                    self._let_go()
                raise TimeoutError("the module took no data in %d ms" % self._timeout_ms)
            self._modem.rest(self)
        if self._state != OPEN:
            self._raise()
        return True

    def _let_go(self):
        """Send from the caller's buffer no more: it is his again. What was gathered leaves later, as it always does."""
        at = self._at
        if self._op == SENDING:
            # The module was promised these bytes.
            off = self._src_off
            self._w = self._src_n
            self._tx[: self._w] = memoryview(self._src)[off : off + self._w]  # pyright: ignore[reportArgumentType]
            if at._out is self._src:
                at._out = self._tx
                at._off -= off
                at._end -= off
            at._data = self._src = self._tx
            at._data_off = self._src_off = self._sent = 0
            return
        if at._out is self._src:
            at._out = None  # in transparent mode
        self._src = None

    # -- reading -------------------------------------------------------------------------------------

    def _take(self, buf, off, n):
        """Move n bytes from the ring to buf[off:off+n]; no allocation, so no slices are made."""
        if not off:
            self._rx.readinto(buf, n)
            return
        for chunk in self._chunks:  # 256, 64, 16, 4, 1 bytes
            size = len(chunk)
            while n >= size:
                self._rx.readinto(chunk, size)
                buf[off : off + size] = chunk
                off += size
                n -= size

    def _next(self, want):
        """Wait for something to read; how many bytes of `want` to take now: 0 at the end, -1 nothing yet."""
        n = self._wait_ready()
        if n > 0 and self._datagrams:
            header = self._buffers.header
            self._rx.readinto(header)
            n = header[0] << 8 | header[1]
            self._excess = n - want
        return want if n > want else n

    def _drop_excess(self):
        """What of a datagram did not fit is lost, as with any datagram socket."""
        while self._excess > 0:
            n = self._excess if self._excess < len(self._chunks[0]) else len(self._chunks[0])
            self._rx.readinto(self._chunks[0], n)
            self._excess -= n

    def recv_into(self, buf, nbytes=0):
        """Read what there is, up to `nbytes` or len(buf), at least one byte; waits for it. Returns the count.

        0 at the end of the stream, None where a non-blocking socket has nothing. No allocation.
        """
        self._modem.inside += 1
        try:
            return self._recv_into(buf, nbytes)
        finally:
            self._modem.inside -= 1

    def _recv_into(self, buf, nbytes):
        self._check_open()
        want = _within(buf, nbytes or -1)
        n = self._next(want) if want else 0
        if n > 0:
            self._take(buf, 0, n)
            self._drop_excess()
        return n if n >= 0 else None

    def readinto(self, buf, nbytes=-1):
        """Fill buf (or its first `nbytes`), waiting for all of it. Returns the count; short only at the end of the
        stream, on a timeout, or without blocking. None where a non-blocking socket has nothing. No allocation.
        """
        want = _within(buf, nbytes)
        if self._datagrams:
            return self.recv_into(buf, want)
        self._modem.inside += 1
        try:
            return self._readinto(buf, want)
        finally:
            self._modem.inside -= 1

    def _readinto(self, buf, want):
        self._check_open()
        done = 0
        while done < want:
            if done and self._timeout_ms == 0:
                n = self._ready()
            else:
                n = self._wait_ready()
            if n <= 0:
                if not done and n < 0:
                    return None
                break
            if n > want - done:
                n = want - done
            self._take(buf, done, n)
            done += n
        return done

    def read(self, n=-1):
        """Read n bytes, or all up to the end of the stream. Returns bytes; see readinto(). Allocates the result."""
        ranged("n", n, -1, LONGEST_MS)
        if self._datagrams:
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
        ranged("n", n, 0, LONGEST_MS)
        self._modem.inside += 1
        try:
            return self._recv(n)
        finally:
            self._modem.inside -= 1

    def _recv(self, n):
        self._check_open()
        got = self._next(n) if n else 0
        if got < 0:
            return None
        buf = bytearray(got)
        if got:
            self._take(buf, 0, got)
            self._drop_excess()
        return bytes(buf)

    def readline(self, n=-1):
        """Read up to and with the next LF (or n bytes). Allocates the result."""
        ranged("n", n, -1, LONGEST_MS)
        out = bytearray()
        one = self._chunks[-1]
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

    # -- writing -------------------------------------------------------------------------------------

    def write(self, buf, off=None, n=None):
        """Send buf, or as MicroPython's streams do buf[:off] / buf[off:off+n]. Returns how many bytes were taken.

        A blocking socket takes all. Small writes are gathered: see flush() and `flush_ms`. What does not fit is
        sent straight from `buf`. A non-blocking socket takes what fits, None where nothing does. A str is sent as
        UTF-8. No allocation on a blocking socket, but for a str.
        """
        if isinstance(buf, str):
            buf = buf.encode()
        if n is None:
            n = len(buf) if off is None else off
            off = 0
        off = off or 0
        if not 0 <= n <= len(buf) - off:
            n = max(0, len(buf) - off)
        self._modem.inside += 1
        try:
            return self._write(buf, off, n)
        finally:
            self._modem.inside -= 1

    def _write(self, buf, off, n):
        self._check_open()
        if self._w and self.flush_ms and ticks_diff(ticks_ms(), self._wrote_at) >= self.flush_ms:
            self._modem.poll()  # sends what has waited long enough, in case nobody has polled since
        if self._state != OPEN:
            self._raise()
        if self._datagrams:
            return self._write_datagram(buf, off, n)
        if self._gather(buf, off, n):
            return n
        if self._timeout_ms == 0:
            return self._write_some(buf, off, n)
        self._flush()
        if self._state != OPEN:
            self._raise()
        if self._gather(buf, off, n):
            return n
        typed("buf", buf, BYTES, "bytes")  # the UART would refuse it half way
        done = 0
        while done < n:
            self._src = buf
            self._src_off = off + done
            self._src_n = n - done if n - done < SEND_MAX else SEND_MAX
            done += self._src_n
            self._wait_sent()
        return n

    def _write_datagram(self, buf, off, n):
        if n > SEND_MAX:
            raise ModemError("a datagram is at most %d bytes" % SEND_MAX, errno=EMSGSIZE)
        if not n:
            return 0  # the module sends no empty ones
        if not self._wait_sent():
            return None
        if self._state != OPEN:
            self._raise()
        if self._timeout_ms == 0:
            self._gather(memoryview(buf)[off : off + n], 0, n)
            self._push()
        else:
            self._src = buf
            self._src_off = off
            self._src_n = n
            self._wait_sent()
        return n

    def send_text(self, text):
        """Send up to 1460 bytes as a variable-length AT+QSSLSEND, which Ctrl-Z ends (SSL 2.3.3). For a UART that
        loses bytes this is the way that cannot leave the module waiting. Blocks until SEND OK; allocates.

        Raises ValueError where `text` holds Ctrl-Z or ESC (they would end or cancel it): use write().
        """
        data = text.encode() if isinstance(text, str) else bytes(typed("text", text, BYTES, "str"))
        if not 0 < len(data) <= SEND_MAX or b"\x1a" in data or b"\x1b" in data:
            raise ValueError("text: 1 to %d bytes without Ctrl-Z and ESC" % SEND_MAX)
        self._check_open()
        return self._modem.run(self._send_text(data))

    def _send_text(self, data):
        at = self._at
        command = b"AT+QSSLSEND=%d" % self.client_id
        start = ticks_ms()
        ms = self._patience()
        yield from self._drain(ms)
        while True:
            yield from within(ms, at.claim())
            yield from at.start(command, PROMPT_MS)
            at.framer.prompt = 62
            yield from at.wait()
            at.check(command)
            at.resume(ms if ms < SEND_OK_MS else SEND_OK_MS)
            at.send(data + b"\x1a", 0, len(data) + 1)
            yield from at.wait()
            if at.result != _at.SEND_FAIL or ticks_diff(ticks_ms(), start) >= ms:
                break
            yield from pause(RETRY_MS)
        at.check(command)
        self._asked_at = ticks_ms()

    def _gather(self, buf, off, n):
        """Append buf[off:off+n] to the send buffer; False where it does not fit or would need a slice."""
        w = self._w
        if n > SEND_MAX - w or (self._src is not None and self._src is not self._tx):
            return False
        size = len(buf)
        if off or w + size > SEND_MAX + SPARE:
            if n > 32:
                return False
            for i in range(n):
                self._tx[w + i] = buf[off + i]
        else:
            self._tx[w : w + size] = buf  # all of it: only the first n bytes count
        self._w = w + n
        self._wrote_at = ticks_ms()
        if self._w == SEND_MAX and self._src is None:
            self._push()
        return True

    def _write_some(self, buf, off, n):
        """Non-blocking: take what fits now. Allocates a view where it takes only a part."""
        if self._src is None and self._w and n > SEND_MAX - self._w:
            self._push()
        self._modem.poll()
        if self._state != OPEN:
            self._raise()
        n = min(n, SEND_MAX - self._w)
        if not n or not self._gather(memoryview(buf)[off : off + n], 0, n):
            return None
        return n

    def _flush(self):
        if not self._wait_sent():
            return False
        if self._w:
            self._push()
            return self._wait_sent()
        return True

    def flush(self):
        """Send what was gathered and wait until the module has taken it (SEND OK). No allocation."""
        self._check_open()
        if self._w or (self._state != ENDING and self._state != ENDED):
            self._modem.inside += 1
            try:
                self._flush()
            finally:
                self._modem.inside -= 1

    def send(self, buf):
        """Write what can be written; returns the count. As write()."""
        return self.write(buf)

    def sendall(self, buf):
        """Write all of buf and flush. ENOBUFS where a non-blocking socket has not room for all of it."""
        if isinstance(buf, str):
            buf = buf.encode()
        if self.write(buf) != len(buf):
            raise ModemError(
                "only a part was written; without blocking, use write()", errno=ENOBUFS
            )
        self.flush()

    # -- the rest of a socket ------------------------------------------------------------------------

    def _check_open(self):
        self.touched_at = ticks_ms()
        if self.is_closing:
            raise DisconnectedError("the socket is closed", errno=EBADF)

    def settimeout(self, seconds):
        """None: wait for ever; 0: never wait; else seconds (int or float) for each read or write."""
        self._timeout_ms = milliseconds(seconds)

    def setblocking(self, flag):
        """setblocking(True) is settimeout(None), setblocking(False) is settimeout(0)."""
        self._timeout_ms = -1 if flag else 0

    def makefile(self, mode="rb", buffering=0):
        """The socket is a stream already: returns itself."""
        return self

    def fileno(self):
        """The client ID: there is no file descriptor behind this socket."""
        return self.client_id

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ioctl(self, request, arg):
        """For select.poll and asyncio. No allocation."""
        if request == _MP_STREAM_POLL:
            self._modem.inside += 1
            try:
                return self._poll(arg)
            finally:
                self._modem.inside -= 1
        if request == _MP_STREAM_CLOSE:
            self.close()
            return 0
        return -EINVAL

    def _poll(self, events):
        self.touched_at = ticks_ms()
        self._modem.poll()
        if self.is_closing:
            return _POLL_NVAL
        ready = 0
        if self._w and self._src is None and events & _POLL_RD and not self._ready():
            self._push()
        if self._ready() or self._state >= ENDED:
            ready |= events & _POLL_RD
        elif events & _POLL_RD:
            self._ask_again()
        if self._state != OPEN or (
            self._w < SEND_MAX and not (self._datagrams and self._src is not None)
        ):
            ready |= events & _POLL_WR  # also where write() would raise at once
        if self._state >= ENDED:
            ready |= _POLL_HUP if self._state == ENDED else _POLL_ERR
        return ready

    def pending(self):
        """AT+QSSLRECV=<id>,0 (SSL 2.3.4): (total, read, unread) bytes on the module's side. Blocks, allocates."""
        self._check_open()
        return self._modem.run(self._pending())

    def _pending(self):
        command = b"AT+QSSLRECV=%d,0" % self.client_id
        return tuple((yield from self._at.ask(command)))

    @property
    def mode(self):
        """Access mode: BUFFER, DIRECT_PUSH or TRANSPARENT. Assigning switches it while open (AT+QISWTMD)."""
        return self._mode

    @mode.setter
    def mode(self, mode):
        ranged("mode", mode, BUFFER, TRANSPARENT)
        self._check_open()
        self._modem.run(self._switch(mode))

    def _switch(self, mode):
        """Flow: change the access mode (SSL 1.4; TCP/IP 2.1.11)."""
        yield  # Modem.rest() refuses where the answer could not come
        yield from self._drain(self._patience())
        if mode != TRANSPARENT:
            yield from self._leave_raw()
        if self._mode == mode:
            return
        command = b"AT+QISWTMD=%d,%d" % (self.client_id, mode)
        if mode == TRANSPARENT and self._modem.sockets.paused is self:
            command = b"ATO"  # SSL 1.4: resumes the connection that left transparent mode last
        yield from self._at.start(command, connects=self if mode == TRANSPARENT else None)
        was = self._mode
        if mode == DIRECT_PUSH:
            self._mode = mode  # what the module holds may be pushed in front of the OK
        yield from self._at.wait()
        if self._at.result == _at.NO_CARRIER:  # ATO resumes nothing on some modules (field notes 1)
            self._modem.sockets.paused = None
            yield from self._switch(mode)
            return
        if self._at.result not in (_at.OK, _at.CONNECT):
            self._mode = was
        self._at.check(command)
        self._mode = mode
        self._hint = mode == BUFFER

    def _patience(self):
        return self._timeout_ms if self._timeout_ms > 0 else SEND_MS

    def _drain(self, ms):
        """Flow: let what was written leave, for at most `ms`."""
        deadline = ticks_add(ticks_ms(), ms)
        while self._w or self._src is not None:
            if self._state != OPEN:
                return
            if self._src is None:
                self._push()
            if ticks_diff(ticks_ms(), deadline) >= 0:
                raise TimeoutError("the module took no data in %d ms" % ms)
            yield

    def close(self):
        """Send what was gathered, close the connection (AT+QSSLCLOSE) and free the client ID. Blocks up to 10 s for
        each, or for the socket's timeout in all; poll() goes on with the rest, and does all of it for a non-blocking
        socket and while another has the port (transparent mode).
        Closing twice is harmless. No error: what is closed cannot
        fail any more. What a peer does not take in 10 s is lost, so flush() first where that matters.
        """
        if self.is_closing:
            return None
        self.is_closing = True
        job = Job(self._modem, self._close())
        owner = self._at.raw_owner
        if self._timeout_ms == 0 or (owner is not None and owner is not self):
            return None
        try:
            ms = self._timeout_ms
            return self._modem.run(job.ended(ms if ms > 0 else 2 * CLOSE_S * 1000))
        except ModemError:
            return None  # pushed data of another socket is in the way: poll() goes on

    def _close(self):
        """Flow of close()."""
        try:
            if self._state == OPEN:
                yield from self._drain(CLOSE_S * 1000)
        except TimeoutError:
            pass
        yield from self._modem.sockets.close(self)
