"""ESP32 family: firmware and file system in one .bin for flash address 0."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Mapping
from pathlib import Path

import esptool
from esptool.util import FatalError

from bg95_host import flash_image
from bg95_host.boards import Board, Flash
from bg95_host.errors import ToolError

SUFFIX = "bin"
HOW_TO_FLASH = "esptool --port PORT write-flash 0 {file}"

# Where MicroPython's .bin is flashed (docs/esp32/tutorial/intro.rst): the ROM's boot loader address.
_FIRMWARE_AT = {"esp32": 0x1000, "esp32s3": 0, "esp32c3": 0}
_PARTITIONS_AT = 0x8000
_PARTITION = struct.Struct("<2sBBII16sI")  # esp-idf, partition-tables: magic, type, subtype, ...
_PARTITION_MAGIC = b"\xaa\x50"


def join(board: Board, firmware: bytes, files: Mapping[str, bytes], output: Path) -> int:
    """Write the image to `output`; the file system's offset in flash."""
    start = _FIRMWARE_AT[board.mcu]
    place = _file_system(board, firmware, start)
    content = flash_image.build(place, files)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            esptool.merge_bin(
                [(start, firmware), (place.fs_offset, content)], board.mcu, output=str(output)
            )
    except FatalError as error:
        raise ToolError(f"the firmware is not for {board.name}: {error}") from error
    return place.fs_offset


def _file_system(board: Board, firmware: bytes, start: int) -> Flash:
    """The partition `vfs`, from the table in the firmware itself, which may differ from board.toml."""
    at = _PARTITIONS_AT - start
    while firmware[at : at + 2] == _PARTITION_MAGIC:
        _, _, _, offset, size, label, _ = _PARTITION.unpack_from(firmware, at)
        if label.rstrip(b"\0") == b"vfs":
            if offset + size > board.flash.size:
                raise ToolError(
                    f"the firmware wants {(offset + size) // 1024} KiB of flash and {board.name} "
                    f"has {board.flash.size // 1024} KiB: it is for another board"
                )
            return board.flash.model_copy(update={"fs_offset": offset, "fs_size": size})
        at += _PARTITION.size
    raise ToolError(
        f"the firmware has no partition table with a file system for {board.name}; take the .bin "
        "of micropython.org/download for this very chip, not the .app-bin"
    )
