"""What the driver costs, to the byte and to the command. A change that costs more has to say so here."""

import itertools
import json

import pytest
import vm
import world as w
from mpy_file import MpyFile

import bg95
from bg95_host.compat import FIRMWARE
from bg95_host.mpy import compile_package

RESIDENT_MPY_BYTES = 16_000
ALL_MPY_BYTES = 66_400
# Names that the board keeps for ever. Its pools of them double: below 300 in all, there is none of 320 entries
RESIDENT_NAMES = 162
NAMES_OF_THE_WAY_UP = 342
# What an open connection needs on its way up
WAY_UP = (
    "at",
    "context",
    "files",
    "hints",
    "limits",
    "network",
    "nic",
    "opening",
    "power",
    "rtc",
    "sim",
    "socket",
)
# On the 64-bit VM; objects take about half on a board.
IMPORT_HEAP_BYTES = 33_800
MODEM_HEAP_BYTES = 18_700
CONNECTION_HEAP_BYTES = 4_400
SOCKET_HEAP_BYTES = 3_400


@pytest.fixture(scope="module")
def compiled():
    return compile_package(FIRMWARE / "bg95")


def test_the_compiled_driver_stays_small(compiled):
    sizes = {path: len(data) for path, data in compiled.items()}
    assert sizes["__init__.mpy"] <= RESIDENT_MPY_BYTES, sizes
    assert sum(sizes.values()) <= ALL_MPY_BYTES, sizes


def test_the_driver_says_few_names(compiled):
    names = {path: MpyFile(data).names for path, data in compiled.items()}
    resident = names["__init__.mpy"]
    assert len(resident) <= RESIDENT_NAMES, sorted(resident)
    way_up = resident.union(*(names[f"visitors/{each}.mpy"] for each in WAY_UP))
    assert len(way_up) <= NAMES_OF_THE_WAY_UP, sorted(way_up - resident)


def test_the_heap_on_the_way_to_an_open_connection(sim, options, echo_server):
    script = """
import json
def used():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()
def loaded():
    return sorted(m for m in sys.modules if m.startswith("bg95"))
steps = []
names = []
at_once = []
def step(name, function):
    global bg95, modem, ctx, sock
    function()
    at_once.append(loaded())
    for _ in range(400):
        if modem is None or loaded() == ["bg95"]:
            break
        modem.poll()
        time.sleep_ms(5)
    steps.append(used())
    names.append(loaded())
import time
bg95 = modem = ctx = sock = None
def load():
    global bg95
    import bg95
def build():
    global modem
    modem = bg95.Modem(UART(), sockets=1)
def online():
    global ctx
    modem.active(True)
    modem.connect("iot")
    ctx = bg95.SSLContext(modem, 1)
    ctx.load_verify_locations(CAFILE)
def connect():
    global sock
    sock = ctx.connect("broker.test", PORT)
steps.append(used())
step("import", load)
step("modem", build)
step("online", online)
step("connect", connect)
print(json.dumps([steps, names, at_once]))
"""
    steps, loaded, at_once = json.loads(
        vm.run(script, sim, options, echo_server.port).splitlines()[-1]
    )
    imported, modem, online, connection = (b - a for a, b in itertools.pairwise(steps))
    assert 0 < imported <= IMPORT_HEAP_BYTES
    assert 0 < modem <= MODEM_HEAP_BYTES
    assert online + connection <= CONNECTION_HEAP_BYTES
    assert loaded == [["bg95"]] * 4  # idle, all visitors have left
    assert at_once[0] == ["bg95"]
    visitors = {f"bg95.visitors.{name}" for name in WAY_UP}
    assert set(at_once[3]) <= {"bg95", "bg95.visitors"} | visitors


def test_the_heap_for_each_socket(sim, options):
    script = """
import bg95
def build(n):
    return bg95.Modem(uart, sockets=n)
uart = UART()
def used():
    gc.collect()
    return gc.mem_alloc()
b = used()
one = build(1)
c = used()
nine = build(9)
d = used()
print(((d - c) - (c - b)) // 8)
"""
    assert 0 < int(vm.run(script, sim, options)) <= SOCKET_HEAP_BYTES


@pytest.fixture
def counted(authority):
    """(world, context, count): count(call, *args) -> AT commands that call(*args) sends."""
    world = w.World()
    world.serve(8883, authority.server(w.HOST))

    def count(call, *args, **kwargs):
        before = world.modem._at.commands
        result = call(*args, **kwargs)
        return world.modem._at.commands - before, result

    return world, count


def test_commands_of_the_way_up(counted, authority):
    world, count = counted
    modem = world.modem
    # Barrier, ATE0, CMEE, QURCCFG, CGMM, CGMR, QSSLSTATE
    assert count(modem.active, True)[0] == 7
    # CPIN, CEREG, QIACT?, QICSGP, QIACT
    assert count(modem.connect, "iot.apn")[0] == 5
    # QFLST, QFUPL, QFLST
    assert count(modem.files.upload, "cacert.pem", authority.cert_pem)[0] == 3


def test_commands_of_a_connection(counted, authority):
    world, count = counted
    context = world.up(authority)
    # CCLK; 11 settings, of which 5 are read back; QSSLOPEN
    first, sock = count(context.connect, w.HOST, 8883)
    assert first == 18
    # QSSLSEND; QSSLRECV of the answer; QSSLRECV that finds nothing more, by the next poll
    assert count(sock.write, b"ping")[0] == 0
    assert count(sock.read, 4)[0] == 2
    world.sleep(0.5)
    assert count(sock.pending)[0] == 1
    assert count(sock.close)[0] == 1
    # One look whether the context was kept; QSSLOPEN
    second, sock = count(context.connect, w.HOST, 8883)
    assert second == 2


def test_commands_of_a_download(counted, authority):
    """One AT+QSSLRECV fetches up to 1500 bytes, however the application reads."""
    world, count = counted
    server = world.serve(8884, authority.server(w.HOST))
    context = world.up(authority)
    sock = context.connect(w.HOST, 8884)
    server.say(bytes(14600))
    world.sleep(1)

    def byte_by_byte():
        one = bytearray(1)
        for _ in range(14600):
            assert sock.readinto(one) == 1

    assert count(byte_by_byte)[0] <= -(-14600 // 1500)  # the first one had been fetched ahead
    sock.close()


def test_push_and_transparent_mode_fetch_nothing(counted, authority):
    world, count = counted
    context = world.up(authority)
    for mode, sends in ((bg95.DIRECT_PUSH, 1), (bg95.TRANSPARENT, 0)):
        sock = context.connect(w.HOST, 8883, mode=mode)

        def echo(sock=sock):
            sock.write(b"ping")
            assert sock.read(4) == b"ping"

        assert count(echo)[0] == sends
        sock.close()
