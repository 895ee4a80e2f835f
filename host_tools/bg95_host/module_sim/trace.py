"""The trace: one JSON object a line, never a byte of payload.

    {"t": 1.234567, "dir": "host", "text": "AT+QSSLSEND=0,18"}
    {"t": 1.250000, "dir": "host", "len": 18}
    {"t": 1.251000, "dir": "module", "text": "SEND OK"}

`dir` is host, module, urc, pin, net or log. Data is shown by its length only, and parameters that
are secrets (PIN, passwords, keys) are masked by the command table, so no trace holds a key.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TextIO


class Trace:
    """Writes one module's trace; without a destination it only counts lines."""

    def __init__(self, destination: str | Path | TextIO | None, name: str = "") -> None:
        self._own: TextIO | None = None
        self._stream: TextIO | None = None
        self._name = name
        if isinstance(destination, (str, Path)):
            self._own = self._stream = Path(destination).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - open until close()
        elif destination is not None:
            self._stream = destination

    def write(self, now: float, direction: str, **what: Any) -> None:
        """Add one line."""
        if self._stream is None:
            return
        head: dict[str, Any] = {"t": round(now, 6), "dir": direction}
        if self._name:
            head["module"] = self._name
        self._stream.write(json.dumps(head | what) + "\n")

    def close(self) -> None:
        """Close the file, if the trace opened it."""
        if self._own:
            self._own.close()
        self._own = self._stream = None
