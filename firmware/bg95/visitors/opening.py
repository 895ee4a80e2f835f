"""The twelve client IDs: who has which, the buffers behind them, opening and closing (SSL 2.3.2, 2.3.5). Flows only.

An ID is busy from AT+QSSLOPEN until AT+QSSLCLOSE, also where the opening failed or the peer closed (SSL 2.4.2;
field notes 1: reopening gives 563). An ID whose close did not get through is dirty: it is closed before it is used.
"""

from collections import namedtuple
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from ..at import ANSWER_MS, CONNECT, ERROR, OK
from ..connection import CLOSED, ENDING, TRANSPARENT, Connection
from ..errors import EMFILE, ConnectError, ModemError, TimeoutError
from ..job import Job
from ..modem import CLIENTS
from ..socket import SSLSocket
from .limits import CLOSE_S, LOST_MS, OPEN_MS
from .network import ip_run, settle

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


def open(context, host, port, mode, timeout_ms, progress, owner, settings):
    """Flow: open a connection; returns its SSLSocket. On any error the client ID is freed.

    owner: who is to close it where it is lost before anybody has asked for the socket; settings: flow that sets the
    context up.
    """
    modem = context._modem
    while True:
        connection = yield from _allocate(modem, context, mode)
        if owner is not None:
            connection.owner = owner
            connection.claimed = False
        new = not modem.stuck & connection.bit
        try:
            # Nothing may come between these two: another task could set the same ID to something else.
            yield from settings
            yield from _connect(connection, host, port, timeout_ms, progress)
            return SSLSocket(connection)
        except GeneratorExit:
            # Cancelled: the module may have opened it by now.
            Job(modem, close(connection))
            raise
        except BaseException as e:
            release(connection)
            if not (new and isinstance(e, ConnectError) and e.code == _ID_IN_USE):
                raise


def close(connection):
    """Flow: close it and free its client ID. Where that is cancelled, poll() goes on with it."""
    from . import transparent

    connection.is_closing = True
    modem = connection.modem
    at = modem._at
    try:
        yield from transparent.leave(connection)
        connection.state = CLOSED
        connection.src = None
        connection.w = connection.sent = 0
        while at.raw is not None:  # the port is another's
            yield
        if modem.is_ready:  # or else it restarts, which frees every ID
            yield from _give_up(modem, connection.client_id)
    except BaseException:
        Job(modem, close(connection))
        raise
    release(connection)


def _reclaim(modem):
    """Flow: buffers of a socket that is being closed, or that came to its end or lost its owner, and can be:
    libraries lose sockets when they reconnect (umqtt.robust), when they are cancelled (asyncio) or when their
    answer is not read (requests), and count on the garbage collector to close them.
    """
    start = ticks_ms()
    while not modem.pool:
        lost = None
        wait = False
        for connection in modem.connections:
            if connection.is_closing:
                lost = None
                wait = True
                break
            if _is_over(connection):
                lost = connection.owner
            elif _may_be_lost(connection) and ticks_diff(ticks_ms(), start) < LOST_MS:
                wait = True
        if wait and modem._at.raw is not None:
            modem._at.refuse()  # nothing is closed before that ends
        if lost is not None:
            lost.setblocking(False)
            lost.close()
        elif not wait:
            raise ConnectError(
                "all %d sockets are open; close one, or construct Modem(..., sockets=n)"
                % modem.sockets,
                errno=EMFILE,
            )
        yield


def _is_over(connection):
    """Whether nothing can be sent or received any more, or nobody is there who would."""
    if connection.is_over():
        return True
    touched = connection.owner.touched_at if not connection.claimed else connection.touched_at
    return _may_be_lost(connection) and ticks_diff(ticks_ms(), touched) >= LOST_MS


def _may_be_lost(connection):
    """Whether it can be told from a socket that rests: the peer closed it, or it was never asked for."""
    return connection.state >= ENDING or not connection.claimed


def _allocate(modem, context, mode):
    if not modem.pool:
        yield from _reclaim(modem)
    buffers = modem.pool.pop()
    try:
        client_id = yield from _free_id(modem)
        connection = Connection(modem, context, client_id, mode, buffers)
    except BaseException:
        modem.pool.append(buffers)
        raise
    modem.table[client_id] = connection
    modem.connections.append(connection)
    return connection


def _free_id(modem):
    """Flow: an ID that is free on the module; where none is left a dirty one, closed first; then a stuck one."""
    for avoided in (modem.dirty | modem.stuck, modem.stuck, 0):
        for i in range(CLIENTS):
            if modem.table[i] is None and not avoided >> i & 1:
                if modem.dirty >> i & 1:
                    yield from close_id(modem, i)
                return i
    raise ConnectError("all 12 client IDs are in use; close a socket", errno=EMFILE)


def _connect(connection, host, port, timeout_ms, progress):
    """Flow: AT+QSSLOPEN and its outcome."""
    modem = connection.modem
    context = connection.context
    at = modem._at
    client_id = connection.client_id
    command = b"AT+QSSLOPEN=%d,%d,%d,%s,%d,%d" % (
        context.pdp_ctx_id,
        context.ssl_ctx_id,
        client_id,
        host,
        port,
        connection.mode,
    )
    ms = OPEN_MS + context.negotiate_timeout * 1000 if timeout_ms is None else timeout_ms
    modem.dirty |= 1 << client_id
    try:
        if connection.mode == TRANSPARENT:
            from .transparent import entrance

            yield from at.start(command, ms, connects=entrance(connection))
            yield from at.wait()
            yield from settle(modem, command)
            # OK, and the failure comes as a URC (at-commands 1.6.2)
            if at.result != CONNECT:
                yield from _await_open(connection, ms, progress)
                raise ConnectError("OK instead of CONNECT", command="AT+QSSLOPEN")
        else:
            yield from ip_run(modem, command, ms)  # no document says when the OK has to come
            yield from _await_open(connection, ms, progress)
        connection.opened()
    except ModemError as e:
        if modem.is_ready:
            yield from _give_up(modem, client_id)
        if e.code == _ID_IN_USE:
            modem.stuck |= connection.bit
        elif e.code == 566:
            modem.clock_ok = -1  # it may have been the clock: the next one looks at it again
        if e.code is None:
            raise
        from .hints import explained

        raise (yield from explained(modem, e, context, host))
    modem.dirty &= ~(1 << client_id)


def _await_open(connection, ms, progress):
    """Flow: wait for +QSSLOPEN: <clientID>,<err>."""
    start = told = ticks_ms()
    deadline = ticks_add(start, ms)
    while connection.open_error < 0:
        connection.raise_if_failed()
        if progress is not None and ticks_diff(ticks_ms(), told) >= 1000:
            told = ticks_add(told, 1000)
            progress(ticks_diff(told, start) // 1000, ms // 1000)
        if ticks_diff(ticks_ms(), deadline) >= 0:
            raise TimeoutError("no result in %d s" % (ms // 1000), command="AT+QSSLOPEN")
        yield
    if connection.open_error:
        raise ConnectError("", connection.open_error, "AT+QSSLOPEN")


def _give_up(modem, client_id):
    try:
        yield from close_id(modem, client_id)
    except ModemError:
        pass  # stays dirty: it is closed before it is used again


def close_id(modem, client_id):
    """Flow: AT+QSSLCLOSE. OK and ERROR both leave the ID free (3.5: not open is answered either way)."""
    modem.dirty |= 1 << client_id
    at = modem._at
    yield from at.start(b"AT+QSSLCLOSE=%d" % client_id, CLOSE_S * 1000 + ANSWER_MS)
    yield from at.wait()
    if at.result not in (OK, ERROR):
        at.check(b"AT+QSSLCLOSE")
    modem.dirty &= ~(1 << client_id)


def release(connection):
    """Forget the connection and return its buffers to the pool."""
    modem = connection.modem
    if modem.table[connection.client_id] is connection:
        modem.table[connection.client_id] = None
        modem.connections.remove(connection)
        modem.pool.append(connection.buffers)
        modem.work &= ~connection.bit
        if modem.paused is connection:
            modem.paused = None
        for other in modem.connections:
            if other.context is connection.context:
                return
        # The module "releases the context" (SSL 2.3.5), whatever that means
        connection.context._unsure = True


def states(modem):
    """Flow: AT+QSSLSTATE (SSL 2.3.6), a State for each connection."""
    rows = yield from modem._at.ask_all(b"AT+QSSLSTATE", "issiiiiiisi")
    return [State(*row[:11]) for row in rows]


def close_leftovers(modem):
    """Flow: close what an earlier host left open."""
    for state in (yield from states(modem)):
        if 0 <= state[0] < CLIENTS and modem.table[state[0]] is None:
            yield from close_id(modem, state[0])
