"""Opening a connection: what is refused, how long it may take, how it is cancelled, and what an error says."""

import gc
import re

import pytest
import world as w
from today import NOW

import bg95


@pytest.fixture
def world(authority):
    world = w.World()
    world.serve(8883, authority.server(w.HOST))
    return world


def test_without_a_ca_nothing_is_sent(world):
    sent = len(world.uart.sent)
    with pytest.raises(bg95.ConnectError, match="upload"):
        bg95.SSLContext(world.modem).connect(w.HOST, 8883)
    assert len(world.uart.sent) == sent


@pytest.mark.parametrize(
    "host",
    ["", 'a"b', "a\rb", "a\nAT+QPOWD", "a\x00b", "a\x1ab", "a\x1bb", "a\\b", "x" * 254, "a\x7fb"],
)
def test_a_host_that_could_become_a_command_is_refused_before_a_byte_is_sent(
    world, authority, host
):
    context = world.up(authority)
    sent = len(world.uart.sent)
    with pytest.raises(ValueError, match="host"):
        context.connect(host, 8883)
    assert len(world.uart.sent) == sent


@pytest.mark.parametrize("port", [0, -1, 65536, "443", None, 1.5])
def test_a_port_out_of_range_is_refused(world, authority, port):
    context = world.up(authority)
    with pytest.raises(ValueError, match="port"):
        context.connect(w.HOST, port)


def test_an_id_that_the_module_does_not_free_is_left_alone(world, authority):
    """Field notes 3.7: AT+QSSLCLOSE says OK, and every open of that ID 563."""
    context = world.up(authority)
    context.connect(w.HOST, 8883).close()
    world.host.module.faults.add("id_leak*1")
    context.connect(w.HOST, 8883).close()  # ID 0 is not freed
    for _ in range(3):
        with context.connect(w.HOST, 8883) as sock:
            assert sock.client_id == 1
            sock.write(b"ping")
            assert sock.read(4) == b"ping"
    assert world.uart.sent.count(b"AT+QSSLOPEN=1,1,0,") == 3
    world.modem.reset()
    world.modem.connect("iot.apn")
    assert context.connect(w.HOST, 8883).client_id == 0


def test_where_no_id_is_freed_all_are_tried_once(world, authority):
    context = world.up(authority)
    world.host.module.faults.add("open_error=563")
    for opens in (12 + 1, 12 + 2):
        with pytest.raises(bg95.ConnectError) as error:
            context.connect(w.HOST, 8883)
        assert error.value.code == 563
        assert world.uart.sent.count(b"AT+QSSLOPEN") == opens


def test_after_a_566_the_clock_is_looked_at_again(world, authority):
    context = world.up(authority)
    context.connect(w.HOST, 8883).close()
    world.host.module.faults.add("clock_reset")
    with pytest.raises(bg95.ConnectError, match=r"566.*clock"):
        context.connect(w.HOST, 8883)
    with pytest.raises(bg95.ModemError, match="clock is not set"):
        context.connect(w.HOST, 8883)
    world.modem.clock((NOW.year, NOW.month, NOW.day, 0, NOW.hour, NOW.minute, 0, 0))
    context.connect(w.HOST, 8883).close()


IMPOSTORS = {
    "another name": lambda ca, other: ca.server("another.name"),
    "expired": lambda ca, other: ca.expired_server(w.HOST, now=NOW),
    "not yet valid": lambda ca, other: ca.future_server(w.HOST, now=NOW),
    "unknown CA": lambda ca, other: other.server(w.HOST),
}


@pytest.mark.parametrize("who", IMPOSTORS)
def test_an_impostor_is_refused_and_the_error_names_what_to_check(world, authority, who):
    other = type(authority)()
    world.serve(8884, IMPOSTORS[who](authority, other))
    context = world.up(authority)
    with pytest.raises(bg95.ConnectError) as refused:
        context.connect(w.HOST, 8884)
    error = refused.value
    assert (error.code, error.command) == (566, "AT+QSSLOPEN")
    assert "cacert.pem" in str(error)
    assert "broker.test" in str(error)
    assert "clock" in str(error)
    assert world.modem.ssl_sockets() == []  # the ID was freed: 1.6.2
    context.connect(w.HOST, 8883).close()


def reasons(context, host=w.HOST):
    """What a 566 of a connection to a closed port lists, in its order."""
    with pytest.raises(bg95.ConnectError) as refused:
        context.connect(host, 1)
    head, _, listed = str(refused.value).partition(": (1) ")
    assert head.endswith("the likeliest first")
    found = re.split(r"; \(\d+\) ", listed)
    assert f"; ({len(found)}) " in listed
    return found


def assert_in_order(listed, *words):
    places = [next((i for i, line in enumerate(listed) if word in line), None) for word in words]
    assert None not in places and places == sorted(places), listed


def test_a_566_lists_all_that_it_may_have_been(world, authority):
    assert_in_order(
        reasons(world.up(authority)),
        "cacert.pem the CA",
        '"broker.test" the common name (CN)',
        "modem.clock()",
        "whole chain",
        "want a client certificate",
        "cipher suite of the module's, and not TLS 1.3 only",
        "the port open",
    )


def test_a_566_lists_what_was_set(world, authority):
    context = world.up(authority)
    context.sni = False
    context.version = 2
    context.set_ciphers(0xC02F)
    client = authority.client()
    world.modem.files.upload("client.pem", client.cert_pem)
    world.modem.files.upload("client.key", client.key_pem)
    context.load_cert_chain("client.pem", "client.key")
    listed = reasons(context)
    assert_in_order(
        listed,
        "know client.pem, and is client.key its key",
        "suite TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "SNI",
        "speak TLS 1.1",
    )
    assert "want a client certificate" not in " ".join(listed)


def test_what_the_module_can_tell_of_a_566_comes_first(world, authority):
    context = world.up(authority)
    context.load_verify_locations("root.pem")
    context.load_cert_chain("client.pem", "client.key")
    assert world.modem.active()
    world.modem.clock_ok = world.modem.epoch
    world.host.module.rtc.reset(world.host.now)
    listed = reasons(context)
    assert_in_order(
        listed,
        "root.pem, the CA certificate, is not on the module",
        "client.pem, the client certificate, is not on the module",
        "client.key, the client key, is not on the module",
        "clock is wrong",
        "root.pem the CA",
    )


def test_a_566_with_a_psk_asks_for_nothing_that_it_does_not_use(world, authority):
    context = world.up(authority)
    context.psk = ("me", "00112233")
    listed = reasons(context)
    assert_in_order(listed, "identity and key", "TLS_PSK_WITH_AES_128_CBC_SHA256", "the port open")
    assert "certificate" not in " ".join(listed)


@pytest.mark.parametrize("who", IMPOSTORS)
def test_switching_a_check_off_is_possible_explicit_and_visible(world, authority, who):
    other = type(authority)()
    world.serve(8884, IMPOSTORS[who](authority, other))
    context = world.up(authority)
    context.check_hostname = False
    context.check_validity = False
    context.verify_mode = bg95.CERT_NONE
    assert "NO" in repr(context)
    context.connect(w.HOST, 8884).close()


def test_an_unknown_name_is_a_name_error(world, authority):
    with pytest.raises(bg95.ConnectError, match="resolved") as refused:
        world.up(authority).connect("nobody.test", 8883)
    assert refused.value.code == 565


def test_an_open_that_never_reports_ends_after_the_documented_time(authority):
    world = w.World(faults=["open_silent"])
    context = world.up(authority)
    context.negotiate_timeout = 10
    start = world.host.now
    told = []
    with pytest.raises(bg95.TimeoutError):
        context.connect(w.HOST, 8883, progress=lambda *seconds: told.append(seconds))
    assert 160 <= world.host.now - start < 175  # SSL 2.3.2: 150 s and the negotiation time
    assert told[0] == (1, 160)
    assert len(told) >= 159
    assert not world.modem.connections


def test_the_caller_can_wait_for_less(authority):
    world = w.World(faults=["open_silent*1"])
    world.serve(8883, authority.server(w.HOST))
    context = world.up(authority)
    with pytest.raises(bg95.TimeoutError):
        context.connect(w.HOST, 8883, timeout_ms=5000)
    context.connect(w.HOST, 8883).close()


@pytest.mark.parametrize("mode", [bg95.BUFFER, bg95.DIRECT_PUSH, bg95.TRANSPARENT])
def test_ctrl_c_while_opening_leaves_the_link_usable(authority, mode):
    world = w.World(faults=["slow_net=5*6"])
    world.serve(8883, authority.server(w.HOST))
    context = world.up(authority)
    idle, calls = world.modem.idle, []

    def interrupted():
        calls.append(1)
        if len(calls) == 500:
            raise KeyboardInterrupt
        idle()

    world.modem.idle = interrupted
    with pytest.raises(KeyboardInterrupt):
        context.connect(w.HOST, 8883, mode=mode)
    world.modem.idle = idle
    if mode == bg95.TRANSPARENT:
        world.sleep(25)  # the module goes into data mode for a host that is gone
        world.modem.active(True)
    with context.connect(w.HOST, 8883) as sock:
        sock.write(b"ping")
        assert sock.read(4) == b"ping"


@pytest.mark.parametrize("failure", ["error", "urc"])
@pytest.mark.parametrize("mode", [bg95.BUFFER, bg95.TRANSPARENT])
def test_a_failed_open_frees_its_id_however_it_is_reported(authority, failure, mode):
    world = w.World(traits={"transparent_open_failure": failure, "failed_open_holds_id": True})
    world.serve(8883, authority.server("another.name"))
    context = world.up(authority)
    for _ in range(3):
        with pytest.raises(bg95.ModemError) as refused:
            context.connect(w.HOST, 8883, mode=mode)
        assert refused.value.code == 566
    assert world.modem.ssl_sockets() == []


def test_an_id_that_an_earlier_host_left_open_is_closed_at_the_start(authority):
    world = w.World()
    world.serve(8883, authority.server(w.HOST))
    world.up(authority).connect(w.HOST, 8883)
    modem = bg95.Modem(world.uart)  # the MCU was reset, the module was not
    modem.idle = world.modem.idle
    modem.active(True)
    assert modem.ssl_sockets() == []


def test_a_clock_that_is_not_set_is_named_before_the_connection_is_tried(authority):
    world = w.World(clock=None, traits={"nitz": False})
    world.serve(8883, authority.server(w.HOST))
    context = world.up(authority)
    with pytest.raises(bg95.ModemError, match="clock is not set"):
        context.connect(w.HOST, 8883)
    assert b"AT+QSSLOPEN" not in world.uart.sent
    world.modem.clock((NOW.year, NOW.month, NOW.day, 0, NOW.hour, 0, 0, 0))
    context.connect(w.HOST, 8883).close()


def test_a_socket_that_is_forgotten_says_nothing_when_it_is_collected(world, authority):
    """CPython closes an io object it collects: in the middle of anything, another command of this modem included."""
    world.up(authority).connect(w.HOST, 8883)
    sent = len(world.uart.sent)
    world.modem.table[0] = None
    gc.collect()
    assert len(world.uart.sent) == sent
