"""The flash file system UFS: names to bytes, in memory or in a directory (spec 2.8).

Files survive a restart of the module; nothing else about them is remembered here.
"""

from __future__ import annotations

import binascii
import os
from pathlib import Path
from urllib.parse import quote, unquote

TOTAL_BYTES = 14483456  # the total of the AT+QFLDS="UFS" sample, spec 2.8
NAME_BYTES = 80


class Flash:
    """The files of one module."""

    def __init__(self, directory: Path | None, total: int = TOTAL_BYTES) -> None:
        self.total = total
        self._directory = directory
        self._files: dict[str, bytes] = {}
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
            for path in sorted(directory.iterdir()):
                if path.is_file():
                    self._files[unquote(path.name)] = path.read_bytes()

    def names(self) -> list[str]:
        """All file names, in the order they were made."""
        return list(self._files)

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def get(self, name: str) -> bytes | None:
        """The content of a file, or None."""
        return self._files.get(name)

    def size(self, name: str) -> int:
        """Bytes in a file."""
        return len(self._files[name])

    @property
    def used(self) -> int:
        """Bytes in all files."""
        return sum(map(len, self._files.values()))

    @property
    def free(self) -> int:
        """Bytes that still fit."""
        return max(0, self.total - self.used)

    def put(self, name: str, content: bytes) -> None:
        """Write a file whole."""
        self._files[name] = content
        if self._directory is not None:
            path = self._path(name)
            path.write_bytes(content)
            os.chmod(path, 0o600)  # it may be a private key

    def delete(self, name: str) -> None:
        """Remove a file."""
        del self._files[name]
        if self._directory is not None:
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        assert self._directory is not None
        # Any name a host invents is one file inside the directory, never a path out of it.
        return self._directory / (quote(name, safe=" ") if name.strip(".") else "%2E" * len(name))


def checksum(data: bytes) -> str:
    """XOR of big-endian 16-bit words, an odd last byte is the high one; hex (spec 2.8.1)."""
    padded = data + b"\0" if len(data) % 2 else data
    total = 0
    for at in range(0, len(padded), 2):
        total ^= padded[at] << 8 | padded[at + 1]
    return f"{total:x}"


def crcs(data: bytes) -> tuple[int, int, int]:
    """CRC-32, CRC-16 (ARC) and CRC-16 CCITT (XMODEM). AT+QFCRC's polynomials are not stated (spec 2.8);
    of these, an empty file has the zeros that are."""
    arc = 0
    for byte in data:
        arc ^= byte
        for _ in range(8):
            arc = arc >> 1 ^ (0xA001 if arc & 1 else 0)
    return binascii.crc32(data), arc, binascii.crc_hqx(data, 0)
