"""A real HTTPS server (aiohttp, on CPython) with pages for the tests, in a thread."""

from __future__ import annotations

import asyncio
import ssl
import threading
from pathlib import Path

from aiohttp import WSMsgType, web

from bg95_host.testbed.pki import Credential


def body(size: int) -> bytes:
    """What /bytes/<size> delivers."""
    return bytes(i % 251 for i in range(size))


async def home(_: web.Request) -> web.Response:
    return web.Response(text="It works.\nReally.")


async def readings(request: web.Request) -> web.Response:
    return web.Response(status=201 if "value" in await request.json() else 400)


async def deliver(request: web.Request) -> web.Response:
    return web.Response(body=body(int(request.match_info["size"])))


async def echo(request: web.Request) -> web.Response:
    said = await request.text()
    kind = request.headers.get("Content-Type", "")
    return web.json_response({"method": request.method, "said": said, "type": kind})


async def chunked(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    for part in (b"one,", b"two,", b"three"):
        await response.write(part)
    await response.write_eof()
    return response


async def nothing(_: web.Request) -> web.Response:
    return web.Response(status=204)


async def never(_: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


async def redirect(request: web.Request) -> web.Response:
    assert request.transport
    port = request.transport.get_extra_info("sockname")[1]  # not every client says it in Host
    raise web.HTTPFound(f"https://{request.url.host}:{port}/bytes/5")


async def websocket(request: web.Request) -> web.WebSocketResponse:
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        if message.type == WSMsgType.TEXT:
            await ws.send_str(message.data[::-1])
        elif message.type == WSMsgType.BINARY:
            await ws.send_bytes(message.data[::-1])
    return ws


class HttpsServer:
    """A context manager; `port` is where it listens on 127.0.0.1."""

    def __init__(self, credential: Credential, folder: Path):
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.maximum_version = ssl.TLSVersion.TLSv1_2
        self._tls.load_cert_chain(*credential.write(folder, "https"))
        self._loop = asyncio.new_event_loop()
        self.port = 0

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_get("/", home)
        app.router.add_post("/readings", readings)
        app.router.add_get("/bytes/{size}", deliver)
        app.router.add_route("*", "/echo", echo)
        app.router.add_get("/chunked", chunked)
        app.router.add_get("/nothing", nothing)
        app.router.add_get("/never", never)
        app.router.add_get("/redirect", redirect)
        app.router.add_post("/redirect", redirect)
        app.router.add_get("/ws", websocket)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]

    def __enter__(self) -> HttpsServer:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._call(self._start())
        return self

    async def _stop(self) -> None:
        await self._runner.cleanup()
        rest = asyncio.all_tasks() - {asyncio.current_task()}  # of /never
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def __exit__(self, *_: object) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _call(self, coroutine) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)
