"""A line that loses and spoils bytes, a module that dies: a profile of what was found, or one sentence."""

import pytest

from bg95_host.errors import ToolError
from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.traits import TRAITS
from bg95_host.probe.probing import probe


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "fault", ["garble_out=0.003", "drop_out=0.003", "duplicate_out=0.003", "garble_in=0.003"]
)
def test_spoiled_bytes(fault, seed, laboratory):
    line = laboratory.line(SimOptions(faults=[fault], seed=seed))
    try:
        found = probe(line, laboratory.allowed())
    except ToolError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert set(found.traits) | set(found.unknown) == set(TRAITS)


@pytest.mark.parametrize("when", ["in:1", "+QIACT", "+QSSLOPEN:3", "+QFUPL:2", "+QSSLCFG:100"])
@pytest.mark.parametrize("fault", ["hang", "power_cut", "restart"])
def test_a_module_that_dies(fault, when, laboratory):
    line = laboratory.line(SimOptions(faults=[f"{fault}@{when}"]))
    found = probe(line, laboratory.allowed())  # which presses PWRKEY in the end
    assert set(found.traits) | set(found.unknown) == set(TRAITS)
    assert line.host.module.flash.names() == []


@pytest.mark.parametrize("fault", ["hang", "power_cut"])
def test_a_module_that_dies_out_of_reach(fault, laboratory):
    line = laboratory.line(SimOptions(faults=[f"{fault}@+QFUPL:2"]))
    line.features = frozenset()
    with pytest.raises(ToolError, match="switch it off and on"):
        probe(line, laboratory.allowed())
