"""What users of real modules saw (field-notes.md 1), where no other test has it.

The lines on data, errors and configuration are traits of the simulator: test_traits.py plays them all.
"""

import pytest
import world as w
from row_player import OK

import bg95


def sent_with_times(world):
    """[(when, bytes)] of what the driver writes from now on."""
    seen = []
    write = world.uart.write

    def noting(buf, off, n):
        seen.append((world.host.now, bytes(memoryview(buf)[off : off + n])))
        return write(buf, off, n)

    world.modem._at._write = noting
    return seen


def test_rdy_is_too_early_so_nothing_is_set_before_app_ready():
    world = w.World(pins=True, powered=False, traits={"boot_urc_gap_s": 3.0})
    seen = sent_with_times(world)
    world.modem.active(True)
    rdy, app_ready = [
        next(when for when, data in world.host.log if data.startswith(word))
        for word in (b"\r\nRDY", b"\r\nAPP RDY")
    ]
    assert app_ready - rdy >= 3
    assert [data for when, data in seen if rdy < when < app_ready] == []


def test_nor_where_it_restarts_while_it_is_set_up():
    world = w.World(faults=["restart@rx:40*1"], traits={"boot_urc_gap_s": 3.0})
    seen = sent_with_times(world)
    world.modem.active(True)
    rdy, app_ready = [
        next(when for when, data in world.host.log if data.startswith(word))
        for word in (b"\r\nRDY", b"\r\nAPP RDY")
    ]
    assert [data for when, data in seen if rdy < when < app_ready] == []
    assert next(data for when, data in seen if when >= app_ready) == b"ATE0\r"


def test_firmware_without_app_ready_is_waited_for_5_s_and_no_longer():
    world = w.World(pins=True, powered=False, traits={"boot_urcs": "RDY"})
    world.modem.active(True)
    assert 7 < world.host.now < 9


@pytest.mark.parametrize("port", ["usbat", "usbmodem"])
def test_urcs_that_went_to_usb_come_to_the_uart(authority, port):
    world = w.World(pins=True, powered=False, traits={"urcport": port})
    server = world.serve(8883, authority.server(w.HOST))
    sock = world.up(authority).connect(w.HOST, 8883)
    seen = []
    world.modem.on_urc("+QSSLURC:", seen.append)
    server.say(b"x")
    world.sleep(0.1)
    assert seen == [b'+QSSLURC: "recv",0']
    assert sock.read(1) == b"x"


def test_firmware_that_does_not_know_urcport_is_used_as_it_is(fake):
    fake.module.replies = [(b"AT+QURCCFG", [b"\r\nERROR\r\n"])]
    assert fake.modem.active(True) is True


@pytest.mark.parametrize("boot", ["RDY|APP RDY", ""])
def test_a_pdpdeact_between_powered_down_and_rdy_is_no_loss_of_the_new_context(boot):
    world = w.World(
        pins=True,
        traits={"pdpdeact_after_power_down": True, "power_down_s": 2.0, "boot_urcs": boot},
    )
    for _ in range(2):
        world.modem.active(True)
        world.modem.connect("iot.apn")
        assert world.modem.isconnected()
        world.modem.power_off()
        world.sleep(3)
    assert boot == "" or b"QIDEACT" not in world.uart.sent


def test_a_module_that_wore_out_says_552_and_a_restart_cures_it(authority):
    world = w.World(traits={"opens_until_552": 2})
    world.serve(8883, authority.server(w.HOST))
    context = world.up(authority)
    for _ in range(2):
        context.connect(w.HOST, 8883).close()
    with pytest.raises(bg95.ConnectError, match="reset") as error:
        context.connect(w.HOST, 8883)
    assert (error.value.code, error.value.errno) == (552, 22)
    world.modem.reset()
    world.modem.connect("iot.apn")
    context.connect(w.HOST, 8883).close()


@pytest.mark.parametrize("number", [575, 579, 612])
def test_a_number_that_no_document_lists_is_passed_on(fake, number):
    context = fake.driver.SSLContext(fake.modem, 1)
    context.verify_mode = fake.driver.CERT_NONE
    context.check_validity = False
    fake.module.replies = [(b"AT+QSSLOPEN=", [OK, b"\r\n+QSSLOPEN: 0,%d\r\n" % number])]
    with pytest.raises(fake.driver.ConnectError, match="no document") as error:
        context.connect("192.0.2.1", 443)
    assert (error.value.code, error.value.errno) == (number, 5)


def test_a_sim_that_allows_one_context_is_named_by_its_number():
    world = w.World(faults=["refuse=+QIACT:572@+QIACT:2"])
    world.modem.active(True)
    with pytest.raises(bg95.NetworkError, match="APN") as error:
        world.modem.connect("iot.apn")
    assert (error.value.code, error.value.errno) == (572, 1)


def test_commands_that_hang_or_are_missing_on_old_firmware_are_never_sent(authority):
    """AT+CGACT hangs a BG96; AT+QILOCIP is unknown to it; AT+QIDNSCFG refuses before AT+QIACT."""
    world = w.World()
    world.serve(8883, authority.server(w.HOST))
    world.up(authority).connect(w.HOST, 8883).close()
    for command in (b"CGACT", b"QILOCIP", b"QIDNSCFG"):
        assert command not in world.uart.sent


def test_no_setting_is_ever_a_query_of_another_context(authority):
    """AT+QSSLCFG="ignorelocaltime",1 asks context 1, whatever was meant; a quoted suite is refused."""
    world = w.World()
    world.serve(8883, authority.server(w.HOST))
    context = world.up(authority)
    context.set_ciphers("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
    context.connect(w.HOST, 8883).close()
    lines = [
        line for line in bytes(world.uart.sent).split(b"\r") if line.startswith(b"AT+QSSLCFG=")
    ]
    assert {line.split(b",")[1] for line in lines} == {b"1"}
    sets = [line for line in lines if line.count(b",") == 2]
    assert b'AT+QSSLCFG="ciphersuite",1,0XC02B' in sets
    assert b'AT+QSSLCFG="ignorelocaltime",1,0' in sets
    assert b'AT+QSSLCFG="sni",1,1' in sets
    asked = [line for line in lines if line.count(b",") == 1]
    assert len(asked) + len(sets) == len(lines)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r", b"\n\x00"])
def test_a_file_is_compared_by_size_and_bytes_since_its_checksum_is_blind(ending):
    """A NUL at an even place, or two words swapped, leave the checksum as it is."""
    world = w.World()
    world.modem.active(True)
    text = b"-----BEGIN CERTIFICATE-----" + ending
    assert world.modem.files.upload("a.pem", text) is True
    assert world.modem.files.upload("a.pem", text) is False
    assert world.modem.files.upload("a.pem", text[:4] + text[6:8] + text[4:6] + text[8:]) is True
    assert world.modem.files.upload("a.pem", text + b"\x00") is True


def test_a_closed_connection_is_closed_before_its_id_is_used_again(authority):
    """563 otherwise, for ever."""
    world = w.World()
    server = world.serve(8883, authority.server(w.HOST))
    context = world.up(authority)
    for _ in range(3):
        sock = context.connect(w.HOST, 8883)
        assert sock.client_id == 0
        server.close()
        assert sock.read(1) == b""
        sock.close()


@pytest.mark.parametrize("resumes", [True, False])
def test_transparent_mode_is_gone_back_to_where_ato_resumes_nothing(authority, resumes):
    """ATO answers NO CARRIER on some modules; AT+QISWTMD is the documented other way (SSL 1.4)."""
    world = w.World(traits={"ato_resumes": resumes})
    server = world.serve(8883, authority.server(w.HOST))
    sock = world.up(authority).connect(w.HOST, 8883, mode=bg95.TRANSPARENT)
    sock.settimeout(30)
    sock.mode = bg95.BUFFER
    sock.mode = bg95.TRANSPARENT
    sock.write(b"ping")
    assert sock.read(4) == b"ping"
    server.say(b"\r\nNO CARRIER\r\n")  # the peer's own words: left to find out, and gone back
    world.sleep(6)
    assert sock.read(14) == b"\r\nNO CARRIER\r\n"
    assert sock.mode == bg95.TRANSPARENT
    sock.write(b"pong")
    assert sock.read(4) == b"pong"
    assert server.plaintext == b"pingpong"
    sock.close()
