"""RP2040 and RP2350: firmware and file system in one UF2, to be dropped on the boot drive."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from uf2utils.block import DataBlock
from uf2utils.file import UF2File

from bg95_host import flash_image
from bg95_host.boards import Board
from bg95_host.errors import ToolError

SUFFIX = "uf2"
HOW_TO_FLASH = (
    "hold BOOTSEL while plugging the board in, then copy {file} to the drive that appears"
)

_FLASH = 0x1000_0000  # XIP base of both chips
_BLOCK = 512
_MAGIC = b"UF2\n"
_FAMILIES = {"rp2040": 0xE48B_FF56, "rp2350": 0xE48B_FF59}  # Raspberry Pi's uf2families.json


def join(board: Board, firmware: bytes, files: Mapping[str, bytes], output: Path) -> int:
    """Write the UF2 to `output`; the file system's offset in flash."""
    image = _load(firmware)
    ours = [block for block in image if block.header.board_family == _FAMILIES[board.mcu]]
    if not ours:
        raise ToolError(f"the firmware is not for {board.name}: its UF2 is of another chip")
    _check_end(board, ours)
    joined = UF2File(board_family=_FAMILIES[board.mcu], fill_gaps=True)
    for block in ours:
        joined.append_datablock(block)
    # RP2040's boot loader wants no holes, and empty sectors need not be written either: all of it.
    joined.append_payload(flash_image.build(board.flash, files), _FLASH + board.flash.fs_offset)
    joined.to_file(str(output))
    _keep_strangers(image, output)
    return board.flash.fs_offset


def _load(firmware: bytes) -> list[DataBlock]:
    whole = len(firmware) % _BLOCK == 0
    starts = range(0, len(firmware), _BLOCK)
    if not whole or not firmware or any(firmware[at : at + 4] != _MAGIC for at in starts):
        raise ToolError("the firmware is not a UF2 file; take the .uf2 of micropython.org/download")
    return [DataBlock.fromBlock(firmware[at : at + _BLOCK]) for at in starts]


def _check_end(board: Board, blocks: list[DataBlock]) -> None:
    end = max(block.header.address + block.header.payload_size for block in blocks) - _FLASH
    if end > board.flash.fs_offset:
        raise ToolError(
            f"the firmware ends at {end // 1024} KiB, where the file system of {board.name} begins "
            f"at {board.flash.fs_offset // 1024} KiB: it is for another board"
        )


def _keep_strangers(image: list[DataBlock], output: Path) -> None:
    """Put back blocks of other families, which stand first: RP2350's work-around for erratum E10."""
    family = {block.header.board_family for block in image}
    if len(family) == 1:
        return
    strangers = [
        bytes(block.as_bytes)
        for block in image
        if block.header.board_family not in _FAMILIES.values()
    ]
    with tempfile.NamedTemporaryFile(dir=output.parent, delete=False) as whole:
        whole.write(b"".join(strangers) + output.read_bytes())
    Path(whole.name).replace(output)
