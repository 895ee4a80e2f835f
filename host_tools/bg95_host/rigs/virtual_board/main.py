"""Start of the virtual board: makes of MicroPython's unix VM what mpremote takes for a board.

Runs inside the VM, started by rigs/virtual.py as

    micropython main.py TTY CONTROL_FD FLASH_FD FLASH_BYTES RAW PACED UART_ID:FD...

Every reset of the board is a new process that comes through here, as on silicon: a fresh heap, no
modules, pins released. Only the flash file survives.
"""

import gc
import os
import sys

import flash
import micropython
import vfs

micropython.opt_level(3)  # the board's own code goes without line numbers: they cost heap

HERE = __file__.rsplit("/", 1)[0]


def start():
    """Set the board up, run boot.py and main.py, then serve the REPL until the host goes away."""
    tty, control_fd, flash_fd, flash_bytes, raw, paced = sys.argv[1:7]
    # A session leader without a controlling terminal gets the first terminal it opens; Ctrl-C
    # reaches user code as SIGINT from it.
    terminal = open(tty, "r+b")
    import console
    import machine
    import repl

    machine.setup(
        int(control_fd), paced == "1", [tuple(map(int, pair.split(":"))) for pair in sys.argv[7:]]
    )
    enter_board_world(
        flash.FileFlash(int(flash_fd), int(flash_bytes)), machine, console.Micropython()
    )
    terminal_console = console.Console(terminal, HERE)
    micropython.opt_level(0)
    machine.ready()
    repl.Repl(terminal_console, raw == "1").serve()


def enter_board_world(block_device, machine, micropython):
    """Leave the host's file system and modules; what is seen from here on is the board's own."""
    vfs.umount("/")
    flash.mount(block_device)
    os.chdir("/")
    sys.path[:] = ["", ".frozen", "/lib"]
    sys.argv[:] = []
    for name in list(sys.modules):
        del sys.modules[name]
    sys.modules["machine"] = machine
    sys.modules["micropython"] = micropython
    gc.collect()


start()
