"""What the driver costs, to the byte and to the command. A change that costs more has to say so here."""

import pytest
import vm
import world as w

import bg95
from bg95_host.compat import FIRMWARE
from bg95_host.mpy import compile_source

# Loaded when first used, not by `import bg95` and a connection.
LAZY = {
    "debug",
    "aio",
    "background",
    "baud",
    "command",
    "compat",
    "crypt",
    "diagnose",
    "errtext",
    "hints",
    "lowpower",
    "silence",
    "sim",
    "status",
    "suites",
    "trace",
}
CORE_MPY_BYTES = 52_700
ALL_MPY_BYTES = 78_700
# On the 64-bit VM; objects take about half on a board.
IMPORT_HEAP_BYTES = 112_500
SOCKET_HEAP_BYTES = 3_400


def test_the_compiled_driver_stays_small():
    files = (FIRMWARE / "bg95").glob("*.py")
    sizes = {path.stem: len(compile_source(path, f"bg95/{path.name}")) for path in files}
    core = sum(size for name, size in sizes.items() if name not in LAZY)
    assert core <= CORE_MPY_BYTES, sizes
    assert sum(sizes.values()) <= ALL_MPY_BYTES, sizes


def test_the_heap_after_import_and_for_each_socket(sim, options):
    script = """
def load():
    global bg95
    import bg95
def build(n):
    return bg95.Modem(uart, sockets=n)
bg95 = None
uart = UART()
def used():
    gc.collect()
    return gc.mem_alloc()
a = used()
load()
b = used()
one = build(1)
c = used()
nine = build(9)
d = used()
print(b - a, ((d - c) - (c - b)) // 8)
import sys
print(" ".join(sorted(m[5:] for m in sys.modules if m.startswith("bg95."))))
"""
    out = vm.run(script, sim, options).splitlines()
    imported, per_socket = map(int, out[0].split())
    assert 0 < imported <= IMPORT_HEAP_BYTES
    assert 0 < per_socket <= SOCKET_HEAP_BYTES
    assert not LAZY & set(out[1].split())


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
    # QSSLSEND; QSSLRECV of the answer; QSSLRECV that finds nothing more, started by the last one's end
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
