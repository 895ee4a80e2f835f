"""What `bg95 deploy` makes of the driver's sources (bg95_host.pack)."""

import os
import subprocess
import sys
import types

import pytest

from bg95_host import mpy
from bg95_host.compat import FIRMWARE
from bg95_host.pack import packed

SOURCES = {
    "__init__.py": "from .one import LIMIT, Public\nfrom .two import _Late\n",
    "one.py": (
        "from micropython import const\n"
        "from . import visit\n"
        "LIMIT = const(3)\n"
        "_HALF = const(LIMIT * 2)\n"
        "_counted = 0\n"
        "class Public:\n"
        "    def __init__(self, size):\n        self._size = size + _HALF\n        self.size = size\n"
        "    def grow(self, by=LIMIT):\n        visit.flows += 1\n        return _helped(self, by)\n"
        "def _helped(thing, by):\n    global _counted\n    _counted += by\n"
        "    return [thing._size + i + _counted for i in range(by)]\n"
    ),
    "two.py": (
        "from . import visit\nfrom .one import LIMIT\n"
        "_counted = 'another'\n"
        "class _Late:\n    def __init__(self):\n        self._size = _counted, visit.flows, LIMIT\n"
    ),
    "visit.py": "flows = 0\nstay = False\n",
    "face.py": (
        "from .one import Public, LIMIT\nfrom .visitors.once import helper\n"
        "def made(size, *, twice=False):\n    return Public(size * (LIMIT if twice else 1)).grow(helper(value=1))\n"
    ),
    "visitors/__init__.py": "",
    "visitors/once.py": "from ..two import _Late\ndef helper(value, unused=None):\n    return value + 1\n",
}


@pytest.fixture
def loaded(monkeypatch):
    """loaded(sources) -> the package, imported."""

    def load(sources):
        made = {}
        for path in sorted(sources):
            name = "packed." + path[:-3].replace("/", ".")
            made[name.removesuffix(".__init__")] = (path, sources[path])
        micropython = types.ModuleType("micropython")
        micropython.const = lambda value: value
        monkeypatch.setitem(sys.modules, "micropython", micropython)
        for name in [each for each in sys.modules if each.split(".")[0] == "packed"]:
            del sys.modules[name]

        class Finder:
            @staticmethod
            def find_spec(name, path=None, target=None):
                from importlib.machinery import ModuleSpec

                if name in made:
                    return ModuleSpec(name, Finder, is_package="__init__" in made[name][0])
                return None

            @staticmethod
            def create_module(spec):
                return None

            @staticmethod
            def exec_module(module):
                exec(made[module.__name__][1], module.__dict__)

        monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
        import packed.face

        return packed

    return load


@pytest.mark.parametrize("change", [dict, packed], ids=["as written", "packed"])
def test_a_packed_package_does_what_its_sources_do(loaded, change):
    package = loaded(change(SOURCES))
    assert package.LIMIT == 3
    assert package.Public(1).size == 1
    assert package.Public(size=1).grow(by=2) == [9, 10]
    assert package.face.made(2, twice=True) == [16, 17]
    package.visit.stay = True
    assert package.visit.stay is True


def test_what_is_loaded_is_one_module_and_says_only_what_programs_may():
    out = packed(SOURCES)
    assert set(out) == {"__init__.py", "face.py", "visitors/__init__.py", "visitors/once.py"}
    for gone in ("_HALF", "_helped", "_counted", "_size", "const", "flows"):
        assert gone not in out["__init__.py"], gone
    for kept in ("class Public", "LIMIT = 3", "def grow(self, by=3)", "self.size"):
        assert kept in out["__init__.py"], kept
    assert "def made(size, *, twice=False)" in out["face.py"]
    assert "LIMIT" not in out["face.py"]
    assert "value" in out["visitors/once.py"]  # passed by keyword
    assert "unused" not in out["visitors/once.py"]


def test_a_constant_that_is_bound_again_is_no_constant():
    with pytest.raises(SyntaxError, match="bound again"):
        packed({"__init__.py": "A = const(1)\ndef f(A):\n    return A\n"})


def test_the_same_sources_are_packed_the_same_way():
    """Or each deploy would copy everything."""
    program = (
        "import hashlib; from bg95_host import mpy; from bg95_host.compat import FIRMWARE; "
        "print(hashlib.sha256(b''.join(mpy.compile_package(FIRMWARE / 'bg95').values())).hexdigest())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1


def test_to_debug_nothing_is_packed():
    sources = {p.relative_to(FIRMWARE / "bg95") for p in (FIRMWARE / "bg95").rglob("*.py")}
    plain = mpy.compile_package(FIRMWARE / "bg95", debug=True)
    assert set(plain) == {str(path.with_suffix(".mpy")) for path in sources}
    assert len(mpy.compile_package(FIRMWARE / "bg95")) < len(plain)
