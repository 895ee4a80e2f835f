"""Modem: the module as a network interface (after MicroPython's AbstractNIC). What an open connection needs of it.

What waits is written as a flow (a generator that yields while it waits). `run()` drives a flow to its end by
polling; `bg95.aio` drives the same flows from asyncio. All that runs once is in the visitors.
"""

from time import sleep_ms

from micropython import RingIO, const

from . import visit
from .at import AT, RUNNING
from .connection import RECV_MAX, SEND_MAX, SLACK, SPARE
from .errors import (
    EBUSY,
    ECONNRESET,
    ENETDOWN,
    ENOBUFS,
    ETIMEDOUT,
    MODULE_DEAD,
    NESTED,
    NO_DATA_LINK,
    RAW_PORT,
    RESTARTED,
    SWITCHED_OFF,
    UNREAD,
    ModemError,
)
from .job import Job

try:
    from machine import idle
except ImportError:

    def idle():
        """Give way until the next millisecond."""
        sleep_ms(1)


CLIENTS = const(12)  # SSL 2.3.2: <clientID> 0-11
CONTEXTS = const(6)  # SSL 2.3.1: <SSL_ctxID> 0-5
_LINE = const(512)  # bytes of the longest line

# URCs that say that the module goes down
_DOWN = (b"POWERED DOWN", b"NORMAL POWER DOWN", b"PSM POWER DOWN", b"POWER DOWN")
# URCs that need no work, but are none of an answer's lines
_KNOWN = (
    b"NO CARRIER",  # transparent mode has acted on it
    b"+CPIN:",
    b"+CFUN:",
    b"+QIND:",
    b"+QUSIM:",
    b"+CREG:",
    b"+CGREG:",
    b"+CEREG:",
    b"+QIURC:",
)
_SERVICES = ("files", "crypt")


class Modem:
    """A BG95/BG77/BG600L on a UART.

    uart: machine.UART (or any object with its any, readinto, write; init where `baudrate` is given); give it an
    rxbuf of 4096. pwrkey, status, dtr: machine.Pin or None; pwrkey.value(1) presses the key, status.value() is 1
    while the module runs, dtr.value(0) is the working level. baudrate: the UART's rate, for finding a module that
    was left at another one. sockets: how many can be open at a time, 1-12; each takes about 3 KiB of heap, now.
    pdp_ctx_id: PDP context for connect(), 1-16. line: bytes of the longest line that can be read, 128 or more; longer
    ones are dropped. Sends nothing.

    What blocks allocates, and raises ModemError where the module refuses or does not answer; ValueError comes before
    anything is sent. Most methods are in visitors/nic.py and modem.py, and loaded when called.
    """

    def __init__(
        self,
        uart,
        *,
        pwrkey=None,
        status=None,
        dtr=None,
        baudrate=None,
        sockets=4,
        pdp_ctx_id=1,
        line=_LINE,
    ):
        visit.load("nic").check(uart, pwrkey, status, dtr, baudrate, sockets, pdp_ctx_id, line)
        self.uart = uart
        self.pwrkey = pwrkey
        self.status_pin = status
        self.dtr = dtr
        self.baudrate = baudrate
        self.pdp_ctx_id = pdp_ctx_id
        self.model = self.revision = ""
        self.epoch = 0  # starts of the module so far: what was set in an earlier one is gone
        self.is_ready = False  # set up since its last start
        self.starting = False  # a task is at it
        self.boot = 0  # 1 RDY seen, 2 APP RDY seen
        self.down = False  # POWERED DOWN seen
        self.lost_pdp = 0  # bit n: the network took PDP context n away
        self.denials = 0
        self.pin_refused = None  # in this start: entered again, it could lock the SIM
        self.clock_ok = -1  # epoch in which the module's clock was found set
        self.first_year = 1980  # that two digits of AT+CCLK can mean
        self.idle = idle  # called while a blocking call has nothing to do
        self._at = AT(uart, self, line)
        # The connections, see visitors/opening.py
        self.table = [None] * CLIENTS  # of each client ID
        self.connections = []  # the same, without the gaps
        self.paused = None  # which left transparent mode last: ATO goes back to it
        self.dirty = 0  # bit n: client ID n may still be busy on the module
        self.stuck = 0  # bit n: it stayed busy, though it was closed (field notes)
        self.pool = [
            (bytearray(SEND_MAX + SPARE), RingIO(RECV_MAX + SLACK + 1)) for _ in range(sockets)
        ]
        self.sockets = sockets
        self.header = bytearray(2)  # of a datagram
        # Pieces in which a socket fills a caller's buffer behind its start without making slices.
        self.chunks = (
            self._at.framer.chunk,
            bytearray(64),
            bytearray(16),
            bytearray(4),
            bytearray(1),
        )
        self.work = visit.WORK  # bit n: the connection of client ID n may have something to do
        self._turn = 0
        self.contexts = [
            None
        ] * CONTEXTS  # the SSLContext of each ID: they are set up anew after a restart
        self.jobs = []  # flows that poll() drives, see job.py
        self.polls = 0
        self.inside = 0  # calls of the application under way: the background poll stands back
        self._polling = False
        self.moved = False  # by the last poll
        self.handlers = None  # of on_urc(), see urcs.py
        self.timer = None  # the Background that polls

    def __repr__(self):
        return "<Modem %s %s>" % (self.model or "not identified", self.revision)

    def __getattr__(self, name):
        """active, connect, files ...: all that is not needed while a connection is open."""
        if name in _SERVICES:
            return visit.load(name).Service(self)
        if name == "command":
            return visit.method(name, self, name, self)
        return visit.method(
            "nic" if hasattr(visit.load("nic"), name) else "modem", self, name, self
        )

    # -- moving on -------------------------------------------------------------------------------

    def poll(self):
        """Do what can be done now: move bytes, handle answers and URCs, start what sockets need. Returns whether
        anything moved.

        Never blocks, never allocates (but for what jobs do, and one bytes object for each URC a handler of
        on_urc() is given).
        """
        at = self._at
        if (
            self.work
            or at.result == RUNNING
            or at.any()
            or self.jobs
            or at.raw is not None
            or at.out is not None
            or at.framer.left
        ):
            return self._poll(at)
        return False

    def _poll(self, at):
        if self._polling:
            return False
        self._polling = True
        self.polls += 1
        try:
            self.moved = at.poll() if at.raw is None else at.raw.poll()
            if self.jobs:
                self._step_jobs()
            if self.work and at.result:
                self._dispatch()
                if self.work & visit.WORK:
                    visit.tidy(self)
            if self.handlers is not None and self.handlers.waiting():
                self.handlers.deliver()
        finally:
            self._polling = False
        return self.moved

    def _stream(self):
        """poll(), for a reader who waits: goes on while payload comes, and looks at nothing else meanwhile."""
        at = self._at
        if self._polling or not at.framer.left or self.jobs or at.raw is not None:
            return self.poll()
        self._polling = True
        moved = False
        try:
            while at.framer.left and at.poll():
                moved = True
        finally:
            self._polling = False
        return moved

    def _step_jobs(self):
        i = 0
        while i < len(self.jobs):  # the oldest first: what was cancelled is cleared up
            job = self.jobs[i]
            job.step()
            if not job.done:
                i += 1

    def _dispatch(self):
        """Let the connections start what is due, another one first each time."""
        if self._at.dead:
            self.fail_all(ETIMEDOUT, MODULE_DEAD)
            return
        n = len(self.connections)
        i = self._turn
        while n and self._at.result:
            n -= 1
            i += 1
            if i >= len(self.connections):
                i = 0
            if self.work & self.connections[i].bit:
                self.connections[i].step()
        self._turn = i

    def run(self, flow):
        """Drive a flow to its end and return its result. Blocks.

        Every blocking call of the driver ends in `return run(flow)` and does nothing after it: this is what
        bg95.aio relies on, which awaits the flow instead. EBUSY inside a poll(), in a handler of on_urc() say.
        """
        if self._polling:
            flow.close()
            raise ModemError(NESTED, errno=EBUSY)
        was = self.inside
        self.inside = was + 1
        job = Job(self, flow)
        try:
            while True:
                moved = self.poll()
                if job.done:
                    break
                if not moved:
                    self.rest(None)
        finally:
            job.cancel()
            self.inside = was
        return job.result()

    def rest(self, connection):
        """idle(), for a blocking call: of `connection`, or None of a flow. Raises ModemError where what it waits for
        cannot come before the application does something about another socket.
        """
        at = self._at
        raw = at.raw
        if at.framer.stalled and (at.framer.left if raw is None else raw.leaving):
            self.inside = 0
            raise ModemError(UNREAD, errno=ENOBUFS)
        if raw is not None and connection is not None and raw.connection is not connection:
            self.inside = 0
            raise ModemError(RAW_PORT, errno=EBUSY)
        self.idle()

    # -- URCs --------------------------------------------------------------------------------------

    def _urc(self):
        """Act on the framer's line; whether it is known."""
        f = self._at.framer
        if f.starts(b"+QSSL"):
            if f.starts(b'+QSSLURC: "recv",'):
                connection = self._connection()
                n = f.next_int() if f.pos < f.end else 0
                if connection is not None:
                    connection.on_recv(n)
                elif n > 0:
                    # A leftover of an earlier host pushes: its data is nobody's
                    self._at.expect(n, None)
                return True
            if f.starts(b'+QSSLURC: "closed",'):
                connection = self._connection()
                if connection is not None:
                    connection.on_closed()
                return True
            if f.starts(b"+QSSLOPEN: "):
                connection = self._connection()
                if connection is not None:
                    connection.open_error = f.next_int()
                    if not connection.open_error:
                        connection.opened()  # here, since "closed" may be the next line
                return True
            return False
        return self._state_urc(f)

    def _connection(self):
        """The connection whose client ID is the line's next field, or None."""
        client_id = self._at.framer.next_int()
        return self.table[client_id] if 0 <= client_id < CLIENTS else None

    def _state_urc(self, f):
        """URCs about the module itself."""
        if f.starts(b"RDY"):
            self.restarted()
        elif f.starts(b"APP RDY"):
            if self.boot == 2:
                self.restarted()  # its RDY got lost
            self.boot = 2
        elif f.starts(b'+QIURC: "pdpdeact",'):
            n = f.next_int()
            if 1 <= n <= 16:
                self.lost_pdp |= 1 << n
                self._pdp_lost(n)
        elif f.starts(b"+CPIN: NOT READY"):
            self._pdp_lost(0)  # the network need not say so
        elif self._starts_any(f, _DOWN):
            self.down = True
            self.gone(SWITCHED_OFF)
        else:
            return self._starts_any(f, _KNOWN)
        return True

    def _starts_any(self, f, prefixes):
        for prefix in prefixes:
            if f.starts(prefix):
                return True
        return False

    def restarted(self):
        """RDY: nothing of before is left."""
        self.boot = 1
        self.down = False
        self.lost_pdp = 0
        self.pin_refused = None
        self.gone(RESTARTED)

    def gone(self, why):
        """The module is not what it was: every socket gets a named error, every ID is free."""
        self.is_ready = False
        self._at.restarted()
        self.fail_all(ECONNRESET, why)

    def fail_all(self, errno, why):
        """End every connection with this error."""
        self.dirty = self.stuck = 0
        self._at.framer.stalled = False
        for connection in self.connections:
            connection.fail(errno, why)

    def _pdp_lost(self, pdp_ctx_id):
        """The network took this context away, or (0) all: its sockets deliver what is left, then fail."""
        for connection in self.connections:
            if pdp_ctx_id in (0, connection.context.pdp_ctx_id):
                connection.on_lost(ENETDOWN, NO_DATA_LINK)
