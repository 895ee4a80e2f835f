"""All sockets share one port: who cannot go on says so, instead of waiting for ever; who is done lets go of it."""

import pytest
import world as w

import bg95


@pytest.fixture
def world(authority):
    world = w.World()
    world.serve(8883, authority.server(w.HOST))
    world.talker = world.serve(8884, authority.server(w.HOST))
    world.context = world.up(authority)
    world.wait_at_most(3600)
    return world


def connect(world, mode=bg95.BUFFER):
    return world.context.connect(w.HOST, 8883, mode=mode)


def pushed_at(world):
    """A socket with more pushed data than its buffer holds."""
    sock = world.context.connect(w.HOST, 8884, mode=bg95.DIRECT_PUSH)
    world.talker.say(bytes(9000))
    return sock


def interrupted(world, call, after):
    """Call it and press Ctrl-C at its `after`th wait."""
    idle, waits = world.modem.idle, []

    def wait():
        waits.append(1)
        if len(waits) == after:
            raise KeyboardInterrupt
        idle()

    world.modem.idle = wait
    try:
        with pytest.raises(KeyboardInterrupt):
            call()
    finally:
        world.modem.idle = idle


WAITING = {
    "read": lambda world, other: other.read(1),
    "flush": lambda world, other: (other.write(b"x"), other.flush()),
    "large write": lambda world, other: other.write(bytes(5000)),
    "command": lambda world, other: world.modem.command("AT"),
    "open": lambda world, other: connect(world),
}


@pytest.mark.parametrize("call", WAITING)
def test_pushed_data_that_nobody_reads_is_named_by_who_waits_behind_it(world, call):
    other = connect(world)
    pushed = pushed_at(world)
    world.sleep(1)
    with pytest.raises(bg95.ModemError, match="read it first") as refused:
        WAITING[call](world, other)
    assert refused.value.errno == 105
    assert pushed.read(9000) == bytes(9000)
    assert world.modem.command("AT") == []
    connect(world).close()


def test_what_was_pushed_and_not_read_keeps_no_socket_from_closing(world):
    other = connect(world)
    pushed = pushed_at(world)
    world.sleep(1)
    other.close()
    pushed.close()
    world.sleep(1)
    assert world.modem.ssl_sockets() == []
    assert not world.modem.connections


@pytest.mark.parametrize("call", WAITING)
def test_transparent_mode_is_named_by_who_waits_for_the_port(world, call):
    other = connect(world)
    transparent = connect(world, bg95.TRANSPARENT)
    with pytest.raises(bg95.ModemError, match="transparent mode") as refused:
        WAITING[call](world, other)
    assert refused.value.errno == 16
    transparent.write(b"ping")
    assert transparent.read(4) == b"ping"


def test_a_socket_without_blocking_waits_for_the_port_as_for_data(world):
    other = connect(world)
    connect(world, bg95.TRANSPARENT)
    other.setblocking(False)
    assert other.read(1) is None
    assert other.write(b"x") == 1


def test_a_socket_closed_while_another_has_the_port_is_closed_after_it(world):
    other = connect(world)
    transparent = connect(world, bg95.TRANSPARENT)
    start = world.host.now
    other.close()
    assert world.host.now - start < 1
    transparent.write(b"ping")
    assert transparent.read(4) == b"ping"
    transparent.close()
    world.sleep(1)
    assert world.modem.ssl_sockets() == []
    assert world.modem.dirty == 0


def test_who_waits_for_a_socket_that_waits_for_the_port_is_told(world):
    others = [connect(world) for _ in range(3)]
    connect(world, bg95.TRANSPARENT)
    others[0].close()  # after transparent mode, so its buffers are not free before
    with pytest.raises(bg95.ModemError, match="transparent mode"):
        connect(world)


@pytest.mark.parametrize("after", [1, 600, 1200, 2000])
def test_ctrl_c_while_transparent_mode_is_closed_leaves_the_port_usable(world, after):
    """`after`: milliseconds, of the two silences around +++."""
    sock = connect(world, bg95.TRANSPARENT)
    interrupted(world, sock.close, after)
    world.sleep(3)
    assert world.modem.ssl_sockets() == []
    connect(world).close()


def test_transparent_mode_can_be_left_as_soon_as_it_was_entered(world):
    """The module's second of silence starts with CONNECT, however long that took."""
    sock = connect(world, bg95.TRANSPARENT)
    sock.mode = bg95.BUFFER
    sock.write(b"ping")
    assert sock.read(4) == b"ping"
    sock.close()


def test_plus_signs_are_data_from_the_first_byte_on(world):
    """Whether a module's second of silence starts with CONNECT or with the last byte of the command."""
    sock = connect(world, bg95.TRANSPARENT)
    sock.write(b"+++")
    world.sleep(0.5)
    assert world.uart.sent.endswith(b"\r++")  # the third one would make it the escape sequence
    world.sleep(2.5)
    sock.settimeout(5)
    assert sock.read(3) == b"+++"


def test_closing_after_the_module_was_switched_off_takes_no_time(authority):
    world = w.World(pins=True)
    world.serve(8883, authority.server(w.HOST))
    sock = world.up(authority).connect(w.HOST, 8883)
    sock.write(b"too late")
    world.modem.power_off()
    start = world.host.now
    with pytest.raises(bg95.DisconnectedError):
        sock.flush()
    sock.close()
    assert world.host.now - start < 1
    assert not world.modem.connections


PATTERN = bytes(range(256)) * 24


def read_on(sock, sofar, size):
    while len(sofar) < size:
        piece = sock.recv(size - len(sofar))
        if not piece:
            break
        sofar += piece
    return sofar


@pytest.mark.parametrize("size", [100, 1400, 1700, 2600, 6000])
@pytest.mark.parametrize(
    ("old", "new"), [(old, new) for old in range(3) for new in range(3) if old != new]
)
def test_a_change_of_mode_loses_nothing_that_was_not_read(world, old, new, size):
    sock = world.context.connect(w.HOST, 8884, mode=old)
    sock.settimeout(20)
    world.talker.say(PATTERN[:size])
    world.sleep(1)
    got = sock.recv(10)
    while sock.mode != new:
        try:
            sock.mode = new
        except bg95.ModemError as error:
            assert error.errno == 105
            got += sock.recv(500)
    world.talker.say(b"later")
    got = read_on(sock, got, size)
    world.sleep(0.1)
    got = read_on(sock, got, size + 5)
    assert got == PATTERN[:size] + b"later"
    assert new == bg95.TRANSPARENT or world.modem.command("AT") == []


def test_two_tasks_that_find_the_module_off_press_the_key_once(authority):
    world = w.World(pins=True)
    world.serve(8883, authority.server(w.HOST))
    context = world.up(authority)
    modem = world.modem
    modem.power_off()
    pressed, key = [], modem.pwrkey

    class Key:
        def value(self, level):
            pressed.append(level)
            return key.value(level)

    modem.pwrkey = Key()
    flows = [modem.ready(), modem.ready()]
    jobs = [bg95.job.Job(modem, flow) for flow in flows]
    deadline = world.host.now + 60
    while not all(job.done for job in jobs) and world.host.now < deadline:
        world.sleep(0.01)
    assert [job.result() for job in jobs] == [None, None]
    assert pressed == [1, 0]
    modem.connect("iot.apn")
    context.connect(w.HOST, 8883).close()


def test_the_result_of_a_command_is_never_taken_from_a_sockets(world):
    """A socket's command may start as soon as the other one's result is there, before whoever waits has seen it."""
    world.host.module.faults.add("send_fail*400")
    sock = connect(world)
    sock.setblocking(False)
    for i in range(400):
        sock.write(b"x")
        sock.flush()
        assert world.modem.command("AT+CGMM" if i % 2 else "AT") == ["BG95-M3"] * (i % 2)
        world.sleep(0.001 * (i % 50))


def test_a_socket_says_nothing_in_the_middle_of_an_upload(world):
    """It heard of data in front of CONNECT: now the module waits for a file, and a command would be a part of it."""
    sock = connect(world)
    idle = world.modem.idle
    world.host.module.faults.add("late_answer=+QFUPL:0.05")

    def idle_and_tell():
        if world.uart.sent.endswith(b",5\r"):  # AT+QFUPL=...
            world.host.unread += b'\r\n+QSSLURC: "recv",%d\r\n' % sock.client_id
        idle()

    world.modem.idle = idle_and_tell
    assert world.modem.files.upload("data.bin", PATTERN)
    world.sleep(0.1)
    behind = bytes(world.uart.sent).partition(b",5\r" + PATTERN)[2]
    assert b"AT+QSSLRECV=%d,1500\r" % sock.client_id in behind


@pytest.mark.parametrize("call", ["reset", "power_off"])
def test_no_unread_data_keeps_the_module_from_a_new_start(world, call):
    other = connect(world)
    pushed = pushed_at(world)
    world.sleep(1)
    getattr(world.modem, call)()
    with pytest.raises(bg95.DisconnectedError):
        other.flush()
    other.close()
    pushed.close()
    if call == "reset":
        world.modem.connect("iot.apn")
        connect(world).close()
