"""What the documents leave open, and modules do either way: the driver takes both (at-commands.md, Inf and Obs)."""

import pytest
import world as w

import bg95
from bg95_host.module_sim.traits import TRAITS

# Of traits that are a number or a text, the values that differ in kind from the default.
OTHERS = {
    "command_latency_s": [0.25],
    "pdp_activation_s": [149.0],
    "pdp_deactivation_s": [39.0],
    "dns_s": [30.0],
    "send_buffer": [1460],
    "receive_buffer": [1500],
    "push_chunk": [1, 100],
    "swallow_recv_urc": [1, 2],
    "close_s": [9.0],
    "missing_items": ["renegotiation|session|dtls|dtlsversion"],
    "line_limit": [128],
    "boot_urcs": ["", "RDY", "+QIND: SMS DONE|APP RDY|RDY"],
}
# What these change is no business of an echo over TLS: tested elsewhere, or the module is unusable by design.
ELSEWHERE = {
    "sleep_loses_input",  # test_power_and_time.py: AT+QSCLK is not used here
    "psk_key",  # test_dtls.py
    "nitz",  # test_open.py: without the network's time no certificate can be checked
    "registration",  # test_modem.py
}


def alternatives():
    out = []
    for trait in TRAITS.values():
        if trait.name in ELSEWHERE:
            continue
        if isinstance(trait.default, bool):
            out.append((trait.name, not trait.default))
        for value in OTHERS.get(trait.name, [c for c in trait.choices if c != trait.default]):
            out.append((trait.name, value))
    return out


DATA = bytes(range(256)) * 12 + b'\r\nOK\r\n\r\n> +++\x1a\x1b\r\n+QSSLURC: "closed",0\r\n'


@pytest.mark.parametrize(("trait", "value"), alternatives(), ids=str)
@pytest.mark.parametrize("mode", [bg95.BUFFER, bg95.DIRECT_PUSH, bg95.TRANSPARENT])
def test_an_echo_comes_back_whatever_the_trait(authority, trait, value, mode):
    world = w.World(traits={trait: value})
    world.serve(8883, authority.server(w.HOST))
    context = world.up(authority)
    for _ in range(2):  # the second time, what the first one left behind matters
        with context.connect(w.HOST, 8883, mode=mode) as sock:
            sock.settimeout(60)
            for start in range(0, len(DATA), 1100):
                piece = DATA[start : start + 1100]
                sock.write(piece)
                assert sock.read(len(piece)) == piece


def test_a_context_that_the_module_reset_still_refuses_an_impostor(authority):
    """1.6.5: "the module releases the context". Were it to verify nothing from then on, nobody would notice."""
    world = w.World(traits={"close_resets_context": True})
    world.serve(8883, authority.server(w.HOST))
    world.serve(8884, authority.server("another.name"))
    context = world.up(authority)
    context.connect(w.HOST, 8883).close()
    with pytest.raises(bg95.ConnectError) as refused:
        context.connect(w.HOST, 8884)
    assert refused.value.code == 566


@pytest.mark.parametrize("item", ["checkhost", "ignorelocaltime", "sni", "seclevel"])
def test_firmware_without_a_safety_is_not_used_without_saying_so(authority, item):
    world = w.World(traits={"missing_items": item})
    world.serve(8883, authority.server(w.HOST))
    context = world.up(authority)
    with pytest.raises(bg95.ConnectError, match=item):
        context.connect(w.HOST, 8883)


def test_firmware_without_host_check_can_be_used_by_saying_so(authority):
    world = w.World(traits={"missing_items": "checkhost"})
    world.serve(8883, authority.server(w.HOST))
    context = world.up(authority)
    context.check_hostname = False
    context.connect(w.HOST, 8883).close()
