"""The 35 suites of the module against real peers; the table says what each one negotiated.

OpenSSL's own server for those it still knows, a tlslite-ng server for RC4, 3DES and SSL 3.0. The
rest, static ECDH, must fail cleanly, and the trace must say why.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from tlslite.handshakesettings import HandshakeSettings
from tlslite.tlsconnection import TLSConnection
from tlslite.utils.keyfactory import parsePEMKey
from tlslite.x509certchain import X509CertChain

from bg95_host.module_sim.tables import SUITES
from bg95_host.testbed.peers import openssl_s_server
from bg95_host.testbed.pki import Authority

from .test_tls import client_only
from .world import HOST, authority

KINDS = ("rsa", "ecdsa")
PSK_HEX = "1a2b3c4d5e6f70819203a4b5c6d7e8f9"
TEXT = bytes(range(32, 127)) * 10  # one line; s_server gives it back reversed


@pytest.fixture(scope="module")
def authorities() -> dict[str, Authority]:
    return {kind: Authority(kind) for kind in KINDS}


@pytest.fixture(scope="module")
def openssl_ports(authorities, tmp_path_factory) -> Iterator[dict[str, int]]:
    """`openssl s_server` with an RSA and with an ECDSA certificate, and with a PSK."""
    with contextlib.ExitStack() as stack:
        ports = {}
        for kind in KINDS:
            options = ("-cipher", "ALL:@SECLEVEL=0", "-psk", PSK_HEX, "-tls1_2")
            running = stack.enter_context(
                openssl_s_server(
                    tmp_path_factory.mktemp(kind),
                    authorities[kind].server(HOST),
                    *options,
                    echo=True,
                )
            )
            ports[kind] = running.port
        yield ports


class OldServer:
    """A tlslite-ng server that speaks only what OpenSSL has dropped; it gives lines back reversed."""

    def __init__(self, credential, versions=((3, 0), (3, 3))) -> None:
        self._chain = X509CertChain()
        self._chain.parsePemList(credential.cert_pem.decode())
        self._key = parsePEMKey(credential.key_pem.decode(), private=True)
        self._settings = HandshakeSettings()
        self._settings.minVersion, self._settings.maxVersion = versions
        self._settings.cipherNames = ["rc4", "3des"]
        self._settings.macNames = ["sha", "md5"]
        self._settings.useEncryptThenMAC = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection = TLSConnection(self._listener.accept()[0])
            except OSError:
                return  # closed
            with contextlib.suppress(Exception):  # a client that gives up is not our concern
                connection.handshakeServer(
                    certChain=self._chain, privateKey=self._key, settings=self._settings
                )
                line = b""
                while not line.endswith(b"\n"):
                    line += connection.read(max=16384, min=1)
                connection.write(line[-2::-1] + b"\n")
                connection.close()

    def stop(self) -> None:
        self._listener.close()


@pytest.fixture(scope="module")
def old_ports(authorities) -> Iterator[dict[str, int]]:
    servers = {kind: OldServer(authorities[kind].server(HOST)) for kind in KINDS}
    yield {kind: server.port for kind, server in servers.items()}
    for server in servers.values():
        server.stop()


@pytest.fixture
def trusting(live, authorities):
    """The module holds the CAs and the PSK, verifies, and checks the host name."""
    live.upload("ca.pem", b"".join(authority.cert_pem for authority in authorities.values()))
    live.upload("1_server.psk", b"Client_identity&" + PSK_HEX.encode())
    live.configure(cacert="ca.pem", seclevel=1, checkhost=1, sni=1)
    return live


def echo_a_line(host) -> None:
    host.send(TEXT + b"\n")
    assert host.read_exactly(len(TEXT) + 1) == TEXT[::-1] + b"\n"


def negotiated(host) -> str:
    """Version and suite, as the trace tells."""
    lines = [line for line in host.trace.getvalue().splitlines() if '"client 0: ' in line]
    return lines[-1].split('"client 0: ', 1)[1].rstrip('"}')


results: dict[int, str] = {}


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.name)
def test_suite(trusting, openssl_ports, old_ports, suite):
    kind = "ecdsa" if "ECDSA" in suite.name else "rsa"
    ports = old_ports if suite.stack == "tlslite" else openssl_ports
    trusting.configure(ciphersuite=f"0X{suite.code:04X}", sslversion=3)
    error = trusting.open(HOST, ports[kind])
    results[suite.code] = f"{error}  {negotiated(trusting)}"
    if suite.stack == "none":
        assert error == 566
        assert "static ECDH" in negotiated(trusting)
    else:
        assert error == 0, negotiated(trusting)
        assert (suite.openssl or suite.name) in negotiated(trusting)
        echo_a_line(trusting)
    trusting.close()


@pytest.mark.parametrize("code", [0x0005, 0x0004, 0x000A])
def test_ssl_3_0(trusting, authorities, code):
    server = OldServer(authorities["rsa"].server(HOST), versions=((3, 0), (3, 0)))
    trusting.configure(ciphersuite=f"0X{code:04X}", sslversion=0)
    assert trusting.open(HOST, server.port) == 0, negotiated(trusting)
    assert "SSL 3.0" in negotiated(trusting)
    echo_a_line(trusting)
    trusting.close()
    server.stop()


def test_all_suites_and_versions_reach_a_server_that_speaks_only_the_old_ones(trusting, old_ports):
    trusting.configure(ciphersuite="0XFFFF", sslversion=4)
    assert trusting.open(HOST, old_ports["rsa"]) == 0, negotiated(trusting)
    echo_a_line(trusting)
    trusting.close()


def test_the_old_stack_verifies_too(live, old_ports):
    live.upload("ca.pem", Authority().cert_pem)
    live.configure(cacert="ca.pem", seclevel=1, ciphersuite="0X0005")
    assert live.open(HOST, old_ports["rsa"]) == 566
    assert "certificate refused" in negotiated(live)


def test_the_old_stack_looks_at_a_certificates_purpose_too(live):
    server = OldServer(client_only())
    live.upload("ca.pem", authority().cert_pem)
    live.configure(cacert="ca.pem", seclevel=1, ciphersuite="0XC007")
    assert live.open(HOST, server.port) == 566
    assert "purpose" in negotiated(live)
    server.stop()


def test_the_table(record_property):
    """Printed at the end of the run."""
    rows = [
        f"  0X{suite.code:04X}  {suite.name:42} {results[suite.code]}" for suite in SUITES.values()
    ]
    completed = sum(row.split()[2] == "0" for row in rows)
    head = f"module_sim: {completed} of {len(rows)} suites completed a handshake with a real peer"
    record_property("coverage", "\n".join([head, *rows]))
    assert completed == 23
