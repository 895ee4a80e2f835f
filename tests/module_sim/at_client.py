"""A host that knows the AT manual and nothing else: lines, prompts, data of a known length, URCs.

It is written as a driver for a microcontroller would be, in the order of the manual's chapters, and
shares no code with the simulator or with the driver.
"""

from __future__ import annotations

import re
import socket
import time

LIMIT_S = 20.0  # far more than anything takes
END = b"\r\n"  # as many drivers end a line; the manual asks for the CR only


class AtError(Exception):
    """The final result was not OK."""


class AtClient:
    """One host on the other end of a module's UART."""

    def __init__(self, uart: socket.socket) -> None:
        self._uart = uart
        self._heard = bytearray()
        self._urcs: list[bytes] = []

    # -- bytes ---------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self._uart.sendall(data)

    def _hear(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"the module is silent after {bytes(self._heard)!r}")
        self._uart.settimeout(left)
        self._heard += self._uart.recv(65536)

    def exactly(self, size: int) -> bytes:
        """So many bytes, whatever they are."""
        deadline = time.monotonic() + LIMIT_S
        while len(self._heard) < size:
            self._hear(deadline)
        data = bytes(self._heard[:size])
        del self._heard[:size]
        return data

    def through(self, pattern: bytes) -> re.Match[bytes]:
        """All up to and with the first match."""
        deadline = time.monotonic() + LIMIT_S
        while not (found := re.search(pattern, self._heard)):
            self._hear(deadline)
        found = re.search(pattern, bytes(self._heard))
        del self._heard[: found.end()]
        return found

    def line(self) -> bytes:
        """The next line that is not empty."""
        while True:
            text = self.through(rb"\r\n").string
            text = text[: text.index(b"\r\n")]
            if text:
                return text

    # -- commands ------------------------------------------------------------------------------

    def send(self, command: str) -> list[str]:
        """A command; returns its information lines. URCs that come in between are kept."""
        name = re.match(r"AT(\+[A-Z0-9]+)?", command)[1]
        self.write(command.encode() + END)
        lines = []
        while (text := self.line()) != b"OK":
            if text == b"ERROR" or text.startswith(b"+CME ERROR"):
                raise AtError(text.decode())
            if text[:1] == b"+" and name and not text.startswith(name.encode()):
                self._urcs.append(text)
            else:
                lines.append(text.decode())
        return lines

    def refused(self, command: str) -> str:
        """A command that fails; returns how."""
        try:
            self.send(command)
        except AtError as error:
            return str(error)
        raise AssertionError(f"{command} was not refused")

    def data(self, command: str, data: bytes, sign: bytes, final: bytes = b"OK") -> None:
        """A command whose data follows a sign: the prompt, or CONNECT."""
        self.write(command.encode() + END)
        self.through(b"\r\n" + sign)
        self.write(data)
        assert self.line() == final

    def urc(self, start: str) -> str:
        """The rest of the URC that begins so."""
        head = start.encode()
        while True:
            for kept in self._urcs:
                if kept.startswith(head):
                    self._urcs.remove(kept)
                    return kept.removeprefix(head).decode()
            self._urcs.append(self.line())

    # -- files and SSL contexts ----------------------------------------------------------------

    def upload(self, name: str, content: bytes) -> None:
        """A file for the module's flash."""
        self.write(f'AT+QFUPL="{name}",{len(content)}\r'.encode())
        self.through(rb"\r\nCONNECT\r\n")
        self.write(content)
        assert self.line() == f"+QFUPL: {len(content)},{checksum(content)}".encode()
        assert self.line() == b"OK"

    def trust(self, context: int, ca: bytes, certificate: bytes = b"", key: bytes = b"") -> None:
        """An SSL context that checks the server, and shows a certificate where there is one."""
        self.upload(f"ca{context}.pem", ca)
        self.send(f'AT+QSSLCFG="cacert",{context},"ca{context}.pem"')
        if certificate:
            self.upload(f"me{context}.pem", certificate)
            self.upload(f"me{context}.key", key)
            self.send(f'AT+QSSLCFG="clientcert",{context},"me{context}.pem"')
            self.send(f'AT+QSSLCFG="clientkey",{context},"me{context}.key"')
        self.send(f'AT+QSSLCFG="seclevel",{context},{2 if certificate else 1}')
        self.send(f'AT+QSSLCFG="sslversion",{context},4')
        self.send(f'AT+QSSLCFG="ciphersuite",{context},0XFFFF')
        self.send(f'AT+QSSLCFG="sni",{context},1')
        self.send(f'AT+QSSLCFG="checkhost",{context},1')


def checksum(content: bytes) -> str:
    """XOR of 16-bit words, high byte first (FILE manual)."""
    total = 0
    for at, byte in enumerate(content):
        total ^= byte << (0 if at % 2 else 8)
    return f"{total:x}"
