"""The AT engine: one command in flight, its answer, its deadline; all that is not its answer is a URC.

Lines are tried in this order while a command is in flight: echo, the command's own answer, final result, URC; a
line that is none of these is counted and offered to `on_unknown`. Own answer comes first because the same text
can be both (+CEREG:, +CPIN:); `_is_urc_shape` tells the two apart where the number of fields does.

Two kinds of owner use the engine. A *flow* (a generator; may allocate) uses `run()` and gets lines as bytes. A
*socket* (must not allocate) uses `begin()` and is told the result by its `_done(result)`.

A command whose answer did not come in time leaves the engine out of step: its answer may still arrive. Before the
next command the engine sends a barrier, a query whose answer nobody else asked for, and drops what comes before
that answer (field notes 3.9). Payload of a late answer still goes to its sink: the module counts it as read.
"""

from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from . import framer
from .errors import EBUSY, ECONNRESET, CommandError, DisconnectedError, FileError, TimeoutError
from .limits import ANSWER_MS, COMMAND_MAX, PROBE_MS, SEND_MAX

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

# Bytes handed to the UART at once: within its own buffer, so that write() returns
_WRITE = const(128)
# Of an answer's lines, bytes that are kept: some 150 files. A module that babbles must not fill the heap
_ANSWER_MAX = const(12288)
_LINE_COST = const(40)  # of a bytes object and its place in the list, on the largest port
# Items handled in one poll, so that a fast peer cannot keep poll() from returning
_ITEMS = const(16)

_FINALS = (
    (b"OK", OK),
    (b"ERROR", ERROR),
    (b"SEND OK", SEND_OK),
    (b"SEND FAIL", SEND_FAIL),
    (b"NO CARRIER", NO_CARRIER),
)
_REGISTRATION = (b"+CREG:", b"+CGREG:", b"+CEREG:")

_BARRIER = b"AT+CMEE?\r"
_BARRIER_ANSWER = b"+CMEE: "
_BARRIERS = const(3)
# Ends a data phase whose bytes were lost on the way; an empty line has no answer (AT 1.2)
_FILL = b"\r" * 64


def _writer(uart):
    """write(buf, off, n) of the UART. One written in Python may only have write(buf), which costs a view a piece."""
    try:
        uart.write(b"", 0, 0)
    except TypeError:
        return lambda buf, off, n: uart.write(memoryview(buf)[off : off + n])
    return uart.write


class AT:
    """One AT port on a UART. `poll()` moves it on; it never blocks and never allocates.

    uart: any(), readinto(buf, n), write(buf, off, n) or write(buf). size: longest line, bytes.
    """

    def __init__(self, uart, size=1024):
        self.framer = framer.Framer(uart, size)
        self._write = _writer(uart)
        self._command = bytearray(COMMAND_MAX)  # the line being built by put()
        self._n = 0
        self._out = None  # what is being written to the UART: buffer, next byte, end
        self._off = 0
        self._end = 0
        # When the last byte was handed to the UART: guard times count from here
        self.last_out = ticks_ms()
        self.result = OK
        self.cme = -1
        self._words = b""  # an error without a number
        self.echoes = False  # the module repeats what it hears; after ATE0, it has restarted
        self._long = 0  # lines that were too long when the command began
        self._owner = None  # a socket, or None where a flow waits
        self._awaited = False  # a flow waits for the result, or has not seen it yet
        self._prefix = None  # of the answer's lines; None: there are none
        self._others = False  # lines of unknown shape belong to the answer, too
        self._sink = None  # where the answer's payload goes
        self._data = None  # bytes to send at the prompt: buffer, offset, count, time for the answer
        self._data_off = 0
        self._data_n = 0
        self._data_ms = 0
        self.asked = None  # the socket whose data the barrier asks about, and what became of it
        self._late_result = TIMEOUT
        self._connects = (
            None  # True where CONNECT is a result of this command; a socket: it gets the port
        )
        self._deadline = 0
        self._seen = 0  # bytes received when payload was last seen to move
        self._seen_at = 0
        self.held = False  # a line waits in the framer for the flow that owns the command
        self._stale = 0  # barriers left to try while out of step; 0 when in step
        self._barrier = False  # a barrier is in flight
        self._unanswered = 0  # barriers in a row: their answers may still come
        self._draining = False  # waiting until nothing late comes any more
        self._fill = 0  # bytes of _FILL still to send
        self._late_prefix = None  # of the answer that did not come, and where its payload goes
        self._late_sink = None
        self.dead = False  # no barrier was answered: only a new start helps
        self.claims = 0  # flows that wait for the engine: sockets stand back
        self.raw_owner = None  # the socket in transparent mode
        self.urcs = []  # (prefix, handler): handler() runs inside poll() and must not allocate
        self.tap = None  # tap(False) hears of every URC, while it is the framer's line; tap(True) says whether one is
        self.unknown = 0
        self.commands = 0  # sent so far: the AT round trips
        self.late = 0  # lines of late answers that were dropped
        self.trace = None  # object with sent(), received(), payload(), see trace.py

    # -- state -----------------------------------------------------------------------------------

    @property
    def sending(self):
        """Whether bytes are still on their way into the UART."""
        return self._out is not None or self._fill > 0

    def free(self):
        """Whether a socket may start a command now. Sends the barrier where one is due. No allocation."""
        if self._busy() or self.dead or self.raw_owner is not None:
            return False
        if self._stale:
            self._send_barrier()
            return False
        return not self.claims

    def _busy(self):
        """Whether a command is under way, or its flow has yet to see how it ended. No allocation."""
        if self.result == RUNNING or self.sending:
            return True
        return self._awaited and ticks_diff(ticks_ms(), self._deadline) < 0

    # -- starting a command ------------------------------------------------------------------------

    def put(self, piece):
        """Append bytes to the command line being built. No allocation."""
        n = len(piece)
        self._command[self._n : self._n + n] = piece
        self._n += n

    def put_int(self, value):
        """Append a number 0..99999 in decimal. No allocation."""
        unit = 10000
        while unit > value and unit > 1:
            unit //= 10
        while unit:
            self._command[self._n] = 48 + value // unit % 10
            self._n += 1
            unit //= 10

    def begin(self, owner, prefix, ms, sink=None, connects=None):
        """Send the line built with put() as `owner`'s command. No allocation, no waiting.

        prefix: of its answer's lines (None: it has none); ms: time it may take; sink: where the payload goes that
        an answer line announces (`+QSSLRECV: <n>`); connects: True where CONNECT is a result of
        it, or the socket that has the port to itself from the byte after CONNECT on.
        """
        self._command[self._n] = 13
        n = self._n + 1
        self._n = 0
        self._start(self._command, n, prefix, ms, sink)
        self._connects = connects
        self._owner = owner

    def _start(self, line, n, prefix, ms, sink):
        self._owner = None
        self._prefix = prefix
        self._others = False
        self._sink = sink
        self._data = None
        self._connects = None
        self.framer.prompt = 0
        self.held = False
        self.result = RUNNING
        self.cme = -1
        self.commands += 1
        self._deadline = ticks_add(ticks_ms(), ms)
        if self.trace is not None:
            self.trace.sent(line, n)
        self.send(line, 0, n)

    def send(self, buf, off, n):
        """Write buf[off:off+n] to the UART over the next polls; `buf` must stay as it is. No allocation."""
        self._out = buf
        self._off = off
        self._end = off + n
        self._push()

    def data(self, buf, off, n, ms):
        """What the command begun just now sends at the prompt; `ms` after its last byte a barrier asks
        what became of it. No allocation.
        """
        self.framer.prompt = 62  # ">"
        self._data = buf
        self._data_off = off
        self._data_n = n
        self._data_ms = ms

    # -- moving on -------------------------------------------------------------------------------

    def poll(self):
        """Move bytes both ways and handle what came in. Never blocks, never allocates."""
        if self._out is not None:
            self._push()
        elif self._fill:
            self._fill -= len(_FILL)
            self.send(_FILL, 0, len(_FILL))
        if self.held:
            if ticks_diff(ticks_ms(), self._deadline) < 0:
                return  # first the flow takes the line that waits for it
            self.held = False  # there is no such flow any more: an exception ended it
        f = self.framer
        for _ in range(_ITEMS if f.look() else 0):
            kind = f.next()
            if kind == framer.LINE:
                if not self._line():
                    return
            elif kind == framer.PROMPT:
                self._prompted()
            elif kind == framer.END:
                self.raw_owner._raw_end()  # pyright: ignore[reportAttributeAccessIssue]
                break
            else:
                break
        if f.left:
            self._watch_payload()
        elif self.result == RUNNING and ticks_diff(ticks_ms(), self._deadline) >= 0:
            self._expire()

    def _push(self):
        n = self._end - self._off
        n = self._write(self._out, self._off, n if n < _WRITE else _WRITE)
        if n:
            self._off += n
            self.last_out = ticks_ms()
            if self._off == self._end:
                self._out = None

    def _prompted(self):
        if self._data is None:
            self.result = CONNECT  # a flow waits for the prompt itself
            return
        self._deadline = ticks_add(ticks_ms(), self._data_ms)
        if self.trace is not None:
            self.trace.payload(">", self._data_n)
        self.send(self._data, self._data_off, self._data_n)

    def _line(self):
        """Handle the framer's line; False where it has to wait for the flow that owns the command."""
        if self.trace is not None:
            self.trace.received(self.framer)
        if self.result != RUNNING:
            self._urc()
        elif self._barrier:
            self._barrier_line()
        elif self._is_own():
            if self._sink is None:
                self.held = True
                return False
            self.expect(self.framer.next_int(), self._sink)
        elif not self._final() and not self._urc(self._others):
            self.held = True
            return False
        return True

    def _is_own(self):
        return (
            self._prefix is not None
            and self.framer.starts(self._prefix)
            and not self._is_urc_shape()
        )

    def _is_urc_shape(self):
        """+CEREG: <stat>[,"<tac>"...] is a URC, +CEREG: <n>,<stat>... the answer (AT 6.2)."""
        if self._prefix not in _REGISTRATION:
            return False
        f = self.framer
        f.next_int()
        return f.pos >= f.end or f.buf[f.pos] == 34

    def expect(self, n, sink):
        """n bytes of payload for `sink` (None: dropped) follow the framer's line. No allocation."""
        if n > 0:
            self.framer.payload(n, sink)
            self._seen = -1
            if self.trace is not None:
                self.trace.payload("<", n)

    def _final(self):
        """Whether the line settles the command (or is its echo)."""
        f = self.framer
        for text, result in _FINALS:
            if f.equals(text):
                self._finish(result)
                return True
        if f.starts(b"+CME ERROR:") or f.starts(b"+CMS ERROR:"):
            self.cme = f.next_int() if f.starts(b"+CME ERROR:") else -1
            if self.cme < 0 and self._owner is None:
                self._words = f.text()  # AT+CMEE=2, or an error of SMS
            self._finish(CME)
            return True
        if self._connects and f.starts(b"CONNECT"):
            # CONNECT <n> announces payload (FILE 2.8); a bare CONNECT says that the module is ready for ours.
            if self._sink is None:
                if self._connects is not True:
                    self._connects._enter_raw()
                self._finish(CONNECT)
            else:
                self.expect(f.next_int(), self._sink)
            return True
        if f.starts(b"AT") or f.starts(b"at"):
            self.echoes = True
            return True
        return False

    def _finish(self, result):
        self.result = result
        self._deadline = ticks_add(ticks_ms(), PROBE_MS * 3)  # until then its flow has seen it
        self.framer.prompt = 0
        owner = self._owner
        if owner is not None:
            self._owner = self.asked = None
            owner._done(result)

    def _watch_payload(self):
        """Payload that stops coming was cut: the module restarted, or bytes were lost."""
        f = self.framer
        now = ticks_ms()
        if self._seen != f.received or f.stalled:
            self._seen = f.received
            self._seen_at = now
        elif ticks_diff(now, self._seen_at) >= ANSWER_MS:
            sink = f.abandon_payload()
            if sink is not None:
                sink._cut()
            if self.result == RUNNING:
                self._expire()

    def _expire(self, cancelled=False):
        if self._barrier:
            self._barrier = False
            self._out = None  # a UART that takes nothing
            if self._draining:
                self.result = TIMEOUT
                self._draining = False  # silence: whatever was late has come
                self._unanswered = 0
                return
            self._finish(TIMEOUT)
            self._unanswered += 1
            self._stale -= 1
            if not self._stale:
                self.dead = True
            elif self._stale == 1:
                # The module may be waiting for data that was lost on the way: give it all it can want (3.1).
                self._fill = (SEND_MAX // len(_FILL) + 1) * len(_FILL)
            return
        owner = None
        if self._data is not None and not self.framer.prompt:
            ms = self._data_ms - ticks_diff(ticks_ms(), self.last_out)
            if ms > 0:
                self._deadline = ticks_add(ticks_ms(), ms)  # its time counts from the last byte
                return
            if self._out is None:
                owner = self._owner
        # Late, the answer to this very question looks like the barrier's: then two are to come.
        self._unanswered = int(self._prefix == b"+CMEE:")
        self._late_prefix = self._prefix or b"CONNECT "  # <n>: AT+QFREAD's way to announce payload
        self._late_sink = self._sink
        self.out_of_step()
        if not cancelled:
            self._out = None
        if owner is None:
            self._finish(TIMEOUT)
            return
        # Was SEND OK lost, or is the module slow? It answers in order, so what became of the data comes first.
        self._late_result = TIMEOUT
        self._send_barrier()
        self._owner = self.asked = owner
        self._deadline = ticks_add(ticks_ms(), ANSWER_MS)

    def out_of_step(self, tries=0):
        """Nobody knows what the module will say next: a barrier has to be answered first. tries: how many."""
        self._stale = tries or _BARRIERS

    def restarted(self):
        """The module started anew: what was in flight will not be answered. No allocation."""
        self._stale = self._fill = self._unanswered = 0
        self._barrier = self._draining = self.dead = False
        self._out = None
        if self.result == RUNNING:
            self._finish(RESTARTED)

    # -- getting back in step ----------------------------------------------------------------------

    def _send_barrier(self):
        self._barrier = True
        self._start(_BARRIER, len(_BARRIER), None, PROBE_MS * 3, None)

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
                self._deadline = ticks_add(ticks_ms(), PROBE_MS)
                return
            self._barrier = False
            self._stale = 0
            self._finish(OK if self.asked is None else self._late_result)
        elif self.asked is not None and f.starts(b"SEND "):
            self._late_result = SEND_OK if f.equals(b"SEND OK") else SEND_FAIL
        elif self._late_sink is not None and f.starts(self._late_prefix):
            self.late += 1
            self.expect(f.next_int(), self._late_sink)
        elif not self._urc(True):
            self.late += 1
            if self._draining:
                self._deadline = ticks_add(ticks_ms(), PROBE_MS)

    # -- URCs --------------------------------------------------------------------------------------

    def _urc(self, known_only=False):
        """Dispatch the line as a URC. False if `known_only` and nobody knows it: neither the driver nor the tap."""
        for prefix, handler in self.urcs:
            if self.framer.starts(prefix):
                handler()
                break
        else:
            if known_only:
                return self.tap is not None and self.tap(True)
            self.unknown += 1
        if self.tap is not None:
            self.tap(False)
        return True

    # -- flows: generators that yield while they wait; may allocate ----------------------------------

    def claim(self):
        """Flow: wait until the engine is this flow's to use."""
        self.claims += 1
        try:
            while self._busy() or self._stale:
                if not self._busy():
                    self._send_barrier()
                yield
            if self.dead:
                raise TimeoutError(
                    "the module does not answer any more; modem.reset() starts it anew"
                )
            if self.raw_owner is not None:
                self.refuse()
        finally:
            self.claims -= 1

    def refuse(self):
        """Raise what holds for everybody but the socket in transparent mode."""
        raise CommandError(
            "the port is in transparent mode; switch that socket's mode first", errno=EBUSY
        )

    def start(self, command, ms=ANSWER_MS, prefix=None, sink=None, others=False, connects=None):
        """Flow: send `command` (bytes, no CR) as soon as the engine is free. Returns when it was started.

        prefix, ms, sink: as begin(). others: lines that nobody knows belong to the answer. connects: True
        where CONNECT is a result of this command, or the socket that has the port to itself after it.
        """
        yield from self.claim()
        line = command + b"\r"
        self._start(line, len(line), prefix, ms, sink)
        self._long = self.framer.overlong
        self._others = others
        self._connects = connects
        self._awaited = True

    def resume(self, ms):
        """After CONNECT or a prompt: the command goes on, its answer is due in `ms`."""
        self.result = RUNNING
        self._awaited = True
        self._deadline = ticks_add(ticks_ms(), ms)

    def wait(self):
        """Flow: wait for the result of the command just started; returns the list of its lines (bytes)."""
        lines = []
        room = _ANSWER_MAX
        try:
            while self.held or self.result == RUNNING:
                if self.held:
                    line = self.framer.text()
                    self.held = False
                    room -= len(line) + _LINE_COST
                    if room > 0:
                        lines.append(line)
                    else:
                        self.framer.overlong += 1  # see check()
                yield
        except GeneratorExit:
            # The flow was cancelled; the answer may still come and belongs to nobody.
            self.held = False
            if self.result == RUNNING:
                self._expire(True)
            raise
        finally:
            self._awaited = False
        return lines

    def check(self, command):
        """Raise what the result of `command` calls for; return on success."""
        result = self.result
        name = name_of(command)
        if result in (OK, CONNECT, SEND_OK):
            if self.framer.overlong != self._long:
                raise CommandError("the answer was too long to be read", command=name)
            return
        if result == TIMEOUT:
            raise TimeoutError(
                "no answer in time; is the module on, and the wiring sound?", command=name
            )
        if result == RESTARTED:
            raise DisconnectedError(
                "the module restarted meanwhile; try again", command=name, errno=ECONNRESET
            )
        if result == CME and self.cme >= 0:
            raise (FileError if 400 <= self.cme < 500 else CommandError)("", self.cme, name)
        why = (
            text_of(self._words)
            if result == CME
            else "refused; is it allowed now, and does this firmware have it?"
        )
        raise CommandError(why, command=name)

    def run(self, command, ms=ANSWER_MS, prefix=None, others=False):
        """Flow: send `command`, wait, return its answer's lines (bytes). Raises ModemError where it failed."""
        yield from self.start(command, ms, prefix, None, others)
        lines = yield from self.wait()
        self.check(command)
        return lines

    def ask(self, command, kinds="", ms=ANSWER_MS):
        """Flow: as ask_all(), the fields of the first line; [] if there is none and `kinds` asks for nothing."""
        answers = yield from self.ask_all(command, kinds, ms)
        if kinds and not answers:
            raise unintelligible(command)
        return answers[0] if answers else []

    def ask_all(self, command, kinds="", ms=ANSWER_MS):
        """Flow: run `AT+X...` and return the fields of each of its `+X: ` lines.

        kinds: what the first fields have to be, "i" int, "s" str, "." either; CommandError where they are not.
        """
        prefix = prefix_of(command)
        lines = yield from self.run(command, ms, prefix)
        answers = [fields(line[len(prefix) :]) for line in lines]
        for answer in answers:
            for i, kind in enumerate(kinds):
                if i >= len(answer) or (
                    kind != "." and isinstance(answer[i], int) != (kind == "i")
                ):
                    raise unintelligible(command)
        return answers


def within(ms, flow):
    """Flow: `flow`, but where it takes longer than `ms` (None: it may) it is cancelled, and TimeoutError raised."""
    if ms is None:
        return (yield from flow)
    deadline = ticks_add(ticks_ms(), ms)
    try:
        while True:
            next(flow)
            if ticks_diff(ticks_ms(), deadline) >= 0:
                raise TimeoutError("not done in %d ms" % ms)
            yield
    except StopIteration as e:
        return e.value
    finally:
        flow.close()


def name_of(command):
    """`AT+QICSGP` of `AT+QICSGP=1,...`: what may be shown, since parameters may be secret."""
    return command.split(b"=")[0].split(b"?")[0].decode()


def unintelligible(command):
    """The error for an answer that no document allows."""
    return CommandError(
        "the answer cannot be understood; were bytes lost on the UART?", command=name_of(command)
    )


def text_of(line):
    """bytes as str; what is not ASCII becomes "?" (no answer holds anything else, but a bad UART delivers it)."""
    return "".join([chr(c) if c < 128 else "?" for c in line])


def prefix_of(command):
    """`+QIACT:` of `AT+QIACT?`: how the lines of its answer start."""
    return command[2:].split(b"=")[0].split(b"?")[0] + b":"


def fields(text):
    """Split `1,"a,b",,-3` into [1, "a,b", "", -3]: bare numbers as int, all else as str. Allocates."""
    out = []
    text = text.strip()
    i = 0
    while i <= len(text):
        if text[i : i + 1] == b'"':
            end = text.find(b'"', i + 1)
            end = len(text) if end < 0 else end
            out.append(text_of(text[i + 1 : end]))
            i = end + 2
            continue
        end = text.find(b",", i)
        end = len(text) if end < 0 else end
        word = text[i:end].strip()
        try:
            out.append(int(word))
        except ValueError:
            out.append(text_of(word))
        i = end + 1
    return out
