"""Hardware-in-the-loop tests: the same ones on every rig, and a report of what happened on the AT line.

`run` starts pytest on tests/hil; there, `plugin` takes the options, `lab` holds the rig, `fixtures` hands it to
tests, and `report` writes report.html.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bg95_host.errors import ToolError
from bg95_host.hil.settings import Settings
from bg95_host.places import HIL_TESTS, PYTEST_INI

_NEEDED = ("pytest", "pytest_timeout", "xdist")
_TEST_S = {"pico-emulator": 1800}  # a simulated second takes about 25 s


def _workers(settings: Settings) -> int:
    """How many tests at a time: one on each place of a lab, otherwise one, in this process."""
    return len(settings.places) if len(settings.places) > 1 else 0


def _selected(words: Sequence[str]) -> list[str]:
    """What pytest is told to run: the driver's tests, unless a file or folder of tests is named."""
    named = any(Path(word.partition("::")[0]).exists() for word in words)
    return [*words] if named else [str(HIL_TESTS), *words]


def run(settings: Settings, output: Path, selection: Sequence[str] = ()) -> int:
    """Run the tests; pytest's exit status. Writes results.xml (JUnit) and report.html to `output`.

    `selection` as pytest takes it, from this folder on; those of the driver, unless it names a file.
    """
    if missing := [name for name in _NEEDED if importlib.util.find_spec(name) is None]:
        raise ToolError(f"{', '.join(missing)} not installed: pip install 'bg95_host[hil]'")
    output.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", "-c", str(PYTEST_INI)]
    command += [f"-n{_workers(settings)}", f"--timeout={_TEST_S.get(settings.rig, 300)}"]
    command += ["--dist=load", f"--hil-report={output / 'report.html'}"]
    command += ["-o", "junit_family=xunit1"]  # the one that may hold what tests record
    command += [f"--junitxml={output / 'results.xml'}", *_selected(selection)]
    environment = {**os.environ, **settings.as_environment()}
    with subprocess.Popen(command, env=environment) as tests:
        while True:
            try:
                return tests.wait()
            except KeyboardInterrupt:  # the tests hear it, too, and close the rig and the report
                continue
