"""A TLS server on a free port of this machine that does to a connection what a test asks for.

It runs on the standard library's `ssl`, not on the pyOpenSSL of the simulated module, so that the
two ends of a connection do not share their TLS. One thread accepts, one serves each connection.
"""

import contextlib
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bg95_host.testbed.pki import Authority, Credential

_CHUNK = 16384  # one TLS record
_LINGER_RESET = struct.pack("ii", 1, 0)  # close() sends RST instead of FIN


class Peer:
    """One accepted TLS connection, as its handler sees it."""

    def __init__(self, server: "TlsServer", tls: ssl.SSLSocket):
        self.server = server
        self._tls = tls

    @property
    def client_certificate(self) -> dict | None:
        """`ssl.SSLSocket.getpeercert()` of the client; None if it showed no certificate."""
        return self._tls.getpeercert()

    @property
    def cipher(self) -> str:
        """OpenSSL's name of the suite that was agreed on."""
        agreed = self._tls.cipher()
        return agreed[0] if agreed else ""

    def recv(self, limit: int = _CHUNK) -> bytes:
        """Wait for data; at most `limit` bytes, b"" once the client has closed."""
        data = self._tls.recv(limit)
        self.server._count(received=len(data))
        return data

    def send(self, data: bytes) -> None:
        """Send all of `data`; waits while the client does not read."""
        for start in range(0, len(data), _CHUNK):
            piece = data[start : start + _CHUNK]
            self._tls.sendall(piece)
            self.server._count(sent=len(piece))

    def half_close(self) -> None:
        """Say close_notify and FIN, and go on receiving."""
        self._close_notify()
        # The TCP call: SSLSocket.shutdown() would throw the TLS state away.
        socket.socket.shutdown(self._tls, socket.SHUT_WR)

    def cut(self) -> None:
        """End the connection with a FIN, without a TLS goodbye."""
        socket.socket.shutdown(self._tls, socket.SHUT_WR)

    def reset(self) -> None:
        """Drop the connection with a TCP RST, without a TLS goodbye."""
        self._tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        self._tls.close()

    def _close_notify(self) -> None:
        # Non-blocking: unwrap() sends the alert, then would wait for the client's.
        with contextlib.suppress(OSError):  # SSLWantReadError, or the connection is gone
            self._tls.setblocking(False)
            self._tls.unwrap()
        with contextlib.suppress(OSError):
            self._tls.setblocking(True)


Handler = Callable[[Peer], None]


def echo(peer: Peer) -> None:
    """Send back all that comes, until the client closes."""
    while data := peer.recv():
        peer.send(data)


def sink(peer: Peer) -> None:
    """Take all that comes and answer nothing."""
    while peer.recv():
        pass


def stall(peer: Peer) -> None:
    """Neither read nor write until the server's `release` is set; then echo."""
    peer.server.release.wait()
    echo(peer)


def source(data: bytes) -> Handler:
    """Send `data` unasked, then echo."""

    def handler(peer: Peer) -> None:
        peer.send(data)
        echo(peer)

    return handler


def _echo_exactly(peer: Peer, count: int) -> None:
    while count and (data := peer.recv(min(count, _CHUNK))):
        peer.send(data)
        count -= len(data)


def close_after(count: int) -> Handler:
    """Echo `count` bytes, then close in order."""
    return lambda peer: _echo_exactly(peer, count)


def half_close_after(count: int) -> Handler:
    """Echo `count` bytes, close the sending direction, take what still comes."""

    def handler(peer: Peer) -> None:
        _echo_exactly(peer, count)
        peer.half_close()
        sink(peer)

    return handler


def reset_after(count: int) -> Handler:
    """Echo `count` bytes, then reset the TCP connection."""

    def handler(peer: Peer) -> None:
        _echo_exactly(peer, count)
        peer.reset()

    return handler


@dataclass
class Counters:
    """What a server has seen since it started."""

    accepted: int = 0  # TCP connections
    handshakes: int = 0  # of them, TLS agreed
    received: int = 0  # bytes of application data
    sent: int = 0
    failures: list[str] = field(default_factory=list)  # why handshakes failed, in OpenSSL's words
    server_names: list[str | None] = field(default_factory=list)  # SNI of each ClientHello


class TlsServer:
    """A TLS server on this machine, at a port the kernel chose; `handler` runs per connection.

    A context manager. `client_ca`: clients must show a certificate of it. `maximum_version` is TLS
    1.2 because the module has no 1.3 (at-commands.md 1.1). `ciphers` is an OpenSSL cipher string. `address` is
    where else to listen.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        credential: Credential,
        handler: Handler = echo,
        *,
        client_ca: Authority | None = None,
        minimum_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
        maximum_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
        ciphers: str | None = None,
        address: tuple[str, int] = ("127.0.0.1", 0),
    ):
        self.handler = handler
        self.release = threading.Event()
        self.counters = Counters()
        self._changed = threading.Condition()
        self._stopping = False
        self._threads: list[threading.Thread] = []
        self._connections: set[socket.socket] = set()
        self._context = server_context(credential, client_ca, minimum_version, maximum_version)
        if ciphers:
            self._context.set_ciphers(ciphers)
        self._context.sni_callback = self._note_server_name
        self._listener = socket.create_server(address)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> "TlsServer":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether connections are accepted; False after `stop`."""
        return not self._stopping

    def start(self) -> None:
        """Begin to accept. The port is open before this; nobody is refused."""
        self._spawn(self._accept)

    def stop(self) -> None:
        """Close the listener and every connection, and wait for their threads."""
        self._stopping = True
        self.release.set()
        _shut(self._listener)
        self._listener.close()
        self.drop_all()
        for thread in self._threads:
            thread.join(10)

    def drop_all(self) -> None:
        """Cut every open connection, as a crash of the server would."""
        with self._changed:
            for connection in self._connections:
                _shut(connection)

    def wait_for(self, condition: Callable[[Counters], bool], timeout: float = 10) -> bool:
        """Wait until `condition(counters)` holds; False if it does not within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self.counters), timeout)

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True, name="tls-server")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # stop() closed the listener
            self._count(accepted=1)
            self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        # A duplicate of the descriptor lets drop_all() end a blocking call of this thread.
        handle = connection.dup()
        with self._changed:
            self._connections.add(handle)
        try:
            with self._context.wrap_socket(connection, server_side=True) as tls:
                self._count(handshakes=1)
                peer = Peer(self, tls)
                self.handler(peer)
                peer._close_notify()
        except OSError as error:  # ssl.SSLError and the client's resets
            self._note_failure(error)
        finally:
            with self._changed:
                self._connections.discard(handle)
            handle.close()
            connection.close()

    def _note_server_name(self, _tls: object, name: str | None, _context: object) -> None:
        with self._changed:
            self.counters.server_names.append(name)
            self._changed.notify_all()

    def _note_failure(self, error: OSError) -> None:
        with self._changed:
            if not self._stopping:
                self.counters.failures.append(getattr(error, "reason", None) or str(error))
            self._changed.notify_all()

    def _count(self, **more: int) -> None:
        with self._changed:
            for name, amount in more.items():
                setattr(self.counters, name, getattr(self.counters, name) + amount)
            self._changed.notify_all()


def server_context(
    credential: Credential,
    client_ca: Authority | None = None,
    minimum_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    maximum_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
) -> ssl.SSLContext:
    """What a server of that credential needs to agree with a module; see TlsServer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as directory:  # ssl takes certificates from files only
        context.load_cert_chain(*credential.write(Path(directory), "server"))
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=client_ca.cert_pem.decode())
    context.minimum_version = minimum_version
    context.maximum_version = maximum_version
    return context


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class SilentServer:
    """Accepts TCP connections and says nothing: a handshake runs into its time-out."""

    host = "127.0.0.1"

    def __enter__(self) -> "SilentServer":
        self._listener = socket.create_server((self.host, 0))
        self.port: int = self._listener.getsockname()[1]
        return self  # the kernel's backlog accepts; nobody needs to call accept()

    def __exit__(self, *exc: object) -> None:
        self._listener.close()


def closed_port() -> int:
    """A port of 127.0.0.1 where nobody listens (a connection is refused)."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
