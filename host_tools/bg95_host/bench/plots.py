"""The results as SVG, beside results.json."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("svg")  # no display, and the same bytes on every machine
matplotlib.rcParams.update({"svg.hashsalt": "bg95", "svg.fonttype": "none"})

import matplotlib.pyplot as plt  # noqa: E402 - after the backend was chosen
from matplotlib.patches import Rectangle  # noqa: E402

from bg95_host.bench.records import Record  # noqa: E402

_COLOURS = {"upload": "#1f77b4", "download": "#ff7f0e"}


def write(records: Sequence[Record], folder: Path) -> list[Path]:
    """Write what there is something to show of; the files."""
    plots = {"goodput.svg": _goodput, "cost.svg": _cost}
    written = []
    for name, draw in plots.items():
        figure = draw(records)
        if figure is not None:
            figure.savefig(folder / name, metadata={"Date": None})
            plt.close(figure)
            written.append(folder / name)
    return written


def _goodput(records: Sequence[Record]):
    """Goodput as a part of the wire limit, by mode, direction and baud rate."""
    found = [record for record in records if record.name.startswith("goodput.") and record.ratio]
    if not found:
        return None
    modes = list(dict.fromkeys(record.name.split(".")[2] for record in found))
    figure, panels = plt.subplots(
        1, len(modes), sharey=True, squeeze=False, figsize=(9, 3.5), layout="constrained"
    )
    for axes, mode in zip(panels[0], modes, strict=True):
        of_mode = [record for record in found if record.name.split(".")[2] == mode]
        bauds = sorted({int(record.name.split(".")[3]) for record in of_mode})
        for record in of_mode:
            _, way, _, baud = record.name.split(".")
            x = bauds.index(int(baud)) + (-0.2 if way == "upload" else 0.2)
            bar = axes.bar(x, 100 * (record.ratio or 0), 0.38, color=_COLOURS[way])
            axes.bar_label(bar, fmt="%.0f", padding=2)
        axes.set_xticks(range(len(bauds)), [f"{baud:,}" for baud in bauds])
        axes.set_xlabel("bit/s")
        axes.set_title(mode)
    panels[0][0].set_ylabel("% of the wire's bytes/s")
    panels[0][0].set_ylim(0, 115)
    figure.suptitle(f"Goodput on {found[0].rig}")
    handles = [Rectangle((0, 0), 1, 1, color=colour) for colour in _COLOURS.values()]
    figure.legend(handles, _COLOURS, loc="outside right upper")
    return figure


def _cost(records: Sequence[Record]):
    """Heap, and AT commands an operation."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for axis, subject in zip(axes, ("heap", "commands"), strict=True):
        found = [record for record in records if record.name.startswith(f"{subject}.")]
        if not found:
            plt.close(figure)
            return None
        names = [record.name.partition(".")[2] for record in found]
        bars = axis.barh(names, [record.value or 0 for record in found], color="#1f77b4")
        axis.bar_label(bars, fmt="{:,.0f}", padding=3)
        axis.invert_yaxis()
        axis.margins(x=0.2)
        axis.set_title({"heap": "heap, bytes", "commands": "AT commands an operation"}[subject])
    return figure
