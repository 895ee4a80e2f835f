"""Two downloads at a time while an LED blinks: nothing here ever waits for anything else."""

import asyncio
import time

import wiring
from machine import Pin

import bg95

APN = "iot.apn"
HOST = "example.com"
PORT = 443
PATHS = "/", "/index.html"
BLINK_MS = 50

led = Pin(25, Pin.OUT)
late_ms = []


async def blink():
    """Toggle the LED, and note how late each time was."""
    due = time.ticks_ms()
    while True:
        due = time.ticks_add(due, BLINK_MS)
        await asyncio.sleep_ms(max(0, time.ticks_diff(due, time.ticks_ms())))
        led.value(not led.value())
        late_ms.append(time.ticks_diff(time.ticks_ms(), due))


async def download(ctx, path):
    """The number of bytes of a page."""
    reader, writer = await bg95.aio.open_connection(HOST, PORT, ssl=ctx)
    writer.write("GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" % (path, HOST))
    await writer.drain()
    while await reader.readline() not in (b"\r\n", b""):
        pass
    size = 0
    while True:
        piece = await reader.read(512)
        if not piece:
            break
        size += len(piece)
    await writer.wait_closed()
    return size


async def main():
    blinking = asyncio.create_task(blink())
    link = wiring.modem()
    modem = bg95.aio.Modem(link)  # the same modem, with coroutines
    await modem.active(True)
    await modem.connect(APN)
    ctx = bg95.SSLContext(link)
    ctx.load_verify_locations(cafile="cacert.pem")
    print(await asyncio.gather(*[download(ctx, path) for path in PATHS]))
    blinking.cancel()
    print("the LED was at most %d ms late" % max(late_ms))


asyncio.run(main())
