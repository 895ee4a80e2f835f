"""The results as SVG, beside results.json."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("svg")  # no display, and the same bytes on every machine
matplotlib.rcParams.update(
    {
        "svg.hashsalt": "bg95",
        "svg.fonttype": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "figure.constrained_layout.w_pad": 0.15,  # inches
        "figure.constrained_layout.h_pad": 0.1,
    }
)

import matplotlib.pyplot as plt  # noqa: E402 - after the backend was chosen
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.patches import Rectangle  # noqa: E402

from bg95_host.bench.records import Record  # noqa: E402

_COLOURS = {"upload": "#1f77b4", "download": "#ff7f0e"}
_FAILED = "#c62828"
_WIDTH = 0.38  # of a bar, where two stand at one rate


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
    found = [record for record in records if record.name.startswith("goodput.")]
    if not any(record.ratio for record in found):
        return None
    modes = list(dict.fromkeys(record.name.split(".")[2] for record in found))
    bauds = sorted({int(record.name.split(".")[3]) for record in found})
    figure, panels = plt.subplots(
        1,
        len(modes),
        sharex=True,
        sharey=True,
        squeeze=False,
        figsize=(9, 3.5),
        layout="constrained",
    )
    for axes, mode in zip(panels[0], modes, strict=True):
        for record in found:
            _, way, of_mode, baud = record.name.split(".")
            if of_mode == mode:
                x = bauds.index(int(baud)) + (-_WIDTH if way == "upload" else _WIDTH) / 2
                _bar(axes, x, record, _COLOURS[way])
        axes.axhline(100, color="gray", linewidth=1, linestyle=":")
        axes.set_xticks(range(len(bauds)), [f"{baud / 1000:g}" for baud in bauds])
        axes.set_xlabel("UART rate, kbit/s")
        axes.set_title(mode)
    panels[0][0].set_ylabel("% of the wire's bytes/s")
    panels[0][0].set_ylim(0, 110)
    figure.suptitle(f"Goodput on the rig {found[0].rig}", x=0.02, ha="left", weight="bold")
    handles = [Rectangle((0, 0), 1, 1, color=colour) for colour in _COLOURS.values()]
    figure.legend(handles, _COLOURS, loc="upper right", ncols=2, frameon=False)
    return figure


def _bar(axes: Axes, x: float, record: Record, colour: str) -> None:
    """One bar with its number; where there is none, the place says so."""
    if record.ratio is None:
        axes.text(x, 2, "failed", color=_FAILED, rotation=90, ha="center", va="bottom")
    else:
        bar = axes.bar(x, 100 * record.ratio, _WIDTH, color=colour)
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}  # over the line of 100 %
        axes.bar_label(bar, fmt="%.0f", padding=2, bbox=paper)


def _cost(records: Sequence[Record]):
    """Heap, and AT commands an operation."""
    titles = {
        "heap": "Heap taken, bytes (% of the board's)",
        "commands": "AT commands an operation",
    }
    found = {
        subject: [record for record in records if record.name.startswith(f"{subject}.")]
        for subject in titles
    }
    if not all(found.values()):
        return None
    figure, panels = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    for axes, (subject, title) in zip(panels, titles.items(), strict=True):
        names = [record.name.partition(".")[2] for record in found[subject]]
        values = [record.value or 0 for record in found[subject]]
        bars = axes.barh(names, values, color="#1f77b4")
        axes.bar_label(bars, [_told(record) for record in found[subject]], padding=4)
        axes.set_xlim(0, 1.3 * max(values))  # room for what stands behind the longest bar
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.invert_yaxis()
        axes.set_title(title)
    figure.suptitle(f"What it costs on the rig {records[0].rig}", x=0.02, ha="left", weight="bold")
    return figure


def _told(record: Record) -> str:
    if record.value is None:
        return "failed"
    share = f" ({record.ratio:.0%})" if record.ratio is not None else ""
    return f"{record.value:,.0f}{share}"
