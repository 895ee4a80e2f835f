"""AT+QCFG: the module's own settings, kept over a restart (spec 2.12, 4.2.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..registry import AsWritten, Choice, Command, Family, Field, Int, OneOf
from ..results import Final
from ..syntax import Param
from .items import Bare, Values, changed, shown

if TYPE_CHECKING:
    from ..core import Module

NO_CHANGE = ("0x0", "0x40000000")  # masks of AT+QCFG="band"


@dataclass(frozen=True)
class ScanSequence(Field):
    """Two digits for each technology, bare: 020301."""

    def value(self, param: Param, quoted_numbers: bool) -> Bare:
        text = param.text
        pairs = [text[at : at + 2] for at in range(0, len(text), 2)]
        if param.quoted or not pairs or len(pairs) > 3 or len(set(pairs)) < len(pairs):
            raise ValueError(f"{self.name} is up to three technologies")
        if any(pair not in ("00", "01", "02", "03") for pair in pairs):
            raise ValueError(f"{self.name} is made of 00, 01, 02 and 03")
        return Bare(text)


@dataclass(frozen=True)
class Mask(Field):
    """A hexadecimal number, with or without 0x; printed with it."""

    def value(self, param: Param, quoted_numbers: bool) -> Bare:
        text = param.text.lower().removeprefix("0x")
        if param.quoted or len(text) > 24:
            raise ValueError(f"{self.name} is a bare number")
        return Bare(f"0x{int(text, 16):x}")


@dataclass(frozen=True)
class Item:
    """One named setting. `effect`: an <effect> may follow that says when it counts."""

    test: str
    default: Values
    fields: tuple[Field, ...]
    effect: bool = False
    read_only: bool = False


def _switch(default: int = 0, high: int = 1, effect: bool = False) -> Item:
    return Item(
        f"({'0,1' if high == 1 else f'0-{high}'})", (default,), (Int("value", 0, high),), effect
    )


_PULSE = Int("pulse_duration", 1, 2000, default=None)
_COUNT = Int("pulse_count", 1, 5, default=None)
_UNKNOWN = Item("<value>", (0,), (AsWritten("value"),))

ITEMS: dict[str, Item] = {
    "nwscanmode": Item("(0,1,3)", (0,), (OneOf("scanmode", (0, 1, 3)),), effect=True),
    "nwscanseq": Item("<scanseq>", (Bare("00"),), (ScanSequence("scanseq"),), effect=True),
    "iotopmode": Item("(0-2)", (2,), (Int("mode", 0, 2),), effect=True),
    "band": Item(
        "<GSM_bands>,<eMTC_bands>,<NB-IoT_bands>",
        (Bare("0xf"), Bare("0x400a0e189f"), Bare("0xa0e189f")),
        (Mask("gsm"), Mask("emtc"), Mask("nbiot")),
        effect=True,
    ),
    "servicedomain": Item("(1,2)", (2,), (OneOf("service", (1, 2)),), effect=True),
    "celevel": Item("", (0,), (), read_only=True),
    "psm/urc": _switch(),
    "psm/enter": _switch(),
    "urc/ri/ring": Item(
        '("off","pulse","always","auto","wave"),(1-2000),(1-10000),(1-10000),("off","on"),(1-5)',
        ("auto", 120, 1000, 5000, "off", 1),
        (
            Choice("type", ("off", "pulse", "always", "auto", "wave")),
            _PULSE,
            Int("active_duration", 1, 10000, default=None),
            Int("inactive_duration", 1, 10000, default=None),
            Choice("no_disturbing", ("off", "on"), default=None),
            _COUNT,
        ),
    ),
    "urc/ri/smsincoming": Item(
        '("off","pulse","always"),(1-2000),(1-5)',
        ("pulse", 120, 1),
        (Choice("type", ("off", "pulse", "always")), _PULSE, _COUNT),
    ),
    "urc/ri/other": Item(
        '("off","pulse"),(1-2000),(1-5)',
        ("pulse", 120, 1),
        (Choice("type", ("off", "pulse")), _PULSE, _COUNT),
    ),
    "risignaltype": Item(
        '("respective","physical")',
        ("respective",),
        (Choice("type", ("respective", "physical")),),
    ),
    "urc/delay": _switch(),
    "ledmode": _switch(),
    "cmux/urcport": _switch(high=4),
    "apready": Item(
        "(0,1),(0,1),(100-3000)",
        (0, 0, 500),
        (
            Int("enable", 0, 1),
            Int("level", 0, 1, default=None),
            Int("interval", 100, 3000, default=None),
        ),
    ),
    "airplanecontrol": _switch(),
    "nb1/bandprior": Item("<bands>", (Bare("0x0"),), (Mask("bands"),)),
    # Only their names are known: they keep what they are given.
    "simeffect": _UNKNOWN,
    "nccconf": _UNKNOWN,
    "lapiconf": _UNKNOWN,
    "snrscan": _UNKNOWN,
    "nasconfig": _UNKNOWN,
    "apn/display": _UNKNOWN,
    "irat/timer": _UNKNOWN,
    "gpio": _UNKNOWN,
}

QCFG = Command("+QCFG", Family.GENERAL, "4.2.4")


def of(m: Module, item: str) -> Values:
    """What the module's flash says, or the factory."""
    return m.nv.qcfg.get(item, ITEMS[item].default)


@QCFG.tests
def qcfg_test(m: Module) -> Iterator[str]:
    for name, item in ITEMS.items():
        yield f'+QCFG: "{name}"' + (f",{item.test}" if item.test else "")


@QCFG.write(Choice("item", tuple(ITEMS)), repeated=(AsWritten("value", default=None),))
def qcfg(m: Module, name: str, *given: Param | None) -> Iterator[Any]:
    """Saved at once (spec 3.6)."""
    item, known = ITEMS[name], of(m, name)
    if not given:
        yield f'+QCFG: "{name}",{shown(known)}'
        return None
    if item.read_only:
        raise QCFG.parameter_error(m)
    if item is _UNKNOWN:
        m.nv.qcfg[name] = tuple(_as_given(param) for param in given)
        return None
    fields = (*item.fields, Int("effect", 0, 1, default=1)) if item.effect else item.fields
    values = changed(QCFG, m, fields, given, known)
    at_once = not item.effect or bool(values[-1])
    values = values[: len(item.fields)]
    if name == "band":
        values = tuple(
            old if new in NO_CHANGE else new for old, new in zip(known, values, strict=True)
        )
    m.nv.qcfg[name] = values
    if item.effect and at_once and m.radio.chosen.get(name, known) != values:
        m.radio.chosen[name] = values
        return Final("OK", then=lambda: _search_again(m))
    return None


def _as_given(param: Param | None) -> str:
    if param is None:
        return Bare("")
    return param.text if param.quoted else Bare(param.text)


def _search_again(m: Module) -> None:
    m.lose_network()
    m.power.search_network()


def in_force(m: Module) -> dict[str, Values]:
    """The radio's settings at the start of the module; later ones may wait for a restart."""
    return {name: of(m, name) for name, item in ITEMS.items() if item.effect}


def allows_network(m: Module) -> bool:
    """Whether the radio may use the network that is there: its technology and its band."""
    chosen = m.radio.chosen
    (mode,), (iot,) = chosen["nwscanmode"], chosen["iotopmode"]
    gsm, emtc, nbiot = (int(mask, 16) for mask in chosen["band"])
    network = m.cell
    if network.technology == "GSM":
        return mode != 3 and bool(gsm & network.band_mask)
    wanted = {"eMTC": (0, emtc), "NBIoT": (1, nbiot)}
    its_mode, bands = wanted["NBIoT" if network.technology in ("NBIoT", "CAT-NB1") else "eMTC"]
    return mode != 1 and iot in (its_mode, 2) and bool(bands & network.band_mask)
