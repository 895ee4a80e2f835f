"""SSLSocket: a MicroPython stream over one client ID of the module, in any of the three access modes.

Bytes to send gather in a buffer and leave as one AT+QSSLSEND: on flush(), before a read that has to wait, when the
buffer is full, or after `FLUSH_MS` without another write. Bytes received are fetched 1500 at a time and handed out
from a ring. Both buffers come from the modem's pool.

`+QSSLURC: "recv"` is a hint, not the truth (TCP/IP 2.3.8; field notes 3.2): after it the socket reads until the
module says that its buffer is empty, and a waiting reader asks again every `ASK_MS`, since modules lose that URC.

Hot path: readinto, recv_into, write, send, flush and the work poll() does for a socket allocate nothing.
"""

import io
from time import ticks_add, ticks_diff, ticks_ms

from micropython import RingIO, const

from . import at as _at
from .errors import (
    ECONNRESET,
    EINVAL,
    EIO,
    ENOBUFS,
    ENOTCONN,
    ETIMEDOUT,
    DisconnectedError,
    ModemError,
    TimeoutError,
)
from .limits import (
    ANSWER_MS,
    ASK_MS,
    ESCAPE_MS,
    FLUSH_MS,
    GUARD_MS,
    PLUS_MS,
    PROMPT_MS,
    RECV_MAX,
    RETRY_MS,
    SEND_MAX,
    SEND_MS,
    TAIL_MS,
    ranged,
)

BUFFER = const(0)  # SSL 1.4: <access_mode>
DIRECT_PUSH = const(1)
TRANSPARENT = const(2)

# State of the connection
_OPENING = const(0)
_OPEN = const(1)
_ENDING = const(2)  # the peer closed; the module may still hold data
_ENDED = const(3)  # all data was read out: end of stream
_FAILED = const(4)  # self._errno says why
_CLOSED = const(5)  # close() was called

# What the AT engine does for this socket
_IDLE = const(0)
_RECEIVING = const(1)
_PROMPTING = const(2)
_RESUMING = const(3)
_DATAGRAM = const(2)  # bytes of the length in front of a datagram in the ring

_SPARE = const(
    64
)  # behind the send buffer, so that a short write from a longer buffer can be stored whole

# Ways out of transparent mode
_GUARD = const(1)
_ESCAPING = const(2)
_CARRIER_BYTES = const(14)  # CR LF NO CARRIER CR LF

_RECV_PREFIX = b"+QSSLRECV: "

_MP_STREAM_POLL = const(3)
_MP_STREAM_CLOSE = const(4)
_POLL_RD = const(1)
_POLL_WR = const(4)
_POLL_ERR = const(8)
_POLL_HUP = const(16)


class Buffers:
    """What one open socket needs: SEND_MAX + 64 bytes to send, a ring of RECV_MAX received bytes."""

    def __init__(self):
        self.tx = bytearray(SEND_MAX + _SPARE)
        self.rx = RingIO(RECV_MAX + _DATAGRAM + 1)
        self.users = 0


class SSLSocket(io.IOBase):
    """One TLS (or DTLS) connection; made by SSLContext.connect().

    `client_id` is its number on the module (0-11). Streams behave as MicroPython's own: read() and readinto() wait
    for all they are asked for, recv() for what there is; end of stream is b"" or 0; a non-blocking socket gives
    None where it would wait. With a timeout, TimeoutError (ETIMEDOUT) where nothing came in that time.
    """

    def __init__(self, modem, context, client_id, mode, buffers):
        self._modem = modem
        self._at = modem._at
        self.context = context
        self.client_id = client_id
        self._mode = mode
        self._tx = buffers.tx
        self._rx = buffers.rx
        self._buffers = buffers
        while self._rx.any():
            self._rx.read(self._rx.any())
        self._chunks = modem._chunks
        self._state = _OPENING
        self._errno = 0
        self._why = ""
        self.open_error = -1  # of +QSSLOPEN
        # Receiving
        self._unsure = 0  # newest bytes in the ring that their answer has not confirmed yet
        self._hint = False  # the module may hold data
        self._asked_at = 0  # when it was asked last
        self._tail = 0  # CR and LF between payload and OK, learnt from the first answer
        # Sending: the buffer being filled, and what is being sent (from it, or from the caller's own)
        self._w = 0
        self._wrote_at = 0
        self._src = None
        self._src_off = 0
        self._src_n = 0
        self._retry_at = 0
        self._retry = False
        self._op = _IDLE
        self.flush_ms = FLUSH_MS  # how long a small write waits for company; 0: only flush(), a read or a full buffer
        # Transparent mode
        self._pluses = -1  # "+" sent since a silence and nothing else; -1: something else
        self._held = 0  # bytes the framer held back when looked at last, and since when
        self._held_at = 0
        self._leaving = 0  # 0 no, _GUARD waits for silence, _ESCAPING waits for the module's OK
        self._leaving_at = 0
        self._in_doubt = (
            False  # leaving only to learn whether NO CARRIER was the module's word; comes back
        )
        # Blocking
        self._timeout_ms = -1  # -1 for ever, 0 not at all
        self.setblocking(True)

    def __repr__(self):
        return "<SSLSocket %d mode=%d state=%d>" % (self.client_id, self._mode, self._state)

    # -- sink of the framer ------------------------------------------------------------------------

    def room(self):
        return RECV_MAX - self._rx.any()

    def put(self, buf, off, n):
        self._rx.write(buf, off, n)
        if self._at.raw_owner is None:
            self._unsure += n

    def _cut(self):
        """Payload broke off: what came of it cannot be trusted, so it is not handed out."""
        self._fail(
            EIO, "the UART lost bytes or the module restarted in the middle of received data"
        )

    # -- told by URCs --------------------------------------------------------------------------------

    def _on_open(self, err):
        self.open_error = err

    def _on_recv(self, n):
        """n: bytes that follow in direct push mode; a number some firmware adds in buffer mode (field notes 1)."""
        self._unsure = 0  # the chunk before this one is whole, or its line would not have been one
        if self._mode == DIRECT_PUSH and n:
            self._at.expect(n, self)
        else:
            self._hint = True

    def _on_closed(self):
        if self._state == _OPEN:
            self._state = _ENDING
            self._hint = True  # read what is left, whatever the mode

    def _fail(self, errno, why):
        if self._state < _FAILED:
            self._state = _FAILED
            self._errno = errno
            self._why = why
            self._src = None
            self._w = 0

    def _opened(self):
        if self._state == _OPENING:
            self._state = _OPEN
            self._asked_at = ticks_ms()

    def _check_alive(self):
        if self._state == _FAILED:
            self._raise()

    def _raise(self):
        if self._state == _FAILED:
            raise DisconnectedError(self._why, errno=self._errno)
        raise DisconnectedError("the socket is closed", errno=ENOTCONN)

    # -- the work poll() does ----------------------------------------------------------------------

    def _step(self):
        """Start what is due. Called by Modem.poll(); no allocation."""
        if self._at.raw_owner is self:
            self._step_raw()
            return
        if self._state != _OPEN and self._state != _ENDING:
            return
        if self._src is None and self._w and self.flush_ms:
            if ticks_diff(ticks_ms(), self._wrote_at) >= self.flush_ms:
                self._push()
        receive = self._hint and not self._rx.any()
        send = self._src is not None and self._state == _OPEN and not self._waits()
        if (receive or send) and self._at.free():
            if receive:
                self._start_receive()
            else:
                self._start_send()

    def _waits(self):
        """Whether a SEND FAIL is too fresh to try again."""
        if self._retry and ticks_diff(ticks_ms(), self._retry_at) >= 0:
            self._retry = False
        return self._retry

    def _start_receive(self):
        at = self._at
        at.put(b"AT+QSSLRECV=")
        at.put_int(self.client_id)
        at.put(b",")
        at.put_int(RECV_MAX)
        self._op = _RECEIVING
        self._hint = False  # a URC from now on means more data
        self._unsure = 0
        self._asked_at = ticks_ms()
        at.begin(self, _RECV_PREFIX, ANSWER_MS, self)

    def _start_send(self):
        at = self._at
        at.put(b"AT+QSSLSEND=")
        at.put_int(self.client_id)
        at.put(b",")
        at.put_int(self._src_n)
        self._op = _PROMPTING
        at.begin(self, None, PROMPT_MS)
        at.data(self._src, self._src_off, self._src_n, SEND_MS)

    def _push(self):
        """Start sending what was gathered."""
        self._src = self._tx
        self._src_off = 0
        self._src_n = self._w

    def _done(self, result):
        """The AT engine's word on the command this socket began."""
        op = self._op
        self._op = _IDLE
        if result == _at.RESTARTED:
            return  # Modem fails every socket with its own words
        if op == _RECEIVING:
            self._received(result)
        elif op == _RESUMING:
            self._resumed(result)
        elif result == _at.TIMEOUT:
            self._fail(
                ETIMEDOUT,
                "the module did not answer in time; the connection is in an unknown state",
            )
        elif result == _at.SEND_OK:
            if self._src is self._tx:
                self._w = 0
            self._src = None
            self._asked_at = ticks_ms()
        elif result == _at.SEND_FAIL:
            # SSL 2.3.3: the module's buffer is full, nothing was taken: the same bytes again, later.
            self._retry = True
            self._retry_at = ticks_add(ticks_ms(), RETRY_MS)
        elif self._state == _ENDING:
            self._src = None
            self._w = 0
        else:
            self._fail(ENOTCONN, "the module refused the data: the connection is gone")

    def _received(self, result):
        if result == _at.TIMEOUT:
            self._hint = (
                True  # a late answer still reaches the ring; ask again once the engine is in step
            )
        elif result != _at.OK:
            # SSL 2.3.4: ERROR is "no connection". After "closed" some firmware drops what was unread (3.5).
            if self._state == _ENDING:
                self._state = _ENDED
            else:
                self._fail(ENOTCONN, "the module knows no such connection any more")
        elif not self._unsure:
            if self._state == _ENDING and not self._hint:
                self._state = _ENDED
        elif self._tail_fits():
            self._unsure = 0
            self._hint = True  # read on until the module says 0
        else:
            self._cut()

    def _tail_fits(self):
        """Whether as many CR and LF followed the payload as always: if not, bytes were lost or doubled."""
        gap = self._at.framer.gap
        if not self._tail and gap in (
            2,
            4,
        ):  # 0.3: CR LF CR LF; one pair only is a trait some firmware has
            self._tail = gap
        return gap == self._tail

    # -- transparent mode --------------------------------------------------------------------------

    def _enter_raw(self):
        self._mode = TRANSPARENT
        self._pluses = -1
        self._held = self._leaving = 0
        self._at.raw_owner = self
        self._at.framer.raw(self)

    def _step_raw(self):
        at = self._at
        if self._leaving:
            self._step_leaving()
            return
        if self._src is None and self._w:
            self._push()  # nothing is gained by waiting: the module packs by itself (QICFG "transwaittm")
        if self._src is not None and not at.sending:
            if self._src_n:
                self._send_raw()
            else:  # only now has the last byte left the buffer
                self._src = None
                self._w = 0
        held = at.framer.held
        if held != self._held:
            self._held = held
            self._held_at = ticks_ms()
        elif held and not at.framer.stalled and ticks_diff(ticks_ms(), self._held_at) >= TAIL_MS:
            if at.framer.carrier_lost:
                self._in_doubt = True
                self._leaving = _GUARD
            else:
                at.framer.release(held)

    def _send_raw(self):
        """Hand the next bytes to the UART; never so that data becomes the escape sequence (SSL 1.4)."""
        at = self._at
        now = ticks_ms()
        # A silence begins early, so that none is missed, and late where one would make a "+" the first again.
        if ticks_diff(now, at.last_out) >= (PLUS_MS + 100 if self._pluses > 0 else PLUS_MS - 100):
            self._pluses = 0
        n = self._src_n
        off = self._src_off
        if self._pluses >= 0:
            i = 0
            while i < n and i < 4 and self._src[off + i] == 43:
                i += 1
            if i < n or self._pluses + i > 3:
                self._pluses = -1
            elif self._pluses + i == 3:
                # "+++" alone after a silence: the third one waits until it is too late to count.
                n = i - 1
                self._pluses = 2
            else:
                self._pluses += i
        if n:
            self._src_off += n
            self._src_n -= n
            at.send(self._src, off, n)

    def _step_leaving(self):
        at = self._at
        now = ticks_ms()
        if self._leaving == _GUARD:
            if not at.sending and ticks_diff(now, at.last_out) >= GUARD_MS:
                at.framer.escaping(True)
                at.send(b"+++", 0, 3)
                self._leaving = _ESCAPING
                self._leaving_at = now
        elif at.framer.was_data():
            at.framer.release(_CARRIER_BYTES)
        elif ticks_diff(now, self._leaving_at) >= ESCAPE_MS:
            # No OK: the module was not in data mode any more, the connection is lost (SSL 1.4).
            if at.framer.carrier_lost:
                at.framer.accept_end()
            self._left_raw(False)

    def _raw_end(self):
        """The framer met a possible end of transparent mode."""
        if self._leaving == _ESCAPING and self._at.framer.equals(b"OK"):
            self._at.framer.accept_end()
            self._left_raw(True)

    def _left_raw(self, alive):
        at = self._at
        at.framer.raw(None)
        at.raw_owner = None
        self._leaving = 0
        self._mode = BUFFER  # SSL 1.4: whatever it was opened with
        if not alive:
            at.send(b"\r", 0, 1)  # ends the "+++" that now stands on the command line
            at.out_of_step()
            self._state = _ENDING
            self._hint = True
        elif self._in_doubt:
            self._op = _RESUMING
            at.put(b"ATO")
            at.begin(self, None, ANSWER_MS, connects=self)
        self._in_doubt = False

    def _resumed(self, result):
        if result != _at.CONNECT:
            self._state = _ENDING
            self._hint = True

    # -- waiting -----------------------------------------------------------------------------------

    def _ready(self):
        """Bytes that can be handed out now."""
        if self._unsure and self._op != _RECEIVING and self._state != _FAILED:
            f = self._at.framer
            if not f.left or f.sink is not self:
                self._unsure = 0  # the pushed chunk is whole
        return self._rx.any() - self._unsure

    def _wait_ready(self):
        """Wait as settimeout() says; how many bytes can be read, 0 at the end of the stream, -1 nothing yet."""
        n = self._ready()
        if n:
            return n
        if self._w and self._src is None:
            self._push()  # what was asked has to leave before an answer can come
        start = ticks_ms()
        while True:
            self._modem.poll()
            n = self._ready()
            if n:
                return n
            if self._state == _ENDED:
                return 0
            if self._state >= _FAILED:
                self._raise()
            if self._timeout_ms == 0:
                return -1
            now = ticks_ms()
            if self._timeout_ms > 0 and ticks_diff(now, start) >= self._timeout_ms:
                raise TimeoutError("nothing received in %d ms" % self._timeout_ms)
            if self._mode == BUFFER and ticks_diff(now, self._asked_at) >= ASK_MS:
                self._hint = True
                self._asked_at = now
            self._modem.idle()

    def _wait_sent(self):
        """Wait until nothing is being sent. False where a non-blocking socket would wait."""
        start = ticks_ms()
        while self._src is not None:
            self._modem.poll()
            if self._state != _OPEN:
                break
            if self._src is None:
                return True
            if self._timeout_ms == 0:
                return False
            if (
                self._timeout_ms > 0
                and ticks_diff(ticks_ms(), start) >= self._timeout_ms
                and self._op == _IDLE
            ):
                self._src = None  # not begun, or refused for now: nothing of it is on its way
                raise TimeoutError("the module took no data in %d ms" % self._timeout_ms)
            if (
                self._at.framer.stalled
                and self._at.framer.sink is self
                and self._mode == DIRECT_PUSH
            ):
                raise ModemError(
                    "read first: pushed data fills the buffer, nothing else can pass", errno=ENOBUFS
                )
            self._modem.idle()
        if self._state != _OPEN:
            if self._state < _FAILED:
                raise DisconnectedError("the peer closed the connection", errno=ECONNRESET)
            self._raise()
        return True

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

    def recv_into(self, buf, nbytes=0):
        """Read what there is, up to `nbytes` or len(buf), at least one byte; waits for it. Returns the count.

        0 at the end of the stream, None where a non-blocking socket has nothing. No allocation.
        """
        self._check_open()
        want = nbytes or len(buf)
        n = self._wait_ready()
        if n <= 0:
            return 0 if n == 0 else None
        if n > want:
            n = want
        self._take(buf, 0, n)
        return n

    def readinto(self, buf, nbytes=-1):
        """Fill buf (or its first `nbytes`), waiting for all of it. Returns the count; short only at the end of the
        stream, on a timeout, or without blocking. None where a non-blocking socket has nothing. No allocation.
        """
        self._check_open()
        want = len(buf) if nbytes < 0 else nbytes
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
        self._check_open()
        got = self._wait_ready()
        if got < 0:
            return None
        buf = bytearray(got if got < n else n)
        self._take(buf, 0, len(buf))
        return bytes(buf)

    def readline(self, n=-1):
        """Read up to and with the next LF (or n bytes). Allocates the result."""
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
        sent straight from `buf`. A non-blocking socket takes what fits, None where nothing does. No allocation on
        a blocking socket.
        """
        if n is None:
            n = len(buf) if off is None else off
            off = 0
        if n > len(buf) - off:
            n = len(buf) - off
        self._check_open()
        if self._state != _OPEN:
            self._wait_sent()
            self._raise_closing()
        if self._gather(buf, off, n):
            return n
        if self._timeout_ms == 0:
            return self._write_some(buf, off, n)
        self._flush()
        if self._gather(buf, off, n):
            return n
        done = 0
        while done < n:
            self._src = buf
            self._src_off = off + done
            self._src_n = n - done if n - done < SEND_MAX else SEND_MAX
            done += self._src_n
            self._wait_sent()
        return n

    def _gather(self, buf, off, n):
        """Append buf[off:off+n] to the send buffer; False where it does not fit or would need a slice."""
        if self._src is not None or n > SEND_MAX - self._w:
            return False
        w = self._w
        size = len(buf)
        if off or w + size > SEND_MAX + _SPARE:
            if n > 32:
                return False
            for i in range(n):
                self._tx[w + i] = buf[off + i]
        else:
            self._tx[w : w + size] = buf  # all of it: only the first n bytes count
        self._w = w + n
        self._wrote_at = ticks_ms()
        if self._w == SEND_MAX:
            self._push()
        return True

    def _write_some(self, buf, off, n):
        """Non-blocking: take what fits now. Allocates a view where it takes only a part."""
        if self._src is None and self._w and n > SEND_MAX - self._w:
            self._push()
        self._modem.poll()
        if self._state != _OPEN:
            self._wait_sent()
        if self._src is not None:
            return None
        n = min(n, SEND_MAX - self._w)
        self._gather(memoryview(buf)[off : off + n], 0, n)
        return n

    def _raise_closing(self):
        raise DisconnectedError("the peer closed the connection", errno=ECONNRESET)

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
        if self._state == _OPEN:
            self._flush()

    def send(self, buf):
        """Write what can be written; returns the count. As write()."""
        return self.write(buf)

    def sendall(self, buf):
        """Write all of buf and flush."""
        self.write(buf)
        self.flush()

    # -- the rest of a socket ------------------------------------------------------------------------

    def _check_open(self):
        if self._state == _CLOSED:
            self._raise()

    def settimeout(self, seconds):
        """None: wait for ever; 0: never wait; else seconds (int or float) for each read or write."""
        self._timeout_ms = -1 if seconds is None else int(seconds * 1000)

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
            return self._poll(arg)
        if request == _MP_STREAM_CLOSE:
            self.close()
            return 0
        return -EINVAL

    def _poll(self, events):
        self._modem.poll()
        ready = 0
        if self._w and self._src is None and events & _POLL_RD and not self._ready():
            self._push()
        if self._ready() or self._state >= _ENDED:
            ready |= events & _POLL_RD
        if self._src is None and self._state == _OPEN and self._w < SEND_MAX:
            ready |= events & _POLL_WR
        if self._state >= _ENDED:
            ready |= events & _POLL_WR
            ready |= _POLL_HUP if self._state == _ENDED else _POLL_ERR
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
        yield from self._drain()
        if self._mode == TRANSPARENT and mode != TRANSPARENT:
            yield from self._leave_raw()
        if self._mode == mode:
            return
        command = b"AT+QISWTMD=%d,%d" % (self.client_id, mode)
        yield from self._at.start(command, connects=self if mode == TRANSPARENT else None)
        yield from self._at.wait()
        self._at.check(command)
        self._mode = mode
        self._hint = mode == BUFFER

    def _drain(self):
        """Flow: let what was written leave."""
        if self._w and self._src is None:
            self._push()
        while self._src is not None and self._state == _OPEN:
            yield

    def _leave_raw(self):
        """Flow: back to command mode; the connection goes on in buffer access mode, if it still lives."""
        self._in_doubt = False
        if not self._leaving:
            self._leaving = _GUARD
        while self._at.raw_owner is self:
            yield

    def close(self):
        """Send what was gathered, close the connection (AT+QSSLCLOSE) and free the client ID. Blocks up to 10 s
        plus what the sending takes. Closing twice is harmless. No error: what is closed cannot fail any more.
        """
        if self._state == _CLOSED:
            return
        try:
            self._modem.run(self._close())
        except ModemError:
            pass  # the ID stays marked as dirty, and is closed before it is used again

    def _close(self):
        """Flow of close()."""
        modem = self._modem
        try:
            if self._state == _OPEN:
                yield from self._drain()
            if self._at.raw_owner is self:
                yield from self._leave_raw()
            self._state = _CLOSED
            yield from modem.sockets.close_id(self.client_id)
        finally:
            self._state = _CLOSED
            self._src = None
            modem.sockets.release(self)
