"""Traits are all in use, told apart from typing errors, and each is described."""

import re
from pathlib import Path

import pytest

from bg95_host import module_sim
from bg95_host.module_sim.traits import TRAITS, Traits, parse_assignments

SOURCE = "\n".join(
    path.read_text()
    for path in Path(module_sim.__file__).parent.rglob("*.py")
    if path.name != "traits.py"
)


@pytest.mark.parametrize("trait", TRAITS.values(), ids=TRAITS.keys())
def test_a_trait_decides_something_and_says_what(trait):
    named = re.search(rf'traits\.{trait.name}\b|error_trait(: str)? ?= ?"{trait.name}"', SOURCE)
    assert named, "nothing reads it"
    assert trait.help and trait.section


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        ({"nosuch": "1"}, "no trait"),
        ({"nitz": "maybe"}, "on or off"),
        ({"line_limit": "long"}, "a number"),
        ({"checkhost": "everywhere"}, "one of"),
    ],
)
def test_a_wrong_trait_says_what_is_wrong(chosen, why):
    with pytest.raises(ValueError, match=why):
        Traits(chosen)


def test_texts_from_a_command_line_become_values():
    traits = Traits(parse_assignments(["nitz=off", "line_limit=99", "boot_s=0.5", "sim="]))
    assert (traits.nitz, traits.line_limit, traits.boot_s, traits.sim) == (False, 99, 0.5, "")
