"""The clock (spec 2.9)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..registry import Command, Family, Int, OneOf, Text
from ..rtc import GPS_EPOCH

if TYPE_CHECKING:
    from ..core import Module

_CLOCK = re.compile(r"(\d\d)/(\d\d)/(\d\d),(\d\d):(\d\d):(\d\d)([+-]\d\d)")

CCLK = Command("+CCLK", Family.GENERAL, "2.9", test="")


def _zone(quarters: int) -> str:
    return f"{quarters:+03d}"


@CCLK.read
def cclk_read(m: Module) -> Iterator[str]:
    local = m.rtc.local(m.now)
    yield f'+CCLK: "{local:%y/%m/%d,%H:%M:%S}{_zone(m.rtc.zone)}"'


@CCLK.write(Text("time", 32))
def cclk_write(m: Module, text: str) -> None:
    match = _CLOCK.fullmatch(text)
    if not match:
        raise CCLK.parameter_error(m)
    year, month, day, hour, minute, second, zone = map(int, match.groups())
    if not -48 <= zone <= 56:
        raise CCLK.parameter_error(m)
    # Two digits mean a year within fifty of the network's, and none before the epoch
    first = max(GPS_EPOCH.year, m.network_time().year - 50)
    try:
        local = datetime(first + (year - first) % 100, month, day, hour, minute, second)
    except ValueError:
        raise CCLK.parameter_error(m) from None
    m.rtc.set_utc(local - timedelta(minutes=15 * zone), zone, m.now)


QLTS = Command("+QLTS", Family.GENERAL, "2.9", test="(0-2)")


LATEST, GMT, LOCAL = range(3)


def _qlts(m: Module, mode: int) -> str:
    """Every form carries the zone; only the local time has it applied."""
    if m.rtc.network_time is None:
        return '+QLTS: ""'
    if mode == LATEST:
        shown, zone = m.rtc.network_time
    else:
        shown, zone = m.rtc.utc(m.now), m.rtc.zone
    if mode == LOCAL or (mode == LATEST and m.traits.qlts_local):
        shown += timedelta(minutes=15 * zone)
    return f'+QLTS: "{shown:%Y/%m/%d,%H:%M:%S}{_zone(zone)},0"'


@QLTS.execute
def qlts(m: Module) -> Iterator[str]:
    yield _qlts(m, LATEST)


@QLTS.write(Int("mode", 0, 2))
def qlts_write(m: Module, mode: int) -> Iterator[str]:
    yield _qlts(m, mode)


CTZU = Command("+CTZU", Family.GENERAL, "2.9", test="(0,1,3)")


@CTZU.read
def ctzu_read(m: Module) -> Iterator[str]:
    yield f"+CTZU: {m.nv.ctzu}"


@CTZU.write(OneOf("onoff", (0, 1, 3)))
def ctzu_write(m: Module, onoff: int) -> None:
    m.nv.ctzu = onoff


CTZR = Command("+CTZR", Family.GENERAL, "2.9", test="(0-2)")


@CTZR.read
def ctzr_read(m: Module) -> Iterator[str]:
    yield f"+CTZR: {m.nv.ctzr}"


@CTZR.write(Int("reporting", 0, 2))
def ctzr_write(m: Module, reporting: int) -> None:
    m.nv.ctzr = reporting


def report_zone(m: Module) -> None:
    """The network told another time zone than before."""
    zone = _zone(m.rtc.zone)
    if m.nv.ctzr == 1:
        m.urc(f'+CTZV: "{zone}"')
    elif m.nv.ctzr:
        m.urc(f'+CTZE: "{zone}",0,"{m.rtc.local(m.now):%Y/%m/%d,%H:%M:%S}"')
