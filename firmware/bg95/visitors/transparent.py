"""Transparent access mode (SSL 1.4): the port is the connection's alone, bytes go through as they are.

Two things stand in the way of "as they are". Data must never become the escape sequence `+++`; and the module's last
words, NO CARRIER or a restart's RDY, look like data. Such a word with nothing behind it is put to the test: where
the module answers OK it was in data mode, so the words were the peer's, and ATO goes back.

This visitor stays for as long as the mode lasts.
"""

from time import ticks_diff, ticks_ms

from micropython import const

from ..at import ANSWER_MS, CONNECT, NO_CARRIER
from ..connection import BUFFER, ENDING, OPEN, TRANSPARENT
from .limits import ESCAPE_MS, GUARD_MS, PLUS_MS, TAIL_MS

# Ways out
_GUARD = const(1)  # waits for the silence before "+++"
_SILENCE = const(2)  # in the silence behind it
_ESCAPING = const(3)  # waits for the module's OK

# What the module says where transparent mode ends: the connection is lost; it restarted; it goes down. Each starts
# with CR LF and has its third byte in _THIRD, so that few CRs in the data need a closer look.
_LAST_WORDS = (b"\r\nNO CARRIER\r\n", b"\r\nRDY\r\n", b"\r\nAPP RDY\r\n", b"\r\nPOWERED DOWN\r\n")
_THIRD = b"NRAP"
_ESCAPED = b"\r\nOK\r\n"


def entrance(connection):
    """What the AT engine calls at CONNECT."""
    return Raw(connection).enter


def leave(connection):
    """Flow: back to command mode; the connection goes on in buffer access mode, if it still lives."""
    raw = connection.at.raw
    while raw is not None and raw.connection is connection and raw is connection.at.raw:
        raw.in_doubt = False
        if not raw.leaving:
            raw.leaving = _GUARD
        yield


class Raw:
    """Owner of the port while `connection` is in transparent mode. Nothing here waits, and poll() allocates nothing."""

    def __init__(self, connection):
        self.connection = connection
        self._modem = connection.modem
        self._at = connection.at
        self._f = connection.at.framer
        self._escaping = False  # an OK may end it, too
        self._mark = 0  # bytes that were held back when the OK became possible, so not it
        self._pluses = -1  # "+" sent since a silence and nothing else; -1: something else
        self._held = 0  # bytes held back when looked at last, and since when
        self._held_at = 0
        self.leaving = 0  # 0, _GUARD, _SILENCE or _ESCAPING
        self._leaving_at = 0
        self.in_doubt = False  # leaving only to learn whose word NO CARRIER was; comes back
        self._switching = False  # comes back by AT+QISWTMD

    def enter(self):
        """CONNECT: the port is the connection's."""
        c = self.connection
        c.opened()
        c.mode = TRANSPARENT
        # Nobody knows whether the module counts its silence from here or from the command
        self._pluses = 0
        self._at.last_out = ticks_ms()
        self._held = self.leaving = 0
        self._switching = False
        self._escaping = self._f.stalled = False
        self._at.raw = self

    def poll(self):
        """Move bytes both ways; whether anything moved."""
        at = self._at
        f = self._f
        if at.out is not None:
            at._push()
        have = at.any()
        f.look(have)
        while True:
            end = self._pass()
            # What looks like the end may have more behind it: only the UART's last byte can be one.
            if f.w - f.r >= f.size or not f.fill():
                break  # the application reads too slowly, or there is no more
        if end and not at.any():
            self._may_be_over()
        if at.raw is self:
            self._step()
        return have > 0 and not f.stalled

    # -- what comes in -----------------------------------------------------------------------------

    def _pass(self):
        """Hand data on up to the first byte that may belong to the module's own last word; True if such a word is
        whole.
        """
        f = self._f
        end = self._end_of_data()
        n = end - f.r
        if n:
            n = min(n, self.connection.room())
            f.stalled = n == 0
            if not n:
                return False
            self._hand_on(n)
        if f.r == f.w:
            f.r = f.w = 0
            return False
        if f.r != end:
            return False
        if self._last_word() or (self._escaping and not self._mark and self._ends(_ESCAPED)):
            f.start = f.pos = end + 2
            f.end = f.buf.find(b"\r", end + 2, f.w)
            return True
        return False

    def _ends(self, word):
        f = self._f
        return f.w - f.r >= len(word) and f.buf.startswith(word, f.r)

    def _end_of_data(self):
        """Index of the first byte to hold back.

        The module's words are told from the peer's data by what follows them: nothing, or CR LF (another word).
        Whoever meets one decides (`_accept` or `_release`), since data may look like this as well.
        """
        f = self._f
        buf = f.buf
        w = f.w
        at = f.r
        while True:
            at = buf.find(b"\r", at, w)
            if at < 0:
                return w
            if self._may_be_last(at, w):
                return at
            if self._escaping and at - f.r >= self._mark and self._may_end(_ESCAPED, at, w):
                return at
            at += 1

    def _may_be_last(self, at, w):
        if at + 1 < w and self._f.buf[at + 1] != 10:
            return False
        if at + 2 < w and self._f.buf[at + 2] not in _THIRD:
            return False
        i = len(_LAST_WORDS)
        while i and not self._may_end(_LAST_WORDS[i - 1], at, w):
            i -= 1
        return i > 0

    def _may_end(self, word, at, w):
        """Whether buf[at:w] is the start of `word`, or `word` with nothing or a line end behind it.

        What goes on for longer than URCs would is data, or it would fill the buffer before the truth is out.
        """
        buf = self._f.buf
        n = len(word)
        if w - at >= n:
            if not buf.startswith(word, at):
                return False
            return w - at == n or (buf[at + n] == 13 and w - at < self._f.size // 2)
        i = 0
        while at + i < w:
            if buf[at + i] != word[i]:
                return False
            i += 1
        return True

    def _last_word(self):
        """Whether the bytes held back read NO CARRIER, or that the module restarted."""
        for word in _LAST_WORDS:
            if self._ends(word):
                return True
        return False

    def _release(self, n):
        """n of the bytes held back were data after all; hand on as many as there is room for."""
        self._hand_on(min(n, self.connection.room()))

    def _hand_on(self, n):
        f = self._f
        c = self.connection
        if n and not c.is_closing:
            c.rx.write(f.buf, f.r, n)
        f.r += n
        self._mark = self._mark - n if self._mark > n else 0

    # -- the work of each poll -----------------------------------------------------------------------

    def _step(self):
        if self.leaving:
            self._step_leaving()
            return
        c = self.connection
        c.push()  # nothing is gained by waiting: the module packs by itself (QICFG "transwaittm")
        if c.src is not None and self._at.out is None:
            if c.src_n:
                self._send()
            else:  # only now has the last byte left the buffer
                c.pushed()
        f = self._f
        held = f.w - f.r
        if held != self._held:
            self._held = held
            self._held_at = ticks_ms()
        elif held and not f.stalled and ticks_diff(ticks_ms(), self._held_at) >= TAIL_MS:
            if self._last_word():
                self.in_doubt = True
                self.leaving = _GUARD
            else:
                self._release(held)

    def _send(self):
        """Hand the next bytes to the UART; never so that data becomes the escape sequence (SSL 1.4)."""
        at = self._at
        c = self.connection
        # A silence begins early, so that none is missed, and late where one would make a "+" the first again.
        if ticks_diff(ticks_ms(), at.last_out) >= (
            PLUS_MS + 100 if self._pluses > 0 else PLUS_MS - 100
        ):
            self._pluses = 0
        n = c.src_n
        off = c.src_off
        if self._pluses >= 0:
            i = 0
            while i < n and i < 4 and c.src[off + i] == 43:
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
            c.src_off += n
            c.src_n -= n
            if c.src is c.tx:
                c.sent = c.src_off  # what has left is not sent again, whatever becomes of the rest
            at.send(c.src, off, n)

    # -- the ways out ----------------------------------------------------------------------------------

    def _step_leaving(self):
        at = self._at
        now = ticks_ms()
        if self.leaving == _GUARD:
            dtr = self._modem.dtr
            if at.out is None and (dtr is not None or ticks_diff(now, at.last_out) >= GUARD_MS):
                self._leaving_at = now
                if dtr is not None:
                    dtr.value(1)  # AT&D1: low to high leaves data mode, without a silence
                    self._expect_ok()
                else:
                    at.send(b"+++", 0, 3)
                    self.leaving = _SILENCE
        elif self.leaving == _SILENCE:
            if ticks_diff(now, self._leaving_at) >= PLUS_MS // 2:
                self._expect_ok()  # it comes after a full second: an OK until now is the peer's
        else:
            f = self._f
            at_ok = f.buf.find(_ESCAPED, f.r + self._mark, f.w)
            if at_ok > f.r:
                self._release(
                    at_ok - f.r
                )  # the module was in data mode: a NO CARRIER was the peer's
            elif ticks_diff(now, self._leaving_at) >= ESCAPE_MS:
                # No OK: the module was not in data mode any more, the connection is lost (SSL 1.4).
                self._left(False)  # what is held back are lines now

    def _expect_ok(self):
        self.leaving = _ESCAPING
        self._escaping = True
        self._mark = self._f.w - self._f.r

    def _may_be_over(self):
        """A possible end of transparent mode stands in the buffer."""
        f = self._f
        if self.leaving == _ESCAPING and f.equals(b"OK"):
            f.r = f.buf.find(b"\n", f.r + 2, f.w) + 1
            self._left(True)

    def _left(self, alive):
        at = self._at
        c = self.connection
        modem = self._modem
        self._f.stalled = False
        at.raw = None
        self.leaving = 0
        if modem.dtr is not None:
            modem.dtr.value(0)
        c.mode = BUFFER  # SSL 1.4: whatever it was opened with
        modem.work |= c.bit
        if not alive:
            at.send(b"\r", 0, 1)  # ends the "+++" that now stands on the command line
            at.out_of_step()
            self._lost()
            return
        modem.paused = c
        if self.in_doubt:
            self.in_doubt = False
            self._command(b"ATO\r")
        else:
            c.wants_to_receive()

    def _lost(self):
        c = self.connection
        if c.state == OPEN:
            c.state = ENDING
        c.wants_to_receive()

    def _command(self, line):
        at = self._at
        at.prefix = at.sink = None
        at.others = False
        at.connects = self.enter
        at.go(self, line, len(line), ANSWER_MS)

    def done(self, result):
        """What became of going back."""
        if (
            result == NO_CARRIER and not self._switching
        ):  # ATO resumes nothing on some modules (field notes 1)
            self._switching = True
            self._command(b"AT+QISWTMD=%d,2\r" % self.connection.client_id)
        elif result != CONNECT:
            self._lost()
