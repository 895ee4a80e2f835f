"""The rig `virtual`: MicroPython's unix VM as a board, the simulated module on its UART.

    mpremote ── pty ── this thread ── pty ── VM ── socket (UART) ── simulated module
                            └─────────── socket (control: pins, baud rate, resets)

The VM needs a terminal of its own for Ctrl-C, and mpremote one that outlives a reset of the VM:
hence two ptys with a thread between them.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bg95_host import boards
from bg95_host.rigs import Rig, RigError, RigOptions, SimulatedModule, unix_vm
from bg95_host.rigs.simulated import SimulatorHost

if TYPE_CHECKING:
    from bg95_host.module_sim import SimOptions

# Control frames, see virtual_board/machine.py.
_FRAME = struct.Struct("<BBI")
_BAUD, _OUTPUT, _INPUT, _RESTART, _ACK, _READY = b"BOIRAH"
_SOFT_RESET_RAW = 1

_OWN_HEAP = 44 * 1024  # what the board's own code takes; a real board has it in flash
_RELEASED = 0  # a GPIO that nobody drives; an RP2040 pulls it down at reset
_START_S = 20.0
_CHUNK = 4096
_BACKLOG = 1 << 16  # bytes kept for a side that does not read
_UNREAD_S = 0.5  # then they are dropped, as rp2's USB CDC does (MICROPY_HW_USB_CDC_TX_TIMEOUT)


class _Side:
    """One end of the console: bytes wait here until the terminal takes them."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.pending = bytearray()
        self.moved_at = time.monotonic()

    def flush(self) -> None:
        """Write what the terminal takes now."""
        if not self.pending:
            return
        with contextlib.suppress(BlockingIOError):
            del self.pending[: os.write(self.fd, self.pending)]
            self.moved_at = time.monotonic()

    def put(self, data: bytes) -> None:
        """Queue and write."""
        if not self.pending:
            self.moved_at = time.monotonic()
        self.pending += data
        self.flush()

    def read(self) -> bytes:
        """What the terminal has."""
        try:
            return os.read(self.fd, _CHUNK)
        except BlockingIOError:
            return b""


class VirtualRig(Rig):
    """See the module. Everything it starts ends with it; a part that dies ends it with a reason.

    `options` configure the rig's own simulated module. `add_module(fd)` attaches something else to
    the UART instead, on a duplicate of the descriptor, and returns it. `flash` is a file to keep
    the board's flash in; without it the flash is blank at the start and gone at the end.
    """

    name = "virtual"
    features = frozenset({"simulated-module", "pins", "wall-time", "local-server", "fast"})

    def __init__(
        self,
        board: str = "UNIX_VIRTUAL",
        options: SimOptions | None = None,
        add_module: Callable[[int], SimulatedModule] | None = None,
        flash: Path | None = None,
    ) -> None:
        self.board = boards.load(board)
        self.unread_bytes = 0  # console output dropped since nobody read it
        self._simulator = SimulatorHost(options)
        self._add_module = add_module or (lambda fd: self._simulator.add_module(fd=fd))
        self._flash = flash
        self._module: SimulatedModule | None = None
        self._paced = options.pace if options else True
        self._levels: dict[str, int] = {}  # of the module's outputs
        self._pins = {
            name.upper(): pin for name, pin in self.board.pins if pin is not None
        }  # by the module's name
        self._failure: RigError | None = None
        self._closing = False
        self._ready = threading.Event()
        self._lock = threading.Lock()  # the control socket and the VM behind it
        self._control: socket.socket | None = None
        self._vm: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._port = ""
        self._resources = contextlib.ExitStack()

    @property
    def port(self) -> str:
        """The device that mpremote opens."""
        return self._port

    @property
    def module(self) -> SimulatedModule | None:
        """The module on the UART."""
        return self._module

    @property
    def pid(self) -> int:
        """The process that is the board now; another one after each reset."""
        assert self._vm is not None, "the rig is not started"
        return self._vm.pid

    # Life

    def start(self) -> None:
        """Bring the board up; RigError with the reason if it does not come."""
        directory = Path(tempfile.mkdtemp(prefix="bg95-board-"))
        self._resources.callback(shutil.rmtree, directory, ignore_errors=True)
        self._stderr = self._resources.enter_context((directory / "stderr").open("w+b"))
        self._flash_fd = self._open_flash(self._flash or directory / "flash.bin")
        self._open_console()
        self._wake, wake = socket.socketpair()
        self._resources.callback(self._wake.close)
        self._waker = self._resources.enter_context(wake)
        self._open_uart()
        self._start_vm(raw=False)
        self._thread = threading.Thread(target=self._serve, name="virtual-board", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_S):
            raise RigError(f"the virtual board did not start within {_START_S:.0f} s")
        self.check()

    def close(self) -> None:
        """End the board and its module."""
        self._closing = True
        if self._thread is not None:
            self._waker.send(b"x")
            self._thread.join()
            self._thread = None
        self._end_vm()
        self._close_control()
        self._resources.close()
        self._simulator.close()

    def check(self) -> None:
        """Raise the reason why the rig has died."""
        if self._failure is not None:
            raise self._failure

    def _fail(self, reason: str) -> None:
        """Remember why, and hang up: whoever is on the port notices at once."""
        if self._failure is None and not self._closing:
            self._failure = RigError(reason)
        self._end_vm()
        self._hang_up.close()
        self._ready.set()

    def _open_flash(self, file: Path) -> int:
        fd = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        self._resources.callback(os.close, fd)
        if os.fstat(fd).st_size < self.board.flash.fs_size:
            os.truncate(fd, self.board.flash.fs_size)
        return fd

    def _open_console(self) -> None:
        host, host_end = os.openpty()
        board, board_end = os.openpty()
        self._hang_up = contextlib.ExitStack()
        self._resources.callback(self._hang_up.close)
        # The far ends stay open here too, or a read would fail while nobody else has them open.
        for fd in (host, host_end, board, board_end):
            self._hang_up.callback(os.close, fd)
        for fd in (host_end, board_end):
            tty.setraw(fd)
        for fd in (host, board):
            os.set_blocking(fd, False)
        self._port = os.ttyname(host_end)
        self._tty = os.ttyname(board_end)
        self._to_host, self._to_board = _Side(host), _Side(board)

    def _open_uart(self) -> None:
        uart, module = socket.socketpair()
        self._uart = self._resources.enter_context(uart)
        self._uart.setblocking(False)
        with module:
            self._module = self._add_module(module.fileno())
        self._levels["STATUS"] = self._module.pin("STATUS")
        self._module.on_pin = self._module_pin

    # The VM

    def _start_vm(self, raw: bool) -> None:
        host, board = socket.socketpair()
        board.setblocking(False)
        host.setblocking(False)
        with self._lock:
            self._control = host
            self._control_in = bytearray()
            for name, level in self._levels.items():
                self._tell_input(name, level)
        for name, pin in self._pins.items():
            if name not in self._levels:
                self._drive(name, pin.module_level(_RELEASED))
        with board:
            fds = (board.fileno(), self._flash_fd, self._uart.fileno())
            self._vm = unix_vm.spawn(
                self._tty,
                self.board.heap + _OWN_HEAP,
                [
                    str(board.fileno()),
                    str(self._flash_fd),
                    str(self.board.flash.fs_size),
                    str(int(raw)),
                    str(int(self._paced)),
                    f"{self.board.uart.id}:{self._uart.fileno()}",
                ],
                fds,
                self._stderr,
            )

    def _end_vm(self) -> None:
        vm = self._vm
        if vm is not None and vm.returncode is None:
            vm.kill()
            vm.wait()

    def _close_control(self) -> None:
        with self._lock:
            if self._control is not None:
                self._control.close()
                self._control = None

    def _restart_vm(self, raw: bool) -> None:
        self._end_vm()
        self._close_control()
        self._start_vm(raw)

    def _vm_ended(self) -> None:
        assert self._vm is not None
        status = self._vm.wait()
        how = f"ended with status {status}"
        if status < 0:
            how = f"was killed by {signal.Signals(-status).name}"
        self._stderr.seek(0)
        said = self._stderr.read().decode(errors="replace").strip().splitlines()
        last_words = f" ({said[-1]})" if said else ""
        self._fail(f"the virtual board died: its MicroPython {how}{last_words}; start the rig anew")

    # Between the board and the module

    def _drive(self, name: str, level: int) -> None:
        assert self._module is not None
        self._module.set_pin(name, level)

    def _module_pin(self, name: str, level: int) -> None:
        """An output of the module has changed; called from its thread."""
        with self._lock:
            self._levels[name] = level
            self._tell_input(name, level)

    def _tell_input(self, name: str, level: int) -> None:
        pin = self._pins.get(name)
        if pin is not None:
            self._tell(_INPUT, pin.gpio, pin.module_level(level))

    def _tell(self, operation: int, number: int, value: int) -> None:
        if self._control is not None:
            with contextlib.suppress(OSError):  # a VM that is gone is noticed by _serve
                self._control.send(_FRAME.pack(operation, number, value))

    def _control_ready(self) -> None:
        assert self._control is not None
        try:
            data = self._control.recv(_CHUNK)
        except ConnectionError:
            data = b""
        if not data:
            self._vm_ended()
            return
        self._control_in += data
        while len(self._control_in) >= _FRAME.size:
            frame = _FRAME.unpack_from(self._control_in)
            del self._control_in[: _FRAME.size]
            self._obey(*frame)

    def _obey(self, operation: int, number: int, value: int) -> None:
        if operation == _RESTART:
            self._restart_vm(raw=number == _SOFT_RESET_RAW)
            return
        if operation == _READY:
            self._ready.set()
        elif operation == _BAUD:
            assert self._module is not None
            self._module.set_host_baud(value)
        elif operation == _OUTPUT:
            for name, pin in self._pins.items():
                if pin.gpio == number:
                    self._drive(name, pin.module_level(value))
        with self._lock:
            self._tell(_ACK, 0, 0)

    # The thread

    def _serve(self) -> None:
        try:
            while not self._closing and self._failure is None:
                self._serve_once()
        except Exception as e:
            self._fail(f"the virtual board's rig failed ({type(e).__name__}: {e})")

    def _serve_once(self) -> None:
        assert self._control is not None
        host, board = self._to_host, self._to_board
        self._drop_unread(host)
        poll = select.poll()
        control = self._control.fileno()
        poll.register(self._wake, select.POLLIN)
        poll.register(control, select.POLLIN)
        poll.register(self._uart, 0)  # POLLHUP: the module has closed its end
        for source, sink in ((host, board), (board, host)):
            events = select.POLLOUT if source.pending else 0
            events |= select.POLLIN if len(sink.pending) < _BACKLOG else 0
            poll.register(source.fd, events)
        stalled = host.pending or board.pending
        ready = dict(poll.poll(_UNREAD_S * 1000 if stalled else None))
        if self._uart.fileno() in ready:
            self._fail("the simulated module died: it closed its UART; start the rig anew")
            return
        for source, sink in ((board, host), (host, board)):
            if ready.get(source.fd, 0) & select.POLLOUT:
                source.flush()
            if ready.get(source.fd, 0) & select.POLLIN:
                sink.put(source.read())
        if control in ready:
            self._control_ready()

    def _drop_unread(self, side: _Side) -> None:
        if len(side.pending) >= _BACKLOG and time.monotonic() - side.moved_at > _UNREAD_S:
            self.unread_bytes += len(side.pending)
            side.pending.clear()


def from_options(options: RigOptions) -> VirtualRig:
    """The rig as the command line asks for it."""
    return VirtualRig(options.board or "UNIX_VIRTUAL", options.sim)
