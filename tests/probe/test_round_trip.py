"""What a probe finds at a simulated module is what that was told to be; what it cannot see, it names."""

import pytest

from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.traits import TRAITS, Traits
from bg95_host.probe.experiment import EXPERIMENTS, NOT_PROBED
from bg95_host.probe.probing import probe, unprobed

from .combinations import agree, combination, hidden, values

COMBINATIONS, TOGETHER = 200, 10


def probed(laboratory, chosen):
    pin = str(TRAITS["sim_pin"].default)
    return probe(laboratory.line(SimOptions(traits=chosen)), laboratory.allowed(pin))


def test_every_trait_has_an_experiment_or_a_reason_why_not():
    assert list(unprobed()) == [], "declare an experiment, or a reason in probe/experiment.py"
    declared = [name for experiment in EXPERIMENTS for name in experiment.traits]
    assert len(declared) == len(set(declared)) and set(declared) <= set(TRAITS)
    assert set(NOT_PROBED) <= set(TRAITS) and not set(NOT_PROBED) & set(declared)


@pytest.mark.parametrize("name", sorted(set(TRAITS) - set(NOT_PROBED)))
def test_every_trait_has_values_to_try(name):
    assert any(value != TRAITS[name].default for value in values(name))


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, COMBINATIONS, TOGETHER))
def test_a_probe_finds_exactly_what_can_be_seen(start, laboratory):
    for seed in range(start, start + TOGETHER):
        chosen = combination(seed)
        profile, wanted = probed(laboratory, chosen), Traits(chosen)
        assert set(profile.unknown) == hidden(chosen), (seed, profile.unknown)
        assert all(profile.unknown.values())
        wrong = {
            name: (found, getattr(wanted, name))
            for name, found in profile.traits.items()
            if not agree(name, found, getattr(wanted, name))
        }
        assert not wrong, (seed, chosen)
        assert set(profile.traits) | set(profile.unknown) == set(TRAITS)


def test_the_default_module_differs_in_nothing(laboratory):
    assert probed(laboratory, {}).differences == {}
