"""poll(), read and write of an open socket allocate nothing: they run with the heap locked, in the real VM."""

import pytest
import vm

OPEN = """
import bg95
modem, ctx = online()
"""

# 20 rounds: enough for every path between two answers to have been taken.
LOCKED = """
sock = ctx.connect("broker.test", PORT, mode={mode})
small = b"ping"
large = bytes(range(256)) * 8
got = bytearray(4)
back = bytearray(len(large))
rounds = 0

def exchange():
    sock.write(small)
    sock.flush()
    modem.poll()
    return sock.readinto(got) == 4 and sock.write(large) == len(large) and sock.readinto(back) == len(large)

error = None
micropython.heap_lock()
try:
    while rounds < 20 and exchange():
        rounds += 1
except MemoryError as e:
    error = e
finally:
    micropython.heap_unlock()
if error:
    sys.print_exception(error)
print("rounds", rounds, got == small, back == large)
"""


@pytest.mark.parametrize("mode", [0, 1, 2], ids=["buffer", "push", "transparent"])
def test_an_exchange_runs_with_the_heap_locked(sim, options, echo_server, mode):
    out = vm.run(OPEN + LOCKED.format(mode=mode), sim, options, echo_server.port)
    assert out.split("\n")[-2] == "rounds 20 True True", out


def test_poll_runs_with_the_heap_locked_whatever_comes_in(sim, options, echo_server):
    """URCs nobody knows, an answer nobody asked for and half a line go through poll() as well."""
    script = (
        OPEN
        + """
sock = ctx.connect("broker.test", PORT)
noise = b"\\r\\n+QIND: 1\\r\\n\\r\\nNEWS: 7\\r\\n\\r\\nOK\\r\\n\\r\\n+QSSLURC: \\"recv\\",9,3\\r\\nabc\\r\\n+QSSL"
def polls():
    for _ in range(50):
        modem.poll()
modem.uart._ring.write(noise)
micropython.heap_lock()
polls()
micropython.heap_unlock()
print(modem._at.unknown, modem._at.framer.dropped)
"""
    )
    assert vm.run(script, sim, options, echo_server.port).split("\n")[-2] == "2 3"


def test_the_measurement_sees_an_allocation(sim, options):
    """The positive control: what does allocate fails under the lock, and is counted."""
    script = """
print(allocated(bytearray, 64) >= 64)
failed = False
micropython.heap_lock()
try:
    bytearray(64)
except MemoryError:
    failed = True
micropython.heap_unlock()
print(failed)
"""
    assert vm.run(script, sim, options) == "True\nTrue\n"
