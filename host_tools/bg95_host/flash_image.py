"""A board's file system as one image: littlefs, as MicroPython's rp2 and esp32 ports mount it."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from bg95_host.boards import Flash
from bg95_host.errors import ToolError

_DISK_VERSION = 0x00020000  # what every MicroPython reads; littlefs 2.1 would lock old ones out
_PROG_BYTES = 256  # as ports/rp2/modules/_boot.py; part of no format, but of how it was cut


def build(flash: Flash, files: Mapping[str, bytes]) -> bytes:
    """The image of a file system that holds `files`, by their absolute paths.

    It is as long as the flash's file system. Raises ToolError if the files do not fit.
    """
    from littlefs import LittleFS, LittleFSError

    fs = LittleFS(
        block_size=flash.block_size,
        block_count=flash.fs_size // flash.block_size,
        prog_size=_PROG_BYTES,
        disk_version=_DISK_VERSION,
    )
    try:
        for path, data in files.items():
            fs.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
            with fs.open(path, "wb") as file:
                file.write(data)
    except (LittleFSError, OSError) as e:
        size = sum(map(len, files.values()))
        if getattr(e, "code", None) == LittleFSError.Error.LFS_ERR_NOSPC:
            raise ToolError(f"{size} bytes of files do not fit in {flash.fs_size} of flash") from e
        raise ToolError(
            f"{path} cannot be a file on the board: its name is too long, or another file or folder has it"
        ) from e
    return bytes(fs.context.buffer)
