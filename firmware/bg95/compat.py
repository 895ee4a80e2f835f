"""MicroPython's `socket`, `ssl` and `tls`, over the modem: this one module plays all three once install() was called.

A library makes a socket, connects it, then wraps it in TLS. The module does all of that with one AT+QSSLOPEN, so
socket.connect() only remembers where to, and wrapping opens. Nothing is looked up here either: the module resolves
names. What is never wrapped stays without a connection: plain text is refused.
"""

import io
import sys
from time import ticks_ms

from micropython import const

from . import visit
from .connection import BUFFER
from .errors import EBADF, EINVAL, ENOTCONN, EOPNOTSUPP
from .job import Job

AF_INET = const(2)
AF_INET6 = const(10)
SOCK_STREAM = const(1)
SOCK_DGRAM = const(2)
SOL_SOCKET = const(1)
SO_REUSEADDR = const(2)
SO_KEEPALIVE = const(9)
IPPROTO_TCP = const(6)
IPPROTO_UDP = const(17)

PROTOCOL_TLS_CLIENT = const(0)
PROTOCOL_TLS_SERVER = const(1)
PROTOCOL_DTLS_CLIENT = const(2)
PROTOCOL_DTLS_SERVER = const(3)
CERT_NONE = const(0)
CERT_OPTIONAL = const(1)
CERT_REQUIRED = const(2)

_MP_STREAM_POLL = const(3)
_MP_STREAM_CLOSE = const(4)
_POLL_NVAL = const(32)

_policy = None  # the SSLContext that was installed


def install(modem, ctx, timer=None):
    """Make `import socket`, `ssl` and `tls` (also under their old names usocket and ussl) mean this module.

    modem: the Modem. ctx: the bg95.SSLContext whose settings hold for every connection that a library makes: what
    its own context says about verification does not weaken it. Call this before the library is imported.

    timer: a machine.Timer for Modem.background(), so that what a library wrote leaves also while the program sleeps.
    Default: a virtual timer where the port has those (rp2). Elsewhere (ESP32) give one, or a last small write, such as
    an MQTT publish, leaves only with the next call of the driver: modem.poll(), say, or sock.flush().
    """
    global _policy
    if getattr(ctx, "_modem", None) is not modem:
        raise ValueError("ctx: an SSLContext of this modem")
    if timer is None:
        timer = _virtual_timer()
    if timer is not None:
        modem.background(timer)
    _policy = ctx
    for name in ("socket", "ssl", "tls", "usocket", "ussl"):
        sys.modules[name] = sys.modules[__name__]


def _virtual_timer():
    try:
        from machine import Timer

        return Timer(-1)
    except (ImportError, ValueError):
        return None


def policy():
    """The installed SSLContext. Raises OSError where install() was not called."""
    if _policy is None:
        raise OSError(EOPNOTSUPP, "call bg95.install(modem, ctx) first")
    return _policy


# -- socket --------------------------------------------------------------------------------------------


class socket(io.IOBase):  # noqa: N801 - the name is the interface
    """A socket that is not open: it knows where to, and how long to wait. wrap_socket() opens."""

    def __init__(self, af=AF_INET, type=SOCK_STREAM, proto=0):
        self._type = type
        self._address = None
        self._timeout = None

    def connect(self, address):
        """Remember (host, port)."""
        host, port = address[:2]
        self._address = (host, int(port))

    def settimeout(self, seconds):
        """Seconds for opening, and for each later read or write; None for ever, 0 not at all."""
        visit.load("limits").milliseconds(seconds)
        self._timeout = seconds

    def setblocking(self, flag):
        """settimeout(None) or settimeout(0)."""
        self._timeout = None if flag else 0

    def setsockopt(self, *_):
        """Accepted and without effect: the module's TCP has no such options."""

    def close(self):
        """Nothing was opened."""
        self._address = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ioctl(self, request, arg):
        # Always ready: whoever uses it unwrapped is told so at once, instead of waiting for ever.
        if request == _MP_STREAM_POLL:
            return arg
        return 0 if request == _MP_STREAM_CLOSE else -EINVAL

    def _plain(self, *_):
        self._refuse(False)

    def _serve(self, *_):
        self._refuse(True)

    def _refuse(self, server):
        from .visitors.hints import plain

        raise OSError(EOPNOTSUPP, plain(server, self._type == SOCK_DGRAM))

    read = readinto = readline = recv = recv_into = recvfrom = _plain
    write = send = sendall = sendto = _plain
    bind = listen = accept = _serve


def getaddrinfo(host, port, af=0, type=0, proto=0, flags=0):
    """One entry, made up: the module resolves `host` when it opens the connection. Sends nothing."""
    return [(af or AF_INET, type or SOCK_STREAM, proto, "", (host, port))]


def create_connection(address, timeout=None):
    """A socket connected to (host, port), as CPython's."""
    s = socket()
    s.settimeout(timeout)
    s.connect(address)
    return s


# -- ssl and tls -----------------------------------------------------------------------------------------


class SSLContext:
    """What a library thinks is its own context. The installed one decides."""

    def __init__(self, protocol=PROTOCOL_TLS_CLIENT):
        if protocol in (PROTOCOL_TLS_SERVER, PROTOCOL_DTLS_SERVER):
            raise OSError(EOPNOTSUPP, "the module is no TLS server")

    @property
    def verify_mode(self):
        """That of the installed context. Setting less has no effect; setting more raises ValueError."""
        return policy().verify_mode

    @verify_mode.setter
    def verify_mode(self, mode):
        if mode and not policy().verify_mode and policy().psk is None:
            raise ValueError("the context given to bg95.install() verifies nothing")

    def _settled(self, *_, **__):
        raise OSError(
            EOPNOTSUPP,
            "certificates, keys and suites are set on the context given to bg95.install(), "
            "or give a bg95.SSLContext of your own where the library takes one",
        )

    load_verify_locations = load_cert_chain = set_ciphers = _settled

    def wrap_socket(
        self,
        sock,
        *,
        server_side=False,
        server_hostname=None,
        do_handshake_on_connect=True,
        client_id=None,
    ):
        """As bg95.SSLContext.wrap_socket() of the installed context."""
        return wrap(policy(), sock, server_side, server_hostname, do_handshake_on_connect)


def wrap_socket(
    sock,
    server_side=False,
    key=None,
    cert=None,
    cert_reqs=CERT_NONE,
    cadata=None,
    server_hostname=None,
    do_handshake=True,
):
    """ssl.wrap_socket() of MicroPython."""
    ctx = SSLContext()
    ctx.verify_mode = cert_reqs
    if key or cert or cadata:
        ctx._settled()
    return wrap(policy(), sock, server_side, server_hostname, do_handshake)


def wrap(ctx, sock, server_side, server_hostname, handshake):
    """Open what `sock` was told to connect to: an SSLSocket, or (handshake False) one that opens meanwhile."""
    if server_side:
        raise OSError(EOPNOTSUPP, "the module is no TLS server")
    if not isinstance(sock, socket):
        raise TypeError("wrap_socket takes a socket of bg95.compat, not %r" % (sock,))
    if sock._address is None:
        raise OSError(ENOTCONN, "connect() first")
    host, port = sock._address
    # The module has one name for dialling, SNI and check (SSL 2.3.2, 1.6): the one that has to be proven.
    host = server_hostname or host
    timeout_ms = int(sock._timeout * 1000) if sock._timeout else None
    if not handshake:
        opening = OpeningSocket(ctx, host, port, timeout_ms, sock._timeout)
        if "asyncio" in sys.modules:
            from . import aio

            aio.pump(ctx._modem)  # a program that opens in this way has nobody else who polls
        return opening
    opened = ctx._modem.run(ctx._connect(host, port, BUFFER, timeout_ms))
    opened.settimeout(sock._timeout)
    return opened


class OpeningSocket(io.IOBase):
    """An SSLSocket that poll() opens meanwhile. Waits for it as its timeout says; then is one in all but type."""

    def __init__(self, ctx, host, port, timeout_ms, timeout):
        self._modem = ctx._modem
        self.touched_at = ticks_ms()
        self._socket = None
        self._closed = False
        self._timeout = timeout
        flow = ctx._connect(host, port, BUFFER, timeout_ms, None, self)
        self._job = Job(ctx._modem, flow)

    def _opened(self):
        """The SSLSocket, or None where a non-blocking one would wait. Raises what the opening raised."""
        self.touched_at = ticks_ms()
        if self._socket is None:
            if self._closed:
                raise OSError(EBADF, "the socket is closed")
            while not self._job.done:
                self._modem.poll()
                if self._timeout == 0:
                    break
                self._modem.rest(None)
            if not self._job.done:
                return None
            self._take()
        return self._socket

    def _take(self):
        self._socket = self._job.result()
        self._socket._c.owner = self._socket
        self._socket._c.claimed = True
        self._socket.settimeout(self._timeout)

    def __getattr__(self, name):
        """The rest of a socket, once it is open."""
        opened = self._opened()
        if opened is None:
            raise OSError(ENOTCONN, "not open yet")
        return getattr(opened, name)

    def do_handshake(self):
        """Wait until the connection is open."""
        self._opened()

    def read(self, n=-1):
        s = self._opened()
        return s.read(n) if s else None

    def readinto(self, buf, nbytes=-1):
        s = self._opened()
        return s.readinto(buf, nbytes) if s else None

    def readline(self, n=-1):
        s = self._opened()
        return s.readline(n) if s else None

    def write(self, buf, off=None, n=None):
        s = self._opened()
        return s.write(buf, off, n) if s else None

    def settimeout(self, seconds):
        self._timeout = seconds
        if self._socket is not None:
            self._socket.settimeout(seconds)

    def setblocking(self, flag):
        self.settimeout(None if flag else 0)

    def close(self):
        """Close it, or stop opening it."""
        self._closed = True
        self._job.cancel()
        if self._socket is None and self._job.value is not None:
            self._take()
        if self._socket is not None:
            self._socket.close()

    def ioctl(self, request, arg):
        if request == _MP_STREAM_CLOSE:
            self.close()
            return 0
        if request != _MP_STREAM_POLL:
            return -EINVAL
        if self._closed:
            return _POLL_NVAL
        self.touched_at = ticks_ms()
        if self._socket is None:
            ready = self._job.ioctl(request, arg)
            if not ready or self._job._error is not None:
                return ready
            self._opened()
        return self._socket.ioctl(request, arg)
