"""micropython.RingIO for CPython."""

from __future__ import annotations


class RingIO:
    """A byte FIFO of fixed size; given n it holds n - 1 bytes, as MicroPython's does."""

    def __init__(self, size: int):
        self._capacity = size - 1
        self._data = bytearray()

    def any(self) -> int:
        """How many bytes can be read."""
        return len(self._data)

    def write(self, buf, off: int | None = None, n: int | None = None) -> int:
        """write(buf), write(buf, n) or write(buf, off, n); what does not fit is not taken."""
        if n is None:
            off, n = 0, len(buf) if off is None else off
        assert off is not None
        taken = bytes(memoryview(buf)[off : off + min(n, self._capacity - len(self._data))])
        self._data += taken
        return len(taken)

    def readinto(self, buf, n: int = -1) -> int | None:
        """Move bytes into `buf`; None where there are none."""
        n = min(len(self._data), len(buf) if n < 0 else min(n, len(buf)))
        if not n:
            return None
        buf[:n] = self._data[:n]
        del self._data[:n]
        return n

    def read(self, n: int = -1) -> bytes | None:
        """Take up to n bytes."""
        n = len(self._data) if n < 0 else min(n, len(self._data))
        out = bytes(self._data[:n])
        del self._data[:n]
        return out or None

    def readline(self) -> bytes | None:
        """Take up to and with the next line feed."""
        end = self._data.find(b"\n")
        return self.read(len(self._data) if end < 0 else end + 1)

    def close(self) -> None:
        """Nothing to do."""
