"""The wire between host and module: bytes take time, and a wrong baud rate makes other bytes.

8N1 framing, so a byte is ten bit times (spec 2.5).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable

BITS_PER_BYTE = 10
# Rates that differ less still meet in the last bit's middle; a host's divider is rarely exact.
TOLERANCE = 0.025
# Bytes that leave within this time travel as one item. Short enough that no reader notices,
# long enough that a host does not wake up for every byte.
ITEM_SECONDS = 0.002
SPAN = (
    4096  # bytes from the host that are kept together: what is taken in steps is not copied whole
)


def garble(data: bytes, sent_at: int, read_at: int, rng: random.Random) -> bytes:
    """What a receiver at `read_at` bit/s makes of bytes sent at `sent_at` bit/s."""
    if abs(sent_at - read_at) <= TOLERANCE * read_at:
        return data
    seen = max(1, round(len(data) * min(1.0, read_at / sent_at)))
    return rng.randbytes(seen)


class Transmitter:
    """Module to host. What is written leaves byte by byte; `take` hands out what has left."""

    def __init__(self, baud: int, pace: bool) -> None:
        self.baud = baud
        self.pace = pace
        self.item_bytes = 0  # 0: as many as leave in ITEM_SECONDS; 1: every byte by itself
        self.free_at = 0.0
        self._items: deque[tuple[float, bytes]] = deque()
        self.backlog = 0

    def write(self, data: bytes, now: float) -> None:
        """Queue bytes; they follow what is already leaving."""
        byte_time = BITS_PER_BYTE / self.baud if self.pace else 0.0
        start = max(now, self.free_at)
        step = self.item_bytes or (
            max(1, int(ITEM_SECONDS / byte_time)) if byte_time else max(1, len(data))
        )
        for at in range(0, len(data), step):
            item = data[at : at + step]
            self._items.append((start + (at + len(item)) * byte_time, item))
        self.free_at = start + len(data) * byte_time
        self.backlog += len(data)

    def hold(self, until: float) -> None:
        """Nothing more leaves before `until` (a stalled line)."""
        self.free_at = max(self.free_at, until)
        self._items = deque((max(due, until), item) for due, item in self._items)

    def take(self, now: float) -> list[tuple[float, bytes]]:
        """Items that have left by `now`, oldest first, as (due time, bytes)."""
        taken = []
        while self._items and self._items[0][0] <= now:
            taken.append(self._items.popleft())
            self.backlog -= len(taken[-1][1])
        return taken

    def next_due(self) -> float | None:
        """When the next item will have left, or None."""
        return self._items[0][0] if self._items else None

    def clear(self, now: float) -> None:
        """Drop what has not left by now (power is gone)."""
        self._items = deque(item for item in self._items if item[0] <= now)
        self.backlog = sum(len(data) for _due, data in self._items)
        self.free_at = 0.0


class Receiver:
    """Host to module. Bytes arrive one byte time apart; the port takes them in useful steps."""

    def __init__(self, baud: int, pace: bool) -> None:
        self.baud = baud
        self.pace = pace
        self.free_at = 0.0
        self._spans: deque[tuple[float, bytes]] = deque()
        self.backlog = 0

    @property
    def byte_time(self) -> float:
        """Seconds from one byte to the next."""
        return BITS_PER_BYTE / self.baud if self.pace else 0.0

    def push(self, data: bytes, now: float) -> None:
        """The host put `data` on the wire at `now`."""
        self.free_at = max(now, self.free_at)
        for at in range(0, len(data), SPAN):
            self._append(data[at : at + SPAN])
        self.backlog += len(data)

    def _append(self, data: bytes) -> None:
        self._spans.append((self.free_at, data))
        self.free_at += len(data) * self.byte_time

    def first(self) -> bytes:
        """The byte that arrives next; empty where none is on the wire."""
        return self._spans[0][1][:1] if self._spans else b""

    def hold(self, until: float) -> None:
        """What is on the wire arrives no earlier than `until` (a stalled line)."""
        waiting, self._spans = self._spans, deque()
        self.free_at = until
        for start, data in waiting:
            self.free_at = max(self.free_at, start)
            self._append(data)

    def next_due(self, step: Callable[[bytes], int]) -> float | None:
        """When the next step is complete; `step` says how many of the given bytes it takes.

        None if nothing is on the wire, or if the port takes nothing now (step is 0).
        """
        if not self._spans:
            return None
        start, data = self._spans[0]
        size = step(data)
        return start + size * self.byte_time if size else None

    def take(self, step: Callable[[bytes], int]) -> bytes:
        """The bytes of the next step. Call only when it is due."""
        start, data = self._spans[0]
        size = step(data)
        if size >= len(data):
            self._spans.popleft()
        else:
            self._spans[0] = (start + size * self.byte_time, data[size:])
        self.backlog -= min(size, len(data))
        return data[:size]

    def clear(self) -> None:
        """Forget what is on the wire (nobody listens)."""
        self._spans.clear()
        self.backlog = 0
        self.free_at = 0.0
