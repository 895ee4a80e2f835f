"""Hardware-in-the-loop tests: the same ones on every rig, and a report of what happened on the AT line.

`run` starts pytest on tests/hil; `lab` holds the rig there, `fixtures` hands it to tests, `report`
writes report.html.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bg95_host.hil.lab import Settings

REPOSITORY = Path(__file__).resolve().parents[3]


def run(settings: Settings, output: Path, selection: Sequence[str] = ()) -> int:
    """Run the tests; pytest's exit status. Writes results.xml (JUnit) and report.html to `output`."""
    output.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", "-c", str(REPOSITORY / "tests/pytest.ini")]
    command += ["-n0", "-p", "bg95_host.hil.report", f"--hil-report={output / 'report.html'}"]
    command += ["-o", "junit_family=xunit1"]  # the one that may hold what tests record
    command += [f"--junitxml={output / 'results.xml'}", *(selection or ["tests/hil"])]
    environment = {**os.environ, **settings.as_environment()}
    return subprocess.run(command, cwd=REPOSITORY, env=environment, check=False).returncode
