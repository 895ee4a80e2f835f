"""Today's `aiohttp` of micropython-lib over the modem: HTTPS, chunked bodies, websockets, two at a time."""

import pytest
from driver import vm
from peers.conftest import ONLINE

HEAP = "512k"

APP = """
import asyncio
import aiohttp
URL = "https://%s:%d" % (HOST, PORT)

async def get(session, path):
    async with session.get(URL + path) as response:
        return response.status, await response.read()

async def websocket(session):
    async with session.ws_connect("wss://%s:%d/ws" % (HOST, PORT)) as ws:
        await ws.send_str("text")
        await ws.send_bytes(b"bytes")
        said = [await ws.receive_str(), await ws.receive_bytes()]
        await ws.close()
        return said

async def main():
    async with aiohttp.ClientSession() as session:
        print("get", await get(session, "/bytes/5"))
        async with session.post(URL + "/echo", json={"temperature": 21}) as response:
            print("post", response.status, (await response.json())["said"])
    async with aiohttp.ClientSession(version=aiohttp.HttpVersion11) as session:
        async with session.get(URL + "/chunked") as response:
            parts = []
            for _ in range(4):
                parts.append(await response.read())
            print("chunked", parts)
        print("websocket", await websocket(session))
        one, two = await asyncio.gather(
            get(aiohttp.ClientSession(), "/bytes/3000"), get(aiohttp.ClientSession(), "/bytes/2000")
        )
        print("both", len(one[1]), len(two[1]))
    while modem.connections:
        await asyncio.sleep_ms(10)

asyncio.run(main())
print("left open", len(modem.ssl_sockets()))
"""


@pytest.fixture
def library(micropython_lib):
    return [micropython_lib / "python-ecosys" / "aiohttp"]


def test_get_post_chunks_websocket_and_two_at_a_time(sim, options, https, library):
    app = ONLINE + APP
    said = vm.run(app, sim, options, https.port, libraries=library, heap=HEAP).splitlines()
    assert said == [
        f"get (200, {bytes(range(5))})",
        'post 200 {"temperature": 21}',
        "chunked [b'one,', b'two,', b'three', b'']",
        "websocket ['txet', b'setyb']",
        "both 3000 2000",
        "left open 0",
    ]
