"""What a UF2 file says about the firmware in it (https://github.com/microsoft/uf2)."""

import re
import struct
from pathlib import Path

from bg95_host import boards
from bg95_host.boards import Board
from bg95_host.deploy import OLDEST_FIRMWARE
from bg95_host.rigs import RigError

_RELEASE = "1.28.0"
_BLOCK_BYTES = 512


def find(file: Path | None) -> Path:
    """The file itself; without one, MicroPython's release for the Pico, downloaded once.

    RigError where that is not possible.
    """
    if file is not None:
        return file
    from rp2040py.utils.firmware_retrieve import MICROPYTHON, retrieve

    try:
        found = retrieve(MICROPYTHON, _RELEASE, "pico")
    except OSError:
        found = None
    if found is None:
        raise RigError(
            f"MicroPython {_RELEASE} for the Pico could not be downloaded: fetch a .uf2 from "
            "https://micropython.org/download/RPI_PICO and name it with --firmware"
        )
    return found


def content(file: Path) -> bytes:
    """The flash content, block after block; RigError if it is not a UF2."""
    from rp2040py.device.load_flash import decode_block

    try:
        data = file.read_bytes()
    except OSError as e:
        raise RigError(f"the firmware {file} cannot be read: {e.strerror}") from e
    try:
        blocks = [data[at : at + _BLOCK_BYTES] for at in range(0, len(data), _BLOCK_BYTES)]
        return b"".join(decode_block(block).payload for block in blocks)
    except (ValueError, struct.error):
        raise RigError(
            f"{file} is not a UF2 file: --firmware takes a MicroPython .uf2 for a Pico"
        ) from None


def identify(file: Path, board: str | None = None) -> tuple[Board, str]:
    """The board that the firmware was built for, and its MicroPython version.

    RigError unless it is a MicroPython for an RP2040 that boards/ describes, in the folder `board`
    if it is named: the emulator has no other chip.
    """
    flash = content(file)
    version = re.search(rb"MicroPython (v[0-9][^ \0]*) on ", flash)
    if version is None:
        raise RigError(f"{file} holds no MicroPython firmware")
    release = tuple(int(part) for part in re.findall(rb"\d+", version[1])[:2])
    if release < OLDEST_FIRMWARE:
        raise RigError(f"{file} is MicroPython {version[1].decode()}: bg95 needs 1.24 or newer")
    known = map(boards.load, [board] if board else boards.names())
    matching = [b for b in known if b.mcu == "rp2040" and b.machine.encode() in flash]
    if not matching:
        described = board or "those with an RP2040 in boards/"
        raise RigError(f"{file} was built for another board than {described}")
    if len(matching) > 1:
        names = ", ".join(b.name for b in matching)
        raise RigError(f"{file} is for more than one folder of boards/, name one: {names}")
    return matching[0], version[1].decode()
