"""The driver needs nothing but MicroPython: its imports are its own, or modules every port has."""

import ast

import pytest

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
FILES = sorted((FIRMWARE / "bg95").glob("*.py"))


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
