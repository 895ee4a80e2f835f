"""The board's console: the terminal between the VM and the host, and who may interrupt whom."""

import io
import sys
import termios

import micropython as _builtin

_OFLAG = 1
_LFLAG = 3
_OPOST_ONLCR = 0o1 | 0o4 if sys.platform == "linux" else 0x1 | 0x2
_ISIG_NOFLSH = 0o1 | 0o200 if sys.platform == "linux" else 0x80 | 0x80000000
_CTRL_C = 3

# Made here once: user code may leave the heap locked, and then nothing can be made any more.
_binary = termios.tcgetattr(0)  # the host has made the terminal raw
_running = termios.tcgetattr(0)
_running_cooked = termios.tcgetattr(0)
for _attributes in (_binary, _running, _running_cooked):
    _attributes[_OFLAG] &= ~_OPOST_ONLCR
    _attributes[_LFLAG] &= ~_ISIG_NOFLSH
_running[_LFLAG] |= _ISIG_NOFLSH
_running_cooked[_LFLAG] |= _ISIG_NOFLSH
_running_cooked[_OFLAG] |= _OPOST_ONLCR
_run_attributes = _running


def _set(attributes):
    termios.tcsetattr(0, termios.TCSANOW, attributes)


def _kbd_intr(char):
    """micropython.kbd_intr(-1 | 3): is byte 3 data, or an interrupt? Allocates nothing.

    The unix VM's own one resets SIGINT to its default, so the next Ctrl-C would kill the board.
    """
    _set(_run_attributes if char == _CTRL_C else _binary)


class Micropython:
    """Stands in for the built-in module `micropython`, with a kbd_intr that suits a terminal.

    Attributes are copied, not looked up on demand: heap_unlock() must work while the heap is
    locked.
    """

    def __init__(self):
        for name in dir(_builtin):
            if not name.startswith("__"):
                setattr(self, name, getattr(_builtin, name))
        self.__name__ = "micropython"
        self.kbd_intr = _kbd_intr
        # Every bare-metal port has it; on this one emergency exceptions need no buffer.
        self.alloc_emergency_exception_buf = lambda _size: None


class Console:
    """Bytes from and to the host, and the running of user code under Ctrl-C."""

    def __init__(self, terminal, own_directory):
        self._terminal = terminal  # kept: closing it would not matter, collecting it might
        self._own_directory = own_directory
        self._in = sys.stdin.buffer
        self._out = sys.stdout.buffer
        self._byte = bytearray(1)
        _builtin.kbd_intr(_CTRL_C)  # SIGINT raises KeyboardInterrupt
        _set(_binary)

    def read_byte(self):
        """The next byte from the host; waits. Raises EOFError when the host has gone."""
        while True:
            try:
                if not self._in.readinto(self._byte):
                    raise EOFError
                return self._byte[0]
            except KeyboardInterrupt:
                return _CTRL_C

    def write(self, data):
        """Send bytes as they are."""
        self._out.write(data)

    def run(self, source, kind, namespace, cooked):
        """Compile and execute `source`; returns the exception it ended with, or None.

        `kind` is compile()'s: "exec", or "single" to print the value of an expression. `cooked`
        turns the program's line feeds into CR LF. Ctrl-C interrupts from here to the return only.
        """
        global _run_attributes
        _run_attributes = _running_cooked if cooked else _running
        error = None
        try:
            try:
                code = compile(source, "<stdin>", kind)
                source = None
                _set(_run_attributes)
                exec(code, namespace)
            except BaseException as e:
                error = e
            _raise_pending()
        except KeyboardInterrupt as e:  # it came while the one above was being kept
            error = e
        _unlock_heap()
        _set(_binary)
        return error

    def print_exception(self, error):
        """Print a traceback without the REPL's own frames."""
        text = io.StringIO()
        sys.print_exception(error, text)
        for line in text.getvalue().split("\n"):
            if line and self._own_directory not in line:
                self._out.write(line)
                self._out.write(b"\r\n")


def _raise_pending():
    """A few backward jumps: an interrupt that is pending is raised here and not later."""
    for _ in range(4):
        pass


def _unlock_heap():
    _builtin.heap_lock()  # the unix port has no heap_locked(); unlocking returns the depth left
    while _builtin.heap_unlock():
        pass
