"""A profile: what a probing found, as a TOML file that a simulated module can be made from."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ConfigDict

from bg95_host import toml_file
from bg95_host.errors import ToolError
from bg95_host.module_sim.traits import TRAITS, Traits

VERSION = 1


@dataclass(frozen=True)
class Timing:
    """How long a command took, in milliseconds."""

    median_ms: float
    worst_ms: float
    count: int

    @classmethod
    def of(cls, seconds: list[float]) -> Timing:
        """Of the times that were measured."""
        return cls(
            round(1000 * statistics.median(seconds), 1), round(1000 * max(seconds), 1), len(seconds)
        )


@dataclass
class Profile:
    """What is known of a module: identity without IMEI and numbers, traits with evidence, texts, times."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    identity: dict[str, str] = field(default_factory=dict)
    traits: dict[str, Any] = field(default_factory=dict)
    evidence: dict[str, list[str]] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)  # trait -> why
    items: list[str] = field(default_factory=list)  # of AT+QSSLCFG
    texts: dict[str, str] = field(default_factory=dict)  # command -> what it answers
    times: dict[str, Timing] = field(default_factory=dict)

    @property
    def differences(self) -> dict[str, Any]:
        """The traits that are not as the documents, or their reading here, have them."""
        return {name: value for name, value in self.traits.items() if value != TRAITS[name].default}

    def write(self, file: Path) -> None:
        """Write it; ToolError where that cannot be."""
        facts = {"version": VERSION, **asdict(self)}
        try:
            file.write_text(tomli_w.dumps(facts, multiline_strings=False), encoding="utf-8")
        except OSError as error:
            raise ToolError(f"{file} cannot be written: {error.strerror}") from error


def read(file: Path) -> Profile:
    """Read a profile; ToolError says what is wrong with the file."""
    try:
        facts = toml_file.read(file)
    except OSError as error:
        raise ToolError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ToolError(f"{file} is not a profile: {error}") from error
    if facts.pop("version", None) != VERSION or "traits" not in facts:
        raise ToolError(f"{file} is not a profile; make one with `bg95 probe`")
    try:
        profile = toml_file.checked(Profile, facts)
        Traits(profile.traits)
    except ValueError as error:
        raise ToolError(f"{file} is not a profile of this version: {error}") from error
    return profile


def sim_options(file: Path | None) -> dict[str, Any]:
    """What a simulated module is told so that it behaves like the profile: its traits, its name."""
    if file is None:
        return {}
    profile = read(file)
    model, revision = (profile.identity.get(name, "") for name in ("model", "revision"))
    traits = {**({"revision": revision} if revision else {}), **profile.traits}
    return {"traits": traits, **({"model": model} if model else {})}
