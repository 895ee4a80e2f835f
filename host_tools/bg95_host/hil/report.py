"""A pytest plugin: `--hil-report FILE` writes one HTML page with every test and its AT timeline.

What tests record with record_property() is shown: numbers as bars, `at_trace` (JSON lines of the
simulated module) as a picture.
"""

from __future__ import annotations

import html
import subprocess
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from string import Template

import pytest

from bg95_host.trace.records import Record, parse
from bg95_host.trace.views import picture, summary

_BAR = 300  # px of the widest bar


@dataclass
class Result:
    """One test as the page shows it."""

    name: str
    outcome: str = "passed"
    seconds: float = 0.0
    reason: str = ""
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
        result = self._results.setdefault(report.nodeid, Result(report.nodeid.split("::", 1)[-1]))
        result.seconds += report.duration
        if report.outcome != "passed" and result.outcome == "passed":
            result.outcome = report.outcome
            result.reason = _reason(report)
        if report.when == "teardown":
            _note_properties(result, report.user_properties)

    def pytest_sessionfinish(self) -> None:
        """Write the page."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(page(list(self._results.values())), encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --hil-report."""
    parser.addoption("--hil-report", metavar="FILE", help="Write an HTML report of HIL tests.")


def pytest_configure(config: pytest.Config) -> None:
    """Collect only where a page is wanted."""
    if file := config.getoption("--hil-report"):
        config.pluginmanager.register(Report(Path(file)))


def page(results: list[Result]) -> str:
    """The whole page; it needs no other file."""
    counts = {
        outcome: sum(result.outcome == outcome for result in results)
        for outcome in ("passed", "failed", "skipped")
    }
    facts = {name: fact for result in results for name, fact in result.facts.items()}
    facts["commit"] = _commit()
    template = resources.files("bg95_host.hil").joinpath("report.html").read_text("utf-8")
    return Template(template).substitute(
        counts=", ".join(f"{count} {outcome}" for outcome, count in counts.items()),
        facts=", ".join(f"{name} {html.escape(fact)}" for name, fact in facts.items() if fact),
        tests="\n".join(map(_section, results)),
        numbers=_bars(results),
    )


def _reason(report: pytest.TestReport) -> str:
    if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return report.longreprtext


def _note_properties(result: Result, properties: list[tuple[str, object]]) -> None:
    for name, value in properties:
        if name == "at_trace":
            result.trace = parse(str(value))
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            result.numbers[name] = value
        else:
            result.facts[name] = str(value)


def _section(result: Result) -> str:
    parts = [
        f'<section class="{result.outcome}"><h2>{html.escape(result.name)}</h2>',
        f"<p>{result.outcome}, {result.seconds:.2f} s</p>",
    ]
    if result.reason:
        parts.append(f"<pre>{html.escape(result.reason)}</pre>")
    if result.trace:
        lines = "\n".join(
            f"{record.time:9.3f}  {record.direction:<6}  {html.escape(record.shown)}"
            for record in result.trace
        )
        parts.append(picture(result.trace))
        parts.append(f"<details><summary>{html.escape(summary(result.trace))}</summary>")
        parts.append(f"<pre>{lines}</pre></details>")
    return "\n".join([*parts, "</section>"])


def _bars(results: list[Result]) -> str:
    """Every number that tests recorded, names of one kind drawn to one scale."""
    rows = [
        (name, result.name, value) for result in results for name, value in result.numbers.items()
    ]
    drawn = []
    for name, test, value in sorted(rows):
        most = max(abs(other) for kind, _, other in rows if kind == name) or 1
        width = abs(value) / most * _BAR
        drawn.append(
            f"<tr><td>{html.escape(name)}</td><td>{html.escape(test)}</td>"
            f'<td><svg width="{_BAR}" height="12" viewBox="0 0 {_BAR} 12">'
            f'<rect width="{width:.0f}" height="12" fill="#27a"></rect></svg></td>'
            f"<td>{value:,.0f}</td></tr>"
        )
    return f"<table>{''.join(drawn)}</table>" if drawn else ""


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    here = Path(__file__).parent
    try:
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()
