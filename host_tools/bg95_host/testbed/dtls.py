"""A DTLS 1.2 echo server: every datagram goes back to where it came from.

Clients show a pre-shared key, or check the server's certificate. It runs on pyOpenSSL, as CPython's `ssl` knows no
DTLS; PSK is in pyOpenSSL's private interface only (design/tls.md), whose version is pinned.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from bg95_host.testbed.pki import Credential

_MTU = 1400  # of ciphertext: what every path carries
_LARGEST = 65535
_RECORD = 13  # bytes of a DTLS record's header; the last two are its length (RFC 6347 4.1)
_LOOK_S = 0.2  # how often lost flights and the end are looked after
_CLIENTS = 100  # at a time; the one that came first has to go


class DtlsServer:
    """A context manager; `port` is where it listens. `psk` is identity and key."""

    def __init__(
        self,
        credential: Credential,
        psk: tuple[str, bytes],
        address: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self._context = _context(credential, psk)
        self._sessions: dict[Any, SSL.Connection] = {}  # by the client's address
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(_LOOK_S)
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, name="dtls-echo", daemon=True)
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> DtlsServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._stopping:
            try:
                data, client = self._socket.recvfrom(_LARGEST)
            except TimeoutError:
                self._repeat()
                continue
            except OSError:  # what an earlier answer met on its way
                continue
            self._take(client, data)

    def _take(self, client: Any, data: bytes) -> None:
        session = self._sessions.get(client)
        if session is None or _is_hello(data):  # a client that begins anew on the same port
            session = self._begin(client)
        try:
            session.bio_write(data)
            while True:
                session.send(session.recv(_LARGEST))  # the first one does the handshake as well
        except SSL.WantReadError:
            self._send(client, session)
        except SSL.Error:  # goodbye, or no handshake: its last words are the alert
            self._send(client, session)
            del self._sessions[client]

    def _begin(self, client: Any) -> SSL.Connection:
        self._sessions.pop(client, None)
        if len(self._sessions) >= _CLIENTS:
            self._sessions.pop(next(iter(self._sessions)))
        session = self._sessions[client] = SSL.Connection(self._context, None)
        session.set_ciphertext_mtu(_MTU)
        session.set_accept_state()
        return session

    def _repeat(self) -> None:
        """Send the last flight again where one was lost."""
        for client, session in self._sessions.items():
            with contextlib.suppress(SSL.Error):
                session.DTLSv1_handle_timeout()
            self._send(client, session)

    def _send(self, client: Any, session: SSL.Connection) -> None:
        waiting = b""
        with contextlib.suppress(SSL.Error):  # nothing more
            while True:
                waiting += session.bio_read(_LARGEST)
        for record in _records(waiting):
            with contextlib.suppress(OSError):
                self._socket.sendto(record, client)


def _is_hello(data: bytes) -> bool:
    """Whether a datagram is a ClientHello of epoch 0, message 0: the first of a connection."""
    return (
        data[0:1] == b"\x16"
        and data[3:5] == b"\0\0"
        and data[13:14] == b"\x01"
        and data[17:19] == b"\0\0"
    )


def _records(data: bytes) -> Iterator[bytes]:
    """One record a datagram; OpenSSL's memory does not keep datagrams apart."""
    at = 0
    while at + _RECORD <= len(data):
        end = at + _RECORD + int.from_bytes(data[at + _RECORD - 2 : at + _RECORD], "big")
        yield data[at:end]
        at = end


def _context(credential: Credential, psk: tuple[str, bytes]) -> SSL.Context:
    identity, key = psk[0].encode(), psk[1]
    context = SSL.Context(SSL.DTLS_SERVER_METHOD)
    context.set_cipher_list(b"ALL:PSK")
    leaf, *chain = x509.load_pem_x509_certificates(credential.cert_pem)
    context.use_certificate(leaf)
    for certificate in chain:
        context.add_extra_chain_cert(certificate)
    context.use_privatekey(load_pem_private_key(credential.key_pem, None))  # pyright: ignore

    @ffi.callback("unsigned int (*)(SSL *, const char *, unsigned char *, unsigned int)")
    def find(_ssl: Any, name: Any, buffer: Any, longest: int) -> int:
        if ffi.string(name) != identity or len(key) > longest:
            return 0
        ffi.memmove(buffer, key, len(key))
        return len(key)

    lib.SSL_CTX_set_psk_server_callback(context._context, find)  # pyright: ignore
    context.set_app_data(find)  # OpenSSL keeps no reference
    return context
