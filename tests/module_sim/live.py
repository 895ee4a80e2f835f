"""A host on a simulated module in real time, over a socket pair: for tests with real servers."""

from __future__ import annotations

import socket
import time

from bg95_host.module_sim import SimOptions, SimServer

LIMIT_S = 20.0  # far more than anything takes; a test that needs it has failed


class LiveHost:
    """Raw bytes to and from a module that a `SimServer` runs."""

    def __init__(self, server: SimServer, options: SimOptions, name: str = "") -> None:
        self._mine, its = socket.socketpair()
        self.server = server
        self.module = server.add_module(options, fd=its.fileno(), name=name)
        its.close()
        self.unread = bytearray()

    def write(self, data: bytes) -> None:
        """Bytes to the module."""
        self._mine.sendall(data)

    def wait_for(self, end: bytes, limit: float = LIMIT_S) -> bytes:
        """What the module sends, up to and with `end`; raises TimeoutError."""
        deadline = time.monotonic() + limit
        while (at := self.unread.find(end)) < 0:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no {end!r} within {limit} s, only {bytes(self.unread)!r}")
            self._mine.settimeout(left)
            try:
                self.unread += self._mine.recv(65536)
            except TimeoutError:
                continue
        data = bytes(self.unread[: at + len(end)])
        del self.unread[: at + len(end)]
        return data

    def command(self, line: str, end: bytes = b"OK\r\n") -> bytes:
        """Send a line and wait for the end of its answer."""
        self.write(line.encode() + b"\r")
        return self.wait_for(end)

    def read_exactly(self, size: int, client_id: int = 0) -> bytes:
        """Payload out of the module's buffer, by AT+QSSLRECV."""
        data = bytearray()
        while len(data) < size:
            self.write(b"AT+QSSLRECV=%d,%d\r" % (client_id, min(1500, size - len(data))))
            self.wait_for(b"+QSSLRECV: ")
            count = int(self.wait_for(b"\r\n"))
            while len(self.unread) < count:
                self._mine.settimeout(LIMIT_S)
                self.unread += self._mine.recv(65536)
            data += self.unread[:count]
            del self.unread[:count]
            self.wait_for(b"OK\r\n")
            if not count:
                self.wait_for(b'"recv",%d\r\n' % client_id)
        return bytes(data)

    def send(self, data: bytes, client_id: int = 0) -> None:
        """Payload by AT+QSSLSEND."""
        for at in range(0, len(data), 1460):
            piece = data[at : at + 1460]
            self.command(f"AT+QSSLSEND={client_id},{len(piece)}", b"> ")
            self.write(piece)
            self.wait_for(b"SEND OK\r\n")

    def upload(self, name: str, content: bytes) -> None:
        """Put a file on the module."""
        self.command(f'AT+QFUPL="{name}",{len(content)}', b"CONNECT\r\n")
        self.write(content)
        self.wait_for(b"OK\r\n")

    def configure(self, ctx: int = 1, **values: object) -> None:
        """AT+QSSLCFG, one item a keyword; strings are file names, but for a suite."""
        for item, value in values.items():
            shown = f'"{value}"' if isinstance(value, str) and item != "ciphersuite" else value
            self.command(f'AT+QSSLCFG="{item}",{ctx},{shown}')

    def open(self, host: str, port: int, *, ctx: int = 1, client_id: int = 0) -> int:
        """AT+QSSLOPEN in buffer mode; returns <err>."""
        self.command(f'AT+QSSLOPEN=1,{ctx},{client_id},"{host}",{port},0')
        self.wait_for(b"+QSSLOPEN: %d," % client_id)
        return int(self.wait_for(b"\r\n"))

    def close(self, client_id: int = 0) -> None:
        """AT+QSSLCLOSE."""
        self.command(f"AT+QSSLCLOSE={client_id}")

    def end(self) -> None:
        """Detach."""
        self.server.remove_module(self.module)
        self._mine.close()
