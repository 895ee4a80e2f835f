"""What the simulator's tests share: certificates, servers in memory, a host that has attached."""

from __future__ import annotations

import functools

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL, crypto
from OpenSSL._util import ffi, lib
from today import NOW

from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.manual import ManualHost, MemoryNet, TlsPeer
from bg95_host.testbed.pki import Authority, Credential

HOST = "broker.example.com"
ADDRESS = "220.180.239.212"  # the server of the SSL note's examples
PORTS = (8010, 8011, 8883)


_authorities: dict[int, Authority] = {}


def authority(number: int = 0) -> Authority:
    """A certificate authority; another number is one that the module does not know."""
    return _authorities.setdefault(number, Authority())


@functools.cache
def server_credential(kind: str = "valid") -> Credential:
    """The server's certificate: valid, expired, for another host, or of another authority."""
    if kind == "expired":
        return authority().expired_server(HOST, now=NOW)
    if kind == "other host":
        return authority().server("other.example.com")
    return authority(1).server(HOST) if kind == "other CA" else authority().server(HOST)


def server_context(
    credential: Credential, *, client_ca: bytes | None = None, dtls: bool = False
) -> SSL.Context:
    """A TLS server's context; with `client_ca` it refuses a client without a certificate."""
    context = SSL.Context(SSL.DTLS_SERVER_METHOD if dtls else SSL.TLS_SERVER_METHOD)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    if not dtls:
        context.set_min_proto_version(SSL.TLS1_VERSION)
    context.use_certificate(x509.load_pem_x509_certificate(credential.cert_pem))
    context.use_privatekey(serialization.load_pem_private_key(credential.key_pem, None))
    if client_ca is not None:
        store = context.get_cert_store()
        assert store is not None
        store.add_cert(crypto.load_certificate(crypto.FILETYPE_PEM, client_ca))
        context.set_verify(
            SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *args: bool(args[-1])
        )
    return context


def psk_context(identity: bytes, key: bytes) -> SSL.Context:
    """A DTLS server's context that knows one pre-shared key."""
    context = SSL.Context(SSL.DTLS_SERVER_METHOD)
    context.set_cipher_list(b"PSK:@SECLEVEL=0")

    @ffi.callback("unsigned int (*)(SSL *, const char *, unsigned char *, unsigned int)")
    def find(_ssl, name, buffer, _longest):
        if ffi.string(name) != identity:
            return 0
        ffi.memmove(buffer, key, len(key))
        return len(key)

    lib.SSL_CTX_set_psk_server_callback(context._context, find)
    context.set_app_data(find)  # OpenSSL keeps no reference
    return context


class EchoTls(TlsPeer):
    """Sends plaintext back."""

    def on_data(self, link, data):
        self.sessions[link].sendall(data)
        self._flush(link)


def attached(
    options: SimOptions | None = None, peer: TlsPeer | None = None, echo: bool = False
) -> ManualHost:
    """A host on a module that is on and registered, with a TLS server at ADDRESS and HOST."""
    net = MemoryNet()
    net.names[HOST] = [ADDRESS]
    server = peer or EchoTls(server_context(server_credential()))
    for port in PORTS:
        net.peers[ADDRESS, port] = server
    options = options or SimOptions()
    options.clock = options.clock or NOW
    host = ManualHost(options, net)
    if not echo:
        host.command("ATE0")
    return host


def upload(host: ManualHost, name: str, content: bytes) -> None:
    """Put a file on the module."""
    host.command(f'AT+QFUPL="{name}",{len(content)}', b"CONNECT\r\n")
    host.write(content)
    host.wait_for(b"OK\r\n")


def open_socket(host: ManualHost, client_id: int = 0, mode: int = 0, ctx: int = 1) -> bytes:
    """Activate the PDP context if need be, and open; returns what the module said."""
    if not any(context.active for context in host.module.pdp.values()):
        host.command("AT+QIACT=1")
    end = b"CONNECT\r\n" if mode == 2 else b"+QSSLOPEN: %d,0\r\n" % client_id
    return host.command(f'AT+QSSLOPEN=1,{ctx},{client_id},"{HOST}",8883,{mode}', end)
