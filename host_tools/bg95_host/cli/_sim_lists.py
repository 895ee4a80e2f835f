"""`bg95 sim --list-faults` and `--list-traits`: as tables, or as JSON for scripts."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Column, Table

_NARROW = 12  # columns of the lesser facts on a terminal
_WIDE = 200  # elsewhere whole lines, for grep
_SYNTAX = (
    "\nNAME\\[=VALUE]\\[@WHEN]\\[*COUNT]; WHEN is seconds, rx:N, tx:N, in:N, out:N (bytes) or"
    " +COMMAND\\[:N]"
)


def show(faults: bool, traits: bool, as_json: bool) -> None:
    """Print what was asked for."""
    from bg95_host.module_sim.faults import FAULTS
    from bg95_host.module_sim.traits import TRAITS

    if as_json:
        asked = {"faults": FAULTS if faults else None, "traits": TRAITS if traits else None}
        lists = {name: list(map(asdict, each.values())) for name, each in asked.items() if each}
        print(json.dumps(lists, indent=1))
        return
    from rich.console import Console

    console = Console()
    narrow = _NARROW if console.is_terminal else None
    if not console.is_terminal:
        console.width = _WIDE
    if faults:
        console.print(_faults(narrow))
        console.print(_SYNTAX)
    if traits:
        console.print(_traits(narrow))


def _faults(narrow: int | None) -> Table:
    from bg95_host.module_sim.faults import FAULTS

    table = _table(
        "fault",
        "kind",
        _folded("default", narrow),
        _folded("what happens"),
        _folded("spec", narrow),
    )
    for fault in FAULTS.values():
        table.add_row(fault.name, fault.kind, fault.default, fault.help, fault.section)
    return table


def _traits(narrow: int | None) -> Table:
    from bg95_host.module_sim.traits import TRAITS

    table = _table(
        "trait", _folded("default", narrow), _folded("what it decides"), _folded("spec", narrow)
    )
    for trait in TRAITS.values():
        choices = f" ({', '.join(trait.choices)})" if trait.choices else ""
        table.add_row(trait.name, repr(trait.default), trait.help + choices, trait.section)
    return table


def _table(name: str, *columns: str | Column) -> Table:
    """A table whose first column, the names, is never cut."""
    from rich.table import Column, Table

    return Table(Column(name, no_wrap=True), *columns, box=None)


def _folded(name: str, most: int | None = None) -> Column:
    from rich.table import Column

    return Column(name, overflow="fold", max_width=most)
