"""An MQTT broker and a web server in memory, in the clear: as much of them as a test can see."""

from __future__ import annotations

from bg95_host.module_sim.manual import MemoryLink, Peer

CONNECT, PUBLISH, PUBREL, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 6, 8, 10, 12, 14


def packet(first: int, body: bytes) -> bytes:
    """An MQTT packet of less than 16 KB."""
    size = len(body)
    length = bytes((size,)) if size < 128 else bytes((size % 128 | 128, size // 128))
    return bytes((first,)) + length + body


class Broker(Peer):
    """Acknowledges everything (but the packet types in `deaf_to`), and keeps what it got."""

    def __init__(self) -> None:
        self.links: list[MemoryLink] = []
        self.got: list[bytes] = []  # whole packets
        self.deaf_to: set[int] = set()
        self.returned = 0  # the code of CONNACK
        self._heard = bytearray()

    def connected(self, link: MemoryLink) -> None:
        self.links.append(link)

    def received(self, link: MemoryLink, data: bytes) -> None:
        self._heard += data
        while (end := self._end()) is not None:
            one = bytes(self._heard[:end])
            del self._heard[:end]
            self.got.append(one)
            if one[0] >> 4 not in self.deaf_to:
                answer = self._answer(one)
                if answer:
                    link.reply(answer)

    def _end(self) -> int | None:
        size, at, factor = 0, 1, 1
        while at < len(self._heard):
            size += (self._heard[at] & 127) * factor
            factor *= 128
            at += 1
            if self._heard[at - 1] < 128:
                return at + size if len(self._heard) >= at + size else None
        return None

    def _answer(self, one: bytes) -> bytes:
        kind, body = one[0] >> 4, one[2 if one[1] < 128 else 3 :]
        if kind == CONNECT:
            return bytes((0x20, 2, 0, self.returned))
        if kind == SUBSCRIBE:
            return packet(0x90, body[:2] + bytes(self._qos_list(body[2:])))
        if kind == UNSUBSCRIBE:
            return packet(0xB0, body[:2])
        if kind == PUBREL:
            return packet(0x70, body[:2])
        if kind == PINGREQ:
            return b"\xd0\x00"
        qos = one[0] >> 1 & 3
        if kind == PUBLISH and qos:
            topic = 2 + int.from_bytes(body[:2], "big")
            return packet(0x40 if qos == 1 else 0x50, body[topic : topic + 2])
        return b""

    @staticmethod
    def _qos_list(topics: bytes) -> list[int]:
        granted = []
        while topics:
            end = 2 + int.from_bytes(topics[:2], "big")
            granted.append(topics[end])
            topics = topics[end + 1 :]
        return granted

    def kinds(self) -> list[int]:
        """The types of the packets it got."""
        return [one[0] >> 4 for one in self.got]

    def say(self, data: bytes, topic: str = "a/b", message_id: int = 0) -> None:
        """Publish to everybody, with QoS 1 where there is a message ID."""
        name = topic.encode()
        head = len(name).to_bytes(2, "big") + name
        head += message_id.to_bytes(2, "big") if message_id else b""
        for link in self.links:
            link.reply(packet(0x32 if message_id else 0x30, head + data))

    def close(self) -> None:
        """Close every connection."""
        for link in self.links:
            link.hang_up()


class WebServer(Peer):
    """Answers a request with what `answers` has next, as it is; keeps the requests."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.got = bytearray()
        self.links: list[MemoryLink] = []

    def connected(self, link: MemoryLink) -> None:
        self.links.append(link)

    def received(self, link: MemoryLink, data: bytes) -> None:
        self.got += data
        if b"\r\n\r\n" in self.got and self.answers:
            link.reply(self.answers.pop(0))

    def say(self, data: bytes) -> None:
        """More of the answer."""
        self.links[-1].reply(data)

    def close(self) -> None:
        """Close the last connection."""
        self.links[-1].hang_up()
