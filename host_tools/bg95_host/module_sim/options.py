"""What a simulated module can be told before it starts; the CLI's options mean the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

LOWEST_BAUD, HIGHEST_BAUD = 300, 4_000_000


@dataclass
class SimOptions:
    """Options of one module. Times in seconds, rates in bit/s.

    `clock` is the module's time at its start (aware, or UTC); None is the host's time.
    `files` is the directory that is its flash file system; None keeps the files in memory.
    `powered` False: off until PWRKEY is pressed. `trace` gets JSON lines, `keylog` TLS secrets in
    the NSS format that Wireshark reads. The same input and `seed` give the same output.
    """

    baud: int = 115200
    pace: bool = True
    model: str = "BG95-M3"
    resolve: Mapping[str, str] = field(default_factory=dict)
    clock: datetime | None = None
    faults: Sequence[str] = ()
    traits: Mapping[str, Any] = field(default_factory=dict)
    files: Path | None = None
    trace: str | Path | TextIO | None = None
    keylog: str | Path | None = None
    powered: bool = True
    registered_after_s: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not LOWEST_BAUD <= self.baud <= HIGHEST_BAUD:
            raise ValueError(f"the rate is {LOWEST_BAUD} to {HIGHEST_BAUD} bit/s, not {self.baud}")
