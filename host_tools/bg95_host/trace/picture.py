"""A trace drawn: one strip a kind of event, all of them over one axis of time.

The strips are SVG whose x is a percentage, so that they fit a phone as well; look.css has the colours.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence

from bg95_host.trace.records import Record, spans

_STRIPS = {"urc": "URCs", "pin": "pins", "net": "network", "log": "log"}
_STEPS = 1000  # of the payload's curve, and of where marks can be: two at one place are drawn once
_TICKS = 6  # at most, on the axis
_SHORTEST_S = 0.01  # of an axis
_THIN = 0.1  # % of the width: SVG draws nothing for a bar of no width

Mark = tuple[float, float, str, str]  # from %, width %, class, what it says


def picture(records: Sequence[Record], until: float) -> str:
    """The strips that this trace has something for, and an axis from 0 to `until` seconds."""
    total = max(until, _SHORTEST_S)
    commands = spans(records)
    marks = [
        (
            100 * span.start / total,
            max(_THIN, 100 * (span.end - span.start) / total),
            "refused" if span.failed else "answered",
            f"{span.start:.3f} s {span.command} → {span.result or 'no answer'}",
        )
        for span in commands
    ]
    strips = [_strip("commands", f"{len(commands):,}", _marks(marks))]
    for side, name in (("host", "sent"), ("module", "received")):
        if size := _sum(records, side):
            strips.append(_strip(name, f"{size:,} B", _curve(records, side, total)))
    for direction, name in _STRIPS.items():
        found = [record for record in records if record.direction == direction]
        marks = [
            (100 * record.time / total, _THIN, direction, f"{record.time:.3f} s {record.shown}")
            for record in found
        ]
        if found:
            strips.append(_strip(name, f"{len(found):,}", _marks(marks)))
    step = _step(total)
    return (
        f'<div class="picture" style="--step:{100 * step / total:.3f}%">'
        + "".join(strips)
        + _axis(total, step)
        + "</div>"
    )


def _strip(name: str, amount: str, drawn: str) -> str:
    return (
        f'<span class="name">{name} <i>{amount}</i></span>'
        f'<svg class="{name}" role="img" aria-label="{name}: {amount}">{drawn}</svg>'
    )


def _marks(marks: Iterable[Mark]) -> str:
    places = {
        (kind, round(x * _STEPS / 100), round(width, 1)): text for x, width, kind, text in marks
    }
    return "".join(
        f'<rect class="{kind}" x="{100 * x / _STEPS:.1f}%" width="{width}%" height="100%">'
        f"<title>{html.escape(text)}</title></rect>"
        for (kind, x, width), text in sorted(places.items())  # the refused over the answered
    )


def _curve(records: Iterable[Record], side: str, total: float) -> str:
    """Payload up to a moment, the highest being all of it: the slope is the goodput."""
    sums: dict[int, int] = {}
    size = 0
    for record in records:
        if record.sender == side and record.size:
            size += record.size
            sums[round(_STEPS * record.time / total)] = size
    steps = "".join(f"H{x}V{100 - 100 * part / size:.1f}" for x, part in sums.items())
    return (
        f'<svg viewBox="0 0 {_STEPS} 100" preserveAspectRatio="none">'
        f'<path class="{side}" d="M0 100{steps}H{_STEPS}V100Z"/></svg>'
    )


def _axis(total: float, step: float) -> str:
    scale, unit = (1000, "ms") if total < 1 else (1, "s")
    last = math.floor(total / step + 1e-9)
    labels = []
    for number in range(last + 1):
        x = 100 * number * step / total
        anchor = "start" if number == 0 else "end" if x > 95 else "middle"
        text = f"{number * step * scale:g}" + f" {unit}" * (number == last)
        labels.append(f'<text x="{x:.2f}%" y="12" text-anchor="{anchor}">{text}</text>')
    return f'<span class="name"></span><svg class="axis">{"".join(labels)}</svg>'


def _step(total: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, ... (and 0.5, 0.2, ...) that gives few enough ticks."""
    power = 10.0 ** math.floor(math.log10(total / _TICKS))
    return next(power * n for n in (1, 2, 5, 10) if power * n * _TICKS >= total)


def _sum(records: Iterable[Record], side: str) -> int:
    return sum(record.size for record in records if record.sender == side)
