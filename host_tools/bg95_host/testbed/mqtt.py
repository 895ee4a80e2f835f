"""An MQTT 3.1.1 broker for trying: retained messages, last wills, wildcards, QoS 0 and 1; it forgets sessions.

For anything else there is mosquitto (`peers`). The section numbers are those of the OASIS standard.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

_CONNECT, _CONNACK, _PUBLISH, _PUBACK, _PUBREC, _PUBREL, _PUBCOMP = range(1, 8)
_SUBSCRIBE, _SUBACK, _UNSUBSCRIBE, _UNSUBACK, _PINGREQ, _PINGRESP, _DISCONNECT = range(8, 15)
_LARGEST = 1 << 20  # bytes of a packet that is taken
_PATIENCE_S = 10  # for the CONNECT of a new connection
_START_S = 10


@dataclass(eq=False)
class _Client:
    writer: asyncio.StreamWriter
    keep_alive: int = 0
    will: tuple[str, bytes, int, bool] | None = None
    topics: dict[str, int] = field(default_factory=dict)  # filter -> QoS
    last_id: int = 0

    def send(self, kind: int, body: bytes = b"", flags: int = 0) -> None:
        self.writer.write(bytes([kind << 4 | flags]) + _length(len(body)) + body)

    def publish(self, topic: str, payload: bytes, qos: int, retained: bool) -> None:
        head = _text(topic)
        if qos:
            self.last_id = self.last_id % 65535 + 1
            head += struct.pack(">H", self.last_id)
        self.send(_PUBLISH, head + payload, qos << 1 | retained)


class _Body:
    """The fields of a packet, in their order (1.5)."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __bool__(self) -> bool:
        return bool(self._data)

    def take(self, size: int) -> bytes:
        if size > len(self._data):
            raise ValueError("the packet is too short")
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def number(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def text(self) -> str:
        return self.take(self.number()).decode()

    def rest(self) -> bytes:
        return self.take(len(self._data))


class Broker:
    """A context manager; `port` is where it listens."""

    def __init__(self, tls: ssl.SSLContext, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self._tls = tls
        self._address = address
        self._clients: dict[str, _Client] = {}  # by client ID
        self._retained: dict[str, bytes] = {}
        self._loop = asyncio.new_event_loop()
        self.port = 0

    def __enter__(self) -> Broker:
        self._thread = threading.Thread(target=self._loop.run_forever, name="mqtt", daemon=True)
        self._thread.start()
        try:
            self._server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(
                _START_S
            )
        except BaseException:
            self._end()
            raise
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(_START_S)
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> asyncio.Server:
        host, port = self._address
        return await asyncio.start_server(self._serve, host, port, ssl=self._tls)

    async def _stop(self) -> None:
        self._server.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    # A connection

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client, name = _Client(writer), ""
        try:
            name = await asyncio.wait_for(self._connect(reader, client), _PATIENCE_S)
            while await self._packet(reader, client):
                await writer.drain()
        except (OSError, ValueError, EOFError, asyncio.TimeoutError, asyncio.CancelledError):
            pass  # a connection that broke, or what was no MQTT: it ends, and its will is published
        finally:
            if self._clients.get(name) is client:
                del self._clients[name]
            if client.will:
                self._publish(*client.will)
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, client: _Client) -> str:
        """The CONNECT that has to come first (3.1); the client's ID."""
        kind, _, body = await _packet(reader)
        if kind != _CONNECT or body.text() not in ("MQTT", "MQIsdp"):
            raise ValueError("no CONNECT")
        _level, flags = body.take(2)
        client.keep_alive = body.number()
        name = body.text() or f"anonymous {id(client)}"
        if flags & 0x04:
            topic, payload = body.text(), body.take(body.number())
            client.will = (topic, payload, flags >> 3 & 3, bool(flags & 0x20))
        if before := self._clients.get(name):
            before.writer.close()  # 3.1.4: the one that was there has to go
        self._clients[name] = client
        client.send(_CONNACK, b"\0\0")
        return name

    async def _packet(self, reader: asyncio.StreamReader, client: _Client) -> bool:
        """Take the next packet; False at the goodbye."""
        patience = client.keep_alive * 1.5 or None  # 3.1.2.10
        kind, flags, body = await asyncio.wait_for(_packet(reader), patience)
        if kind == _DISCONNECT:
            client.will = None
            return False
        if kind == _PUBLISH:
            topic, qos = body.text(), flags >> 1 & 3
            answer = body.take(2) if qos else b""
            self._publish(topic, body.rest(), qos, bool(flags & 1))
            if qos:
                client.send(_PUBACK if qos == 1 else _PUBREC, answer)
        elif kind == _PUBREL:
            client.send(_PUBCOMP, body.take(2))
        elif kind == _SUBSCRIBE:
            self._subscribe(client, body)
        elif kind == _UNSUBSCRIBE:
            answer = body.take(2)
            while body:
                client.topics.pop(body.text(), None)
            client.send(_UNSUBACK, answer)
        elif kind == _PINGREQ:
            client.send(_PINGRESP)
        return True

    def _subscribe(self, client: _Client, body: _Body) -> None:
        answer, wanted = body.take(2), {}
        while body:
            topic = body.text()
            wanted[topic] = min(body.take(1)[0], 1)
        client.topics |= wanted
        client.send(_SUBACK, answer + bytes(wanted.values()))
        for topic, payload in self._retained.items():
            if qos := [qos for pattern, qos in wanted.items() if _matches(pattern, topic)]:
                client.publish(topic, payload, max(qos), True)

    def _publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        if retain and payload:
            self._retained[topic] = payload
        elif retain:
            self._retained.pop(topic, None)  # 3.3.1.3
        for client in self._clients.values():
            wanted = [each for pattern, each in client.topics.items() if _matches(pattern, topic)]
            if wanted:
                client.publish(topic, payload, min(qos, max(wanted)), False)


async def _packet(reader: asyncio.StreamReader) -> tuple[int, int, _Body]:
    """Kind, flags and body of the next packet (2.2)."""
    (first,) = await reader.readexactly(1)
    size = shift = 0
    while True:
        (part,) = await reader.readexactly(1)
        size |= (part & 0x7F) << shift
        shift += 7
        if part < 0x80:
            break
        if shift > 21:
            raise ValueError("no length")
    if size > _LARGEST:
        raise ValueError("too long")
    return first >> 4, first & 0x0F, _Body(await reader.readexactly(size))


def _length(size: int) -> bytes:
    """A packet's length, seven bits a byte (2.2.3)."""

    def parts() -> Iterator[int]:
        left = size
        while left > 0x7F:
            yield left & 0x7F | 0x80
            left >>= 7
        yield left

    return bytes(parts())


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def _matches(pattern: str, topic: str) -> bool:
    """Whether a filter with + and # takes the topic (4.7)."""
    wanted, levels = pattern.split("/"), topic.split("/")
    for at, level in enumerate(wanted):
        if level == "#":
            return True
        if at >= len(levels) or level not in ("+", levels[at]):
            return False
    return len(wanted) == len(levels)
