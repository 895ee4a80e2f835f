"""Random combinations of traits, and which of them hide which others from a probe."""

from __future__ import annotations

import random

import pytest

from bg95_host.module_sim.tables import CONFIG_ITEMS
from bg95_host.module_sim.traits import TRAITS, Traits
from bg95_host.probe.experiment import NOT_PROBED

# Values of the traits that are neither switches nor choices.
VALUES = {
    "line_limit": (300, 512, 777, 2000, 4096),
    "command_latency_s": (0.006, 0.03, 0.15),
    "s_register_digits": (1, 3),
    "factory_cmee": (0, 1, 2),
    "boot_urcs": ("", "RDY", "APP RDY|RDY", "RDY|+CFUN: 1|APP RDY|+CPIN: READY|+QIND: SMS DONE"),
    "boot_s": (0.5, 4.9, 12.0),
    "status_s": (0.4, 4.8),
    "boot_urc_gap_s": (0.02, 0.5, 1.5),
    "powered_down_urc": ("", "NORMAL POWER DOWN"),
    "power_down_s": (0.1, 2.0, 40.0),
    "urcport": ("uart1", "usbmodem"),
    "psm_urc": ("PSM POWER DOWN", ""),
    "sim": ("", "SIM PIN", "READY"),
    "act": (7, 8, 9),
    "reject_cause": (0, 15, 111),
    "rrc_idle_s": (3.0, 60.0),
    "network_scan_s": (0.1, 5.0, 60.0),
    "timezone": (-20, 4, 32),
    "pdp_activation_s": (0.2, 3.0, 100.0),
    "pdp_deactivation_s": (0.3, 30.0),
    "dns_s": (0.2, 5.0),
    "ping_ms": (10, 900),
    "send_idle_s": (2.0, 30.0),
    "receive_buffer": (2000, 8000, 20000),
    "push_chunk": (256, 1000, 1460),
    "swallow_recv_urc": (1, 2, 3, 5),
    "close_s": (0.1, 3.0),
    "used_id_error": (550, 568),
    "handshake_timeout_error": (566, 550),
    "crypt_iv": ("00112233445566778899aabbccddeeff",),
    "missing_items": ("checkhost", "sni|dtls", "negotiatetime|cacert", "|".join(CONFIG_ITEMS)),
}
# Traits with a value that hides half of all others are changed less often than the rest.
RARE = {"sim": 0.1, "registration": 0.1, "slow_answers": 0.1}
OFTEN = 0.35


def values(name: str) -> tuple:
    """The values to try; a trait that is none of these needs its own here."""
    trait = TRAITS[name]
    if name in VALUES:
        return VALUES[name]
    if trait.choices:
        return trait.choices
    if isinstance(trait.default, bool):
        return (not trait.default,)
    raise AssertionError(f"tests/probe/combinations.py: which values of {name} are worth a try?")


def combination(seed: int) -> dict[str, object]:
    """Some traits with values that are mostly not their defaults."""
    rng = random.Random(seed)
    return {
        name: rng.choice(values(name))
        for name in TRAITS
        if name not in NOT_PROBED and rng.random() < RARE.get(name, OFTEN)
    }


CONNECTED = {
    "checkhost", "handshake_timeout_error", "local_port_zero", "tcp_state_3", "prompt_crlf",
    "prompt_space", "cancel_send", "send_overrun", "echo_payload", "send_idle_s", "crlf_after_data",
    "stray_lf", "empty_recv_line", "swallow_recv_urc", "recv_urc_length", "recv_urc_repeats",
    "recv_rearm", "urc_placement", "receive_buffer", "push_chunk", "recv_in_push",
    "closed_before_recv", "unread_after_close", "drained_after_close", "send_refused", "close_urc",
    "close_s", "close_resets_context", "ato_resumes", "flush_on_return", "dtr2_result", "psk_key",
    "datagrams", "pdp_loss_order", "rrc_idle_s", "mqtt_activates_pdp",
}  # fmt: skip
REGISTERED = CONNECTED | {
    "act", "sysmode", "cgreg_unknown_on_lte", "nitz", "timezone", "network_scan_s",
    "pdp_activation_s", "pdp_deactivation_s", "activate_active_context", "dns_s", "dns_busy_first",
    "ping_ms", "urc_sets_geterror", "failed_open_holds_id", "used_id_answer", "used_id_error",
    "transparent_open_failure", "unquoted_operator", "qiact_both", "qlts_local", "cedrxs_lists_both",
    "cgpaddr_quoted", "pdp_needs_qideact", "psm_granted", "psm_urc",
}  # fmt: skip
# An entry: when it holds, these cannot be seen.
HIDES = (
    (lambda t: t.sim == "", REGISTERED | {"registration"}),
    (lambda t: t.registration in ("denied", "searching"), REGISTERED),
    (lambda t: t.sim != "SIM PIN", {"pin_boot_urcs"}),
    (lambda t: t.sim == "" or t.registration != "denied", {"reject_cause"}),
    (lambda t: not t.nitz, {"timezone", "qlts_local"}),
    (lambda t: t.timezone == 0, {"qlts_local"}),
    (
        lambda t: t.slow_answers,
        {
            "network_scan_s", "pdp_activation_s", "pdp_deactivation_s", "close_s",
            "powered_down_urc", "power_down_s", "pdpdeact_after_power_down",
        },
    ),
    (lambda t: t.boot_urcs.count("|") < 1, {"boot_urc_gap_s"}),
    (lambda t: t.powered_down_urc == "", {"power_down_s"}),
    (lambda t: not t.psm_granted, {"psm_urc"}),
    (
        lambda t: t.swallow_recv_urc == 1,
        {
            "recv_urc_length", "recv_urc_repeats", "recv_rearm", "urc_placement",
            "closed_before_recv",
        },
    ),
    (lambda t: t.recv_urc_repeats, {"recv_rearm"}),
    (lambda t: lacks(t, "checkhost", "seclevel", "cacert"), {"checkhost"}),
    (lambda t: lacks(t, "negotiatetime"), {"handshake_timeout_error"}),
    (lambda t: lacks(t, "dtls", "ciphersuite", "negotiatetime"), {"psk_key", "datagrams"}),
    (lambda t: lacks(t, "ciphersuite"), {"suite_lower"}),
    (
        lambda t: all(lacks(t, name) for name in ("cacert", "clientcert", "clientkey")),
        {"paths_quoted", "path_must_exist"},
    ),
    (lambda t: len(set(CONFIG_ITEMS) - set(t.missing_items.split("|"))) == 0, {"close_resets_context"}),
)  # fmt: skip


def lacks(traits: Traits, *names: str) -> bool:
    """Whether the module has not all of these items."""
    return bool(set(names) & set(traits.missing_items.split("|")))


def hidden(chosen: dict[str, object]) -> set[str]:
    """The traits that this combination keeps from being seen."""
    traits = Traits(chosen)
    names = set(NOT_PROBED)
    for holds, hides in HIDES:
        if holds(traits):
            names |= hides
    return names


# How exactly a time can be told, where it takes traffic or asking again and again to see it.
SECONDS = {"boot_s": 0.1, "rrc_idle_s": 0.1}


def agree(name: str, found, wanted) -> bool:
    """Whether what was found is what there is, as exactly as it can be told from outside."""
    if name == "missing_items":
        return set(found.split("|")) == set(wanted.split("|"))
    if isinstance(wanted, float):
        return found == pytest.approx(wanted, rel=0.03, abs=SECONDS.get(name, 0.03))
    if name == "receive_buffer":  # held back between two records of the far side
        return wanted <= found < wanted + 100
    return found == wanted
