"""The module's tables as data (`*.toml`): cipher suites, error codes, AT+QSSLCFG items, baud rates.

One truth for what the driver and the simulated module must both know. The simulated module reads
it; the driver has no TOML, so that `generate` writes what it needs into its source.
"""

from pathlib import Path
from typing import Any

import tomli


def load(name: str) -> dict[str, Any]:
    """The content of `<name>.toml`."""
    return tomli.loads(Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8"))
