"""Fill the driver's string constants from the TOML beside this file. Needs the source tree."""

import re
from collections.abc import Iterable
from pathlib import Path

from bg95_host.places import FIRMWARE
from bg95_host.tables import load

DRIVER = FIRMWARE / "bg95"


def files() -> dict[Path, str]:
    """What each file of the driver that holds a table has to be, by its path."""
    suites = load("suites")["suite"]
    spelt = {s["name"]: f"{s['code']:04X}={s['name'].removeprefix('TLS_')}" for s in suites}
    weak = {s["name"] for s in suites if "weak" in s}
    return {
        path: _filled(path.read_text(encoding="utf-8"), constants)
        for path, constants in {
            DRIVER / "visitors" / "suites.py": {
                "_SOUND": [line for name, line in spelt.items() if name not in weak],
                "_WEAK": [line for name, line in spelt.items() if name in weak],
            },
            DRIVER / "visitors" / "errors.py": {"_TEXTS": _error_texts()},
        }.items()
    }


def _error_texts() -> Iterable[str]:
    errors = load("errors")
    for group in ("cme", "file", "ssl"):
        for code, error in errors[group].items():
            if (
                group != "ssl" or code != "0"
            ):  # success is never printed, and CME has a 0 of its own
                yield f"{code} {error['text']}"


def _filled(source: str, constants: dict[str, Iterable[str]]) -> str:
    for name, lines in constants.items():
        body = "\n".join(lines)
        source, found = re.subn(
            rf'(^{name} = """\n).*?(\n"""$)',
            lambda match, body=body: f"{match[1]}{body}{match[2]}",
            source,
            flags=re.DOTALL | re.MULTILINE,
        )
        assert found == 1, name
    return source
