"""One measured number, and the file they go into."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Record:
    """`limit` is the best that is possible, in the same unit, where the same run tells.

    `name` is made of parts with dots between them, the first being the subject: goodput, at, heap,
    alloc, asyncio or commands. `error` says why there is no value.
    """

    name: str
    rig: str
    value: float | None
    unit: str
    limit: float | None = None
    error: str = ""

    @property
    def ratio(self) -> float | None:
        """The value as a part of the limit."""
        return self.value / self.limit if self.value is not None and self.limit else None

    def as_dict(self) -> dict:
        """For JSON; what is not known is left out, but for the value."""
        facts = {**asdict(self), "ratio": self.ratio}
        return {
            key: fact for key, fact in facts.items() if key == "value" or fact not in (None, "")
        }


def write(records: Sequence[Record], file: Path) -> None:
    """Write results.json."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([record.as_dict() for record in records], indent=1)
    file.write_text(text + "\n", encoding="utf-8")
