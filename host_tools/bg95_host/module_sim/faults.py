"""Faults: what goes wrong in the field, by name, at a chosen moment (spec 3.7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fault:
    """One kind of fault."""

    name: str
    help: str
    section: str


FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (Fault("chunk", "hand bytes to the host N at a time (chunk=1)", "3.7 item 12"),)
}


class Faults:
    """The faults of one module."""

    def __init__(self, wanted: Iterable[str]) -> None:
        self.chunk = 0
        for text in wanted:
            name, _, value = text.partition("=")
            if name not in FAULTS:
                raise ValueError(f"there is no fault {name!r}; see --list-faults")
            self.chunk = int(value or 1)

    def stack_is_dead(self, module: Any) -> bool:
        """Every open is refused with 552 until a restart (spec 3.7 item 6)."""
        return False

    def send_fails(self, module: Any) -> bool:
        """The send buffer pretends to be full."""
        return False

    def command_started(self, name: str) -> None:
        """A command begins to run."""
