"""The module itself: files, power, what an open socket costs the board."""

import pytest


def test_a_file_arrives_and_is_not_sent_twice(modem):
    data = bytes(range(256)) * 5
    assert modem.value(f"modem.files.upload('hil.bin', {data!r})") is True
    assert modem.value(f"modem.files.upload('hil.bin', {data!r})") is False
    assert ["hil.bin", len(data)] in modem.value("modem.files.list()")
    modem.run("modem.files.remove('hil.bin')")
    assert "hil.bin" not in dict(modem.value("modem.files.list()"))


def test_the_module_answers_and_is_identified(modem, record_property):
    model, revision = modem.value("(modem.model, modem.revision)")
    record_property("module", f"{model} {revision}")
    modem.run("import sys; runs = sys.implementation")
    version, machine = modem.value("(runs.version[:3], runs._machine)")
    record_property("MicroPython", f"{'.'.join(map(str, version))} on {machine}")
    assert model.startswith(("BG95", "BG77", "BG600L"))


@pytest.mark.needs("pins")
def test_pwrkey_switches_it_off_and_on(modem):
    modem.run("modem.power_off()")
    assert modem.value("modem.status_pin.value()") == 0
    modem.run("modem.active(True)")
    assert modem.value("modem.status_pin.value()") == 1


def test_an_open_socket_is_read_and_written_without_the_heap(modem, tls_server, record_property):
    modem.run(f"""
import gc, micropython
modem.trace(None)  # allocates for every line
gc.collect()
before = gc.mem_alloc()
context = bg95.SSLContext(modem, 1)
context.load_verify_locations(cafile={tls_server.ca!r})
s = context.connect({tls_server.host!r}, {tls_server.port})
gc.collect()
heap = gc.mem_alloc() - before
out, back = bytes(64), bytearray(64)
def exchange():
    s.write(out)
    return s.readinto(back)
n = exchange()  # makes the name, which would allocate under the lock
micropython.heap_lock()
try:
    n = exchange()
    modem.poll()
finally:
    micropython.heap_unlock()
s.close()
""")
    assert modem.value("n") == 64
    record_property("heap of a connection, B", modem.value("heap"))
