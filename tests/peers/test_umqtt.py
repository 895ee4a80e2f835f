"""umqtt.simple and umqtt.robust over the modem, with a real mosquitto: PyPI's, and today's."""

import subprocess
import threading
import time

import pytest
from driver import vm
from peers.conftest import ONLINE

HEAP = "512k"

APP = """
from umqtt.simple import MQTTClient
got = []
client = MQTTClient("vm", HOST, PORT, ssl=TLS, keepalive=60)
client.set_callback(lambda topic, msg: got.append((topic, msg)))
client.set_last_will("gone", "vm")

def publish(msg, qos=0, topic="news"):
    client.publish(topic, msg, qos=qos)

def ping():
    client.ping()
    client.wait_msg()

client.connect()
client.disconnect()
print("connect", *cost(client.connect))
print("subscribe", *cost(client.subscribe, "news"))
print("publish", *cost(publish, "hello", 0, "what nobody reads"))
publish("hello")
client.wait_msg()
print("got", got)
print("publish qos 1", cost(publish, b"x" * 1000, 1)[0])
while len(got) < 2:
    client.wait_msg()
print("got", len(got[1][1]))
client.sock.setblocking(True)
print("nothing new", client.check_msg())
print("ping", *cost(ping))
big = bytes(range(256)) * 20
publish(big)
while len(got) < 3:
    client.wait_msg()
print("got", got[2][1] == big)
client.disconnect()
"""

# The broker goes away in the middle; robust finds it again, and loses a socket each time without closing it.
ROBUST = """
import os, time
from umqtt.robust import MQTTClient

def told_to_stop():
    try:
        return os.stat(STOP)
    except OSError:
        return False

client = MQTTClient("vm", HOST, PORT, ssl=TLS)
client.DELAY = 0.05
client.connect()
while not told_to_stop():
    client.publish("news", "still there")
    time.sleep_ms(10)
client.disconnect()
print("told to stop")
"""


@pytest.fixture(params=["pypi", "today"])
def umqtt(request, tmp_path):
    """(folder to import from, what `ssl` has to be)"""
    if request.param == "pypi":
        return request.getfixturevalue("pypi_umqtt"), "True"
    lib = request.getfixturevalue("micropython_lib") / "micropython"
    (tmp_path / "umqtt").mkdir()
    for name in ("simple", "robust"):  # MicroPython looks for `umqtt` in one folder only
        (tmp_path / f"umqtt/{name}.py").symlink_to(lib / f"umqtt.{name}/umqtt/{name}.py")
    return tmp_path, "ctx"


def test_each_operation_is_one_send(sim, options, broker, umqtt):
    library, tls = umqtt
    app = ONLINE + f"TLS = {tls}\n" + APP
    said = vm.run(app, sim, options, broker.port, libraries=[library], heap=HEAP).splitlines()
    assert said == [
        # QSSLCFG: whether the context is still as it was set. The second QSSLRECV finds the buffer empty.
        "connect 0 [('QSSLCFG', 1), ('QSSLOPEN', 1), ('QSSLRECV', 2), ('QSSLSEND', 1)]",
        "subscribe None [('QSSLRECV', 2), ('QSSLSEND', 1)]",
        "publish None [('QSSLSEND', 1)]",
        "got [(b'news', b'hello')]",
        "publish qos 1 None",
        "got 1000",
        "nothing new None",
        "ping None [('QSSLRECV', 2), ('QSSLSEND', 1)]",
        "got True",
    ]


RESTARTS = 3  # more than the modem has sockets


def restart_and_stop(broker, folder, stop):
    """Kill the broker whenever the client has found it; in the end tell the client to stop."""
    process, log = broker.process, broker.log
    for n in range(RESTARTS):
        wait_for_client(log)
        process.kill()
        process.wait()
        log = folder / f"mosquitto-{n}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(process.args, stdout=output, stderr=output)
    try:
        wait_for_client(log)
    finally:
        stop.touch()
    return process


def wait_for_client(log, seconds=20):
    deadline = time.monotonic() + seconds
    while b" as vm " not in log.read_bytes():
        assert time.monotonic() < deadline, log.read_bytes()
        time.sleep(0.01)


def test_robust_comes_back_after_the_broker_restarted(sim, options, broker, umqtt, tmp_path):
    library, tls = umqtt
    stop = tmp_path / "stop"
    last = []
    keeper = threading.Thread(target=lambda: last.append(restart_and_stop(broker, tmp_path, stop)))
    keeper.start()
    app = ONLINE + f"TLS = {tls}\nSTOP = {str(stop)!r}\n" + ROBUST
    try:
        said = vm.run(app, sim, options, broker.port, libraries=[library], heap=HEAP)
    finally:
        keeper.join()
        for process in last:
            process.kill()
            process.wait()
    assert last, "the client did not come back"
    assert said == "told to stop\n"
