"""Each example of firmware/examples does in the VM what it says, with real peers."""

import re
import threading
import time

import pytest
from driver import vm
from peers.conftest import HOST

from bg95_host.compat import FIRMWARE
from bg95_host.testbed import peers
from bg95_host.testbed.servers import TlsServer

EXAMPLES = FIRMWARE / "examples"
HEAP = "512k"

# What an example finds on a board: `wiring`, and of `machine` what it uses.
BOARD = """
_UART = UART

class Pin:
    IN, OUT = 0, 1
    def __init__(self, *_, **__):
        self.level = 0
    def value(self, level=None):
        if level is None:
            return self.level
        self.level = level

class Port:
    "The UART of a device that has something to say."
    def __init__(self, *_, **__):
        self.out = b""
        self.ring = micropython.RingIO(1000)
        self.ring.write(b"+++ from the device")
        self.any = self.ring.any
        self.readinto = self.ring.readinto
    def write(self, data):
        self.out += bytes(data)
        print("the device hears", self.out) if len(self.out) == 19 else None

def deepsleep(ms):
    print("deep sleep", ms)
    sys.exit()

class Module:
    def __init__(self, **names):
        for name in names:
            setattr(self, name, names[name])

def modem(**options):
    import bg95
    return bg95.Modem(_UART(), **options)

sys.modules["machine"] = Module(Pin=Pin, UART=Port, deepsleep=deepsleep)
sys.modules["wiring"] = Module(modem=modem)
"""


@pytest.fixture
def run(sim, options):
    """run(name, libraries=(), CONSTANT=value, ...): what the example prints with those constants."""

    def run(name, libraries=(), **constants):
        source = (EXAMPLES / f"{name}.py").read_text()
        for constant, value in constants.items():
            source, n = re.subn(f"(?m)^{constant} = .*$", f"{constant} = {value!r}", source)
            assert n == 1, f"{name} has no {constant}"
        said = vm.run(BOARD + source, sim, options, libraries=libraries, heap=HEAP)
        return said.splitlines()

    return run


def test_every_example_is_tested():
    tests = {name[len("test_") :] for name in globals() if name.startswith("test_")}
    assert {path.stem for path in EXAMPLES.glob("*.py")} <= tests


def test_https_get(run, https):
    said = run("https_get", HOST=HOST, PORT=https.port)
    assert said == ["HTTP/1.0 200 OK", "It works.", "Really."]


def test_https_post(run, https):
    (said,) = run("https_post", URL=f"https://{HOST}:{https.port}/echo")
    assert said.startswith('200 {"method": "POST", "said": "{\\"')
    assert '\\"dbm\\": -' in said


def test_mqtt_publish(run, broker, pypi_umqtt):
    said = run("mqtt_publish", [pypi_umqtt], BROKER=HOST, PORT=broker.port)
    assert sorted(said)[1] == "device-1/state here"
    assert sorted(said)[0].startswith("device-1/dbm -")


def test_asyncio_two_sockets(run, https):
    said = run(
        "asyncio_two_sockets", HOST=HOST, PORT=https.port, PATHS=("/bytes/3000", "/bytes/20000")
    )
    assert said[0] == "[3000, 20000]"
    assert re.fullmatch(r"the LED was at most \d+ ms late", said[1])


def serve_coap(server, failed):
    """Answer one GET of /temperature (RFC 7252, figure 12), as `openssl s_server` relays it."""
    deadline = time.monotonic() + 20
    while not (
        request := re.search(rb"\x44\x01(..)(....)\xbbtemperature", server.log.read_bytes(), re.S)
    ):
        if time.monotonic() > deadline:
            failed.append(server.log.read_bytes())
            return
        time.sleep(0.01)
    message_id, token = request.groups()
    server.process.stdin.write(b"\x64\x45" + message_id + token + b"\xff21.5 C")
    server.process.stdin.flush()


def test_coap_dtls(run, tmp_path):
    key = "00112233445566778899aabbccddeeff"
    peer = peers.openssl_s_server(
        tmp_path, None, "-dtls1_2", "-psk", key, "-psk_hint", "", "-cipher", "PSK-AES128-CBC-SHA256"
    )
    try:
        server = peer.__enter__()
    except peers.PeerMissing as missing:
        pytest.skip(str(missing))
    failed = []
    coap = threading.Thread(target=serve_coap, args=(server, failed))
    coap.start()
    try:
        said = run("coap_dtls", HOST=HOST, PORT=server.port, KEY=key)
    finally:
        coap.join()
        peer.__exit__(None, None, None)
    assert (said, failed) == (["temperature is 21.5 C"], [])


def test_transparent_bridge(run, authority):
    def far_end(peer):
        data = b""
        while len(data) < 19:
            data += peer.recv()
        peer.send(data[::-1])

    with TlsServer(authority.server(HOST), far_end) as server:
        said = run("transparent_bridge", HOST=HOST, PORT=server.port)
    assert said == [f"the device hears {b'+++ from the device'[::-1]}", "19 bytes there, 19 back"]


def test_low_power_sensor(run, https):
    said = run("low_power_sensor", HOST=HOST, PORT=https.port)
    assert said == ["HTTP/1.0 201 Created", "deep sleep 900000"]


def test_low_power_sensor_sleeps_also_where_it_cannot_report(run):
    said = run("low_power_sensor", HOST="nowhere.test")
    assert said[0].startswith("not this time: AT+QSSLOPEN: 565")
    assert said[1:] == ["deep sleep 900000"]
