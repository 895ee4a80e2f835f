"""TOML that somebody else has written: whatever is wrong with it is a ValueError of one line."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")


def read(file: Path) -> dict[str, Any]:
    """The content of the file. OSError is the system's own."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def checked(kind: type[T], facts: Mapping[str, Any]) -> T:
    """The facts as a `kind`, a pydantic model or a dataclass."""
    try:
        return TypeAdapter(kind).validate_python(facts)
    except ValidationError as error:
        raise ValueError("; ".join(map(_said, error.errors()))) from None


def _said(error: ErrorDetails) -> str:
    """The key, and what is wrong with it."""
    key = ".".join(map(str, error["loc"]))
    reason = error["msg"].removeprefix("Value error, ")
    return f"{key}: {reason}" if key else reason
