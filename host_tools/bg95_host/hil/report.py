"""One HTML page with every test and its AT timeline: `--hil-report FILE` (`plugin`).

What tests record with record_property() is shown: a number, whose name says its unit ("goodput, B/s"), as
a bar beside those of the same name, `at_trace` (of the simulated module or the driver) as a picture, the rest
as facts about the run.
"""

from __future__ import annotations

import contextlib
import html
import subprocess
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from string import Template

import pytest

from bg95_host import places
from bg95_host.trace.picture import picture
from bg95_host.trace.records import Record, duration, parse
from bg95_host.trace.views import lines, look, summary

_INTERRUPTED = "interrupted"
_OUTCOMES = ("failed", _INTERRUPTED, "passed", "skipped")
_BAD = _OUTCOMES[:2]


@dataclass
class Result:
    """One test as the page shows it. `reason` is why it did not pass, `details` where that was."""

    name: str
    outcome: str = "passed"
    seconds: float = 0.0
    phase: str = ""
    reason: str = ""
    details: str = ""
    trace: list[Record] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)


class Report:
    """Collects results and writes the page."""

    def __init__(self, file: Path):
        self._file = file
        self._results: dict[str, Result] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what is worth showing of each phase of a test."""
        name = report.nodeid.split("::", 1)[-1]
        result = self._results.setdefault(report.nodeid, Result(name, _INTERRUPTED))
        result.seconds += report.duration
        if report.outcome == "passed":
            if report.when == "call":
                result.outcome = "passed"
        elif result.outcome in ("passed", _INTERRUPTED):
            result.outcome = report.outcome
            result.phase = "" if report.when == "call" else report.when
            result.reason, result.details = _reason(report)
        if report.when == "teardown":
            _note_properties(result, report.user_properties)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what could not even be read."""
        if report.failed:
            self._results[report.nodeid] = Result(
                report.nodeid, "failed", phase="collection", reason=report.longreprtext
            )

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write the page."""
        ended = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(page(list(self._results.values()), ended), encoding="utf-8")


def page(results: list[Result], ended: bool = True) -> str:
    """The whole page; it needs no other file. What failed comes first. `ended`: every test had its turn."""
    counts = {
        outcome: sum(result.outcome == outcome for result in results) for outcome in _OUTCOMES
    }
    said = [f"{count} {outcome}" for outcome, count in counts.items() if count] or ["no tests"]
    good = ended and counts["passed"] and not any(counts[outcome] for outcome in _BAD)
    facts = {name: fact for result in results for name, fact in result.facts.items()}
    seconds = sum(result.seconds for result in results)
    facts["run"] = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC, {seconds:.0f} s"
    facts["bg95"] = _version()
    template = resources.files("bg95_host.hil").joinpath("report.html").read_text("utf-8")
    return Template(template).substitute(
        look=look(),
        verdict=", ".join(said if ended else [*said, "not run to the end"]),
        colour="" if good else "failed",
        facts="".join(
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(fact)}</dd>"
            for name, fact in facts.items()
            if fact
        ),
        failed=_sections("Failed", [each for each in results if each.outcome in _BAD]),
        numbers=_bars(results, facts.get("times", "")),
        others=_sections("Tests", [each for each in results if each.outcome not in _BAD]),
    )


def _reason(report: pytest.TestReport) -> tuple[str, str]:
    """Why, in as few words as there are, and all that pytest knows."""
    if isinstance(report.longrepr, tuple):  # skipped: file, line, why
        return report.longrepr[2].removeprefix("Skipped: "), ""
    if reason := getattr(report, "wasxfail", ""):
        return f"expected to fail: {reason}", report.longreprtext
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None:
        return report.longreprtext, ""
    printed = "".join(f"\n--- {title} ---\n{text}" for title, text in report.sections)
    where = report.longreprtext if "\n" in report.longreprtext else ""  # pytest.fail(pytrace=False)
    return crash.message.removeprefix("Failed: "), where + printed


def _note_properties(result: Result, properties: list[tuple[str, object]]) -> None:
    for name, value in properties:
        if name == "at_trace":
            result.trace = parse(str(value))
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            result.numbers[name] = value
        else:
            result.facts[name] = str(value)


def _sections(title: str, results: list[Result]) -> str:
    return "\n".join([f"<h2>{title}</h2>", *map(_section, results)]) if results else ""


def _section(result: Result) -> str:
    where = f" in {result.phase}" if result.outcome == "failed" and result.phase else ""
    seconds = f", {result.seconds:.2f} s" if result.seconds >= 0.005 else ""
    parts = [
        f'<section class="{result.outcome}"><h3>{_broken(result.name)}</h3>',
        f"<p>{result.outcome}{where}{seconds}</p>",
    ]
    if result.reason and result.outcome == "skipped":
        parts.append(f"<p>{html.escape(result.reason)}</p>")
    elif result.reason:
        parts.append(f'<pre class="why">{html.escape(result.reason)}</pre>')
    if result.details:
        parts.append(_folded("where it happened", f"<pre>{html.escape(result.details)}</pre>"))
    if result.trace:
        parts.append(picture(result.trace, until=duration(result.trace)))
        table = f'<div class="scroll">{lines(result.trace)}</div>'
        parts.append(_folded(summary(result.trace), table, result.outcome == "failed"))
    return "\n".join([*parts, "</section>"])


def _broken(name: str) -> str:
    """A test's name that a narrow screen can break where its words end."""
    return html.escape(name).replace("_", "_<wbr>")


def _folded(title: str, content: str, is_open: bool = False) -> str:
    opened = " open" if is_open else ""
    return f"<details{opened}><summary>{html.escape(title)}</summary>{content}</details>"


def _bars(results: list[Result], about_times: str) -> str:
    """Every number that tests recorded, in the order of the tests; those of one name to one scale.

    The shortest plots come first.
    """
    kinds: dict[str, list[tuple[str, float]]] = {}
    for result in results:
        for name, value in result.numbers.items():
            kinds.setdefault(name, []).append((result.name, value))
    figures = []
    for name, rows in sorted(kinds.items(), key=lambda kind: len(kind[1])):
        most = max(abs(value) for _, value in rows) or 1
        drawn = "".join(
            f'<div class="bar"><code>{_broken(test)}</code>'
            f'<div><i style="width:{100 * abs(value) / most:.1f}%"></i></div><b>{value:,.0f}</b></div>'
            for test, value in rows
        )
        unit = name.rpartition(", ")[2]
        is_time = "/s" in unit or unit in ("s", "ms", "us")
        note = f"<p>Times: {html.escape(about_times)}</p>" if about_times and is_time else ""
        figures.append(
            f'<figure class="bars"><figcaption>{html.escape(name)}</figcaption>{note}{drawn}</figure>'
        )
    return "\n".join(["<h2>Measured</h2>", *figures]) if figures else ""


def _version() -> str:
    """The release, in a clone with its commit."""
    said = version("bg95_host")
    command = ["git", "describe", "--always", "--dirty"]
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        if places.IS_CLONE:
            done = subprocess.run(
                command, cwd=places.ROOT, capture_output=True, text=True, check=True
            )
            said += f", commit {done.stdout.strip()}"
    return said
