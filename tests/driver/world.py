"""The driver on CPython against the simulated module on a manual clock: hours of waiting take no time.

The peers are real TLS servers without sockets (OpenSSL's memory BIOs), the module's TLS is real as well.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL
from today import NOW

import bg95
from bg95_host import compat
from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.manual import ManualHost, MemoryNet, TlsPeer
from bg95_host.testbed.pki import Authority, Credential

HOST = "broker.test"
ADDRESS = "192.0.2.1"  # RFC 5737: documentation only, and nothing is ever sent to it
_TICKS_AT_START = (1 << 30) - 5000  # so that the ticks wrap early in every test


class Echo(TlsPeer):
    """Sends back what it gets."""

    def on_data(self, link, data):
        self.sessions[link].sendall(data)
        self._flush(link)


class Pin:
    """machine.Pin towards an input of the module; `inverted` where a transistor drives it."""

    def __init__(self, host: ManualHost, name: str, inverted: bool = False):
        self._host, self._name, self._inverted = host, name, inverted

    def value(self, level: int | None = None) -> int:
        if level is None:
            return self._host.module.pins[self._name]
        self._host.set_pin(self._name, 1 - level if self._inverted else level)
        return level


class UART:
    """machine.UART whose other end is the simulated module. `step_s` passes whenever the driver idles."""

    def __init__(self, host: ManualHost):
        self.host = host
        self.sent = bytearray()  # everything the driver wrote

    def any(self) -> int:
        return len(self.host.unread)

    def readinto(self, buf, n: int) -> int:
        data = self.host.unread[:n]
        buf[: len(data)] = data
        del self.host.unread[: len(data)]
        return len(data)

    def write(self, buf, off: int, n: int) -> int:
        data = bytes(memoryview(buf)[off : off + n])
        self.sent += data
        self.host.write(data)
        return n

    def init(self, baudrate: int) -> None:
        self.host.module.host_baud = baudrate


class World:
    """A modem, its module, and TLS servers at ports of ADDRESS."""

    def __init__(self, *, pins: bool = False, sockets: int = 4, step_s: float = 0.001, **options):
        options.setdefault("pace", False)
        options.setdefault("clock", NOW)
        self.net = MemoryNet()
        self.net.names[HOST] = [ADDRESS]
        self.host = ManualHost(SimOptions(**options), self.net)
        compat.set_clock(lambda: int(self.host.now * 1000) + _TICKS_AT_START)
        self.uart = UART(self.host)
        wires = {}
        if pins:
            wires = {
                "pwrkey": Pin(self.host, "PWRKEY", inverted=True),
                "status": Pin(self.host, "STATUS"),
                "dtr": Pin(self.host, "DTR"),
            }
        self.modem = bg95.Modem(self.uart, sockets=sockets, baudrate=115200, **wires)
        self.modem.idle = lambda: self.host.run_quietly(step_s)

    def wait_at_most(self, seconds: float) -> None:
        """Let a call that waits when so much time has passed fail the test, instead of waiting for ever."""
        idle = self.modem.idle

        def wait():
            assert self.host.now < seconds, "waits for ever"
            idle()

        self.modem.idle = wait

    def sleep(self, seconds: float) -> None:
        """Let time pass while the application polls."""
        end = self.host.now + seconds
        while self.host.now < end:
            self.modem.poll()
            self.host.run_quietly(0.001)

    def serve(
        self, port: int, credential: Credential, peer: Callable[..., TlsPeer] = Echo, dtls=False
    ):
        """Put a TLS server at a port; returns the peer."""
        self.net.peers[(ADDRESS, port)] = server = peer(server_context(credential, dtls), dtls)
        return server

    def up(self, authority: Authority) -> bg95.SSLContext:
        """Switch on, connect, and make a context that trusts `authority`."""
        self.modem.active(True)
        self.modem.connect("iot.apn")
        self.modem.files.upload("cacert.pem", authority.cert_pem)
        context = bg95.SSLContext(self.modem, 1)
        context.load_verify_locations(cafile="cacert.pem")
        return context


def server_context(credential: Credential, dtls: bool = False) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_SERVER_METHOD if dtls else SSL.TLS_SERVER_METHOD)
    context.use_certificate(x509.load_pem_x509_certificate(credential.cert_pem))
    context.use_privatekey(serialization.load_pem_private_key(credential.key_pem, None))
    return context
