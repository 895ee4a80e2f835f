"""Switching on and off, restarts, baud rates and the clock."""

import types

import pytest
import world as w
from row_player import OK
from today import NOW

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
    # AT 2.11: 65 s where nothing tells, and 1 s until VBAT may be cut
    assert world.host.now - start < (33 if text or pins else 66)
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
    with pytest.raises(bg95.ModemError, match=r"115200 .* 9600 to 921600: .* TX and RX") as error:
        world.modem.active(True)
    assert error.value.errno == 19
    assert world.host.now < 60


def test_a_rate_that_nobody_told_is_asked_for():
    world = w.World(powered=False)
    world.modem.baudrate = None
    with pytest.raises(bg95.ModemError, match="baudrate=") as error:
        world.modem.active(True)
    assert "TX and RX" in str(error.value)


def _loopback(line):
    return line


def _nmea(line):
    return b"$GPGSV,1,1,01,21,24,116,25*40\r\n$GPRMC,,V,,,,,,,,,,N*53\r\n"


def _shell(line):
    return line.strip() + b"\r\n-sh: " + line.strip() + b": not found\r\n# "


def _noise(line):
    return b"\xff\x00\x83\r\n"


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (_loopback, "comes back"),
        (_nmea, "NMEA"),
        (_shell, 'no module: it says "-sh: AT.*not found"'),
        (_noise, "bytes come, but no answer at 115200"),
    ],
)
@pytest.mark.parametrize("pins", [False, True])
def test_a_port_that_talks_but_is_no_module_is_told_from_a_silent_one(other, words, pins):
    world = w.World(powered=False, pins=pins)
    heard = bytearray()

    def write(buf, off, n):
        data = bytes(memoryview(buf)[off : off + n])
        if world.host.module.host_baud == 115200:
            heard.extend(other(data))
        return n

    def readinto(buf, n):
        data = heard[:n]
        buf[: len(data)] = data
        del heard[: len(data)]
        return len(data)

    world.modem = bg95.Modem(
        types.SimpleNamespace(
            any=lambda: len(heard), readinto=readinto, write=write, init=world.uart.init
        ),
        baudrate=115200,
        pwrkey=world.modem.pwrkey,
    )
    world.modem.idle = lambda: world.host.run_quietly(0.01)
    with pytest.raises(bg95.ModemError, match=words) as error:
        world.modem.active(True)
    assert error.value.errno == 19


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


def test_a_rate_that_the_wiring_does_not_carry_is_left_again():
    world = w.World()
    world.modem.active(True)
    init = world.uart.init
    refused = [921600]

    def carries(baudrate):
        init(300 if baudrate in refused and not refused.remove(baudrate) else baudrate)

    world.uart.init = carries
    with pytest.raises(bg95.ModemError, match="back at 115200"):
        world.modem.set_baudrate(921600)
    assert world.modem.baudrate == 115200
    assert (world.host.module.baud, world.host.module.host_baud) == (115200, 115200)
    assert world.modem.command("AT+CGMM") == ["BG95-M3"]


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
        ("28/02/29,00:10:00+01", (2028, 2, 28, 0, 23, 55, 0, 0)),
        ("28/03/01,00:00:00+48", (2028, 2, 29, 1, 12, 0, 0, 0)),
        ("27/03/01,00:00:00+56", (2027, 2, 28, 6, 10, 0, 0, 0)),
        ("27/02/28,23:00:00-14", (2027, 3, 1, 0, 2, 30, 0, 0)),
    ],
)
def test_a_clock_with_any_time_zone_is_read_as_utc(text, utc):
    from bg95.visitors import rtc

    assert rtc._parse(text) == utc


@pytest.mark.parametrize(
    "text", ["", "x", "26/13/01,00:00:00+00", "26/00/01,00:00:00+00", "26/11/22", "26/11/22,08:00"]
)
def test_a_clock_that_makes_no_sense_is_a_named_error(text):
    from bg95.visitors import rtc

    with pytest.raises(bg95.ModemError, match="CCLK"):
        rtc._parse(text)


@pytest.mark.parametrize("zone", [0, 4, 32, -14])
def test_the_networks_time_is_utc_wherever_the_network_is(zone):
    """AT+QLTS=1 tells GMT, and the zone besides (at-commands 2.9): the zone is not to be taken off again."""
    world = w.World(traits={"timezone": zone})
    world.modem.active(True)
    world.modem.connect("iot.apn")
    now = (NOW.year, NOW.month, NOW.day, NOW.weekday(), NOW.hour)
    assert world.modem.network_time()[:5] == now
    assert world.modem.clock()[:5] == now


def test_a_clock_that_is_not_set_is_set_by_the_networks_time(fake):
    fake.module.replies = [
        (b"AT+CCLK?", [b'\r\n+CCLK: "80/01/06,00:00:10+00"\r\n' + OK]),
        (b"AT+QLTS=1", [b'\r\n+QLTS: "2026/11/22,08:00:00+32,0"\r\n' + OK]),
    ]
    fake.modem.run(fake.modem.clock_set())
    assert fake.module.lines[-1] == b'AT+CCLK="26/11/22,08:00:00+00"'
    fake.module.lines.clear()
    fake.modem.run(fake.modem.clock_set())
    assert fake.module.lines == []  # once a start is enough


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
    modem.power_saving(100, 3)  # no timer is that long: the next longer ones, 120 s and 4 s
    assert modem.command("AT+CPSMS?") == ['+CPSMS: 1,,,"10000100","00000010"']
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


def pressed(world):
    """[(when, 0 or 1)]: what PWRKEY saw from now on."""
    seen = []
    real = world.host.set_pin

    def set_pin(name, level):
        if name == "PWRKEY":
            seen.append((world.host.now, level))
        real(name, level)

    world.host.set_pin = set_pin
    return seen


def test_the_key_is_pressed_as_long_as_the_hardware_design_says():
    """HW 3.7: 500 to 1000 ms to switch on, 650 to 1500 ms to switch off."""
    world = w.World(pins=True, powered=False)
    seen = pressed(world)
    world.modem.active(True)
    (down, _), (up, level) = seen
    assert level == 1
    assert 0.5 <= up - down <= 1.0
    seen.clear()
    world.host.module.faults.add("hang")
    world.sleep(1)
    world.modem.power_off()
    (down, _), (up, _) = seen
    assert 0.65 <= up - down <= 1.5
    assert world.host.module.pins["STATUS"] == 0


def test_the_key_is_not_left_pressed_where_ctrl_c_hits():
    world = w.World(pins=True, powered=False)
    seen = pressed(world)

    def idle():
        world.host.run_quietly(0.001)
        if seen:
            raise KeyboardInterrupt

    world.modem.idle = idle
    with pytest.raises(KeyboardInterrupt):
        world.modem.active(True)
    assert seen[-1][1] == 1


@pytest.mark.parametrize("status", [True, False])
def test_switching_off_what_is_off_does_not_switch_it_on(status):
    world = w.World(pins=True, powered=False)
    if not status:
        world.modem.status_pin = None  # nobody can know: the key is pressed, and starts it
    world.modem.power_off()
    assert world.host.now < 15
    world.sleep(5)
    assert world.host.module.pins["STATUS"] == 0
    world.modem.power_off()
    world.modem.active(True)
    assert world.modem.active()


def test_a_module_that_goes_down_before_its_ok_is_not_switched_on_again(fake):
    fake.modem.pwrkey = fake.module.pin = Key()
    fake.module.replies = [(b"AT+QPOWD", [b"\r\nPOWERED DOWN\r\n"])]
    fake.modem.power_off()
    assert fake.modem.pwrkey.pressed == 0
    assert not fake.modem.active()


class Key:
    """PWRKEY, counting."""

    def __init__(self):
        self.pressed = 0

    def value(self, level):
        self.pressed += level


def test_vbat_may_be_cut_when_switching_off_is_over():
    """AT 2.11: 1 s after STATUS went low."""
    world = w.World(pins=True, traits={"power_down_s": 0.3})
    world.modem.active(True)
    start = world.host.now
    world.modem.power_off()
    assert world.host.now - start >= 0.3 + 1.0


def test_nothing_is_said_to_a_module_that_is_going_down(authority):
    """AT 2.11: no command after AT+QPOWD. Sockets fail at once instead."""
    world = w.World(pins=True, traits={"power_down_s": 20.0, "powered_down_urc": ""})
    server = world.serve(8883, authority.server(w.HOST))
    sock = world.up(authority).connect(w.HOST, 8883)
    server.say(b"too late")
    world.modem.power_off()
    assert world.uart.sent.endswith(b"AT+QPOWD=1\r")
    with pytest.raises(bg95.DisconnectedError, match="switched off"):
        sock.read(1)


def test_a_module_that_boots_for_25_s_is_waited_for():
    """Field notes 1: RDY came at 25 s, and an ATE0 before it was lost."""
    world = w.World(pins=True, powered=False, traits={"boot_s": 25.0})
    world.modem.active(True)
    assert world.host.now < 28
    assert b"+++" not in world.uart.sent


@pytest.mark.parametrize("moment", range(10, 81, 10))
def test_a_restart_while_it_is_set_up_is_waited_for(moment):
    world = w.World(faults=[f"restart@rx:{moment}*1"])
    world.modem.active(True)
    assert world.modem.command("AT+CGMM") == ["BG95-M3"]
    world.modem.connect("iot.apn")
    assert world.modem._at.echoes is False


@pytest.mark.parametrize("boot", ["", "RDY", "APP RDY", "RDY|APP RDY"])
def test_a_reset_waits_until_the_module_is_back(authority, boot):
    world = w.World(traits={"boot_urcs": boot})
    world.serve(8883, authority.server(w.HOST))
    sock = world.up(authority).connect(w.HOST, 8883)
    before = world.modem.epoch
    start = world.host.now
    world.modem.reset()
    assert world.host.now - start > 2.5
    assert world.modem.epoch == before + 1
    with pytest.raises(bg95.DisconnectedError, match="restarted"):
        sock.write(b"x")
    world.modem.connect("iot.apn")


def test_a_reset_that_is_slow_to_begin_is_not_taken_for_done(fake):
    """It answers for a while after the OK of AT+CFUN=1,1."""
    module, clock = fake.module, fake.clock
    begun = []
    hear = module._hear_line

    def answers(line):
        if line == b"AT+CFUN=1,1":
            begun.append(clock.now)
        if not begun or clock.now < begun[0] + 2000 or clock.now > begun[0] + 6000:
            hear(line)

    module._hear_line = answers
    fake.modem.reset()
    assert clock.now > begun[0] + 6000


@pytest.mark.parametrize("left", ["ATV0", "ATQ1", "ATE0Q1V0", 'AT+QFUPL="x",5000,60', "AT+CSQ;"])
def test_whatever_an_earlier_host_left_it_in_it_is_brought_back(left):
    world = w.World()
    world.host.write(left.encode() + b"\r" * (left[-1] != ";"))
    world.host.run(0.2)
    world.modem.active(True)
    assert world.modem.command("AT+CGMM") == ["BG95-M3"]


@pytest.mark.parametrize("mode", [bg95.BUFFER, bg95.TRANSPARENT])
def test_what_an_earlier_host_left_open_is_closed(authority, mode):
    world = w.World()
    world.serve(8883, authority.server(w.HOST))
    world.up(authority).connect(w.HOST, 8883, mode=mode)
    if mode == bg95.BUFFER:
        world.host.write(b"AT+QSSLSEND=0,1460\r")  # and waiting for data
        world.host.run(0.2)
    again = bg95.Modem(world.uart)
    again.idle = world.modem.idle
    again.active(True)
    assert again.ssl_sockets() == []


def test_activating_again_leaves_a_transparent_connection_alone(authority):
    world = w.World()
    server = world.serve(8883, authority.server(w.HOST))
    sock = world.up(authority).connect(w.HOST, 8883, mode=bg95.TRANSPARENT)
    assert world.modem.active(True) is True
    sock.write(b"ping")
    assert sock.read(4) == b"ping"
    assert server.plaintext == b"ping"
    sock.close()


@pytest.mark.parametrize("boot", ["", "APP RDY|+CPIN: READY"])
def test_a_restart_that_nobody_heard_of_takes_no_verification_away(authority, boot):
    """The module forgets AT+QSSLCFG (SSL 2.3.1), and its defaults verify nothing. Its echo gives it away."""
    world = w.World(traits={"boot_urcs": boot})
    world.serve(8883, authority.server(w.HOST))
    world.serve(8884, authority.server("another.name"))
    context = world.up(authority)
    kept = context.connect(w.HOST, 8883)
    world.host.module.faults.add("restart")
    world.sleep(6)
    world.modem.connect("iot.apn")
    with pytest.raises(bg95.ConnectError) as refused:
        context.connect(w.HOST, 8884)
    assert refused.value.code == 566
    assert kept.client_id == 0  # never closed: nothing else gave reason to ask


def test_a_second_app_ready_is_a_restart_whose_rdy_got_lost(fake):
    for text in (b"\r\nRDY\r\n", b"\r\nAPP RDY\r\n"):
        fake.module.say(text)
        fake.modem.poll()
    fake.modem.active(True)
    before = fake.modem.epoch
    fake.module.say(b"\r\nAPP RDY\r\n")
    fake.modem.poll()
    assert not fake.modem.active()
    fake.modem.connect("iot.apn")
    assert fake.modem.epoch == before + 1


def test_keeping_a_rate_keeps_the_echo_that_tells_of_restarts():
    world = w.World()
    world.modem.active(True)
    world.modem.set_baudrate(230400, save=True)
    world.host.module.faults.add("restart")
    world.sleep(4)
    world.host.write(b"AT\r")
    assert world.host.run(0.1).startswith(b"AT\r")


@pytest.mark.parametrize("status", [True, False])
def test_after_a_psm_cycle_the_key_wakes_it_at_once(status):
    world = w.World(pins=True, traits={"registration_s": 0.0})
    if not status:
        world.modem.status_pin = None
    world.modem.active(True)
    world.modem.connect("iot.apn")
    world.modem.power_saving(600, 2)
    world.sleep(10)
    assert world.host.module.pins["STATUS"] == 0
    assert not world.modem.active()
    start = world.host.now
    world.modem.connect("iot.apn")
    assert world.host.now - start < 5
    assert world.modem.isconnected()


def test_it_wakes_from_sleep_though_its_first_bytes_are_lost(fake):
    fake.modem.sleep(True)
    lost = [b"AT+CMEE?"]
    hear = fake.module._hear_line
    fake.module._hear_line = lambda line: lost.remove(line) if line in lost else hear(line)
    fake.modem.sleep(False)
    assert lost == []
    assert fake.module.lines[-1] == b"AT+QSCLK=0"


@pytest.mark.parametrize("word", [b"POWERED DOWN", b"NORMAL POWER DOWN", b"PSM POWER DOWN"])
def test_a_module_that_woke_by_itself_is_not_switched_off_by_its_key(fake, word):
    """After a PSM cycle's periodic update (AT 6.13). Without a STATUS pin only its words tell."""
    fake.modem.pwrkey = Key()
    for text in (word, b"RDY", b"APP RDY"):
        fake.module.say(b"\r\n" + text + b"\r\n")
        fake.modem.poll()
        assert not fake.modem.active()
    fake.modem.active(True)
    assert fake.modem.pwrkey.pressed == 0
