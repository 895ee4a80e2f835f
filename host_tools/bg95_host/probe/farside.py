"""The far side of a probe: servers that do on request what an experiment needs a peer to do.

`bg95 probe --serve` runs them on real sockets, the round trip's tests in a simulated module's
memory: the same `Peer` objects either way. From a base port on:

| base | TLS, scripted |
| base + 1 | accepts and says nothing |
| base + 2 | TLS, the host's name in the subject CN, another one as subject alternative name |
| base + 3 | TLS, the host's name in the subject CN, no subject alternative name |
| base + 4 | UDP: DTLS with a pre-shared key, scripted |

What comes is sent back, but for requests, each a line of plaintext:

    *later MILLISECONDS TEXT     say TEXT after that time
    *bye TEXT                    say TEXT and close in order, at once
    *flood COUNT SIZE            COUNT records of SIZE bytes, FLOOD_S apart
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from bg95_host.module_sim.manual import Peer, TlsPeer

Later = Callable[[float, Callable[[], None]], object]

SILENT, CN_ONLY, NO_SAN, DTLS = 1, 2, 3, 4  # ports, from the base on
FLOOD_S = 0.01
MOST_FLOOD = 100_000  # bytes of one request: this is nobody's amplifier
# Identities of the pre-shared key, one for each reading of a PSK file (at-commands.md, open question 12).
PSK_TEXT = "1a2b3c4d"
PSK_KEYS = {"probe-hex": bytes.fromhex(PSK_TEXT), "probe-text": PSK_TEXT.encode()}


class ScriptedPeer(TlsPeer):
    """Echoes, and does what requests ask for."""

    def __init__(self, context: SSL.Context, later: Later, dtls: bool = False) -> None:
        super().__init__(context, dtls)
        self._later = later

    def on_data(self, link, data: bytes) -> None:
        if not data.startswith(b"*"):
            self._say(link, data)
            return
        for request in data.decode("latin-1").splitlines():
            verb, _, rest = request.partition(" ")
            if verb == "*later":
                milliseconds, _, text = rest.partition(" ")
                self._later(
                    int(milliseconds) / 1000, lambda text=text: self._say(link, text.encode())
                )
            elif verb == "*bye":
                self._say(link, rest.encode())
                self._goodbye(link)
            elif verb == "*flood":
                count, size = map(int, rest.split())
                for number in range(min(count, MOST_FLOOD // max(size, 1))):
                    self._later(number * FLOOD_S, lambda size=size: self._say(link, b"f" * size))

    def _say(self, link, data: bytes) -> None:
        session = self.sessions.get(link)
        if session is not None and data:
            session.sendall(data)
            self._flush(link)

    def _goodbye(self, link) -> None:
        with contextlib.suppress(SSL.Error):
            self.sessions[link].shutdown()
        self._flush(link)
        del self.sessions[link]
        link.hang_up()


class Certificates:
    """A CA, and certificates for `host`: as they should be, and two that show where a module looks."""

    def __init__(self, host: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._ca = self._certificate("bg95 probe", self._key, None)
        self._host = host

    @property
    def ca_pem(self) -> bytes:
        """What the module has to trust."""
        return self._ca.public_bytes(serialization.Encoding.PEM)

    def context(self, san: str | None, method: int = SSL.TLS_SERVER_METHOD) -> SSL.Context:
        """A server's context: the host as CN, `san` as its alternative name."""
        key = ec.generate_private_key(ec.SECP256R1())
        context = SSL.Context(method)
        if method == SSL.TLS_SERVER_METHOD:
            context.set_max_proto_version(SSL.TLS1_2_VERSION)  # at-commands.md 1.1
        context.use_certificate(self._certificate(self._host, key, san))
        context.use_privatekey(key)
        context.add_extra_chain_cert(self._ca)  # so that whoever probes learns it
        return context

    def _certificate(self, name: str, key, san: str | None) -> x509.Certificate:
        is_ca = key is self._key
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bg95 probe")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime(2000, 1, 1, tzinfo=timezone.utc))
            .not_valid_after(datetime(2049, 12, 31, tzinfo=timezone.utc))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        if san is not None:
            names = x509.SubjectAlternativeName([x509.DNSName(san)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def psk_context() -> SSL.Context:
    """A DTLS server's context that knows the keys of PSK_KEYS."""
    context = SSL.Context(SSL.DTLS_SERVER_METHOD)
    context.set_cipher_list(b"PSK:@SECLEVEL=0")

    @ffi.callback("unsigned int (*)(SSL *, const char *, unsigned char *, unsigned int)")
    def find(_ssl, name, buffer, _longest):
        key = PSK_KEYS.get(ffi.string(name).decode("latin-1"), b"")
        ffi.memmove(buffer, key, len(key))
        return len(key)

    lib.SSL_CTX_set_psk_server_callback(context._context, find)
    context.set_app_data(find)  # OpenSSL keeps no reference
    return context


class FarSide:
    """The peers by transport and port, made once: keys take longer than handshakes."""

    def __init__(self, host: str, base: int, later: Later) -> None:
        certificates = Certificates(host)
        self.ca_pem = certificates.ca_pem
        self.peers: dict[tuple[str, int], Peer] = {
            ("tcp", base): ScriptedPeer(certificates.context(host), later),
            ("tcp", base + SILENT): Peer(),
            ("tcp", base + CN_ONLY): ScriptedPeer(certificates.context("other.invalid"), later),
            ("tcp", base + NO_SAN): ScriptedPeer(certificates.context(None), later),
            ("udp", base + DTLS): ScriptedPeer(psk_context(), later, dtls=True),
        }
