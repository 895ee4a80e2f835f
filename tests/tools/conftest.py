"""A simulated module on a pty, and a way to run the command `bg95` in-process."""

import pytest
from typer.testing import CliRunner

from bg95_host.cli import app
from bg95_host.errors import ToolError
from bg95_host.module_sim import SimOptions, SimServer
from bg95_host.testbed.pki import Authority

NAME = "broker.example.com"


@pytest.fixture(scope="session")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def simulator():
    with SimServer() as server:
        yield server


@pytest.fixture
def add_module(simulator):
    """add_module(**options): a simulated module; its `path` is what --port takes."""
    added = []

    def add(**options):
        options.setdefault("resolve", {NAME: "127.0.0.1"})
        added.append(simulator.add_module(SimOptions(**options), listen="pty"))
        return added[-1]

    yield add
    for module in added:
        simulator.remove_module(module)


@pytest.fixture
def bg95():
    """bg95(*words): run the command; its result, with the sentence of a ToolError in `sentence`."""

    def run(*words, **options):
        result = CliRunner().invoke(app, [str(word) for word in words], **options)
        error = result.exception
        result.sentence = str(error) if isinstance(error, ToolError) else ""
        if error and not isinstance(error, (ToolError, SystemExit)):
            raise error
        return result

    return run
