"""As few AT round trips as the protocol allows, counted; what was written always leaves."""

import pytest
from driver import vm

from bg95_host.testbed.servers import TlsServer, source

HOST = "broker.test"

# `cost(function)`: the AT commands that it takes, by name, up to the moment when nothing is due any more.
OPEN = """
import bg95, time
modem, ctx = online()

class Counter:
    def write(self, text):
        if "> AT" in text:
            self.names.append(text.split("> AT+")[1].split("=")[0].strip())

counter = Counter()

def cost(function, *args):
    counter.names = []
    modem.trace(counter)
    function(*args)
    c = s._c
    while c in modem.connections and (c.op or c.src or (c.hint and not c.rx.any())):
        modem.poll()
    modem.trace(None)
    return counter.names

def until(condition):
    deadline = time.ticks_add(time.ticks_ms(), 5000)
    while not condition():
        modem.poll()
        if time.ticks_diff(deadline, time.ticks_ms()) < 0:
            raise RuntimeError("it did not happen")
"""


@pytest.fixture
def echoed(sim, options, authority):
    """echoed(script): what it prints, with an echo server at PORT."""

    def run(script):
        with TlsServer(authority.server(HOST)) as server:
            return vm.run(OPEN + script, sim, options, server.port, heap="384k").splitlines()

    return run


def test_small_writes_leave_together_before_a_read(echoed):
    said = echoed("""
s = ctx.connect("broker.test", PORT)
s.flush_ms = 0  # so that nothing else sends them
def exchange():
    for word in (b"one", b"two", "three"):
        s.write(word)
    return s.read(11)
print(cost(exchange))
""")
    assert said == ["['QSSLSEND', 'QSSLRECV', 'QSSLRECV']"]  # the last one finds the buffer empty


def test_small_writes_leave_together_on_flush_and_on_close(echoed):
    said = echoed("""
s = ctx.connect("broker.test", PORT)
def write():
    for _ in range(10):
        s.write(b"0123456789")
print(cost(write))
print(cost(s.flush)[:1])
s.read(100)
cost(s.flush)
write()
print([name for name in cost(s.close) if name != "QSSLRECV"])
""")
    assert said == ["[]", "['QSSLSEND']", "['QSSLSEND', 'QSSLCLOSE']"]


def test_a_small_write_leaves_after_flush_ms(echoed):
    said = echoed("""
s = ctx.connect("broker.test", PORT)
start = time.ticks_ms()
s.write(b"alone")
until(lambda: s._c.rx.any())
print(s.read(5), time.ticks_diff(time.ticks_ms(), start) >= s.flush_ms)

s.flush_ms = 0  # for ever, until somebody asks for it
s.write(b"alone")
start = time.ticks_ms()
until(lambda: time.ticks_diff(time.ticks_ms(), start) > 100)
print(s._c.w)
print(s.read(5))
""")
    assert said == ["b'alone' True", "5", "b'alone'"]


def test_what_has_waited_long_enough_leaves_with_the_next_write_at_the_latest(echoed):
    said = echoed("""
s = ctx.connect("broker.test", PORT)
s.write(b"first")
time.sleep_ms(s.flush_ms + 1)
s.write(b"second")
print(s._c.src_n)
print(s.read(11))
""")
    assert said == ["5", "b'firstsecond'"]


def test_a_full_buffer_leaves(echoed):
    said = echoed("""
s = ctx.connect("broker.test", PORT)
s.flush_ms = 0
def write():
    for _ in range(146):
        s.write(b"0123456789")
    until(lambda: not s._c.src)
print(cost(write).count("QSSLSEND"))
""")
    assert said == ["1"]


def test_a_large_write_leaves_in_pieces_of_1460(echoed):
    said = echoed("""
s = ctx.connect("broker.test", PORT)
large = bytes(range(256)) * 20
def write():
    s.write(large)
    s.flush()
print(cost(write).count("QSSLSEND"), s.read(len(large)) == large)
""")
    assert said == ["4 True"]  # 5120 / 1460


def test_writes_go_on_while_a_send_is_under_way(echoed):
    said = echoed("""
s = ctx.connect("broker.test", PORT)
s.setblocking(False)
written = s.write(b"1" * 700)
s._c.push()
modem.poll()
print(written, s._c.op != 0, s.write(b"2" * 700), s.write(b"3" * 700), s.write(b"4"))
s.settimeout(None)
print(s.read(1460) == b"1" * 700 + b"2" * 700 + b"3" * 60)
""")
    assert said == ["700 True 700 60 None", "True"]


def test_reading_byte_by_byte_costs_one_receive_for_1500_bytes(sim, options, authority):
    """The peer's data comes as one TLS record, so the module has all of it or nothing."""
    script = (
        OPEN
        + """
def read():
    global s
    s = ctx.connect("broker.test", PORT)
    for _ in range(6000):
        s.read(1)
print(cost(read).count("QSSLRECV"))
"""
    )
    with TlsServer(authority.server(HOST), source(bytes(6000))) as server:
        said = vm.run(script, sim, options, server.port, heap="384k")
    assert said == "5\n"  # 6000 / 1500, and one that finds the buffer empty


def test_an_open_socket_has_its_stated_size_and_there_are_as_many_as_were_asked_for(echoed):
    said = echoed("""
one = ctx.connect("broker.test", PORT)
two = ctx.connect("broker.test", PORT)
try:
    ctx.connect("broker.test", PORT)
except bg95.ConnectError as e:
    print(e.errno, e)
two.close()
def modem_for(sockets):
    return allocated(lambda: bg95.Modem(modem.uart, sockets=sockets))
modem_for(1)  # loads what it takes
print((modem_for(9) - modem_for(1)) // 8)
""")
    assert said[0] == "24 all 2 sockets are open; close one, or construct Modem(..., sockets=n)"
    assert int(said[1]) <= 3.2 * 1024  # "about 3 KiB", says Modem
