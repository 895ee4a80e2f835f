"""SSL 3.0, RC4 and 3DES through tlslite-ng, for servers that speak nothing newer (design/tls.md).

tlslite-ng verifies nothing: the peer's chain is checked afterwards, with OpenSSL's rules.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL import crypto
from tlslite.handshakesettings import HandshakeSettings
from tlslite.session import Session
from tlslite.tlsconnection import TLSConnection
from tlslite.utils.keyfactory import parsePEMKey
from tlslite.x509certchain import X509CertChain

from .certificates import IGNORE_VALIDITY, check_host, is_address, trust_store
from .pem_files import read_certificates, read_private_key
from .tables import ALL_SUITES, SUITES
from .tls import TlsError, TlsSettings, shows_identity

VERSIONS = {0: (3, 0), 1: (3, 1), 2: (3, 2), 3: (3, 3)}
CIPHERS = {
    "AES_256_CBC": "aes256",
    "AES_128_CBC": "aes128",
    "AES_128_GCM": "aes128gcm",
    "RC4_128": "rc4",
    "3DES_EDE_CBC": "3des",
}
MACS = {"SHA": "sha", "MD5": "md5", "SHA256": "sha256", "SHA384": "sha384"}
KEY_EXCHANGES = {"RSA": "rsa", "ECDHE_RSA": "ecdhe_rsa", "ECDHE_ECDSA": "ecdhe_ecdsa"}


class LegacySession:
    """A `TlsSession` on tlslite-ng."""

    def __init__(self, settings: TlsSettings) -> None:
        self.established = False
        self.closed = False
        self._settings = settings
        self._wire = _Wire()
        self._conn = TLSConnection(self._wire)
        self._conn.closeSocket = False
        self._conn.ignoreAbruptClose = True
        self._handshake: Iterator[Any] | None = None
        self._reading: Iterator[Any] | None = None

    def start(self) -> None:
        settings = self._settings
        try:
            chain, key = _identity(settings)
            self._handshake = self._conn.handshakeClientCert(
                certChain=chain,
                privateKey=key,
                settings=handshake_settings(settings.version, settings.suite),
                serverName=settings.host
                if settings.sni and not is_address(settings.host)
                else None,
                session=settings.resume if isinstance(settings.resume, Session) else None,
                async_=True,
            )
        except Exception as error:
            raise _tls_error(error) from None
        self._shake()

    def _shake(self) -> None:
        assert self._handshake is not None
        try:
            for wanted in self._handshake:
                if wanted == 0 and not self._wire.incoming:
                    return  # goes on with the next bytes
        except Exception as error:
            raise _tls_error(error) from None
        self._verify()
        self.established = True

    def _verify(self) -> None:
        settings = self._settings
        if settings.seclevel == 0:
            return
        if settings.ca is None:
            raise TlsError("seclevel asks for verification, but there is no CA certificate file")
        shown: Any = self._conn.session.serverCertChain
        chain = [
            crypto.X509.from_cryptography(x509.load_der_x509_certificate(bytes(each.bytes)))
            for each in shown.x509List
        ]
        store = trust_store(settings.ca, settings.clock)
        if settings.ignore_validity:
            store.set_flags(IGNORE_VALIDITY)
        try:
            crypto.X509StoreContext(store, chain[0], chain[1:]).verify_certificate()
        except crypto.X509StoreContextError as error:
            raise TlsError(f"certificate refused: {error}") from None
        if settings.checkhost is not None:
            check_host(chain[0].to_cryptography(), settings.host, settings.checkhost)

    def feed(self, data: bytes) -> bytes:
        self._wire.incoming += data
        if not self.established:
            self._shake()
        return self._read() if self.established else b""

    def _read(self) -> bytes:
        plain = bytearray()
        try:
            while not self.closed:
                self._reading = self._reading or self._conn.readAsync(max=16384, min=1)
                wanted = next(self._reading)
                if isinstance(wanted, (bytes, bytearray)):
                    self._reading = None
                    plain += wanted
                    self.closed = not wanted
                elif wanted == 0 and not self._wire.incoming:
                    break
        except StopIteration:
            self._reading = None
        except Exception as error:
            if not plain:
                raise _tls_error(error) from None
            self.closed = True
        return bytes(plain)

    def outgoing(self) -> list[bytes]:
        data = bytes(self._wire.outgoing)
        self._wire.outgoing.clear()
        return [data] if data else []

    def send(self, data: bytes) -> None:
        try:
            for _ in self._conn.writeAsync(data):
                pass
        except Exception as error:
            raise _tls_error(error) from None

    def shutdown(self) -> None:
        if self.established:
            try:
                for _ in self._conn.closeAsync():
                    return  # close_notify is out; the peer's is not waited for
            except Exception as error:
                raise _tls_error(error) from None

    def session(self) -> Any:
        return self._conn.session if self.established else None

    @property
    def answered(self) -> bool:
        """Nothing older is left to try."""
        return True

    def described(self) -> str:
        suite = SUITES.get(self._conn.session.cipherSuite)
        resumed = ", resumed" if self._conn.resumed else ""
        return f"{self._conn.getVersionName()} {suite.name if suite else '?'}{resumed}"

    def timeout(self) -> float | None:
        return None

    def handle_timeout(self) -> None:
        """TCP retransmits."""


class _Wire:
    """What tlslite-ng takes for a non-blocking socket."""

    def __init__(self) -> None:
        self.incoming = bytearray()
        self.outgoing = bytearray()

    def recv(self, size: int) -> bytes:
        if not self.incoming:
            raise OSError(errno.EWOULDBLOCK, "nothing there yet")
        data = bytes(self.incoming[:size])
        del self.incoming[:size]
        return data

    def send(self, data: bytes) -> int:
        self.outgoing += data
        return len(data)

    sendall = send

    def close(self) -> None:
        """The link belongs to the module's socket."""

    def getsockname(self) -> tuple[str, int]:
        return ("", 0)

    getpeername = getsockname


def handshake_settings(version: int, suite: int) -> HandshakeSettings:
    """tlslite-ng's settings for one version (4: all) and one suite. 0XFFFF: what TLS 1.0 had, since OpenSSL has offered
    the younger ones, and tlslite-ng offers more of them than the module has.
    """
    settings: Any = HandshakeSettings()
    settings.minVersion = VERSIONS.get(version, (3, 0))
    settings.maxVersion = VERSIONS.get(version, (3, 3))
    settings.useEncryptThenMAC = False  # SSL 3.0 servers of the time do not know it
    settings.minKeySize = 1024
    if suite == ALL_SUITES:
        settings.cipherNames = ["aes256", "aes128", "3des", "rc4"]
        settings.macNames = ["sha", "md5"]
        settings.keyExchangeNames = list(KEY_EXCHANGES.values())
        return settings
    exchange, _, rest = SUITES[suite].name.removeprefix("TLS_").partition("_WITH_")
    cipher, _, mac = rest.rpartition("_")
    if exchange not in KEY_EXCHANGES or cipher not in CIPHERS:
        raise TlsError(f"{SUITES[suite].name} is not a suite of SSL 3.0")
    settings.cipherNames = [CIPHERS[cipher]]
    settings.macNames = ["aead"] if cipher.endswith("GCM") else [MACS[mac]]
    settings.keyExchangeNames = [KEY_EXCHANGES[exchange]]
    return settings


def _identity(settings: TlsSettings) -> tuple[Any, Any]:
    if not shows_identity(settings):
        return None, None
    assert settings.cert is not None
    assert settings.key is not None
    chain = X509CertChain()
    chain.parsePemList(
        "".join(
            each.public_bytes(Encoding.PEM).decode()
            for each in read_certificates(settings.cert, "client")
        )
    )
    key = read_private_key(settings.key).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    return chain, parsePEMKey(key.decode(), private=True)


def _tls_error(error: Exception) -> TlsError:
    """tlslite-ng is fed what a peer sends: whatever it raises ends the connection, no more."""
    if isinstance(error, TlsError):
        return error
    return TlsError(str(error) or type(error).__name__)
