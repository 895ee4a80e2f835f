"""asyncio on the board: two connections at a time, beside a task that sleeps for 10 ms at a time."""

APP = """
import asyncio
from time import ticks_diff, ticks_us

async def tick(late):
    while True:
        start = ticks_us()
        await asyncio.sleep_ms(10)
        late[0] = max(late[0], ticks_diff(ticks_us(), start) - 10_000)

async def echo(server, context, piece, times):
    reader, writer = await bg95.aio.open_connection(*server, ssl=context)
    same = 0
    for _ in range(times):
        writer.write(piece)
        await writer.drain()
        same += await reader.readexactly(len(piece)) == piece
    await writer.wait_closed()
    return same

async def both(server, context, times):
    late = [0]
    ticking = asyncio.create_task(tick(late))
    same = await asyncio.gather(
        echo(server, context, b"1" * 700, times), echo(server, context, b"2" * 700, times)
    )
    ticking.cancel()
    return same, late[0]
"""


def test_two_tasks_stream_while_a_third_keeps_time(modem, tls_server, record_property):
    modem.run(APP)
    modem.run(f"""
context = bg95.SSLContext(modem, 1)
context.load_verify_locations(cafile={tls_server.ca!r})
same, late = asyncio.run(both({(tls_server.host, tls_server.port)!r}, context, 3))
""")
    assert modem.value("same") == [3, 3]
    record_property("worst delay of a 10 ms task, us", modem.value("late"))
