"""The cell and the operator, as engineers and displays want them (spec 4.2.2, 4.2.3, 4.2.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..registry import Choice, Command, Family
from ..results import PlainError

if TYPE_CHECKING:
    from ..core import Module

QENG = Command("+QENG", Family.GENERAL, "4.2.5", test='("servingcell","neighbourcell")')


@QENG.write(Choice("cell_type", ("servingcell", "neighbourcell")))
def qeng(m: Module, which: str) -> Iterator[str]:
    """There are no neighbours."""
    if which == "servingcell":
        yield f'+QENG: "servingcell",{_serving_cell(m)}'


def _serving_cell(m: Module) -> str:
    radio, cell = m.radio, m.cell
    if radio.registered:
        state = "CONNECT" if radio.rrc else "NOCONN"
    elif radio.functionality == 1 and m.traits.registration == "denied":
        state = "LIMSRV"
    else:
        return '"SEARCH"'
    mcc, mnc = radio.plmn[:3], radio.plmn[3:]
    tac, cell_id = f"{int(radio.tac, 16):X}", f"{int(radio.cell, 16):X}"
    if cell.technology == "GSM":
        return f'"{state}","GSM",{mcc},{mnc},{tac},{cell_id},{cell.channel},{cell.rssi}'
    return (
        f'"{state}","{cell.technology}","FDD",{mcc},{mnc},{cell_id},{cell.physical_id},'
        f"{cell.channel},{cell.band},{cell.bandwidth},{cell.bandwidth},{tac},"
        f"{cell.rsrp},{cell.rsrq},{cell.rssi},{cell.sinr_db}"
    )


def require_dropped_commands(m: Module) -> None:
    """Refuse what is not in the AT manual any more, where the firmware has dropped it too."""
    if not m.traits.dropped_commands:
        raise PlainError


QSPN = Command("+QSPN", Family.GENERAL, "4.2.3", test="")


@QSPN.execute
def qspn(m: Module) -> Iterator[str]:
    """Only the BG96's manual has it."""
    require_dropped_commands(m)
    names = (m.radio.operator, m.radio.short_operator) if m.radio.registered else ("", "")
    plmn = m.radio.plmn if m.radio.registered else ""
    yield f'+QSPN: "{names[0]}","{names[1]}","",0,"{plmn}"'


COPN = Command("+COPN", Family.GENERAL, "4.2.2", test="")


@COPN.execute
def copn(m: Module) -> Iterator[str]:
    yield f'+COPN: "{m.radio.plmn}","{m.radio.operator}"'


CEER = Command("+CEER", Family.GENERAL, "4.2.2")


@CEER.execute
def ceer(m: Module) -> Iterator[str]:
    require_dropped_commands(m)
    yield "+CEER: No cause information available"
