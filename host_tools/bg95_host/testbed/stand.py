"""All servers of `bg95 testbed` at once, with a CA of their own."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bg95_host.testbed.dtls import DtlsServer
from bg95_host.testbed.https import HttpsServer
from bg95_host.testbed.mqtt import Broker
from bg95_host.testbed.pki import Authority
from bg95_host.testbed.servers import TlsServer, server_context

WARNING = "whoever reaches that machine can use these servers: end them when you are done"
IDENTITY = "bg95"
# Where each listens if nobody else does; those of MQTT over TLS and CoAP over DTLS are IANA's.
PORTS = {"echo": 4433, "dtls": 5684, "mqtt": 8883, "https": 8443}

_KEY_BYTES = 16


@dataclass(frozen=True)
class Stand:
    """What runs: `ports` by the names of PORTS, the files that clients need, the key of DTLS in hex."""

    name: str
    ports: dict[str, int]
    ca: Path
    cert: Path
    key: Path
    psk_identity: str
    psk_key: str


@contextlib.contextmanager
def running(folder: Path, name: str, public: bool = False) -> Iterator[Stand]:
    """Start all servers for the length of a `with` block; the Stand. `folder` takes the files.

    `name` is what their certificates are for: a DNS name, or an address. `public`: on all interfaces.
    """
    authority = Authority()
    credential = authority.server(name)
    psk = secrets.token_bytes(_KEY_BYTES)
    host = "0.0.0.0" if public else "127.0.0.1"
    tls = server_context(credential)
    makers: dict[str, Callable[[tuple[str, int]], Any]] = {
        "echo": lambda address: TlsServer(credential, address=address),
        "dtls": lambda address: DtlsServer(credential, (IDENTITY, psk), address),
        "mqtt": lambda address: Broker(tls, address),
        "https": lambda address: HttpsServer(tls, address),
    }
    folder.mkdir(parents=True, exist_ok=True)
    cert, key = authority.client("client").write(folder, "client")
    ca = authority.write(folder)
    with contextlib.ExitStack() as stack:
        ports = {kind: _started(stack, make, host, PORTS[kind]) for kind, make in makers.items()}
        yield Stand(name, ports, ca, cert, key, IDENTITY, psk.hex())


def _started(stack: contextlib.ExitStack, make: Callable, host: str, port: int) -> int:
    """Start a server, on any free port where the usual one is taken."""
    try:
        server = stack.enter_context(make((host, port)))
    except OSError:
        server = stack.enter_context(make((host, 0)))
    return server.port
