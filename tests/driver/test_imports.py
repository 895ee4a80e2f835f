"""The driver needs nothing but MicroPython: its imports are its own, or modules every port has."""

import ast

import pytest
import vm

from bg95_host.compat import FIRMWARE

# MicroPython 1.24, present on rp2, esp32 and unix alike; `machine` only inside a try. `wiring` is the board's.
ALLOWED = {
    "__main__",
    "asyncio",
    "binascii",
    "collections",
    "gc",
    "io",
    "machine",
    "micropython",
    "sys",
    "time",
    "wiring",
}
FILES = sorted((FIRMWARE / "bg95").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_driver_file_imports_only_what_micropython_has(path):
    foreign = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            foreign |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            foreign.add(node.module.split(".")[0])
    assert foreign <= ALLOWED


def test_there_are_files_to_look_at():
    assert len(FILES) > 10


ONE_ARGUMENT = """
class Plain(UART):
    def write(self, buf):
        return self._file.write(buf)

import bg95
modem = bg95.Modem(Plain())
modem.active(True)
print(modem.files.upload("any.bin", bytes(range(256)) * 3), ("any.bin", 768) in modem.files.list())
"""


def test_a_uart_written_in_python_needs_no_more_than_is_documented(sim, options):
    """machine.UART documents write(buf); what native streams take besides makes writing free of allocations."""
    assert vm.run(ONE_ARGUMENT, sim, options) == "True True\n"
