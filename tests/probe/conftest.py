"""A laboratory: its keys are made once."""

import pytest

from bg95_host.probe.simulated import Laboratory


@pytest.fixture(scope="session")
def laboratory():
    return Laboratory()
