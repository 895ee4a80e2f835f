"""Switching on and off, restarts, baud rates and the clock."""

import pytest
import world as w

import bg95


@pytest.mark.parametrize(
    "boot",
    ["RDY|APP RDY", "RDY", "", "+QIND: SMS DONE|APP RDY|RDY", "RDY|APP RDY|+CPIN: READY|+CFUN: 1"],
)
def test_it_switches_on_whatever_the_module_says_while_it_boots(boot):
    world = w.World(pins=True, powered=False, traits={"boot_urcs": boot})
    world.modem.active(True)
    assert world.modem.model == "BG95-M3"
    assert world.host.now < 20


def test_it_switches_on_without_a_status_pin():
    world = w.World(pins=True, powered=False)
    world.modem.status_pin = None
    world.modem.active(True)
    assert world.modem.active()


def test_a_running_module_is_not_switched_off_by_switching_it_on():
    world = w.World(pins=True)
    world.modem.active(True)
    assert world.host.now < 1
    assert world.host.module.pins["STATUS"] == 1


@pytest.mark.parametrize("text", ["POWERED DOWN", "NORMAL POWER DOWN", ""])
@pytest.mark.parametrize("pins", [True, False])
def test_it_switches_off_whatever_the_module_says_at_the_end(text, pins):
    world = w.World(pins=pins, traits={"powered_down_urc": text, "power_down_s": 30.0})
    world.modem.active(True)
    start = world.host.now
    world.modem.power_off()
    assert not world.modem.active()
    assert world.host.now - start < 66  # AT 2.11: 65 s
    world.sleep(2)  # STATUS follows the URC
    assert world.host.module.pins["STATUS"] == 0


def test_a_module_that_answers_nothing_is_switched_off_and_on_by_its_key():
    world = w.World(pins=True, faults=["hang@1"])
    world.modem.active(True)
    world.sleep(2)
    world.modem.active(True)
    assert world.modem.command("AT") == []


def test_no_module_is_a_named_error_in_bounded_time():
    world = w.World(powered=False)
    with pytest.raises(bg95.ModemError, match="TX and RX") as error:
        world.modem.active(True)
    assert error.value.errno == 19
    assert world.host.now < 60


@pytest.mark.parametrize("baud", [9600, 57600, 921600])
def test_a_module_at_another_rate_is_found_and_set_to_ours(baud):
    world = w.World(baud=baud)
    world.host.module.host_baud = 115200
    world.modem.active(True)
    assert world.host.module.baud == 115200
    assert world.modem.command("AT+IPR?") == ["+IPR: 115200"]


def test_the_rate_can_be_changed_and_kept():
    world = w.World()
    world.modem.active(True)
    world.modem.set_baudrate(460800, save=True)
    assert (world.host.module.baud, world.host.module.host_baud) == (460800, 460800)
    with pytest.raises(ValueError, match="baudrate"):
        world.modem.set_baudrate(12345)
    world.modem.reset()
    assert world.host.module.baud == 460800


def test_a_restart_in_mid_flight_fails_every_socket_and_sets_everything_up_anew(authority):
    world = w.World()
    world.serve(8883, authority.server(w.HOST))
    context = world.up(authority)
    one, two = context.connect(w.HOST, 8883), context.connect(w.HOST, 8883)
    world.host.module.faults.add("restart")
    world.sleep(5)
    for sock in (one, two):
        with pytest.raises(bg95.DisconnectedError, match="restarted"):
            sock.read(1)
        with pytest.raises(bg95.DisconnectedError, match="restarted"):
            sock.write(b"x")
        sock.close()
    world.modem.connect("iot.apn")
    with context.connect(w.HOST, 8883) as sock:
        sock.write(b"ping")
        assert sock.read(4) == b"ping"
    assert context.read_back()["seclevel"] == 1  # verification came back with it


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("26/11/22,08:00:00+00", (2026, 11, 22, 6, 8, 0, 0, 0)),
        ("26/11/22,08:00:00+04", (2026, 11, 22, 6, 7, 0, 0, 0)),
        ("26/01/01,00:30:00+32", (2025, 12, 31, 2, 16, 30, 0, 0)),
        ("24/02/28,23:00:00-32", (2024, 2, 29, 3, 7, 0, 0, 0)),
        ("26/12/31,23:59:59-01", (2027, 1, 1, 4, 0, 14, 59, 0)),
        ("80/01/06,00:00:10+00", (1980, 1, 6, 6, 0, 0, 10, 0)),
    ],
)
def test_a_clock_with_any_time_zone_is_read_as_utc(text, utc):
    from bg95 import power

    assert power._parse(text) == utc


def test_the_clock_is_set_and_read():
    world = w.World()
    world.modem.active(True)
    world.modem.clock((2027, 3, 4, 0, 5, 6, 7, 0))
    assert world.modem.clock()[:7] == (2027, 3, 4, 3, 5, 6, 7)
    assert len(world.modem.network_time(follow=True)) == 8


def test_low_power_settings_reach_the_module():
    world = w.World(pins=True)
    modem = world.modem
    modem.active(True)
    modem.power_saving(86400, 10)
    assert modem.command("AT+CPSMS?") == ['+CPSMS: 1,,,"00111000","00000101"']
    modem.power_saving(None)
    assert modem.command("AT+CPSMS?")[0].startswith("+CPSMS: 0")
    modem.edrx(20.48)
    assert '"0010"' in modem.command("AT+CEDRXS?")[0]
    modem.sleep(True)
    assert world.host.module.pins["DTR"] == 1
    modem.sleep(False)
    assert modem.command("AT+QSCLK?") == ["+QSCLK: 0"]
    with pytest.raises(ValueError, match="active_s"):
        modem.power_saving(60, 100000)
