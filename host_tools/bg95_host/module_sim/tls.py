"""TLS and DTLS of the module: real handshakes, without sockets (design/tls.md).

`open_session` picks the library that can negotiate what the context asks for. A session is fed
ciphertext and hands out ciphertext; the caller moves it. Certificates come in as bytes from the
simulated flash; whatever they hold, the only outcome is a session or a `TlsError`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from .rtc import GPS_EPOCH
from .tables import ALL_SUITES, SUITES


class TlsError(Exception):
    """The connection cannot be secured. The text is for the simulator's log, not for the host."""


@dataclass
class TlsSettings:
    """One connection's view of its SSL context: AT+QSSLCFG values, file contents, the clock."""

    host: str
    version: int = 4  # 0 SSL3.0, 1 TLS1.0, 2 TLS1.1, 3 TLS1.2, 4 all
    suite: int = ALL_SUITES
    seclevel: int = 0
    ca: bytes | None = None
    cert: bytes | None = None
    key: bytes | None = None
    sni: bool = False
    checkhost: str | None = None  # None, or the checkhost trait: "cn", "san_or_cn", "san"
    ignore_validity: bool = True
    clock: datetime = GPS_EPOCH
    renegotiation: bool = False
    dtls: bool = False
    dtls_version: int = 2  # 0 DTLS1.0, 1 DTLS1.2, 2 both
    psk: tuple[bytes, bytes] | None = None
    resume: Any = None  # a session of an earlier connection, see TlsSession.session
    keylog: Callable[[bytes], None] | None = None


class TlsSession(Protocol):
    """One TLS client connection, sans I/O."""

    established: bool
    closed: bool  # the peer said goodbye

    @property
    def answered(self) -> bool:
        """Whether the server has accepted the offer of versions and suites."""
        ...

    def start(self) -> None:
        """Begin the handshake; raises TlsError."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Take bytes (or one datagram) from the peer, return plaintext; raises TlsError."""
        ...

    def outgoing(self) -> list[bytes]:
        """Bytes for the peer, one item a datagram for DTLS."""
        ...

    def send(self, data: bytes) -> None:
        """Encrypt; raises TlsError."""
        ...

    def shutdown(self) -> None:
        """Say goodbye to the peer."""
        ...

    def session(self) -> Any:
        """What a later connection can resume, or None."""
        ...

    def described(self) -> str:
        """Version and suite in use, for log and trace."""
        ...

    def timeout(self) -> float | None:
        """Seconds until `handle_timeout` is due (DTLS retransmission), or None."""
        ...

    def handle_timeout(self) -> None:
        """Send the last flight again."""
        ...


Backend = Callable[[TlsSettings], TlsSession]


def backends(settings: TlsSettings) -> list[Backend]:
    """The libraries to try, in order: the next one where a server refuses the offer of one.

    That is for versions and suites only. A certificate that the first one refuses is refused.
    Raises TlsError where no library can do what is asked for.
    """
    from .tls_legacy import LegacySession
    from .tls_openssl import OpenSslSession

    suite = SUITES.get(settings.suite)
    if suite is not None and suite.stack == "none":
        raise TlsError(f"{suite.name}: no TLS library offers static ECDH any more")
    if settings.dtls:
        if suite is not None and suite.stack == "tlslite":
            raise TlsError(f"{suite.name}: no TLS library offers it for DTLS any more")
        return [OpenSslSession]
    if settings.version == 0 or (suite is not None and suite.stack == "tlslite"):
        return [LegacySession]
    if settings.version == 4 or suite is None:
        return [OpenSslSession, LegacySession]
    return [OpenSslSession]


def shows_identity(settings: TlsSettings) -> bool:
    """Whether there is a certificate for a server that asks for one: level 2, and both files (spec 1.5)."""
    return settings.seclevel == 2 and settings.cert is not None and settings.key is not None


def is_psk(suite: int) -> bool:
    """Whether a suite authenticates by a pre-shared key."""
    return suite in SUITES and SUITES[suite].name.startswith("TLS_PSK")


def parse_psk(content: bytes, key_kind: str) -> tuple[bytes, bytes]:
    """Identity and key of a `<ctx>_server.psk` file, `<PSK_ID>&<PSK_key>`; raises TlsError."""
    identity, separator, key = content.strip(b"\r\n \0").rpartition(b"&")
    if not separator or not identity or not key:
        raise TlsError("the PSK file is not <identity>&<key>")
    if key_kind == "text":
        return identity, key
    try:
        return identity, bytes.fromhex(key.decode("ascii"))
    except ValueError:
        raise TlsError("the PSK key is not hexadecimal") from None
