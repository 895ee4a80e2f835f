"""One client ID of the module: what it receives, what it sends, how it ends. The hot half of SSLSocket.

Bytes received go from the UART into the ring `rx`; bytes to send leave from `src`, which is the connection's own
buffer or the caller's. `step()` starts the AT command that is due, `done()` hears its result. Nothing here allocates.

`+QSSLURC: "recv"` is a hint, not the truth (TCP/IP 2.3.8; field notes 3.2): after it the module is read until it says
that its buffer is empty; a waiting reader asks again by itself, since modules lose that URC.
"""

from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from .at import ANSWER_MS, BROKEN, OK, RECV_MAX, RESTARTED, SEND_FAIL, SEND_OK, TIMEOUT
from .errors import (
    CUT,
    EBADF,
    ECONNRESET,
    EIO,
    EMSGSIZE,
    ENOTCONN,
    ETIMEDOUT,
    IS_CLOSED,
    LONG_DATAGRAM,
    NOT_KNOWN,
    NOTHING_RECEIVED,
    NOTHING_TAKEN,
    PEER_CLOSED,
    REFUSED_DATA,
    UNKNOWN_STATE,
    DisconnectedError,
    ModemError,
    TimeoutError,
)

BUFFER = const(0)  # SSL 1.4: <access_mode>
DIRECT_PUSH = const(1)
TRANSPARENT = const(2)

# States of a connection, in the order in which they can follow each other
OPENING = const(0)
OPEN = const(1)
ENDING = const(2)  # the peer closed; the module may still hold data
ENDED = const(3)  # all data was read out: end of stream
FAILED = const(4)  # errno and why say more
CLOSED = const(5)  # close() was called

# What the AT engine does for this connection
IDLE = const(0)
RECEIVING = const(1)
SENDING = const(2)

SEND_MAX = const(1460)  # SSL 2.3.3: <sendlen>
# Unread bytes that the ring has room for beside a whole answer, so that a reader who leaves a few keeps nobody waiting
SLACK = const(64)
SPARE = const(64)  # behind the send buffer: a short write from a longer buffer is stored whole
HEADER = const(2)  # bytes of its length in front of a datagram in the ring

PROMPT_MS = const(5000)  # SSL 2.3.3 says 300 ms to the "> "; a busy module is later (field)
_ASK_MS = const(1000)  # a waiting reader asks by itself this often: recv URCs get lost (field)
RETRY_MS = const(200)  # pause after SEND FAIL (SSL 2.3.3: "retry later")
_FLUSH_MS = const(20)  # small writes wait this long for company
_RECV_PREFIX = b"+QSSLRECV: "
_RECV_HEAD = b"\r\n+QSSLRECV: 1500\r\n"
_BYTES = (bytes, bytearray, memoryview)

_POLL = const(3)  # ioctl: MP_STREAM_POLL
_CLOSE = const(4)  # MP_STREAM_CLOSE
_RD = const(1)
_WR = const(4)
_ERR = const(8)
_HUP = const(16)
_NVAL = const(32)


class Connection:
    """modem: the Modem; context: an SSLContext; client_id: 0-11; mode: <access_mode>; buffers: (send, receive) of the
    modem's pool.
    """

    def __init__(self, modem, context, client_id, mode, buffers):
        self.modem = modem
        self.at = modem._at
        self.context = context
        self.client_id = client_id
        self.bit = 1 << client_id
        self.mode = mode
        self.buffers = buffers
        self.tx = buffers[0]
        self.rx = buffers[1]
        self.rx.read()
        self.state = OPENING
        self.errno = self.why = 0
        self.is_closing = False  # close() is under way
        self.owner = (
            None  # who is to close it where it is lost: its SSLSocket, or what stands for it
        )
        self.claimed = True  # it was asked for: else it can be told from a socket that rests
        self.touched_at = ticks_ms()  # when the application used it last
        self.open_error = -1  # of +QSSLOPEN
        self.timeout_ms = -1  # -1 for ever, 0 not at all
        self.op = IDLE
        # Receiving
        self.unsure = 0  # newest bytes in the ring that their answer has not confirmed yet
        self.hint = False  # the module may hold data
        self._short_at = -1  # the poll in which a read ended with less than there could be
        self._want = 0  # bytes that a reader waits for, inside poll()
        self._asked_at = 0  # when it was asked last
        self._refused = False  # it says that it knows no such connection; since when
        self._refused_at = 0
        self.tail = 0  # CR and LF between payload and OK, learnt from the first answer
        self.datagrams = context.dtls  # keep the boundaries: one answer or push is one datagram
        self._missing = 0  # bytes of a datagram still to come
        self.excess = 0  # bytes of a datagram that its reader had no room for
        # Sending: tx[sent:w] was gathered, and what is being sent (from there, or from the caller's own buffer)
        self.sent = 0
        self.w = 0
        self._wrote_at = 0
        self.src = None
        self.src_off = 0
        self.src_n = 0
        self._sends = False  # whose turn it is where both are due
        self._retry = False
        self._retry_at = 0
        self.flush_ms = _FLUSH_MS
        self.head = _RECV_HEAD
        self.recv = b"AT+QSSLRECV=%d,%d\r" % (client_id, RECV_MAX)
        self._send = bytearray(b"AT+QSSLSEND=%d,\r    " % client_id)
        self._send_end = 0  # of its digits, for _send_n bytes
        self._send_n = 0

    # -- sink of the framer ------------------------------------------------------------------------

    def room(self):
        """How many bytes put() can take: any number where nobody will read them."""
        if self.state >= FAILED or self.is_closing:
            return RECV_MAX
        n = RECV_MAX + SLACK - self.rx.any()
        if self.datagrams and not self._missing:
            n -= HEADER
        return n if n > 0 else 0

    def put(self, buf, off, n):
        """Take received bytes."""
        if self.state >= FAILED or self.is_closing:
            return
        if self.datagrams:
            if not self._missing:
                self._missing = self.at.framer.left
                header = self.modem.header
                header[0] = self._missing >> 8
                header[1] = self._missing & 255
                self.rx.write(header)
                self.unsure += HEADER
            self._missing -= n
        self.rx.write(buf, off, n)
        self.unsure += n

    def _cut(self):
        """Payload broke off: what came of it cannot be trusted, so it is not handed out."""
        self.fail(EIO, CUT)

    # -- told by URCs --------------------------------------------------------------------------------

    def on_recv(self, n):
        """n: bytes that follow in direct push mode; a number some firmware adds in buffer mode (field notes 1)."""
        if self.at.asked is not self:
            self.unsure = (
                0  # the chunk before this one is whole, or its line would not have been one
            )
        if self.mode == DIRECT_PUSH and n:
            self.at.expect(n, self)
        else:
            self.wants_to_receive()

    def on_closed(self):
        if self.state == OPEN:
            self.state = ENDING
            self.wants_to_receive()  # read what is left, whatever the mode
        elif self.state == ENDING and self.errno == ENOTCONN:
            self.errno = 0  # so that is why the module had refused the data

    def on_lost(self, errno, why):
        """What the module still holds is delivered, then comes the error; "closed" may have come first (3.5)."""
        if self.state == OPEN or self.state == ENDING:
            self.errno = errno
            self.why = why
        if self.state == OPEN:
            self.on_closed()

    def opened(self):
        """The module says that it is open."""
        if self.state == OPENING:
            self.state = OPEN
            self._asked_at = ticks_ms()

    def fail(self, errno, why):
        """It ended with this error, unless it had ended before."""
        if self.state < FAILED:
            self.state = FAILED
            self.errno = errno
            self.why = why
            self.sent = self.w = 0  # `src` stays: who waits for it can tell that it was not sent

    def is_over(self):
        """Whether nothing can be sent or received any more."""
        return self.state == FAILED or (self.state == ENDED and not self.rx.any())

    def raise_if_failed(self):
        """Raise what it failed with."""
        if self.state == FAILED:
            self._raise()

    def _raise(self):
        self.modem.inside = 0
        if not self.errno:
            raise DisconnectedError(PEER_CLOSED, errno=ECONNRESET)
        raise DisconnectedError(self.why, errno=self.errno)

    # -- the work poll() does ----------------------------------------------------------------------

    def wants_to_receive(self):
        """The module may hold data: it is asked as soon as there is room for it."""
        self.hint = True
        self.modem.work |= self.bit

    def push(self):
        """Let leave what was gathered."""
        if self.src is None and self.w:
            self.src = self.tx
            self.src_off = self.sent
            self.src_n = self.w - self.sent
            self.modem.work |= self.bit

    def pushed(self):
        """What was being sent is out. More may have been gathered behind it meanwhile."""
        if self.src is self.tx:
            self.sent = self.src_off + self.src_n
            if self.sent == self.w:
                self.sent = self.w = 0
        self.src = None

    def step(self):
        """Start the AT command that is due, where the engine is free. Called by Modem.poll() while this connection's
        bit of `modem.work` is set, and by whoever has just made room or written.
        """
        if self.state != OPEN and self.state != ENDING:
            self.modem.work &= ~self.bit
            return
        if self._refused and self.state == OPEN:
            if ticks_diff(ticks_ms(), self._refused_at) < RETRY_MS:
                return
        if self.src is None and self.w:
            if self.w == SEND_MAX or (
                self.flush_ms and ticks_diff(ticks_ms(), self._wrote_at) >= self.flush_ms
            ):
                self.push()
        # After a short read there is hardly more: the next begins with the next poll, and not where none comes
        receive = self.hint and not self.is_closing and self._short_at != self.modem.polls
        receive = receive and self.rx.any() <= self._want + SLACK
        if self.src is not None and self.state == OPEN and not (receive and self._sends):
            if self._retry and ticks_diff(ticks_ms(), self._retry_at) < 0:
                if not receive:
                    return
            elif self.at.free():
                self._retry = False
                self._sends = True
                self._start_send()
                return
            else:
                return
        if not receive:
            if not self.w and self.src is None and self._short_at != self.modem.polls:
                self.modem.work &= ~self.bit
        elif self.at.free():
            self._sends = False
            self._start_receive()

    def _start_receive(self):
        at = self.at
        self.op = RECEIVING
        self.hint = False  # a URC from now on means more data
        self.unsure = 0
        at.prefix = _RECV_PREFIX
        at.sink = self
        at.others = False
        at.connects = None
        at.go(self, self.recv, len(self.recv), ANSWER_MS)
        at.headed(self.head)
        self._asked_at = at.last_out

    def _start_send(self):
        at = self.at
        if self.src_n != self._send_n:
            self._write_length()
        self.op = SENDING
        at.prefix = at.sink = at.connects = None
        at.others = False
        at.go(self, self._send, self._send_end, PROMPT_MS)
        at.prompted()

    def _write_length(self):
        """Make the line AT+QSSLSEND=<id>,<n> ready for src_n bytes."""
        line = self._send
        n = self._send_n = self.src_n
        i = 14 if self.client_id < 10 else 15  # behind the comma
        unit = 1000
        while unit > n:
            unit //= 10
        while unit:
            line[i] = 48 + n // unit % 10
            i += 1
            unit //= 10
        line[i] = 13
        self._send_end = i + 1

    def done(self, result):
        """The AT engine's word on the command this connection began."""
        op = self.op
        self.op = IDLE
        if result == RESTARTED:
            return  # Modem fails every socket with its own words
        if op == RECEIVING:
            if result == OK:
                self._refused = False
                if self.unsure < RECV_MAX:
                    self._short_at = self.modem.polls
            if result == OK and self.unsure and self.tail and self.at.framer.gap == self.tail:
                self.unsure = 0
                self.hint = True  # read on until the module says 0
            else:
                self._received(result)
        elif result == SEND_OK:
            self.pushed()
            self._asked_at = self.at.last_out
            if not (self.w or self.hint):
                return
        elif result == SEND_FAIL:
            # SSL 2.3.3: the module's buffer is full, nothing was taken: the same bytes again, later.
            self._retry = True
            self._retry_at = ticks_add(ticks_ms(), RETRY_MS)
        elif result in (TIMEOUT, BROKEN):
            self.fail(ETIMEDOUT if result == TIMEOUT else EIO, UNKNOWN_STATE)
        elif self.state == OPEN:
            # What was written stays, so that flush() can say that it is lost; "closed" may be the next line.
            self.on_lost(ENOTCONN, REFUSED_DATA)
        self.modem.work |= self.bit

    def reads_on(self):
        """Whether a read that ended as expected is followed by another at once: whoever waits empties the ring, and
        nobody else wants the engine. Otherwise done() is called.
        """
        if (
            self.rx.any() > self._want + SLACK
            or self.src is not None
            or self.modem.work & ~self.bit
            or self.at.claims
            or self.state != OPEN
        ):
            return False
        self.unsure = 0
        self._refused = False
        self._asked_at = self.at.last_out
        return True

    def _received(self, result):
        """The end of a read that is not just more data."""
        if result == TIMEOUT:
            self.hint = True  # a late answer still reaches the ring; then ask again
        elif result != OK:
            # SSL 2.3.4: ERROR is "no connection". After "closed" some firmware drops what was unread (3.5). But it may
            # be the question that a bad UART spoilt, or "closed" waited for the end of it: the module is asked twice.
            if not self._refused:
                self._refused_at = ticks_ms()
                self._refused = self.hint = True
            elif self.state == ENDING:
                self._end()
            else:
                self.fail(ENOTCONN, NOT_KNOWN)
        elif not self.at.answered:
            self._cut()  # an OK that says nothing: the line in front of it was lost, and what it announced
            self.at.out_of_step()
        elif not self.unsure:
            if self.state == ENDING and not self.hint:
                self._end()
        elif not self.tail and (self.at.framer.gap == 4 or self.at.framer.gap == 2):
            self.tail = self.at.framer.gap  # SSL 2.3.4: two pairs of CR LF; one on some firmware
            self.unsure = 0
            self.hint = True
        else:
            self._cut()  # not as many CR and LF behind the payload as always: bytes were lost or doubled

    def _end(self):
        self.state = FAILED if self.errno else ENDED

    # -- waiting -----------------------------------------------------------------------------------

    def ready(self):
        """Bytes that can be handed out now."""
        if self.unsure and self.op != RECEIVING and self.state != FAILED:
            f = self.at.framer
            # Bytes that were lost on the way out may have made an answer to something else of what comes meanwhile.
            if self.at.asked is not self and (not f.left or f.sink is not self):
                self.unsure = 0  # the pushed chunk is whole
        return self.rx.any() - self.unsure

    def wait_ready(self, want):
        """Wait as settimeout() says for something to read; how many bytes there are, 0 at the end of the stream, -1
        nothing yet. want: what the reader takes at once, so that the module can be asked for more meanwhile.
        """
        n = self.ready()
        if n:
            return n
        since = ticks_ms()
        self._want = want
        while True:
            if self.w:
                self.push()  # what was asked has to leave before an answer can come
            want = self.modem._stream()
            n = self.ready()
            if n or self.state >= ENDED:
                break
            if not want:
                self.ask_again()
                if self.timeout_ms == 0:
                    n = -1
                    break
                self.modem.rest(self)
            if self.timeout_ms > 0 and ticks_diff(ticks_ms(), since) >= self.timeout_ms:
                self._want = 0
                self._raise_timeout(NOTHING_RECEIVED)
        self._want = 0
        if not n:
            self.raise_if_failed()
        return n

    def _raise_timeout(self, why):
        self.modem.inside = 0
        raise TimeoutError(why)

    def ask_again(self):
        """Who wants to read asks by itself once a second: modules lose recv URCs (field notes 3.2)."""
        if self.mode == BUFFER and ticks_diff(ticks_ms(), self._asked_at) >= _ASK_MS:
            self.wants_to_receive()
            self._asked_at = ticks_ms()

    def wait_sent(self):
        """Wait until nothing is being sent. False where a non-blocking socket would wait. Raises where it cannot be."""
        since = ticks_ms()
        while self.src is not None:
            moved = self.modem.poll()
            # First what became of the data, then how the connection fares: one poll may take in SEND OK and "closed",
            # and after "closed" the SEND OK may still be on its way.
            if self.src is None and self.state < FAILED:
                break
            if self.state >= FAILED or (self.state != OPEN and self.op != SENDING):
                self._raise()
            if self.timeout_ms > 0 and ticks_diff(ticks_ms(), since) >= self.timeout_ms:
                if self.src is not self.tx:
                    self._let_go()
                self._raise_timeout(NOTHING_TAKEN)
            if not moved:
                if self.timeout_ms == 0:
                    return False
                self.modem.rest(self)
        return True

    def _let_go(self):
        """Send from the caller's buffer no more: it is his again. What was gathered leaves later, as it always does."""
        at = self.at
        if self.op == SENDING:  # the module was promised these bytes
            off = self.src_off
            self.w = self.src_n
            self.tx[: self.w] = memoryview(self.src)[off : off + self.w]  # pyright: ignore[reportArgumentType]
            at.relocate(self.src, self.tx, off)
            self.src = self.tx
            self.src_off = self.sent = 0
            return
        if at.out is self.src:
            at.out = None  # in transparent mode
        self.src = None

    # -- reading -----------------------------------------------------------------------------------

    def take(self, buf, off, n):
        """Move n bytes from the ring to buf[off:off+n], without slices."""
        if not off:
            self.rx.readinto(buf, n)
        else:
            i = 0
            while n:  # by 256, 64, 16, 4, 1 bytes
                off = self._take_by(self.modem.chunks[i], buf, off, n)
                n %= len(self.modem.chunks[i])
                i += 1
        if self.hint:
            self.step()  # the module works while the application does

    def _take_by(self, chunk, buf, off, n):
        size = len(chunk)
        n = off + n - size
        while off <= n:
            self.rx.readinto(chunk, size)
            buf[off : off + size] = chunk
            off += size
        return off

    def next(self, want):
        """Wait for something to read; how many bytes of `want` to take now: 0 at the end, -1 nothing yet."""
        n = self.wait_ready(0 if self.datagrams else want)
        if n > 0 and self.datagrams:
            header = self.modem.header
            self.rx.readinto(header)
            n = header[0] << 8 | header[1]
            self.excess = n - want
        return want if n > want else n

    def drop_excess(self):
        """What of a datagram did not fit is lost, as with any datagram socket."""
        chunk = self.modem.chunks[0]
        while self.excess > 0:
            n = self.excess if self.excess < len(chunk) else len(chunk)
            self.rx.readinto(chunk, n)
            self.excess -= n

    def recv_into(self, buf, nbytes=0):
        """See SSLSocket.recv_into()."""
        self.begin()
        n = len(buf)
        if 0 < nbytes < n:
            n = nbytes
        if n:
            n = self.next(n)
            if n > 0:
                self.take(buf, 0, n)
                if self.excess > 0:
                    self.drop_excess()
        self.modem.inside -= 1
        return n if n >= 0 else None

    def readinto(self, buf, nbytes=-1):
        """See SSLSocket.readinto()."""
        want = len(buf)
        if 0 <= nbytes < want:
            want = nbytes
        if self.datagrams and want:
            return self.recv_into(buf, want)
        self.begin()
        nbytes = 0  # how many are there
        while nbytes < want:
            if nbytes and self.timeout_ms == 0:
                n = self.ready()
            else:
                n = self.wait_ready(want - nbytes)
            if n <= 0:
                if n < 0 and not nbytes:
                    nbytes = None
                break
            if n > want - nbytes:
                n = want - nbytes
            self.take(buf, nbytes, n)
            nbytes += n
        self.modem.inside -= 1
        return nbytes

    # -- writing -----------------------------------------------------------------------------------

    def begin(self):
        """What every call of the application begins with; `modem.inside` counts it until it ends."""
        self.touched_at = ticks_ms()
        if self.is_closing:
            raise DisconnectedError(IS_CLOSED, errno=EBADF)
        self.modem.inside += 1

    def write(self, buf, off=None, n=None):
        """See SSLSocket.write()."""
        if isinstance(buf, str):
            buf = buf.encode()
        if n is None:
            n = len(buf) if off is None else off
            off = 0
        if not off:
            off = 0
        if not 0 <= n <= len(buf) - off:
            n = max(0, len(buf) - off)
        self.begin()
        n = self._write(buf, off, n)
        self.modem.inside -= 1
        return n

    def _write(self, buf, off, n):
        if (
            self.w
            and self.src is None
            and self.flush_ms
            and ticks_diff(ticks_ms(), self._wrote_at) >= self.flush_ms
        ):
            self.modem.poll()  # sends what has waited long enough, in case nobody has polled since
        if self.state != OPEN:
            self._raise()
        if self.datagrams:
            return self._write_datagram(buf, off, n)
        if self._gather(buf, off, n):
            return n
        if self.timeout_ms == 0:
            return self._write_some(buf, off, n)
        self._flush()
        if self.state != OPEN:
            self._raise()
        if not self._gather(buf, off, n):
            self._write_through(buf, off, n)
        return n

    def _write_through(self, buf, off, n):
        """Send straight from the caller's buffer."""
        if not isinstance(buf, _BYTES):
            self.modem.inside = 0
            raise TypeError("buf: bytes, not %s" % type(buf))  # the UART would refuse it half way
        while n > 0:
            self.src_off = off
            self.src_n = n if n < SEND_MAX else SEND_MAX
            self.src = buf
            off += self.src_n
            n -= self.src_n
            self.modem.work |= self.bit
            self.step()
            self.wait_sent()

    def _write_datagram(self, buf, off, n):
        if n > SEND_MAX:
            self.modem.inside = 0
            raise ModemError(LONG_DATAGRAM, errno=EMSGSIZE)
        if not n:
            return 0  # the module sends no empty ones
        if not self.wait_sent():
            return None
        if self.state != OPEN:
            self._raise()
        if self.timeout_ms == 0:
            self._gather(memoryview(buf)[off : off + n], 0, n)
            self.push()
        else:
            self._write_through(buf, off, n)
        return n

    def _gather(self, buf, off, n):
        """Append buf[off:off+n] to the send buffer; False where it does not fit or would need a slice."""
        w = self.w
        if n > SEND_MAX - w or (self.src is not None and self.src is not self.tx):
            return False
        if off or w + len(buf) > SEND_MAX + SPARE:
            if n > 32:
                return False
            while n:
                self.tx[w] = buf[off]
                w += 1
                off += 1
                n -= 1
            self.w = w
        else:
            self.tx[w : w + len(buf)] = buf  # all of it: only the first n bytes count
            self.w = w + n
        self._wrote_at = ticks_ms()
        self.modem.work |= self.bit
        if self.w == SEND_MAX and self.src is None:
            self.push()
            if self.at.free():
                self._start_send()
                self._hand_over()
        return True

    def _hand_over(self):
        """Wait until what is being sent is in the UART: the module must not wait at its prompt while the program
        sleeps, and the prompt is answered at once. Not where the socket does not block; no longer than its timeout.
        """
        since = ticks_ms()
        while (
            self.op == SENDING and self.timeout_ms and (self.at.out is not None or not self.at.data)
        ):
            if not self.modem.poll():
                self.modem.rest(self)
            if self.timeout_ms > 0 and ticks_diff(ticks_ms(), since) >= self.timeout_ms:
                return

    def _write_some(self, buf, off, n):
        """Non-blocking: take what fits now. Allocates a view where it takes only a part."""
        if self.w and n > SEND_MAX - self.w:
            self.push()
        self.modem.poll()
        if self.state != OPEN:
            self._raise()
        if n > SEND_MAX - self.w:
            n = SEND_MAX - self.w
        if not n or not self._gather(memoryview(buf)[off : off + n], 0, n):
            return None
        return n

    def _flush(self):
        if self.wait_sent() and self.w:
            self.push()
            self.step()
            return self.wait_sent()
        return self.src is None

    def flush(self):
        """See SSLSocket.flush()."""
        self.begin()
        if self.w or (self.state != ENDING and self.state != ENDED):
            if self.state != OPEN:
                self._raise()
            self._flush()
        self.modem.inside -= 1

    # -- select.poll and asyncio ---------------------------------------------------------------------

    def ioctl(self, request, arg):
        """See SSLSocket.ioctl()."""
        if request == _POLL:
            self.touched_at = ticks_ms()
            self.modem.poll()
            return self._events(arg)
        if request == _CLOSE:
            self.owner.close()  # pyright: ignore[reportOptionalMemberAccess, reportAttributeAccessIssue]
            return 0
        return -22  # EINVAL

    def _events(self, events):
        """Which of `events` are there."""
        if self.is_closing:
            return _NVAL
        ready = 0
        if self.state >= ENDED:
            ready = _HUP if self.state == ENDED else _ERR
        if events & _RD:
            if ready or self.ready():
                ready |= _RD
            else:
                if self.w:
                    self.push()
                self.ask_again()
        if events & _WR:
            if self.state != OPEN or (
                self.w < SEND_MAX and not (self.datagrams and self.src is not None)
            ):
                ready |= _WR  # also where write() would raise at once
        return ready
