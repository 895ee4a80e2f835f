"""Where a module's AT port is attached: a descriptor, a pty, a TCP port, a serial device."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tty
from collections import deque
from collections.abc import Callable
from typing import Any

READ_SIZE = 4096


class Attachment:
    """Bytes between a host and a module, on an asyncio loop."""

    path = ""
    paced = False  # whether the hardware itself takes the time that bytes take

    def set_baud(self, baud: int) -> None:
        """The module changed its rate; only a real line has one."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._received: Callable[[bytes], None] = lambda data: None
        self._ready: Callable[[], None] = lambda: None
        self._fd = -1
        self._waiting: deque[bytes] = deque()
        self._held = False
        self._reading = False

    def start(
        self,
        loop: asyncio.AbstractEventLoop,
        received: Callable[[bytes], None],
        ready: Callable[[], None],
    ) -> None:
        """Deliver the host's bytes to `received`; call `ready` when it can take more."""
        self._loop, self._received, self._ready = loop, received, ready
        if self._fd >= 0:
            self._watch(True)

    @property
    def writable(self) -> bool:
        """False while the host does not take what was written."""
        return not self._waiting

    def write(self, items: list[bytes]) -> None:
        """Write items, one system call each; what the host does not take waits."""
        if self._fd < 0:
            return  # nobody is there: a UART does not wait for a listener
        self._waiting.extend(items)
        self._drain()

    def _drain(self) -> None:
        assert self._loop is not None
        while self._waiting:
            try:
                sent = os.write(self._fd, self._waiting[0])
            except BlockingIOError:
                self._loop.add_writer(self._fd, self._writable_again)
                return
            except OSError:
                self._gone()
                return
            if sent == len(self._waiting[0]):
                self._waiting.popleft()
            else:
                self._waiting[0] = self._waiting[0][sent:]

    def _writable_again(self) -> None:
        assert self._loop is not None
        self._loop.remove_writer(self._fd)
        self._drain()
        if not self._waiting:
            self._ready()

    def hold_host(self, held: bool) -> None:
        """Stop or go on reading from the host, as a full UART buffer would make it wait."""
        if held != self._held:
            self._held = held
            self._watch(not held)

    def _watch(self, on: bool) -> None:
        assert self._loop is not None
        if self._fd < 0 or on == self._reading or (on and self._held):
            return
        self._reading = on
        if on:
            self._loop.add_reader(self._fd, self._readable)
        else:
            self._loop.remove_reader(self._fd)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._received(data)
        else:
            self._gone()

    def _gone(self) -> None:
        """The host hung up."""
        assert self._loop is not None
        self._watch(False)
        self._waiting.clear()
        if self._fd >= 0:
            self._loop.remove_writer(self._fd)
            os.close(self._fd)
            self._fd = -1

    def close(self) -> None:
        """Detach."""
        if self._loop is not None:
            self._gone()
        elif self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class FdAttachment(Attachment):
    """An open descriptor: one end of a socket pair, a pty master."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = os.dup(fd)
        os.set_blocking(self._fd, False)
        self.path = f"fd:{fd}"


class PtyAttachment(Attachment):
    """A pseudo-terminal; `path` is its device, or a link to it where a name is wanted. Hosts may come and go."""

    def __init__(self, link: str = "") -> None:
        super().__init__()
        self._fd, self._keep_open = os.openpty()  # our end of the slave keeps the master readable
        tty.setraw(self._keep_open)
        os.set_blocking(self._fd, False)
        self.path = self._device = os.ttyname(self._keep_open)
        if link:
            self.path = link
            if os.path.islink(link):  # of a simulator that was killed
                os.unlink(link)
            os.symlink(self._device, link)

    def close(self) -> None:
        super().close()
        with contextlib.suppress(OSError):
            if os.readlink(self.path) == self._device:  # else another one has the name by now
                os.unlink(self.path)
        with contextlib.suppress(OSError):
            os.close(self._keep_open)


class TcpAttachment(Attachment):
    """A TCP port that serves one host at a time; a new one takes over. Without a name, for this machine only: whoever
    reaches it may open connections from here.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self._listener = socket.create_server((host or "127.0.0.1", port))
        self._listener.setblocking(False)
        name = self._listener.getsockname()
        self.path = f"socket://{name[0]}:{name[1]}"

    def start(self, loop: Any, received: Any, ready: Any) -> None:
        super().start(loop, received, ready)
        loop.add_reader(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            connection, _address = self._listener.accept()
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._gone()
            self._fd = connection.detach()
            self._watch(True)

    def close(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._listener.fileno())
        self._listener.close()
        super().close()


class SerialAttachment(Attachment):
    """A serial device, for instance a USB-UART adapter wired to a board."""

    paced = True

    def __init__(self, device: str, baud: int) -> None:
        import serial

        super().__init__()
        self._port = serial.Serial(device, baud, timeout=0)
        self._fd = os.dup(self._port.fileno())
        os.set_blocking(self._fd, False)
        self.path = device

    def set_baud(self, baud: int) -> None:
        self._port.baudrate = baud

    def close(self) -> None:
        super().close()
        self._port.close()


def open_attachment(fd: int | None, listen: str | None, baud: int) -> Attachment:
    """The attachment for a descriptor or a `--listen` word; raises ValueError or OSError."""
    if fd is not None:
        return FdAttachment(fd)
    kind, _, rest = (listen or "").partition(":")
    if kind == "pty":
        return PtyAttachment(rest)
    if kind == "tcp":
        host, colon, port = rest.rpartition(":")
        if not colon or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"write tcp:HOST:PORT, not {listen!r}")
        return TcpAttachment(host, int(port))
    if kind == "serial" and rest:
        return SerialAttachment(rest, baud)
    raise ValueError(f"listen on pty, pty:LINK, tcp:HOST:PORT or serial:DEVICE, not {listen!r}")
