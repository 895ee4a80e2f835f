"""Deterministic hypothesis, and the driver on a clock of its own."""

import sys
from pathlib import Path

import pytest
from hypothesis import settings

HERE = Path(__file__).parent
# The fake module and its clock are those of the row tests.
sys.path[:0] = [str(HERE), str(HERE.parent / "driver")]

settings.register_profile("bg95", derandomize=True, deadline=None, database=None, max_examples=150)
settings.load_profile("bg95")


@pytest.fixture(scope="module")
def clock():
    from row_player import Clock

    return Clock()


@pytest.fixture(scope="module")
def driver(clock):
    from virtual_time import driver_on

    with driver_on(clock) as copy:
        yield copy
