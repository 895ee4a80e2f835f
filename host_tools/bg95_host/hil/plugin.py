"""The pytest plugin: the fixtures of HIL tests, and the options of `bg95 hil`.

    pytest --rig serial --port /dev/ttyACM0 --apn iot.apn --pin 1234

It is an entry point of the installed tools, so that the tests of an application run from their own
folder, with their own configuration. A pytest that tests no board pays for a few options only.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bg95_host.hil.settings import Settings

pytest_plugins = ["bg95_host.hil.fixtures"]

# Those of `bg95 hil`, by their names in Settings.
_PLAIN = ("rig", "port", "module", "board", "place", "apn", "pin", "server", "ca")
_PATHS = ("firmware", "profile")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of `bg95 hil`, and that of its report."""
    group = parser.getgroup("bg95", "hardware-in-the-loop tests")
    for name in _PLAIN + _PATHS:
        group.addoption(f"--{name}", dest=f"bg95_{name}", help=f"As `bg95 hil --{name}`.")
    group.addoption(
        "--file", dest="bg95_files", action="append", default=[], help="As `bg95 hil --file`."
    )
    group.addoption("--hil-report", metavar="FILE", help="Write an HTML report of HIL tests.")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known; collect for the report only where one is wanted."""
    config.addinivalue_line(
        "markers", "needs(feature, ...): skip on rigs without these features (bg95_host.rigs.Rig)"
    )
    settings(config)  # what is wrong with them is said before any test
    file = config.getoption("--hil-report")
    # Workers of pytest-xdist tell the one that collects.
    if file and not hasattr(config, "workerinput"):
        from bg95_host.hil.report import Report

        config.pluginmanager.register(Report(Path(file)))


def settings(config: pytest.Config) -> Settings:
    """What to test on: what `bg95 hil` hands on, and before that what pytest was told."""

    def given(names: tuple[str, ...]) -> dict[str, str]:
        values = {name: config.getoption(f"bg95_{name}") for name in names}
        return {name: value for name, value in values.items() if value is not None}

    paths = {name: str(Path(path).resolve()) for name, path in given(_PATHS).items()}
    said = Settings.from_environment()
    files = {**said.files, **_placed(config.getoption("bg95_files") or [])}
    try:
        return replace(said, **given(_PLAIN), **paths, files=files)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


def _placed(words: list[str]) -> dict[str, str]:
    if not words:
        return {}
    import typer

    from bg95_host.cli._files import placed

    try:
        return {path: str(file.resolve()) for path, file in placed(words).items()}
    except typer.BadParameter as error:
        raise pytest.UsageError(error.message) from None
