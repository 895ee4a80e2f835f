"""Names on a command line: refused where nothing is called so, completed by the shell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import typer


def completed(known: Callable[[], Iterable[str]]) -> dict[str, Any]:
    """For typer.Option: the shell completes one of `known()`."""
    return {"autocompletion": lambda incomplete: [n for n in known() if n.startswith(incomplete)]}


def one_of(what: str, known: Callable[[], Iterable[str]]) -> dict[str, Any]:
    """For typer.Option: completed, and a name that is not one of `known()` is a wrong command line."""

    def check(given: str | None) -> str | None:
        names = list(known())
        if given is None or given in names:
            return given
        raise typer.BadParameter(f"there is no {what} {given!r}; choose one of {', '.join(names)}")

    return {"callback": check, **completed(known)}


def boards() -> list[str]:
    """The folders of boards/."""
    from bg95_host.boards import names

    return names()


def rigs() -> list[str]:
    """The rigs there are."""
    from bg95_host.rigs import RIGS

    return list(RIGS)


def faults() -> list[str]:
    """What the simulated module can be made to do wrong."""
    from bg95_host.module_sim.faults import FAULTS

    return list(FAULTS)


def traits() -> list[str]:
    """What the simulated module can be made to do differently, up to the value."""
    from bg95_host.module_sim.traits import TRAITS

    return [f"{name}=" for name in TRAITS]
