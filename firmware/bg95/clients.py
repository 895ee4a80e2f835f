"""The twelve client IDs: who has which, the buffers behind them, opening and closing (SSL 2.3.2, 2.3.5).

An ID is busy from AT+QSSLOPEN until AT+QSSLCLOSE, also where the opening failed or the peer closed (SSL 2.4.2;
field notes 1: reopening gives 563). An ID whose close did not get through is dirty: it is closed before it is used.
"""

from collections import namedtuple
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from . import at as _at
from .connection import TRANSPARENT, Buffers
from .errors import ECONNRESET, EMFILE, ConnectError, ModemError, TimeoutError
from .job import Job
from .limits import ANSWER_MS, CLIENTS, CLOSE_S, LOST_MS, OPEN_MS
from .network import ip_run, settle
from .socket import SSLSocket

_ID_IN_USE = const(563)

# SSL 2.3.6, in the order of the answer. state: 0 initial, 1 opening, 2 connected, 4 closing.
State = namedtuple(
    "State",
    (
        "client_id",
        "kind",
        "ip",
        "port",
        "local_port",
        "state",
        "pdp_ctx_id",
        "server_id",
        "access_mode",
        "at_port",
        "ssl_ctx_id",
    ),
)


class Clients:
    """Table of the modem's sockets. count: how many can be open at a time; each takes about 3 KiB, now."""

    def __init__(self, modem, count):
        self._modem = modem
        self.table = [None] * CLIENTS  # the socket of each ID
        self.active = []  # the same sockets, without the gaps
        self.paused = None  # the socket that left transparent mode last: ATO goes back to it
        self.dirty = 0  # bit n: client ID n may still be busy on the module
        self.stuck = 0  # bit n: it stayed busy, though it was closed (field notes)
        self._pool = [Buffers() for _ in range(count)]
        self._turn = 0
        urcs = modem._at.urcs
        urcs.append((b'+QSSLURC: "recv",', self._on_recv))
        urcs.append((b'+QSSLURC: "closed",', self._on_closed))
        urcs.append((b"+QSSLOPEN: ", self._on_open))

    # -- hot path ------------------------------------------------------------------------------------

    def step(self):
        """Let each socket start what is due, another one first each time. No allocation."""
        if self._modem._at.dead:
            self.fail_all("the module does not answer any more; modem.reset() starts it anew")
            return
        sockets = self.active
        n = len(sockets)
        turn = self._turn + 1
        if turn >= n:
            turn = 0
        self._turn = turn
        for i in range(turn - n, turn):
            sockets[i]._step()

    def _socket(self):
        """The socket whose ID is the line's next field, or None. No allocation."""
        client_id = self._modem._at.framer.next_int()
        return self.table[client_id] if 0 <= client_id < CLIENTS else None

    def _on_recv(self):
        socket = self._socket()
        n = self._modem._at.framer
        n = n.next_int() if n.pos < n.end else 0
        if socket is not None:
            socket._on_recv(n)
        elif n > 0:
            # A leftover of an earlier host pushes: its data is nobody's
            self._modem._at.expect(n, None)

    def _on_closed(self):
        socket = self._socket()
        if socket is not None:
            socket._on_closed()

    def _on_open(self):
        socket = self._socket()
        if socket is not None:
            socket._on_open(self._modem._at.framer.next_int())

    def fail_all(self, why):
        """The module restarted: every socket gets a named error, every ID is free. No allocation."""
        self.dirty = self.stuck = 0
        for socket in self.active:
            socket._fail(ECONNRESET, why)

    def pdp_lost(self, pdp_ctx_id=None):
        """The network took this context away, or all: its sockets deliver what is left, then fail. No allocation."""
        for socket in self.active:
            if pdp_ctx_id is None or socket.context.pdp_ctx_id == pdp_ctx_id:
                socket._on_lost()

    # -- flows ---------------------------------------------------------------------------------------

    def open(self, context, host, port, mode, timeout_ms, progress, owner, settings):
        """Flow: open a connection; returns its SSLSocket. On any error the client ID is freed."""
        while True:
            socket = yield from self._allocate(context, mode)
            socket.owner = owner or socket
            new = not self.stuck >> socket.client_id & 1
            try:
                # Nothing may come between these two: another task could set the same ID to something else.
                yield from settings
                yield from self._connect(socket, host, port, timeout_ms, progress)
                return socket
            except GeneratorExit:
                # Cancelled: the module may have opened it by now.
                Job(self._modem, self.close(socket))
                raise
            except BaseException as e:
                self.release(socket)
                if not (new and isinstance(e, ConnectError) and e.code == _ID_IN_USE):
                    raise

    def close(self, socket):
        """Flow: close it and free its client ID. Where that is cancelled, poll() goes on with it."""
        socket.is_closing = True
        at = self._modem._at
        try:
            yield from socket._leave_raw()
            socket._gone()
            while at.raw_owner is not None:  # the port is another's
                yield
            if self._modem.is_ready:  # or else it restarts, which frees every ID
                yield from self._give_up(socket.client_id)
        except BaseException:
            Job(self._modem, self.close(socket))
            raise
        self.release(socket)

    def _free_buffers(self):
        for buffers in self._pool:
            if not buffers.users:
                return buffers
        return None

    def _reclaim(self):
        """Flow: buffers of a socket that is being closed, or that came to its end or lost its owner, and can be:
        libraries lose sockets when they reconnect (umqtt.robust), when they are cancelled (asyncio) or when their
        answer is not read (requests), and count on the garbage collector to close them.
        """
        start = ticks_ms()
        while True:
            buffers = self._free_buffers()
            if buffers is not None:
                return buffers
            lost = None
            wait = False
            for socket in self.active:
                if socket.is_closing:
                    lost = None
                    wait = True
                    break
                if socket._is_over():
                    lost = socket.owner
                elif socket._may_be_lost() and ticks_diff(ticks_ms(), start) < LOST_MS:
                    wait = True
            if wait and self._modem._at.raw_owner is not None:
                self._modem._at.refuse()  # nothing is closed before that ends
            if lost is not None:
                lost.setblocking(False)
                lost.close()
            elif not wait:
                raise ConnectError(
                    "all %d sockets are open; close one, or construct Modem(..., sockets=n)"
                    % len(self._pool),
                    errno=EMFILE,
                )
            yield

    def _allocate(self, context, mode):
        buffers = self._free_buffers()
        if buffers is None:
            buffers = yield from self._reclaim()
        buffers.users = 1
        try:
            client_id = yield from self._free_id()
            socket = SSLSocket(self._modem, context, client_id, mode, buffers)
        except BaseException:
            buffers.users = 0
            raise
        self.table[client_id] = socket
        self.active.append(socket)
        return socket

    def _free_id(self):
        """Flow: an ID that is free on the module; where none is left a dirty one, which is closed first; then a stuck
        one.
        """
        for avoided in (self.dirty | self.stuck, self.stuck, 0):
            for i in range(CLIENTS):
                if self.table[i] is None and not avoided >> i & 1:
                    if self.dirty >> i & 1:
                        yield from self.close_id(i)
                    return i
        raise ConnectError("all 12 client IDs are in use; close a socket", errno=EMFILE)

    def _connect(self, socket, host, port, timeout_ms, progress):
        """Flow: AT+QSSLOPEN and its outcome."""
        modem = self._modem
        at = modem._at
        client_id = socket.client_id
        command = b"AT+QSSLOPEN=%d,%d,%d,%s,%d,%d" % (
            socket.context.pdp_ctx_id,
            socket.context.ssl_ctx_id,
            client_id,
            host,
            port,
            socket._mode,
        )
        ms = OPEN_MS + socket.context.negotiate_timeout * 1000 if timeout_ms is None else timeout_ms
        self.dirty |= 1 << client_id
        try:
            if socket._mode == TRANSPARENT:
                yield from at.start(command, ms, connects=socket)
                yield from at.wait()
                yield from settle(modem, command)
                # OK, and the failure comes as a URC (at-commands 1.6.2)
                if at.result != _at.CONNECT:
                    yield from self._await_open(socket, ms, progress)
                    raise ConnectError("OK instead of CONNECT", command="AT+QSSLOPEN")
            else:
                yield from ip_run(modem, command, ms)  # no document says when the OK has to come
                yield from self._await_open(socket, ms, progress)
            socket._opened()
        except ModemError as e:
            if modem.is_ready:
                yield from self._give_up(client_id)
            if e.code == _ID_IN_USE:
                self.stuck |= 1 << client_id
            elif e.code == 566:
                modem.clock_ok = -1  # it may have been the clock: the next one looks at it again
            if e.code is None:
                raise
            from .hints import explained

            raise (yield from explained(modem, e, socket.context, host))
        self.dirty &= ~(1 << client_id)

    def _await_open(self, socket, ms, progress):
        """Flow: wait for +QSSLOPEN: <clientID>,<err>."""
        start = told = ticks_ms()
        deadline = ticks_add(start, ms)
        while socket.open_error < 0:
            socket._check_alive()
            if progress is not None and ticks_diff(ticks_ms(), told) >= 1000:
                told = ticks_add(told, 1000)
                progress(ticks_diff(told, start) // 1000, ms // 1000)
            if ticks_diff(ticks_ms(), deadline) >= 0:
                raise TimeoutError("no result in %d s" % (ms // 1000), command="AT+QSSLOPEN")
            yield
        if socket.open_error:
            raise ConnectError("", socket.open_error, "AT+QSSLOPEN")

    def _give_up(self, client_id):
        try:
            yield from self.close_id(client_id)
        except ModemError:
            pass  # stays dirty: it is closed before it is used again

    def close_id(self, client_id):
        """Flow: AT+QSSLCLOSE. OK and ERROR both leave the ID free (3.5: not open is answered either way)."""
        self.dirty |= 1 << client_id
        at = self._modem._at
        yield from at.start(b"AT+QSSLCLOSE=%d" % client_id, CLOSE_S * 1000 + ANSWER_MS)
        yield from at.wait()
        if at.result not in (_at.OK, _at.ERROR):
            at.check(b"AT+QSSLCLOSE")
        self.dirty &= ~(1 << client_id)

    def release(self, socket):
        """Forget the socket and return its buffers to the pool."""
        if self.table[socket.client_id] is socket:
            self.table[socket.client_id] = None
            self.active.remove(socket)
            socket._buffers.users = 0
            if self.paused is socket:
                self.paused = None
            for other in self.active:
                if other.context is socket.context:
                    return
            socket.context._released()

    def states(self):
        """Flow: AT+QSSLSTATE (SSL 2.3.6), a State for each connection."""
        rows = yield from self._modem._at.ask_all(b"AT+QSSLSTATE", "issiiiiiisi")
        return [State(*row[:11]) for row in rows]

    def close_leftovers(self):
        """Flow: close what an earlier host left open."""
        for state in (yield from self.states()):
            if 0 <= state[0] < CLIENTS and self.table[state[0]] is None:
                yield from self.close_id(state[0])
