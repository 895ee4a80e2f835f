"""TLS 1.0-1.2 and DTLS 1.0/1.2 with certificates or PSK, through pyOpenSSL's memory BIOs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from OpenSSL import SSL, crypto

# PSK, and DTLS version limits, are not in pyOpenSSL's public interface (design/tls.md); the
# version is pinned and tests/module_sim guards both.
from OpenSSL._util import ffi, lib

from .certificates import (
    VALIDITY_CODES,
    add_trust,
    check_host,
    is_address,
    verify_text,
)
from .pem_files import read_certificates, read_private_key, reason_of
from .tables import ALL_SUITES, SUITES
from .tls import TlsError, TlsSettings, is_psk, shows_identity

TLS_VERSIONS = {1: SSL.TLS1_VERSION, 2: SSL.TLS1_1_VERSION, 3: SSL.TLS1_2_VERSION}
DTLS_VERSIONS = {0: 0xFEFF, 1: 0xFEFD}
MTU = 1400
READ_SIZE = 16384


class OpenSslSession:
    """A `TlsSession` on OpenSSL."""

    def __init__(self, settings: TlsSettings) -> None:
        self.established = False
        self.closed = False
        self._settings = settings
        self._refused = ""
        self._answered = False
        self._wants_identity = False
        self._shut_down = False
        self._psk_callback: Any = None
        context = self._context()
        self._conn = SSL.Connection(context, None)
        if settings.dtls:
            self._conn.set_ciphertext_mtu(MTU)
        if settings.sni and not settings.dtls and not is_address(settings.host):
            self._conn.set_tlsext_host_name(settings.host.encode("idna"))
        if isinstance(settings.resume, SSL.Session):
            # Not set_session: it insists on the same Context, which each connection has its own of.
            lib.SSL_set_session(self._conn._ssl, settings.resume._session)  # pyright: ignore
        self._conn.set_connect_state()

    # -- the context ---------------------------------------------------------------------------

    def _context(self) -> SSL.Context:
        settings = self._settings
        try:
            context = SSL.Context(
                SSL.DTLS_CLIENT_METHOD if settings.dtls else SSL.TLS_CLIENT_METHOD
            )
            self._limit_versions(context)
            context.set_cipher_list(self._cipher_list().encode())
            context.set_options(SSL.OP_LEGACY_SERVER_CONNECT)
            if not settings.renegotiation:
                context.set_options(SSL.OP_NO_RENEGOTIATION)
            context.set_options(SSL.OP_IGNORE_UNEXPECTED_EOF)
            if keylog := settings.keylog:
                context.set_keylog_callback(lambda _conn, line: keylog(line))
            context.set_info_callback(self._progress)
            self._load_psk(context)
            self._load_trust(context)
            self._load_identity(context)
        except (SSL.Error, crypto.Error, ValueError, TypeError) as error:
            raise TlsError(f"the context cannot be set up: {reason_of(error)}") from None
        return context

    def _limit_versions(self, context: SSL.Context) -> None:
        settings = self._settings
        if settings.dtls:
            low = DTLS_VERSIONS.get(settings.dtls_version, 0xFEFF)
            high = DTLS_VERSIONS.get(settings.dtls_version, 0xFEFD)
            lib.SSL_CTX_set_min_proto_version(context._context, low)  # pyright: ignore
            lib.SSL_CTX_set_max_proto_version(context._context, high)  # pyright: ignore
            return
        if settings.version == 0:
            raise TlsError("SSL 3.0 is not in OpenSSL any more")
        context.set_min_proto_version(TLS_VERSIONS.get(settings.version, SSL.TLS1_VERSION))
        context.set_max_proto_version(TLS_VERSIONS.get(settings.version, SSL.TLS1_2_VERSION))

    def _cipher_list(self) -> str:
        settings = self._settings
        if settings.suite != ALL_SUITES:
            names = [SUITES[settings.suite].openssl]
        else:
            names = [suite.openssl for suite in SUITES.values() if suite.openssl]
            if settings.psk is None:
                names = [name for name in names if not name.startswith("PSK")]
        # The module speaks SHA-1 signatures and 1024-bit keys; OpenSSL's level 1 would not.
        return ":".join(names) + ":@SECLEVEL=0"

    def _load_psk(self, context: SSL.Context) -> None:
        if self._settings.psk is None:
            if is_psk(self._settings.suite):
                raise TlsError("a PSK suite is selected, but there is no PSK file")
            return
        identity, key = self._settings.psk

        @ffi.callback(
            "unsigned int (*)(SSL *, const char *, char *, unsigned int,"
            " unsigned char *, unsigned int)"
        )
        def give(
            _ssl: Any, _hint: Any, id_buf: Any, id_max: int, key_buf: Any, key_max: int
        ) -> int:
            if len(identity) + 1 > id_max or len(key) > key_max:
                return 0
            ffi.memmove(id_buf, identity + b"\0", len(identity) + 1)
            ffi.memmove(key_buf, key, len(key))
            return len(key)

        self._psk_callback = give  # OpenSSL keeps no reference
        lib.SSL_CTX_set_psk_client_callback(context._context, give)  # pyright: ignore

    def _load_trust(self, context: SSL.Context) -> None:
        settings = self._settings
        if settings.seclevel == 0:
            context.set_verify(SSL.VERIFY_NONE)
            return
        context.set_verify(SSL.VERIFY_PEER, self._verify)
        if is_psk(settings.suite):
            return  # the key authenticates both sides, there is no certificate
        if settings.ca is None:
            raise TlsError("seclevel asks for verification, but there is no CA certificate file")
        store = context.get_cert_store()
        assert store is not None
        add_trust(store, settings.ca, settings.clock)

    def _load_identity(self, context: SSL.Context) -> None:
        settings = self._settings
        if not shows_identity(settings):
            return
        assert settings.cert is not None
        assert settings.key is not None
        first, *others = read_certificates(settings.cert, "client")
        context.use_certificate(first)
        for certificate in others:
            context.add_extra_chain_cert(certificate)
        context.use_privatekey(read_private_key(settings.key))
        context.check_privatekey()

    def _progress(self, conn: SSL.Connection, where: int, _ret: int) -> None:
        """The handshake goes on after a message that was good."""
        if where & SSL.SSL_CB_LOOP:
            message = conn.get_state_string()
            self._answered |= message.endswith(b"read server hello")
            self._wants_identity |= message.endswith(b"read server certificate request")

    def _verify(
        self, _conn: Any, certificate: crypto.X509, code: int, depth: int, preverified: int
    ) -> bool:
        if not preverified and not (code in VALIDITY_CODES and self._settings.ignore_validity):
            self._refused = f"certificate refused at depth {depth}: {verify_text(code)}"
            return False
        if depth == 0 and self._settings.checkhost is not None:
            try:
                check_host(
                    certificate.to_cryptography(), self._settings.host, self._settings.checkhost
                )
            except (TlsError, ValueError) as error:
                self._refused = str(error)
                return False
        return True

    # -- the connection ------------------------------------------------------------------------

    def start(self) -> None:
        self._handshake()

    def feed(self, data: bytes) -> bytes:
        plain = bytearray()
        view = memoryview(data)
        try:
            while view:
                view = view[self._conn.bio_write(bytes(view)) :]
        except SSL.Error as error:
            raise TlsError(reason_of(error)) from None
        if not self.established:
            self._handshake()
        if self.established:
            self._read_into(plain)
        return bytes(plain)

    def _handshake(self) -> None:
        try:
            self._conn.do_handshake()
        except (SSL.WantReadError, SSL.WantWriteError):
            return
        except SSL.Error as error:
            raise TlsError(self._why(error)) from None
        self.established = True

    def _why(self, error: SSL.Error) -> str:
        reason = self._refused or reason_of(error)
        if self._wants_identity and not shows_identity(self._settings):
            return f"{reason}; the server asked for a client certificate, and the context has none"
        return reason

    def _read_into(self, plain: bytearray) -> None:
        try:
            while True:
                plain += self._conn.recv(READ_SIZE)
        except SSL.WantReadError:
            return
        except SSL.ZeroReturnError:
            self.closed = True
        except SSL.Error as error:
            if not plain:
                raise TlsError(self._why(error)) from None
            self.closed = True

    def outgoing(self) -> list[bytes]:
        waiting = bytearray()
        try:
            while True:
                waiting += self._conn.bio_read(READ_SIZE)
        except SSL.Error:
            pass
        if not waiting:
            return []
        return list(dtls_records(bytes(waiting))) if self._settings.dtls else [bytes(waiting)]

    def send(self, data: bytes) -> None:
        try:
            self._conn.sendall(data)
        except SSL.Error as error:
            raise TlsError(reason_of(error)) from None

    def shutdown(self) -> None:
        if self.established and not self._shut_down:
            self._shut_down = True
            try:
                self._conn.shutdown()
            except SSL.Error:
                self._refused = "the connection broke before it was closed"

    def session(self) -> Any:
        return self._conn.get_session() if self.established else None

    @property
    def resumed(self) -> bool:
        """Whether the handshake was an abbreviated one."""
        return bool(lib.SSL_session_reused(self._conn._ssl))  # pyright: ignore

    def described(self) -> str:
        resumed = ", resumed" if self.resumed else ""
        return f"{self._conn.get_protocol_version_name()} {self._conn.get_cipher_name()}{resumed}"

    @property
    def answered(self) -> bool:
        """Whether the server has accepted the offer: its ServerHello was good, whatever became of the rest."""
        return self._answered

    def timeout(self) -> float | None:
        # OpenSSL takes this time itself, from the real clock: on a manual one no flight is repeated.
        if not self._settings.dtls or self.established:
            return None
        wait = self._conn.DTLSv1_get_timeout()
        return None if wait is None else float(wait)

    def handle_timeout(self) -> None:
        try:
            self._conn.DTLSv1_handle_timeout()
        except SSL.Error as error:
            raise TlsError(reason_of(error)) from None


def dtls_records(data: bytes) -> Iterator[bytes]:
    """DTLS records, one a datagram: a memory BIO does not keep datagrams apart."""
    at = 0
    while at + 13 <= len(data):
        end = at + 13 + int.from_bytes(data[at + 11 : at + 13], "big")
        yield data[at:end]
        at = end
