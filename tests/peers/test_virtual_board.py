"""The same libraries on the virtual board: deployed, with `import wiring`, with a Pico's heap, over mpremote."""

import pytest
from peers.conftest import HOST

from bg95_host import mpy
from bg95_host.compat import FIRMWARE
from bg95_host.deploy import deploy
from bg95_host.module_sim import SimOptions
from bg95_host.mpremote_link import BoardLink
from bg95_host.rigs.virtual import VirtualRig

ONLINE = """
import bg95, wiring
modem = wiring.modem(sockets=2)
modem.active(True)
modem.connect("iot")
ctx = bg95.SSLContext(modem, 1)
ctx.load_verify_locations("cacert.pem")
bg95.install(modem, ctx)
"""

UMQTT = """
from umqtt.robust import MQTTClient
got = []
client = MQTTClient("board", HOST, PORT, ssl=True)
client.set_callback(lambda topic, message: got.append((topic, message)))
client.connect()
client.subscribe("news")
client.publish("news", "hello")
while not got:
    client.wait_msg()
client.disconnect()
print(got)
"""

REQUESTS = """
import requests
r = requests.post("https://%s:%d/echo" % (HOST, PORT), json={"temperature": 21})
print(r.status_code, r.json()["said"])
"""

AIOHTTP = """
import asyncio, aiohttp
async def main():
    async with aiohttp.ClientSession() as session:
        async with session.get("https://%s:%d/bytes/5" % (HOST, PORT)) as response:
            print(response.status, await response.read())
        async with session.ws_connect("wss://%s:%d/ws" % (HOST, PORT)) as ws:
            await ws.send_str("text")
            print(await ws.receive_str())
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def rig(authority, tmp_path_factory):
    flash = tmp_path_factory.mktemp("module")
    authority.write(flash, "cacert.pem")
    options = SimOptions(files=flash, pace=False, resolve={HOST: "127.0.0.1"})
    with VirtualRig(options=options) as rig:
        deploy(rig.port, rig.board, reset=False)
        yield rig
        rig.check()


@pytest.fixture
def run(rig):
    """run(app, port, folder, package): what the app prints, with that package in the board's /lib."""

    def run(app, port, folder=None, package=None):
        said = bytearray()
        with BoardLink(rig.port) as board:
            for source in sorted((folder / package).glob("*.py")) if folder else ():
                name = f"{package}/{source.stem}.mpy"
                board.execute(
                    f"import os\nif not {package!r} in os.listdir('/lib'): os.mkdir('/lib/{package}')"
                )
                board.write_file(f"/lib/{name}", mpy.compile_source(source, name))
            board.run(f"HOST, PORT = {HOST!r}, {port}\n" + app, said.extend)
        return said.decode().replace("\r\n", "\n")

    return run


def test_requests(run, https):
    assert run(ONLINE + REQUESTS, https.port) == '200 {"temperature": 21}\n'


def test_umqtt(run, broker, pypi_umqtt):
    assert run(ONLINE + UMQTT, broker.port, pypi_umqtt, "umqtt") == "[(b'news', b'hello')]\n"


def test_aiohttp(run, https, micropython_lib):
    folder = micropython_lib / "python-ecosys" / "aiohttp"
    assert run(ONLINE + AIOHTTP, https.port, folder, "aiohttp") == f"200 {bytes(range(5))}\ntxet\n"


def test_an_example_as_it_is_copied(run, https):
    source = (FIRMWARE / "examples" / "https_get.py").read_text()
    app = source.replace('HOST = "example.com"', f"HOST = {HOST!r}").replace(
        "PORT = 443", f"PORT = {https.port}"
    )
    assert run(app, https.port) == "HTTP/1.0 200 OK\nIt works.\nReally.\n"
