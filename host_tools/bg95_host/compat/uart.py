"""machine.UART over pyserial: what the driver needs of it."""

from __future__ import annotations

import serial


class UART:
    """port: anything `serial.serial_for_url` opens (a device, socket://…, rfc2217://…)."""

    def __init__(self, port: str, baudrate: int = 115200):
        # Exclusive: two programs on one AT line read each other's answers.
        self.port = serial.serial_for_url(
            port, baudrate=baudrate, timeout=0, write_timeout=5, exclusive=True
        )

    def init(self, baudrate: int) -> None:
        """Change the rate."""
        self.port.baudrate = baudrate

    def any(self) -> int:
        """How many bytes wait to be read."""
        return self.port.in_waiting

    def readinto(self, buf, n: int) -> int:
        """Read up to n bytes that are there into buf[:n]."""
        data = self.port.read(n)
        buf[: len(data)] = data
        return len(data)

    def write(self, buf, off: int = 0, n: int = -1) -> int:
        """Write buf[off:off+n]."""
        end = len(buf) if n < 0 else off + n
        return self.port.write(bytes(memoryview(buf)[off:end])) or 0

    def deinit(self) -> None:
        """Close the port."""
        self.port.close()
