"""A person at the board's console, and waiting for a condition."""

import time

import serial

PATIENCE_S = 20


def eventually(condition, timeout_s: float = PATIENCE_S):
    """The condition's value as soon as it is true; fails when the time is over."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"not within {timeout_s} s: {condition}")


class Terminal:
    """A person at the board's console."""

    def __init__(self, port: str) -> None:
        self._serial = serial.Serial(port, timeout=0.05)
        self.seen = b""

    def type(self, keys: bytes | str) -> None:
        self._serial.write(keys.encode() if isinstance(keys, str) else keys)

    def expect(self, text: bytes | str) -> bytes:
        """What came up to and including `text`."""
        wanted = text.encode() if isinstance(text, str) else text
        deadline = time.monotonic() + PATIENCE_S
        while wanted not in self.seen:
            assert time.monotonic() < deadline, f"no {wanted!r} in {self.seen!r}"
            self.seen += self._serial.read(self._serial.in_waiting or 1)
        head, _, self.seen = self.seen.partition(wanted)
        return head + wanted

    def ask(self, line: bytes | str) -> str:
        """Type a line at the prompt; what the board says after its echo, up to the next prompt."""
        self.type(line)
        self.type(b"\r")
        self.expect(b"\r\n")
        return self.expect(b">>> ").decode().removesuffix(">>> ").replace("\r\n", "\n")

    def close(self) -> None:
        self._serial.close()
