"""Modules that are as unlike each other as the traits allow: found out, and good enough for the demo."""

import pytest

from bg95_host.demo.story import MODES, Demo, Options
from bg95_host.module_sim import SimOptions
from bg95_host.probe import profile as profiles
from bg95_host.probe.probing import probe

from .combinations import agree, hidden
from .far_apart import COUNT, LEFT_OUT, distances, far_apart

QUICK = {"boot_s": 0.2, "status_s": 0.1, "boot_urc_gap_s": 0.0}
LEAST = 50  # traits in which any two of them differ


def test_they_are_far_apart():
    assert min(distances()) >= LEAST
    assert not LEFT_OUT & set(far_apart()[0])


@pytest.mark.parametrize("number", range(COUNT))
def test_each_is_found_out(number, laboratory):
    wanted = far_apart()[number]
    found = probe(laboratory.line(SimOptions(traits=wanted)), laboratory.allowed())
    assert set(found.unknown) == hidden(wanted)
    assert all(agree(name, value, wanted.get(name, value)) for name, value in found.traits.items())


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 3])  # all pass; each takes ten seconds
def test_the_demo_works_with_each(number, tmp_path):
    profiles.Profile(traits=far_apart()[number]).write(tmp_path / "profile.toml")
    traits = profiles.sim_options(tmp_path / "profile.toml")["traits"]
    demo = Demo(
        Options(size=4096, traits=traits | QUICK, trace=tmp_path / "trace.jsonl"),
        lambda name, facts: None,
    )
    summary = demo.run()
    assert [each.mode for each in summary.exchanges] == list(MODES) and len(summary.refused) == 3
