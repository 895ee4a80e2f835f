"""The driver under MicroPython's asyncio: the same flows, awaited instead of waited for.

    modem = bg95.aio.Modem(wiring.modem())
    await modem.active(True)
    await modem.connect("iot.apn")
    reader, writer = await bg95.aio.open_connection("broker.example.com", 8883, ssl=ctx)

Nothing here is busy. asyncio sleeps in select.poll, which asks each thing that a task waits for: a socket or a job
polls the modem then, so a byte from the UART wakes who waits for it. For what no byte announces (deadlines, small
writes that have waited for company long enough) one task, the pump, polls every TICK_MS while there is work.
"""

import asyncio
from asyncio import core  # pyright: ignore - not in the stubs

from .connection import BUFFER
from .context import SSLContext
from .job import Job

_CLOSE_S = 10  # SSL 2.3.5: <close_timeout>
_TICK_MS = 10

_pumps = {}  # id(modem) -> the task queue its pump is in: a new event loop needs a new pump


def pump(modem):
    """Make sure that the running event loop polls `modem` for as long as it has a job or an open socket."""
    if _pumps.get(id(modem)) is not core._task_queue:
        _pumps[id(modem)] = core._task_queue
        core.create_task(_pump(modem))


async def _pump(modem):
    try:
        while modem.jobs or modem.connections:
            modem.poll()
            await asyncio.sleep_ms(_TICK_MS)
    finally:  # also where Ctrl-C or a handler of on_urc() ended it
        if _pumps.get(id(modem)) is core._task_queue:
            del _pumps[id(modem)]


def _readable(stream):
    """Coroutine: until asyncio's select.poll finds `stream` readable; as in asyncio.ThreadSafeFlag."""
    yield core._io_queue.queue_read(stream)


async def run(modem, flow, undo=None):
    """Drive a flow to its end and return its result. Cancelling the task stops the flow; where that comes too late,
    undo(its result) makes good for it.
    """
    job = Job(modem, flow)
    pump(modem)
    try:
        while not job.done:
            await _readable(job)  # pyright: ignore - MicroPython awaits generators
    except asyncio.CancelledError:
        job.cancel()
        if undo is not None and job.value is not None:
            undo(job.value)
        raise
    return job.result()


class Modem:
    """bg95.Modem with coroutines: `await` whatever blocks there; what does not block is called as it is.

    `modem.files` and `modem.crypt` are the same again. `blocking` is the bg95.Modem, which SSLContext wants.
    """

    def __init__(self, blocking):
        self.blocking = blocking

    def __getattr__(self, name):
        return _face(self.blocking, getattr(self.blocking, name))


def _face(modem, thing):
    """How something of the blocking driver looks from a task."""
    if callable(thing):
        return lambda *args, **options: _call(modem, thing, args, options)
    return _Service(modem, thing) if hasattr(thing, "_modem") else thing


class _Service:
    """modem.files, modem.crypt."""

    def __init__(self, modem, service):
        self._modem = modem
        self._service = service

    def __getattr__(self, name):
        return _face(self._modem, getattr(self._service, name))


def _call(modem, method, args, options):
    """Call a method of the driver. Where it would have blocked in modem.run(flow), the result is a coroutine."""
    flows = []
    modem.run = flows.append
    try:
        value = method(*args, **options)
    finally:
        del modem.run
    return run(modem, flows[0]) if flows else value


class Stream(asyncio.StreamWriter):
    """asyncio's own, but wait_closed() waits until all is sent (10 s at most, as SSLSocket.close()) and the module has
    closed the connection.
    """

    def __init__(self, socket):
        super().__init__(socket)
        self._socket = socket

    async def wait_closed(self):
        try:
            if self.out_buf:  # pyright: ignore[reportAttributeAccessIssue]
                await asyncio.wait_for(self.drain(), _CLOSE_S)
        except (OSError, asyncio.TimeoutError):
            pass  # what is closed cannot fail any more
        finally:
            self._socket.settimeout(None)  # or it would be closed without being waited for
            closing = _call(self._socket._c.modem, self._socket.close, (), {})
            if closing is not None:
                await closing

    aclose = wait_closed


def _close_meanwhile(socket):
    socket.setblocking(False)
    socket.close()


async def open_connection(host, port, ssl=None, server_hostname=None, timeout_ms=None):
    """Open a TLS connection; returns (StreamReader, StreamWriter), as asyncio.open_connection().

    ssl: a bg95.SSLContext (anything else: the one given to bg95.install()). server_hostname: the name to open and
    to check instead of `host`. timeout_ms: as SSLContext.connect(). Raises ConnectError, TimeoutError, ValueError.
    """
    if not isinstance(ssl, SSLContext):
        from .compat import policy

        ssl = policy()
    name = server_hostname or host
    opening = ssl._connect(name, port, BUFFER, timeout_ms)
    socket = await run(ssl._modem, opening, _close_meanwhile)
    socket.setblocking(False)
    stream = Stream(socket)
    return stream, stream
