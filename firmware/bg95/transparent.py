"""Transparent access mode (SSL 1.4): the port is the connection's alone, bytes go through as they are.

Two things stand in the way of "as they are". Data must never become the escape sequence `+++`; and the module's last
words, NO CARRIER or a restart's RDY, look like data. Such a word with nothing behind it is put to the test: where
the module answers OK it was in data mode, so the words were the peer's, and ATO goes back.
"""

from time import ticks_diff, ticks_ms

from micropython import const

from . import at as _at
from .connection import BUFFER, ENDING, RESUMING, TRANSPARENT, Connection
from .limits import ANSWER_MS, ESCAPE_MS, GUARD_MS, PLUS_MS, TAIL_MS

# Ways out
_GUARD = const(1)  # waits for the silence before "+++"
_SILENCE = const(2)  # in the silence behind it
_ESCAPING = const(3)  # waits for the module's OK


class Transparent(Connection):
    """Adds transparent mode to a Connection. Nothing here waits or allocates."""

    def __init__(self, modem, context, client_id, mode, buffers):
        super().__init__(modem, context, client_id, mode, buffers)
        self._pluses = -1  # "+" sent since a silence and nothing else; -1: something else
        self._held = 0  # bytes the framer held back when looked at last, and since when
        self._held_at = 0
        self._leaving = 0  # 0, _GUARD, _SILENCE or _ESCAPING
        self._leaving_at = 0
        self._in_doubt = False  # leaving only to learn whose word NO CARRIER was; comes back

    def _step(self):
        if self._at.raw_owner is self:
            self._step_raw()
        else:
            Connection._step(self)

    def _enter_raw(self):
        self._mode = TRANSPARENT
        # Nobody knows whether the module counts its silence from here or from the command
        self._pluses = 0
        self._at.last_out = ticks_ms()
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
                self._pushed()
        held = at.framer.held
        if held != self._held:
            self._held = held
            self._held_at = ticks_ms()
        elif held and not at.framer.stalled and ticks_diff(ticks_ms(), self._held_at) >= TAIL_MS:
            if at.framer.last_word:
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
            dtr = self._modem.dtr
            if not at.sending and (dtr is not None or ticks_diff(now, at.last_out) >= GUARD_MS):
                self._leaving_at = now
                if dtr is not None:
                    dtr.value(1)  # AT&D1: low to high leaves data mode, without a silence
                    self._expect_ok()
                else:
                    at.send(b"+++", 0, 3)
                    self._leaving = _SILENCE
        elif self._leaving == _SILENCE:
            if ticks_diff(now, self._leaving_at) >= PLUS_MS // 2:
                self._expect_ok()  # it comes after a full second: an OK until now is the peer's
        else:
            n = at.framer.before_ok()
            if n > 0:
                at.framer.release(n)  # the module was in data mode: a NO CARRIER was the peer's
            elif ticks_diff(now, self._leaving_at) >= ESCAPE_MS:
                # No OK: the module was not in data mode any more, the connection is lost (SSL 1.4).
                self._left_raw(False)  # what is held back are lines now

    def _expect_ok(self):
        self._at.framer.escaping()
        self._leaving = _ESCAPING

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
        if self._modem.dtr is not None:
            self._modem.dtr.value(0)
        self._mode = BUFFER  # SSL 1.4: whatever it was opened with
        if not alive:
            at.send(b"\r", 0, 1)  # ends the "+++" that now stands on the command line
            at.out_of_step()
            self._state = ENDING
            self._hint = True
        else:
            self._modem.sockets.paused = self
        if alive and self._in_doubt:
            self._op = RESUMING
            at.put(b"ATO")
            at.begin(self, None, ANSWER_MS, connects=self)
        self._in_doubt = False

    def _resumed(self, result):
        if result == _at.NO_CARRIER:  # ATO resumes nothing on some modules (field notes 1)
            at = self._at
            self._op = RESUMING
            at.put(b"AT+QISWTMD=")
            at.put_int(self.client_id)
            at.put(b",2")
            at.begin(self, None, ANSWER_MS, connects=self)
        elif result != _at.CONNECT:
            self._state = ENDING
            self._hint = True

    def _leave_raw(self):
        """Flow: back to command mode; the connection goes on in buffer access mode, if it still lives."""
        while self._at.raw_owner is self:
            self._in_doubt = False
            if not self._leaving:
                self._leaving = _GUARD
            yield
