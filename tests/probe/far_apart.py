"""Modules that are as unlike each other as the traits allow, and can still go online."""

from __future__ import annotations

from itertools import combinations, cycle, islice

from bg95_host.module_sim.traits import TRAITS

from .combinations import VALUES

COUNT = 5
# What leaves nothing to connect with (without a clock no certificate is checked), or only waits.
LEFT_OUT = {
    "sim", "sim_pin", "sim_puk", "registration", "reject_cause", "missing_items", "opens_until_552",
    "cgact_hangs", "slow_answers", "nitz",
}  # fmt: skip
# Values that only take long to wait for are shorter here; those that make a module useless are not here.
MILD = {
    "command_latency_s": (0.002, 0.006, 0.02),
    "boot_s": (2.5, 4.0, 6.0),  # the UART answers after STATUS
    "status_s": (2.1, 0.4),
    "power_down_s": (0.3, 0.1, 2.0),
    "boot_urc_gap_s": (0.1, 0.02, 0.4),
    "network_scan_s": (0.5, 0.1),
    "pdp_activation_s": (0.05, 0.5),
    "pdp_deactivation_s": (0.02, 0.3),
    "dns_s": (0.0, 0.2),
    "send_idle_s": (0.0, 30.0),
    "swallow_recv_urc": (0, 2, 3, 5),
    "close_s": (0.0, 0.1, 0.5),
}


def _alternatives(name: str) -> tuple:
    """The default, and what else there is."""
    trait = TRAITS[name]
    if isinstance(trait.default, bool):
        return (trait.default, not trait.default)
    others = MILD.get(name) or trait.choices or VALUES.get(name, ())
    return tuple(dict.fromkeys((trait.default, *others)))


def far_apart() -> list[dict[str, object]]:
    """COUNT sets of traits. With two values, two of five modules differ from the other three; which two, changes."""
    made: list[dict[str, object]] = [{} for _ in range(COUNT)]
    pairs = cycle(combinations(range(COUNT), 2))
    for shift, name in enumerate(name for name in TRAITS if name not in LEFT_OUT):
        values = _alternatives(name)
        if len(values) == 2:
            two = next(pairs)
            chosen = [values[number not in two] for number in range(COUNT)]
        else:
            chosen = list(islice(cycle(values), shift, shift + COUNT))
        for module, value in zip(made, chosen, strict=True):
            module[name] = value
    return made


def distances() -> list[int]:
    """In how many traits each two of them differ."""
    return [
        sum(one[name] != other[name] for name in one) for one, other in combinations(far_apart(), 2)
    ]
