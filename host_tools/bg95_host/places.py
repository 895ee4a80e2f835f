"""Where the project's other parts are: in the clone or, installed, inside this package.

The one module that knows. `setup.py` puts the parts into a wheel.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "project"

IS_CLONE = not _INSTALLED.is_dir()
ROOT = _PACKAGE.parents[1] if IS_CLONE else _INSTALLED
FIRMWARE = ROOT / "firmware"
BOARDS = ROOT / "boards"
HIL_TESTS = ROOT / "tests" / "hil"
PYTEST_INI = ROOT / "tests" / "pytest.ini"
