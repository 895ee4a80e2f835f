"""The board's flash: littlefs on a host file, so that a full disk and a pulled plug are real."""

import vfs

BLOCK_BYTES = 4096  # the erase block of the QSPI flash on a Pico
PROG_BYTES = 256


class FileFlash:
    """Block device (vfs.AbstractBlockDev) on an inherited file descriptor."""

    def __init__(self, fd, size):
        self._file = open(fd, "r+b")
        self._blocks = size // BLOCK_BYTES

    def readblocks(self, block, buf, offset=0):
        """Fill `buf` from a block."""
        self._file.seek(block * BLOCK_BYTES + offset)
        self._file.readinto(buf)

    def writeblocks(self, block, buf, offset=0):
        """Store `buf`; littlefs has erased where that matters."""
        self._file.seek(block * BLOCK_BYTES + offset)
        self._file.write(buf)

    def ioctl(self, op, _arg):
        """vfs.AbstractBlockDev.ioctl: 4 counts blocks, 5 gives their size."""
        if op == 4:
            return self._blocks
        if op == 5:
            return BLOCK_BYTES
        return 0


def mount(device):
    """Mount the flash on "/"; a blank one is formatted first (as ports/rp2/modules/_boot.py)."""
    try:
        fs = vfs.VfsLfs2(device, progsize=PROG_BYTES)
    except OSError:
        vfs.VfsLfs2.mkfs(device, progsize=PROG_BYTES)
        fs = vfs.VfsLfs2(device, progsize=PROG_BYTES)
    vfs.mount(fs, "/")
