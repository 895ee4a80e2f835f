"""One client ID of the module as the AT engine sees it: its state, what it receives, what it sends.

Bytes received go from the UART into the ring `_rx`; bytes to send leave from `_src`, which is the socket's own
buffer or the caller's. `_step()`, called by poll(), starts the AT command that is due; `_done()` hears its result.
Nothing here waits or allocates.

`+QSSLURC: "recv"` is a hint, not the truth (TCP/IP 2.3.8; field notes 3.2): after it the module is read until it says
that its buffer is empty; a waiting reader asks again by itself (socket.py), since modules lose that URC.
"""

import io
from time import ticks_add, ticks_diff, ticks_ms

from micropython import RingIO, const

from . import at as _at
from .errors import ECONNRESET, EIO, ENETDOWN, ENOTCONN, ETIMEDOUT, DisconnectedError
from .limits import (
    ANSWER_MS,
    FLUSH_MS,
    LOST_MS,
    PROMPT_MS,
    RECV_MAX,
    RETRY_MS,
    SEND_MAX,
    SEND_OK_MS,
)

BUFFER = const(0)  # SSL 1.4: <access_mode>
DIRECT_PUSH = const(1)
TRANSPARENT = const(2)

# States of a connection, in the order in which they can follow each other
OPENING = const(0)
OPEN = const(1)
ENDING = const(2)  # the peer closed; the module may still hold data
ENDED = const(3)  # all data was read out: end of stream
FAILED = const(4)  # _errno and _why say more
CLOSED = const(5)  # close() was called

# What the AT engine does for this connection
IDLE = const(0)
RECEIVING = const(1)
SENDING = const(2)
RESUMING = const(3)

SPARE = const(64)  # behind the send buffer: a short write from a longer buffer is stored whole

_HEADER = const(2)  # bytes of its length in front of a datagram in the ring
_RECV_PREFIX = b"+QSSLRECV: "
_NO_DATA_LINK = "the network closed the data connection; modem.connect() opens it again"


class Buffers:
    """What one open connection needs: SEND_MAX + 64 bytes to send, a ring for RECV_MAX received bytes."""

    def __init__(self):
        self.tx = bytearray(SEND_MAX + SPARE)
        self.rx = RingIO(RECV_MAX + _HEADER + 1)
        self.header = bytearray(_HEADER)
        self.users = 0


class Connection(io.IOBase):
    """Base of SSLSocket. modem: the Modem; context: an SSLContext; client_id: 0-11; mode: <access_mode>."""

    def __init__(self, modem, context, client_id, mode, buffers):
        self._modem = modem
        self._at = modem._at
        self.context = context
        self.client_id = client_id
        self._mode = mode
        self._buffers = buffers
        self._tx = buffers.tx
        self._rx = buffers.rx
        self._rx.read()
        self._state = OPENING
        self._errno = 0
        self._why = ""
        self.is_closing = False  # close() is under way
        self.owner = self  # who is to close it: a compat.OpeningSocket until that is asked for it
        self.touched_at = ticks_ms()  # when the application used it last
        self.open_error = -1  # of +QSSLOPEN
        self._op = IDLE
        self._read_last = False  # the last command was to receive: now it is sending's turn
        # Receiving
        self._unsure = 0  # newest bytes in the ring that their answer has not confirmed yet
        self._hint = False  # the module may hold data
        self._asked_at = 0  # when it was asked last
        self._refused = False  # it says that it knows no such connection; since when
        self._refused_at = 0
        self._tail = 0  # CR and LF between payload and OK, learnt from the first answer
        self._datagrams = context.dtls  # keep the boundaries: one answer or push is one datagram
        self._missing = 0  # bytes of a datagram still to come
        # Sending: _tx[_sent:_w] was gathered, and what is being sent (from there, or from the caller's own buffer)
        self._sent = 0
        self._w = 0
        self._wrote_at = 0
        self._src = None
        self._src_off = 0
        self._src_n = 0
        self._retry_at = 0
        self._retry = False
        self.flush_ms = FLUSH_MS

    def __del__(self):
        """CPython's io.IOBase would close() here: talk to the module from wherever garbage is collected."""

    def __repr__(self):
        return "<SSLSocket %d mode=%d state=%d>" % (self.client_id, self._mode, self._state)

    # -- sink of the framer ------------------------------------------------------------------------

    def room(self):
        """How many bytes put() can take: any number where nobody will read them."""
        if self._state >= FAILED or self.is_closing:
            return RECV_MAX
        n = RECV_MAX + _HEADER - self._rx.any()
        if self._datagrams and not self._missing:
            n -= _HEADER
        return n if n > 0 else 0

    def put(self, buf, off, n):
        """Take received bytes."""
        if self._state >= FAILED or self.is_closing:
            return
        if self._datagrams:
            if not self._missing:
                self._missing = self._at.framer.left
                header = self._buffers.header
                header[0] = self._missing >> 8
                header[1] = self._missing & 255
                self._rx.write(header)
                self._unsure += _HEADER
            self._missing -= n
        self._rx.write(buf, off, n)
        if self._at.raw_owner is None:
            self._unsure += n

    def _cut(self):
        """Payload broke off: what came of it cannot be trusted, so it is not handed out."""
        self._fail(
            EIO, "bytes were lost on the UART, or the module restarted in the middle of data"
        )

    # -- told by URCs --------------------------------------------------------------------------------

    def _on_open(self, err):
        self.open_error = err
        if not err:
            self._opened()  # here, since "closed" may be the next line

    def _on_recv(self, n):
        """n: bytes that follow in direct push mode; a number some firmware adds in buffer mode (field notes 1)."""
        if self._at.asked is not self:
            self._unsure = (
                0  # the chunk before this one is whole, or its line would not have been one
            )
        if self._mode == DIRECT_PUSH and n:
            self._at.expect(n, self)
        else:
            self._hint = True

    def _on_closed(self):
        if self._state == OPEN:
            self._state = ENDING
            self._hint = True  # read what is left, whatever the mode
        elif self._state == ENDING and self._errno == ENOTCONN:
            self._errno = 0  # so that is why the module had refused the data

    def _on_lost(self, errno=ENETDOWN, why=_NO_DATA_LINK):
        """What the module still holds is delivered, then comes the error; "closed" may have come first (3.5)."""
        if self._state == OPEN or self._state == ENDING:
            self._errno = errno
            self._why = why
        if self._state == OPEN:
            self._on_closed()

    def _ended(self):
        self._state = FAILED if self._errno else ENDED

    def _fail(self, errno, why):
        if self._state < FAILED:
            self._state = FAILED
            self._errno = errno
            self._why = why
            self._discard()

    def _is_over(self):
        """Whether nothing can be sent or received any more, or nobody is there who would."""
        if self._state == FAILED or (self._state == ENDED and not self._rx.any()):
            return True
        return self._may_be_lost() and ticks_diff(ticks_ms(), self.owner.touched_at) >= LOST_MS

    def _may_be_lost(self):
        """Whether it can be told from a socket that rests: the peer closed it, or it was never asked for."""
        return self._state >= ENDING or self.owner is not self

    def _gone(self):
        """close() has nothing more to do but free the client ID."""
        self._state = CLOSED
        self._discard()

    def _opened(self):
        if self._state == OPENING:
            self._state = OPEN
            self._asked_at = ticks_ms()

    def _check_alive(self):
        if self._state == FAILED:
            self._raise()

    def _raise(self):
        if not self._errno:
            raise DisconnectedError("the peer closed the connection", errno=ECONNRESET)
        raise DisconnectedError(self._why, errno=self._errno)

    # -- the work poll() does ----------------------------------------------------------------------

    def _step(self):
        """Start what is due. Called by Modem.poll(); no allocation."""
        if self._state != OPEN and self._state != ENDING:
            return
        if self._refused and self._state == OPEN:
            if ticks_diff(ticks_ms(), self._refused_at) < RETRY_MS:
                return
        if self._src is None and self._w:
            ms = self.flush_ms
            if self._w == SEND_MAX or (ms and ticks_diff(ticks_ms(), self._wrote_at) >= ms):
                self._push()
        receive = self._hint and not self._rx.any()
        send = self._src is not None and self._state == OPEN and not self._waits()
        if (receive or send) and self._at.free():
            # In turns, where both are due: modules that announce data in every answer are read for ever
            if receive and not (send and self._read_last):
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
        self._op = RECEIVING
        self._read_last = True
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
        self._op = SENDING
        self._read_last = False
        at.begin(self, None, PROMPT_MS)
        at.data(self._src, self._src_off, self._src_n, SEND_OK_MS)

    def _push(self):
        """Start sending what was gathered."""
        self._src = self._tx
        self._src_off = self._sent
        self._src_n = self._w - self._sent

    def _pushed(self):
        """What was being sent is out. More may have been gathered behind it meanwhile."""
        if self._src is self._tx:
            self._sent = self._src_off + self._src_n
            if self._sent == self._w:
                self._sent = self._w = 0
        self._src = None

    def _discard(self):
        """Nothing that was written can leave any more."""
        self._src = None
        self._sent = self._w = 0

    def _done(self, result):
        """The AT engine's word on the command this socket began."""
        op = self._op
        self._op = IDLE
        if result == _at.RESTARTED:
            return  # Modem fails every socket with its own words
        if op == RECEIVING:
            self._received(result)
        elif op == RESUMING:
            self._resumed(result)  # transparent.py
        elif result == _at.TIMEOUT:
            self._fail(
                ETIMEDOUT,
                "the module did not say what became of the data; the connection is in an unknown state",
            )
        elif result == _at.SEND_OK:
            self._pushed()
            self._asked_at = ticks_ms()
        elif result == _at.SEND_FAIL:
            # SSL 2.3.3: the module's buffer is full, nothing was taken: the same bytes again, later.
            self._retry = True
            self._retry_at = ticks_add(ticks_ms(), RETRY_MS)
        elif self._state == OPEN:
            # What was written stays, so that flush() can say that it is lost; "closed" may be the next line.
            self._on_lost(ENOTCONN, "the module refused the data: the connection is gone")

    def _received(self, result):
        if result == _at.TIMEOUT:
            self._hint = True  # a late answer still reaches the ring; then ask again
            return
        if result != _at.OK:
            # SSL 2.3.4: ERROR is "no connection". After "closed" some firmware drops what was unread (3.5). But it may
            # be the question that a bad UART spoilt, or "closed" waited for the end of it: the module is asked twice.
            if not self._refused:
                self._refused_at = ticks_ms()
                self._refused = self._hint = True
            elif self._state == ENDING:
                self._ended()
            else:
                self._fail(ENOTCONN, "the module knows no such connection any more")
            return
        self._refused = False
        if not self._unsure:
            if self._state == ENDING and not self._hint:
                self._ended()
        elif self._tail_fits():
            self._unsure = 0
            self._hint = True  # read on until the module says 0
        else:
            self._cut()

    def _tail_fits(self):
        """Whether as many CR and LF followed the payload as always: if not, bytes were lost or doubled."""
        gap = self._at.framer.gap
        if not self._tail and (gap == 4 or gap == 2):  # SSL 2.3.4: two pairs; one on some firmware
            self._tail = gap
        return gap == self._tail != 0
