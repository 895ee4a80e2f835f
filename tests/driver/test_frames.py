"""What MicroPython charges for a call (py/objfun.c, py/objtype.c), read from the compiled driver.

A function whose frame needs more than VM_MAX_STATE_ON_STACK takes it from the heap, on every call; a class that has a
property makes every attribute store on its instances search the classes.
"""

import ast
import tempfile
from pathlib import Path

import pytest
from mpy_file import MpyFile

from bg95_host.compat import FIRMWARE
from bg95_host.mpy import compile_source
from bg95_host.pack.names import ATTRIBUTE_WORDS

DRIVER = FIRMWARE / "bg95"
WORDS_ON_STACK = 11
# Every function of these classes runs per poll, line, chunk, read or write ...
HOT = {
    "framer": "Framer",
    "at": "AT",
    "connection": "Connection",
    "modem": "Modem",
    "visitors/transparent": "Raw",
}
# ... but for those that run once, where something ends, or where a flow waits and allocates anyway
COLD = {
    "__init__",
    "__getattr__",
    "__repr__",
    "text",
    "run",
    "fail_all",
    "_pdp_lost",
    "_keep_unsent",
    "_write_datagram",
    "_write_some",
}


def functions(source):
    """The functions of a source, compiled as a deploy does."""
    tree = ast.parse(source.read_text("utf-8"))
    said = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return MpyFile(compile_source(source, "x"), numbered(said)).functions


def numbered(names):
    """The numbers of those names that every firmware has."""
    found = {}
    for name in names:
        numbers = MpyFile(_compiled(f"x.{name}")).numbers - MpyFile(_compiled("x")).numbers
        found.update(dict.fromkeys(numbers, name))
    return found


def _compiled(text):
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(text)
        file.flush()
        return compile_source(Path(file.name), "x")


@pytest.mark.parametrize("module", HOT)
def test_no_hot_function_takes_its_frame_from_the_heap(module):
    frames = {f.name: f.frame for f in functions(DRIVER / f"{module}.py")}
    hot = {
        name: frame
        for name, frame in frames.items()
        if name.startswith(HOT[module] + ".") and name.split(".")[1] not in COLD
    }
    assert len(hot) > 5, frames
    assert not {name: frame for name, frame in hot.items() if frame > WORDS_ON_STACK}


def test_a_frame_is_what_the_machine_says(tmp_path):
    """One local more than fits, and a handler, which takes three words."""
    source = tmp_path / "x.py"
    fits = ", ".join(f"a{i}" for i in range(10))
    source.write_text(
        f"def fits({fits}):\n pass\n"
        f"def large({fits}, more, again):\n pass\n"
        "def guarded(a):\n try:\n  a()\n finally:\n  a()\n"
        "def plain(a):\n a()\n a()\n"
        "class C:\n def write(self):\n  pass\n"
    )
    frames = {f.name: f.frame for f in functions(source)}
    assert frames["fits"] <= WORDS_ON_STACK < frames["large"]
    assert frames["guarded"] >= frames["plain"] + 3
    assert "C.write" in frames


@pytest.mark.parametrize("module", HOT)
def test_no_hot_class_has_a_property(module):
    tree = ast.parse((DRIVER / f"{module}.py").read_text("utf-8"))
    (found,) = (c for c in tree.body if isinstance(c, ast.ClassDef) and c.name == HOT[module])
    assert not properties(found)


def properties(node):
    """Names of a class that are descriptors."""
    return [
        each.name
        for each in node.body
        if isinstance(each, ast.FunctionDef)
        and any(
            ast.unparse(d).split(".")[-1] in ("property", "setter") for d in each.decorator_list
        )
    ]


def test_a_property_is_seen():
    node = ast.parse("class C:\n @property\n def x(self):\n  pass\n").body[0]
    assert properties(node) == ["x"]


def test_the_names_that_packing_chooses_cost_nothing():
    """They are in every firmware's ROM, so the compiler writes their numbers."""
    assert MpyFile(_compiled("\n".join(f"x.{word}" for word in ATTRIBUTE_WORDS))).names == {"x"}
    assert MpyFile(_compiled("x.nowhere")).names == {"x", "nowhere"}
