"""A virtual board whose module is a script: what is tested here is the board, not the module."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rigs.terminal import PATIENCE_S, Terminal

from bg95_host.mpremote_link import BoardLink
from bg95_host.rigs.virtual import VirtualRig

MPREMOTE = str(Path(sys.executable).with_name("mpremote"))


class ScriptedModule:
    """At the far end of the UART: AT gives OK, SEND n gives n bytes, anything else ERROR."""

    def __init__(self, fd: int) -> None:
        self.on_pin = None
        self.pins: list[tuple[str, int]] = []
        self.bauds: list[int] = []
        self.counters: dict[str, int] = {}
        self._uart = socket.socket(fileno=os.dup(fd))
        threading.Thread(target=self._serve, daemon=True).start()

    def pin(self, name: str) -> int:
        return 0

    def set_pin(self, name: str, level: int) -> None:
        self.pins.append((name, level))

    def set_host_baud(self, bps: int) -> None:
        self.bauds.append(bps)

    def die(self) -> None:
        """Stop as a crashed simulator does: its end of the wire is closed."""
        self._uart.shutdown(socket.SHUT_RDWR)  # wakes _serve, which closes it

    def _serve(self) -> None:
        line = bytearray()
        with self._uart as uart:
            while data := uart.recv(4096):
                line += data
                while b"\r" in line:
                    command, _, rest = line.partition(b"\r")
                    line = bytearray(rest)
                    uart.sendall(self._answer(bytes(command)))

    @staticmethod
    def _answer(command: bytes) -> bytes:
        if command == b"AT":
            return b"\r\nOK\r\n"
        if command.startswith(b"SEND "):
            return bytes(i & 0xFF for i in range(int(command[5:])))
        return b"\r\nERROR\r\n"


@pytest.fixture(scope="module")
def rig():
    with VirtualRig(add_module=ScriptedModule) as rig:
        yield rig
        rig.check()


@pytest.fixture
def module(rig):
    return rig.module


@pytest.fixture
def board(rig):
    """The board in its raw REPL, freshly reset."""
    with BoardLink(rig.port) as link:
        yield link


@pytest.fixture
def mpremote(rig):
    """Runs the stock mpremote on the board; what it printed."""

    def run(*arguments: str, status: int = 0, cwd=None) -> str:
        done = subprocess.run(
            [MPREMOTE, "connect", rig.port, *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            cwd=cwd,
            check=False,
        )
        assert done.returncode == status, done
        return done.stdout.replace("\r\n", "\n")

    return run


@pytest.fixture
def terminal(rig):
    terminal = Terminal(rig.port)
    terminal.type(b"\r\x03\x02print('rea' 'dy')\r")  # from whatever the last one left
    terminal.expect(b"\r\nready\r\n>>> ")
    yield terminal
    terminal.close()
