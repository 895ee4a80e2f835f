"""The two REPLs of a MicroPython board: friendly for people, raw for mpremote.

Byte for byte what shared/runtime/pyexec.c of MicroPython does, as far as a host can see. See
docs/reference/repl.rst there for the control characters and for raw-paste mode.
"""

import gc
import sys

import machine
import syntax
from lineedit import LineEditor

_CTRL_A, _CTRL_B, _CTRL_C, _CTRL_D, _CTRL_E = 1, 2, 3, 4, 5
_RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n"
_WINDOW = 128  # raw-paste: bytes the host may send unasked; MICROPY_REPL_STDIN_BUFFER_MAX / 2


class Repl:
    """Serves a console (console.Console) for the life of the board, from one reset to the next."""

    def __init__(self, console, raw):
        self._console = console
        self._raw = raw
        self._globals = {"__name__": "__main__"}
        self._editor = LineEditor(console)

    def serve(self):
        """Run boot.py and, unless a host is in charge, main.py; then the REPLs, for ever."""
        self._run_file("boot.py")
        if not self._raw:
            self._run_file("main.py")
        try:
            while True:
                if self._raw:
                    self._serve_raw()
                else:
                    self._serve_friendly()
        except EOFError:  # the host has gone, and the board with it
            sys.exit()

    def _run_file(self, name):
        try:
            with open(name) as f:
                source = f.read()
        except OSError:
            return
        error = self._console.run(source, "exec", self._globals, cooked=True)
        if error is not None and not isinstance(error, SystemExit):
            self._console.print_exception(error)

    def _soft_reset(self):
        self._console.write(b"\r\nMPY: soft reboot\r\n")
        machine.restart(machine.SOFT_RESET_RAW if self._raw else machine.SOFT_RESET)

    # Raw REPL

    def _serve_raw(self):
        self._console.write(_RAW_BANNER)
        self._console.write(b">")
        source = bytearray()
        while True:
            c = self._console.read_byte()
            if c == _CTRL_A:
                return
            if c == _CTRL_B:
                self._console.write(b"\r\n")
                self._raw = False
                return
            if c == _CTRL_C:
                source = bytearray()
            elif c == _CTRL_D:
                self._console.write(b"OK")
                if not source:
                    self._soft_reset()
                self._run_raw(source)
                source = bytearray()
            elif c == _CTRL_E and not source:
                source = self._raw_paste()
                if source is None:
                    return
                self._run_raw(source)
                source = bytearray()
            else:
                source.append(c)

    def _raw_paste(self):
        """Take a program with flow control. None: nothing to run, announce the raw REPL again."""
        if self._console.read_byte() != 65 or self._console.read_byte() != _CTRL_A:
            return None
        self._console.write(b"R\x01")
        self._console.write(bytes([_WINDOW, 0, 1]))
        source = bytearray()
        used = 0
        while True:
            c = self._console.read_byte()
            if c in (_CTRL_C, _CTRL_D):
                self._console.write(b"\x04")
                return source if c == _CTRL_D else None
            source.append(c)
            used += 1
            if used == _WINDOW:
                used = 0
                self._console.write(b"\x01")

    def _run_raw(self, source):
        error = self._console.run(bytes(source), "exec", self._globals, cooked=False)
        self._console.write(b"\x04")
        stopped = isinstance(error, SystemExit)
        if error is not None and not stopped:
            self._console.print_exception(error)
        self._console.write(b"\x04")
        if stopped:  # PYEXEC_FORCED_EXIT: sys.exit() soft-resets a board
            self._soft_reset()
        error = None
        gc.collect()
        self._console.write(b">")

    # Friendly REPL

    def _serve_friendly(self):
        self._banner()
        while True:
            source = self._read_statement()
            if source == _CTRL_A:
                self._console.write(b"\r\n")
                self._raw = True
                return
            if source == _CTRL_B:
                self._console.write(b"\r\n")
                self._banner()
            elif source == _CTRL_C:
                self._console.write(b"\r\n")
            elif source == _CTRL_D:
                self._soft_reset()
            elif source == _CTRL_E:
                self._paste()
            elif source.strip():
                self._run_friendly(source, "single")

    def _banner(self):
        self._console.write(
            "MicroPython {}; bg95 virtual board with the unix VM\r\n".format(
                sys.version.split("MicroPython ")[-1]
            ).encode()
        )
        self._console.write(b'Type "help()" for more information.\r\n')

    def _read_statement(self):
        """One complete statement, or the code of a control key."""
        source = self._editor.read(">>> ", names=self._globals)
        if isinstance(source, int):
            return source
        while syntax.wants_more(source):
            line = self._editor.read("... ", syntax.next_indent(source), self._globals)
            if line == _CTRL_D:
                line = ""
            elif isinstance(line, int):
                return _CTRL_C
            source += "\n" + line
        return source + "\n"

    def _paste(self):
        """Paste mode: no indentation, no echo tricks, Ctrl-D runs it all as one program."""
        self._console.write(b"\r\npaste mode; Ctrl-C to cancel, Ctrl-D to finish\r\n=== ")
        source = bytearray()
        while True:
            c = self._console.read_byte()
            if c == _CTRL_C:
                self._console.write(b"\r\n")
                return
            if c == _CTRL_D:
                self._console.write(b"\r\n")
                self._run_friendly(bytes(source), "exec")
                return
            source.append(10 if c == 13 else c)
            self._console.write(b"\r\n=== " if c == 13 else bytes([c]))

    def _run_friendly(self, source, kind):
        error = self._console.run(source, kind, self._globals, cooked=True)
        if isinstance(error, SystemExit):
            self._soft_reset()
        if error is not None:
            self._console.print_exception(error)
        error = None
        gc.collect()
