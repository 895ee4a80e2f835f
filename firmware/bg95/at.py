"""The AT engine: one command in flight, its answer, its deadline; all that is not its answer is a URC.

Lines are tried in this order while a command is in flight: echo, the command's own answer, final result, URC; a
line that is none of these is counted and offered to the flow that waits. Own answer comes first because the same text
can be both (+CEREG:, +CPIN:); `_is_urc_shape` tells the two apart where the number of fields does.

Two kinds of owner use the engine. A *flow* (a generator; may allocate) uses the visitor `at`: `yield from at.run(...)`.
A *connection* (must not allocate) uses `go()` and is told the result by its `done(result)`.

What makes up nearly all of a transfer is expected to the byte: the prompt, SEND OK, head and tail of a read. It is
compared whole (`_exp`); whatever differs goes the long way.

A command whose answer did not come in time leaves the engine out of step: its answer may still arrive. Before the
next command the engine sends a barrier, a query whose answer nobody else asked for, and drops what comes before
that answer (field notes 3.9). Payload of a late answer still goes to its sink: the module counts it as read.
"""

from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from . import visit
from .framer import Framer

# Results. RUNNING is "none yet"; CME carries its number in `AT.cme`.
RUNNING = const(0)
OK = const(1)
ERROR = const(2)
CME = const(3)
TIMEOUT = const(4)
SEND_OK = const(5)
SEND_FAIL = const(6)
NO_CARRIER = const(7)
CONNECT = const(8)  # also: the prompt
RESTARTED = const(9)
BROKEN = const(10)  # a final result before all bytes had left: the module understood something else

_LINE = const(1)  # framer.LINE
_PROMPT = const(2)  # framer.PROMPT

RECV_MAX = const(1500)  # SSL 2.3.4: <readlen>
ANSWER_MS = const(
    3000
)  # SSL 2.3: 300 ms; with the margin modules need under load (field: up to 2 s late)
# After the last byte; SEND OK comes at once (TCP/IP 2.3.7), or the engine asks whether it got lost
SEND_OK_MS = const(7000)
BARRIER_MS = const(900)  # one answer while getting back in step
_QUIET_MS = const(300)  # without a late answer: none comes any more

# Bytes handed to the UART at once: within its own buffer, so that write() returns
_WRITE = const(128)
# Items handled in one poll, so that a fast peer cannot keep poll() from returning
_ITEMS = const(16)
# Payload is left in the UART until so much is there: each look costs as much as a chunk
_LITTLE = const(128)
# Polls in which what is expected may stay incomplete before it goes the long way
_PATIENCE = const(8)

_FINALS = (b"OK", b"ERROR", b"SEND OK", b"SEND FAIL", b"NO CARRIER")
_RESULTS = b"\x01\x02\x05\x06\x07"
_EXPECTED_PROMPT = b"\r\n> "
_EXPECTED_SENT = b"\r\nSEND OK\r\n"
_TAIL = b"\r\n\r\nOK\r\n"  # SSL 2.3.4; with one CR LF on some firmware
_SHORT_TAIL = b"\r\nOK\r\n"

_BARRIER = b"AT+CMEE?\r"
_BARRIER_ANSWER = b"+CMEE: "
_BARRIERS = const(3)
# Ends a data phase whose bytes were lost on the way; an empty line has no answer (AT 1.3)
_FILL = b"\r" * 64
_FILL_BYTES = const(1536)  # all that a module can want for one AT+QSSLSEND


def _writer(uart):
    """write(buf, off, n) of the UART. One written in Python may only have write(buf), which costs a view a piece."""
    try:
        uart.write(b"", 0, 0)
    except TypeError:
        return lambda buf, off, n: uart.write(memoryview(buf)[off : off + n])
    return uart.write


class AT:
    """One AT port on a UART. `poll()` moves it on; it never blocks and never allocates.

    uart: any(), readinto(buf, n), write(buf, off, n) or write(buf). modem: its _urc() is called for each line
    that is no answer, and returns whether anybody knows it. size: longest line, bytes.
    """

    def __init__(self, uart, modem, size):
        self.framer = Framer(uart, size)
        self.any = uart.any
        self._write = _writer(uart)
        self.modem = modem
        self._urc = modem._urc
        self.out = None  # what is being written to the UART: buffer, next byte, end
        self.off = 0
        self.end = 0
        # When the last byte was handed to the UART: guard times count from here
        self.last_out = ticks_ms()
        self.result = OK
        self.cme = -1
        self.long = 0  # lines that were too long when the command began
        self.words = b""  # an error without a number
        self.echoes = False  # the module repeats what it hears; after ATE0, it has restarted
        self.owner = None  # a connection, or None where a flow waits
        self.awaited = False  # a flow waits for the result, or has not seen it yet
        self.prefix = None  # of the answer's lines; None: there are none
        self.others = False  # lines of unknown shape belong to the answer, too
        self.sink = None  # where the answer's payload goes
        self.answered = False  # a line of the answer has come
        self.data = False  # its owner's data are what is being sent, or have been
        self.asked = (
            None  # the connection whose data the barrier asks about, and what became of them
        )
        self._late_result = TIMEOUT
        self.connects = None  # where CONNECT is a result of this command: called then
        self.deadline = 0
        self._exp = None  # the bytes that are expected next
        self._had = 0  # how many of them the UART held when looked at last, and how often
        self._same = 0
        self._seen = 0  # bytes received when payload was last seen to move
        self._seen_at = 0
        self.held = False  # a line waits in the framer for the flow that owns the command
        self.stale = 0  # barriers left to try while out of step; 0 when in step
        self._barrier = False  # a barrier is in flight
        self._unanswered = 0  # barriers in a row: their answers may still come
        self._draining = False  # waiting until nothing late comes any more
        self._fill = 0  # bytes of _FILL still to send
        self._late_prefix = None  # of the answer that did not come, and where its payload goes
        self._late_sink = None
        self.dead = False  # no barrier was answered: only a new start helps
        self.claims = 0  # flows that wait for the engine: connections stand back
        self.raw = None  # who has the port to itself, in transparent mode (visitors/transparent.py)
        self.tap = None  # tap(False) hears of every URC, while it is the framer's line; tap(True) says whether one is
        self.unknown = 0
        self.commands = 0  # sent so far: the AT round trips
        self.late = 0  # lines of late answers that were dropped
        self.trace = None  # object with sent(), received(), payload(), see trace.py

    def __getattr__(self, name):
        """What only flows need: run, ask, start, wait ... (visitors/at.py)."""
        return visit.method("at", self, name, self.modem)

    # -- hot path ----------------------------------------------------------------------------------

    def free(self):
        """Whether a connection may start a command now. Sends the barrier where one is due."""
        if self.busy() or self.dead or self.raw is not None:
            return False
        if self.stale:
            self.send_barrier()
            return False
        return not self.claims

    def busy(self):
        """Whether a command is under way, or its flow has yet to see how it ended."""
        if self.result == RUNNING or self.out is not None or self._fill > 0:
            return True
        return self.awaited and ticks_diff(ticks_ms(), self.deadline) < 0

    def go(self, owner, line, n, ms):
        """Send line[:n], which ends in its CR, as a command; its result is due in `ms`.

        owner: the connection whose done(result) is called; None: a flow waits. prefix, sink, others and connects are
        the caller's to set before, and to leave as they were found.
        """
        self.owner = owner
        self.result = RUNNING
        self.answered = self.data = False
        self._exp = None
        self.commands += 1
        self.deadline = ticks_add(ticks_ms(), ms)
        if self.trace is not None:
            self.trace.sent(line, n)
        self.send(line, 0, n)

    def send(self, buf, off, n):
        """Write buf[off:off+n] to the UART over the next polls; `buf` must stay as it is."""
        self.out = buf
        self.off = off
        self.end = off + n
        self._push()

    def relocate(self, buf, to, off):
        """What is still to leave of buf[off:] lies at the start of `to` now."""
        if self.out is buf:
            self.out = to
            self.off -= off
            self.end -= off

    def prompted(self):
        """The command just begun has a prompt; then its owner's data leave."""
        self.framer.prompt = 62  # ">"
        if self.trace is None:
            self._exp = _EXPECTED_PROMPT
            self._had = 0

    def headed(self, head):
        """The answer of the command just begun will most likely start with `head`, and its owner's largest payload."""
        if self.trace is None:
            self._exp = head
            self._had = 0

    def poll(self):
        """Move bytes both ways and handle what came in; whether anything moved. Never blocks, never allocates."""
        if self.out is not None:
            self._push()
        elif self._fill:
            self._fill -= len(_FILL)
            self.send(_FILL, 0, len(_FILL))
        if self.held:
            if ticks_diff(ticks_ms(), self.deadline) < 0:
                return False  # first the flow takes the line that waits for it
            self.held = False  # there is no such flow any more: an exception ended it
        f = self.framer
        have = self.any()
        if self._exp is not None and f.r == f.w and (not f.left or f.sink is self.sink):
            if f.left:
                if have < _LITTLE and have < f.left + len(self._exp):
                    if have != self._had:
                        self._had = have
                        self._same = 0
                        return True  # it moves: no time for a rest
                    self._same += 1
                    if have < f.left or self._same < _PATIENCE:
                        self._watch_payload()
                        return False
                if not f.pump(have):
                    return False
                if f.left:
                    return True
                have = self.any()
            if have >= len(self._exp):
                if f.take(self._exp):
                    self._as_expected()
                    return True
                have = self.any()
                self._exp = None
            elif have != self._had:
                self._had = have
                self._same = 0
                return True
            elif have:
                self._same += 1
                if self._same < _PATIENCE:
                    return True
                self._exp = None  # not that, or not yet: the long way
        if have or f.r != f.w or f.left:
            f.look(have)
            self._items(f)
            if f.left:
                self._watch_payload()
                return have > 0 and not f.stalled
        if self.result == RUNNING and ticks_diff(ticks_ms(), self.deadline) >= 0:
            self.expire()
        return have > 0

    def _expect_tail(self):
        """Payload has begun to come for a connection."""
        self._seen = -1
        tail = self.owner.tail
        self._exp = _TAIL if tail == 4 else _SHORT_TAIL if tail else None
        self._had = 0

    def _push(self):
        n = self.end - self.off
        n = self._write(self.out, self.off, n if n < _WRITE else _WRITE)
        if n:
            self.off += n
            self.last_out = ticks_ms()
            if self.off == self.end:
                self.out = None

    def _as_expected(self):
        """What was expected has come: the prompt, the head of a full read, or the end of the command."""
        expected = self._exp
        if expected is _EXPECTED_PROMPT:
            self.framer.prompt = 0
            self._exp = _EXPECTED_SENT
            self._had = 0
            self._send_data()
        elif expected is _EXPECTED_SENT:
            self._finish(SEND_OK)
        elif not self.answered:
            self.answered = True
            self.framer.payload(RECV_MAX, self.sink)
            self._expect_tail()
        elif self.owner.reads_on() and self.out is None:
            # The same command once more: all else stays as it is
            expected = self.owner.recv
            self.answered = False
            self.commands += 1
            self.deadline = ticks_add(ticks_ms(), ANSWER_MS)
            self._exp = self.owner.head
            self._had = 0
            self.send(expected, 0, len(expected))
        else:
            self.framer.gap = len(expected) - 4  # pyright: ignore[reportArgumentType]
            self._finish(OK)

    def _send_data(self):
        owner = self.owner
        self.data = True
        self.deadline = ticks_add(ticks_ms(), SEND_OK_MS)
        if self.trace is not None:
            self.trace.payload(">", owner.src_n)
        self.send(owner.src, owner.src_off, owner.src_n)

    def _finish(self, result):
        self._exp = None
        if self.out is not None:
            # What leaves now would be a command, or the end of one: the module did not understand what was sent
            self.out = None
            self.out_of_step()
            result = BROKEN
        self._conclude(result)

    def _conclude(self, result):
        self.result = result
        self.framer.prompt = 0
        owner = self.owner
        if owner is not None:
            self.owner = self.asked = None
            owner.done(result)
        else:
            self.deadline = ticks_add(ticks_ms(), BARRIER_MS)  # until then its flow has seen it

    # -- the long way ------------------------------------------------------------------------------

    def _items(self, f):
        for _ in range(_ITEMS):
            kind = f.next()
            if kind == _LINE:
                if not self._line():
                    return
            elif kind == _PROMPT:
                if self.owner is None:
                    self.result = CONNECT  # a flow waits for the prompt itself
                else:
                    self._send_data()
            else:
                return
            if self.raw is not None:
                return  # what follows is another's

    def _line(self):
        """Handle the framer's line; False where it has to wait for the flow that owns the command."""
        f = self.framer
        if self.trace is not None:
            self.trace.received(f)
        if self.result != RUNNING:
            self._dispatch(False)
        elif self._barrier:
            self._barrier_line()
        elif self.prefix is not None and f.starts(self.prefix) and not self._is_urc_shape():
            self.answered = True
            if self.sink is None:
                self.held = True
                return False
            self.expect(f.next_int(), self.sink)
            if f.left and self.owner is not None and self.trace is None:
                self._expect_tail()
        elif not self._final() and not self._dispatch(self.others):
            self.held = True
            return False
        return True

    def _is_urc_shape(self):
        """+CEREG: <stat>[,"<tac>"...] is a URC, +CEREG: <n>,<stat>... the answer (AT 6.1)."""
        f = self.framer
        if f.buf.find(b"REG:", f.start, f.pos) < 0:
            return False
        f.next_int()
        return f.pos >= f.end or f.buf[f.pos] == 34

    def expect(self, n, sink):
        """n bytes of payload for `sink` (None: dropped) follow the framer's line."""
        if n > 0:
            self.framer.payload(n, sink)
            self._seen = -1
            if self.trace is not None:
                self.trace.payload("<", n)

    def _final(self):
        """Whether the line settles the command (or is its echo)."""
        f = self.framer
        for i in range(len(_FINALS)):
            if f.equals(_FINALS[i]):
                self._finish(_RESULTS[i])
                return True
        if f.starts(b"+CME ERROR:") or f.starts(b"+CMS ERROR:"):
            self.cme = f.next_int() if f.starts(b"+CME ERROR:") else -1
            if self.cme < 0 and self.owner is None:
                self.words = f.text()  # AT+CMEE=2, or an error of SMS
            self._finish(CME)
            return True
        if self.connects and f.starts(b"CONNECT"):
            # CONNECT <n> announces payload (FILE 2.8); a bare CONNECT says that the module is ready for ours.
            if self.sink is not None:
                self.expect(f.next_int(), self.sink)
            else:
                if self.connects is not True:
                    self.connects()
                self._finish(CONNECT)
            return True
        if f.starts(b"AT") or f.starts(b"at"):
            self.echoes = True
            return True
        return False

    def _dispatch(self, known_only):
        """Hand the line on as a URC. False if `known_only` and nobody knows it: neither the driver nor the tap."""
        if not self._urc():
            if known_only:
                return self.tap is not None and self.tap(True)
            self.unknown += 1
        if self.tap is not None:
            self.tap(False)
        return True

    def _watch_payload(self):
        """Payload that stops coming was cut: the module restarted, or bytes were lost."""
        f = self.framer
        if self._seen != f.received or f.stalled:
            self._seen = f.received
            self._seen_at = ticks_ms()
        elif ticks_diff(ticks_ms(), self._seen_at) >= ANSWER_MS:
            self._exp = None
            sink = f.abandon_payload()
            if sink is not None:
                sink._cut()
            if self.result == RUNNING:
                self.expire()

    def expire(self, cancelled=False):
        """Nobody waits any longer for the result. cancelled: the flow that did was stopped."""
        if self._barrier:
            self._barrier = False
            self.out = None  # a UART that takes nothing
            if self._draining:
                self.result = TIMEOUT
                self._draining = False  # silence: whatever was late has come
                self._unanswered = 0
                return
            self._conclude(TIMEOUT)
            self._unanswered += 1
            self.stale -= 1
            if not self.stale:
                self.dead = True
            elif self.stale == 1:
                # The module may be waiting for data that was lost on the way: give it all it can want (3.1).
                self._fill = _FILL_BYTES
            return
        owner = None
        if self.data:
            ms = SEND_OK_MS - ticks_diff(ticks_ms(), self.last_out)
            if ms > 0:
                self.deadline = ticks_add(ticks_ms(), ms)  # its time counts from the last byte
                return
            if self.out is None:
                owner = self.owner
        # Late, the answer to this very question looks like the barrier's: then two are to come.
        self._unanswered = int(self.prefix == b"+CMEE:")
        self._late_prefix = self.prefix or b"CONNECT "  # <n>: AT+QFREAD's way to announce payload
        self._late_sink = self.sink
        self.out_of_step()
        if not cancelled:
            self.out = None
        if owner is None:
            self._conclude(TIMEOUT)
            return
        # Was SEND OK lost, or is the module slow? It answers in order, so what became of the data comes first.
        self._late_result = TIMEOUT
        self.send_barrier()
        self.owner = self.asked = owner
        self.deadline = ticks_add(ticks_ms(), ANSWER_MS)

    def out_of_step(self, tries=0):
        """Nobody knows what the module will say next: a barrier has to be answered first. tries: how many."""
        self.stale = tries or _BARRIERS

    def restarted(self):
        """The module started anew: what was in flight will not be answered."""
        self.stale = self._fill = self._unanswered = 0
        self._barrier = self._draining = self.dead = self.awaited = self.held = False
        self.out = None
        if self.result == RUNNING:
            self._finish(RESTARTED)

    # -- getting back in step ----------------------------------------------------------------------

    def send_barrier(self):
        """Ask what nobody else asks; what comes before the answer is dropped."""
        self._barrier = True
        self.go(None, _BARRIER, len(_BARRIER), BARRIER_MS)

    def _barrier_line(self):
        f = self.framer
        if f.starts(_BARRIER_ANSWER):
            self._late_prefix = _BARRIER_ANSWER  # the OK that follows is the barrier's own
        elif self._late_prefix is _BARRIER_ANSWER and f.equals(b"OK"):
            self._late_prefix = self._late_sink = None
            if self._unanswered:
                # This may be the answer to an earlier barrier; then those to the later ones are on their way.
                self._unanswered -= 1
                self._draining = True
                self.deadline = ticks_add(ticks_ms(), _QUIET_MS)
                return
            self._barrier = False
            self.stale = 0
            self._finish(OK if self.asked is None else self._late_result)
        elif self.asked is not None and f.starts(b"SEND "):
            self._late_result = SEND_OK if f.equals(b"SEND OK") else SEND_FAIL
        elif self._late_sink is not None and f.starts(self._late_prefix):
            self.late += 1
            self.expect(f.next_int(), self._late_sink)
        elif not self._dispatch(True):
            self.late += 1
            if self._draining:
                self.deadline = ticks_add(ticks_ms(), _QUIET_MS)
