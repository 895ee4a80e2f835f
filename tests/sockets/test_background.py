"""A timer polls while the program does something else, and never in the middle of another call."""

import pytest
from driver import vm

from bg95_host.testbed.servers import TlsServer

HOST = "broker.test"

# A machine.Timer whose interrupt comes from a thread.
APP = """
import _thread, time
import bg95

class Timer:
    period_us = 0
    calls = 0
    def __init__(self, id=-1):
        pass
    def init(self, period, callback):
        self.running = True
        self._callback = callback
        self._period_us = self.period_us or period * 1000
        _thread.start_new_thread(self._run, ())
    def deinit(self):
        self.running = False
    def _run(self):
        while self.running:
            time.sleep_us(self._period_us)
            self.calls += 1
            self._callback(self)

timer = Timer()
modem, ctx = online()

def sleep_until(condition):
    "Never touches the driver."
    deadline = time.ticks_add(time.ticks_ms(), 10000)
    while not condition():
        if time.ticks_diff(deadline, time.ticks_ms()) < 0:
            raise RuntimeError("it did not happen")
        time.sleep_ms(1)
"""


@pytest.fixture
def run(sim, options, authority):
    def run(script):
        with TlsServer(authority.server(HOST)) as server:
            return vm.run(APP + script, sim, options, server.port, heap="384k").splitlines()

    return run


def test_what_was_written_leaves_while_the_program_sleeps(run):
    said = run("""
modem.background(timer)
s = ctx.connect("broker.test", PORT)
s.write(b"hello")
sleep_until(lambda: s._c.rx.any() == 5)  # sent, echoed and fetched
print(s.read(5))
modem.background(None)
print(timer.running)
""")
    assert said == ["b'hello'", "False"]


def test_without_a_timer_it_leaves_with_the_next_call(run):
    said = run("""
s = ctx.connect("broker.test", PORT)
s.write(b"hello")
time.sleep_ms(5 * s.flush_ms)
print(s._c.w, s._c.src)
modem.poll()
print(s._c.src is not None, s.read(5))
""")
    assert said == ["5 None", "True b'hello'"]


def test_install_takes_a_virtual_timer_where_there_are_any(run):
    said = run("""
import sys
class Machine:
    pass
machine = Machine()
machine.Timer = Timer
sys.modules["machine"] = machine
bg95.install(modem, ctx)
print(modem.timer is not None)
modem.background(None)

def no_such_timer(id):
    raise ValueError("invalid Timer number")
machine.Timer = no_such_timer
bg95.install(modem, ctx)
print(modem.timer is not None)
bg95.install(modem, ctx, timer)
print(modem.timer is not None)
modem.background(None)
""")
    assert said == ["True", "False", "True"]


def test_a_poll_at_any_moment_changes_nothing(run):
    """Interrupted as often as a thread can, in blocking and non-blocking reads and writes."""
    said = run("""
timer.period_us = 20
modem.background(timer)
s = ctx.connect("broker.test", PORT)
sent = got = wrong = 0
piece = bytearray(97)
back = bytearray(113)
mode = 0
while got < 60000:
    s.setblocking(got % 5 != 0)
    if sent < 60000 and sent - got < 3000:
        for i in range(len(piece)):
            piece[i] = (sent + i) % 251
        sent += s.write(piece, min(len(piece), 60000 - sent)) or 0
    else:
        s.setblocking(False)
    n = s.readinto(back, min(len(back), sent - got)) or 0
    for i in range(n):
        wrong += back[i] != (got + i) % 251
    got += n
print(sent, got, wrong, timer.calls > 1000)
modem.background(None)
s.settimeout(None)
s.close()
print(modem.inside)
""")
    assert said == ["60000 60000 0 True", "0"]
