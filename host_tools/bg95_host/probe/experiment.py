"""What the probe does to find a trait, one function an experiment; or why it does not try.

    @experiment("prompt_crlf", "prompt_space", needs="server")
    def prompt(p):
        raw = ...
        return {"prompt_crlf": raw.startswith(b"\\r\\n"), "prompt_space": raw.endswith(b" ")}

A trait of module_sim/traits.py stands here or in NOT_PROBED; a test names those that do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bg95_host.module_sim.traits import TRAITS

if TYPE_CHECKING:
    from bg95_host.probe.session import Session

Found = Mapping[str, Any]

# In the order in which they ask for more: what the user has to allow or to provide.
NEEDS = {
    "network": "needs a network, and --network to allow what may cost money",
    "server": "needs --server, the far side that `bg95 probe --serve` is",
    "restart": "needs --restart: the module is restarted, its settings are set anew",
    "dtr": "needs the module's DTR pin (--dtr)",
    "pwrkey": "needs the module's PWRKEY pin",
    "status": "needs the module's STATUS pin",
    "pin": "needs --pin, and a SIM that asks for it",
}

NOT_PROBED = {
    "sim_pin": "a secret, and three wrong tries lock the SIM",
    "sim_puk": "a secret, and ten wrong tries are the SIM's end",
    "revision": "which firmware it is, not how it behaves: the report begins with it",
    "registration_s": "how the network is today, not how the module behaves",
    "operator": "where the module is, not how it behaves",
    "plmn": "where the module is, not how it behaves",
    "incoming_mode": "nobody out there can call the module",
    "mqtt_refused_open": "it takes a broker that is not there",
    "cgact_hangs": "it would stop the module for good",
    "qprtpara": "in no document: nobody knows what it changes",
    "supply_mv": "how it is today, not how the module behaves",
    "temperature_c": "how it is today, not how the module behaves",
    "opens_until_552": "it would take the module out of service until its next restart",
    "send_buffer": "what the module, the network and the peer hold cannot be told apart from outside",
}


class Hidden(Exception):
    """The module's other traits, or what it lacks, hide this one; the text says how."""


@dataclass(frozen=True)
class Experiment:
    """One experiment: the traits that it finds, and what it needs."""

    traits: tuple[str, ...]
    needs: tuple[str, ...]
    run: Callable[[Session], Found]


EXPERIMENTS: list[Experiment] = []


def experiment(
    *traits: str, needs: str = ""
) -> Callable[[Callable[[Session], Found]], Callable[[Session], Found]]:
    """Declare an experiment. What it does not return is unknown; `Hidden` says why all of it is."""

    def declare(run: Callable[[Session], Found]) -> Callable[[Session], Found]:
        EXPERIMENTS.append(Experiment(traits, tuple(needs.split()), run))
        return run

    return declare


def default_of(name: str) -> float:
    """The default of a trait that is a number."""
    value = TRAITS[name].default
    assert isinstance(value, (int, float))
    return value


def near(value: float, default: float, least: float) -> float:
    """A measured number: the default where it differs by less than a clock and a wire explain."""
    if abs(value - default) <= max(least, 0.02 * abs(default)):
        return default
    return round(value, 4)
