"""What is rarely called of an SSLSocket, and how it ends and changes its mode. The other half of bg95.socket."""

from time import ticks_add, ticks_diff, ticks_ms

from ..at import CONNECT, NO_CARRIER, OK, SEND_FAIL, SEND_OK_MS
from ..connection import BUFFER, DIRECT_PUSH, OPEN, PROMPT_MS, RETRY_MS, SEND_MAX, TRANSPARENT
from ..errors import NOTHING_TAKEN, ModemError, TimeoutError
from ..job import Job
from . import opening, transparent
from .at import within
from .limits import BYTES, CLOSE_S, SEND_MS, ranged, typed
from .network import pause


def makefile(sock, mode="rb", buffering=0):
    """The socket is a stream already: returns itself."""
    return sock


def fileno(sock):
    """The client ID: there is no file descriptor behind this socket."""
    return sock.client_id


def pending(sock):
    """AT+QSSLRECV=<id>,0 (SSL 2.3.4): (total, read, unread) bytes on the module's side. Blocks, allocates."""
    return _run(sock, _pending(sock._c))


def send_text(sock, text):
    """Send up to 1460 bytes as a variable-length AT+QSSLSEND, which Ctrl-Z ends (SSL 2.3.3). For a UART that
    loses bytes this is the way that cannot leave the module waiting. Blocks until SEND OK; allocates.

    Raises ValueError where `text` holds Ctrl-Z or ESC (they would end or cancel it): use write().
    """
    data = text.encode() if isinstance(text, str) else bytes(typed("text", text, BYTES, "str"))
    if not 0 < len(data) <= SEND_MAX or b"\x1a" in data or b"\x1b" in data:
        raise ValueError("text: 1 to %d bytes without Ctrl-Z and ESC" % SEND_MAX)
    return _run(sock, _send_text(sock._c, data))


def switch(sock, mode):
    """Assigning `mode`."""
    ranged("mode", mode, BUFFER, TRANSPARENT)
    return _run(sock, _switch(sock._c, mode))


def shut(sock):
    """SSLSocket.close()."""
    c = sock._c
    c.is_closing = True
    job = Job(c.modem, _close(c))
    raw = c.at.raw
    ms = c.timeout_ms
    if ms == 0 or (raw is not None and raw.connection is not c):
        return None
    try:
        return c.modem.run(_ended(job, ms if ms > 0 else 2 * CLOSE_S * 1000))
    except ModemError:
        return None  # pushed data of another socket is in the way, or close() was called inside poll(), which goes on


def _ended(job, ms):
    """Flow: wait for its end, for at most `ms`."""
    deadline = ticks_add(ticks_ms(), ms)
    while not job.done and ticks_diff(ticks_ms(), deadline) < 0:
        yield


def _run(sock, flow):
    sock._c.begin()
    sock._c.modem.inside -= 1
    return sock._c.modem.run(flow)


def _pending(c):
    return tuple((yield from c.at.ask(b"AT+QSSLRECV=%d,0" % c.client_id)))


def _send_text(c, data):
    at = c.at
    command = b"AT+QSSLSEND=%d" % c.client_id
    start = ticks_ms()
    ms = _patience(c)
    yield from _drain(c, ms)
    while True:
        yield from within(ms, at.claim())
        yield from at.start(command, PROMPT_MS)
        at.framer.prompt = 62
        yield from at.wait()
        at.check(command)
        at.resume(ms if ms < SEND_OK_MS else SEND_OK_MS)
        at.send(data + b"\x1a", 0, len(data) + 1)
        yield from at.wait()
        if at.result != SEND_FAIL or ticks_diff(ticks_ms(), start) >= ms:
            break
        yield from pause(RETRY_MS)
    at.check(command)
    c.wants_to_receive()


def _switch(c, mode):
    """Flow: change the access mode (SSL 1.4; TCP/IP 2.3.10)."""
    at = c.at
    yield  # Modem.rest() refuses where the answer could not come
    yield from _drain(c, _patience(c))
    if mode != TRANSPARENT:
        yield from transparent.leave(c)
    if c.mode == mode:
        return
    command = b"AT+QISWTMD=%d,%d" % (c.client_id, mode)
    if mode == TRANSPARENT and c.modem.paused is c:
        command = b"ATO"  # SSL 1.4: resumes the connection that left transparent mode last
    connects = None
    if mode == TRANSPARENT:
        connects = transparent.entrance(c)
    yield from at.start(command, connects=connects)
    was = c.mode
    if mode == DIRECT_PUSH:
        c.mode = mode  # what the module holds may be pushed in front of the OK
    yield from at.wait()
    if at.result == NO_CARRIER:  # ATO resumes nothing on some modules (field notes 1)
        c.modem.paused = None
        yield from _switch(c, mode)
        return
    if at.result not in (OK, CONNECT):
        c.mode = was
    at.check(command)
    c.mode = mode
    c.hint = False
    if mode == BUFFER:
        c.wants_to_receive()


def _patience(c):
    return c.timeout_ms if c.timeout_ms > 0 else SEND_MS


def _drain(c, ms):
    """Flow: let what was written leave, for at most `ms`."""
    deadline = ticks_add(ticks_ms(), ms)
    while c.w or c.src is not None:
        if c.state != OPEN:
            return
        c.push()
        if ticks_diff(ticks_ms(), deadline) >= 0:
            raise TimeoutError(NOTHING_TAKEN)
        yield


def _close(c):
    """Flow of SSLSocket.close()."""
    try:
        if c.state == OPEN:
            yield from _drain(c, CLOSE_S * 1000)
    except TimeoutError:
        pass
    yield from opening.close(c)
