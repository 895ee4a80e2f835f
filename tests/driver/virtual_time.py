"""A copy of the driver that takes its time from a test's clock, beside the one that other tests use."""

import builtins
import contextlib
import sys
import types
from collections.abc import Iterator

from row_player import Clock

from bg95_host import compat


@contextlib.contextmanager
def driver_on(clock: Clock) -> Iterator[types.ModuleType]:
    """Import the driver with `clock` in place of the module `time`, also where a part of it is loaded later; afterwards
    all is as it was.
    """
    compat.install()
    others = _take_out()
    real = builtins.__import__

    def importing(name, namespace=None, *rest):
        if (
            name == "time"
            and namespace
            and str(namespace.get("__package__")).split(".")[0] == "bg95"
        ):
            return clock
        return real(name, namespace, *rest)

    builtins.__import__ = importing
    try:
        import bg95

        yield bg95
    finally:
        builtins.__import__ = real
        _take_out()
        sys.modules.update(others)


def _take_out() -> dict[str, types.ModuleType]:
    names = [name for name in sys.modules if name.split(".")[0] == "bg95"]
    return {name: sys.modules.pop(name) for name in names}
