"""bg95.aio: coroutines over the same flows, cancelled anywhere, without a busy loop."""

import pytest
from driver import vm

from bg95_host.testbed.servers import TlsServer, sink, stall

HOST = "broker.test"

# The app is `async def main()`; `link` is the bg95.Modem, `modem` its coroutine face.
APP = """
import asyncio, io, time
import bg95

link = bg95.Modem(UART(), sockets=2)
modem = bg95.aio.Modem(link)

async def online():
    await modem.active(True)
    await modem.connect("iot")
    ctx = bg95.SSLContext(link, 1)
    ctx.load_verify_locations(CAFILE)
    return ctx

async def until(condition):
    deadline = time.ticks_add(time.ticks_ms(), 10000)
    while not condition():
        await asyncio.sleep_ms(1)
        if time.ticks_diff(deadline, time.ticks_ms()) < 0:
            raise RuntimeError("it did not happen")

async def works(ctx):
    "Whether a new connection does, and nothing is left over."
    reader, writer = await bg95.aio.open_connection("broker.test", PORT, ssl=ctx)
    writer.write(b"ping")
    await writer.drain()
    answer = await reader.readexactly(4)
    await writer.wait_closed()
    return answer == b"ping" and await modem.ssl_sockets() == [] and not link.jobs
"""
RUN = "\nasyncio.run(main())\n"


@pytest.fixture
def run(sim, options, authority):
    def run(script, *handler):
        with TlsServer(authority.server(HOST), *handler) as server:
            said = vm.run(APP + script + RUN, sim, options, server.port, heap="512k")
        return said.splitlines()

    return run


def test_every_blocking_call_of_the_modem_is_a_coroutine(run):
    said = run("""
async def main():
    print(modem.active(), await modem.active(True), modem.active())
    await modem.connect("iot")
    print(await modem.isconnected(), await modem.ipconfig("addr4"), modem.config("model"))
    print(len(await modem.ipconfig("dns")), await modem.status(), (await modem.status("rssi")) < 0)
    print(await modem.command("AT+CMEE?"), len(await modem.clock()))
    print(await modem.files.upload("a.txt", b"text"), await modem.files.upload("a.txt", b"text"))
    out = io.BytesIO()
    print(await modem.files.read("a.txt", out), out.getvalue(), await modem.files.free() > 0)
    await modem.files.remove("a.txt")
    print(len(await modem.crypt.md5("abc")), await modem.ssl_sockets())
    try:
        await modem.files.remove("a.txt")
    except bg95.FileError as e:
        print(e.code)
    try:
        await modem.connect("bad\\rapn")
    except ValueError as e:
        print(e)
    await modem.disconnect()
    print(await modem.isconnected())
    await modem.power_off()
    print(modem.active())
""")
    assert said == [
        "False True True",
        "True 100.64.0.1 BG95-M3",
        "2 True True",
        "['+CMEE: 1'] 8",
        "True False",
        "4 b'text' True",
        "16 []",
        "405",
        'apn: no quotes, backslashes or control characters ("0xd")',
        "False",
        "False",
    ]


def test_two_sockets_stream_at_a_time(run):
    said = run("""
async def exchange(ctx, fill):
    reader, writer = await bg95.aio.open_connection("broker.test", PORT, ssl=ctx)
    block = bytes([fill]) * 1000
    right = 0
    async def send():
        for _ in range(10):
            writer.write(block)
            await writer.drain()
    sending = asyncio.create_task(send())
    for _ in range(10):
        right += await reader.readexactly(1000) == block
    await sending
    await writer.wait_closed()
    return right

async def main():
    ctx = await online()
    print(await asyncio.gather(exchange(ctx, 1), exchange(ctx, 2)), await works(ctx))
""")
    assert said == ["[10, 10] True"]


def test_one_message_is_one_send(run):
    said = run("""
async def main():
    ctx = await online()
    reader, writer = await bg95.aio.open_connection("broker.test", PORT, ssl=ctx)
    before = link._at.commands
    for word in (b"one", b"two", b"three"):
        writer.write(word)
        await writer.drain()
    # AT+QSSLSEND and one or two AT+QSSLRECV: the one that finds nothing more may be under way
    print(await reader.readexactly(11), link._at.commands - before in (2, 3))
    writer.write(b"alone")  # and nobody waits for anything: the pump sends it
    await until(lambda: writer.s._c.rx.any())
    print(await reader.readexactly(5))
""")
    assert said == ["b'onetwothree' True", "b'alone'"]


@pytest.mark.parametrize("steps", range(0, 64, 4))
def test_opening_can_be_cancelled_anywhere(run, steps):
    """`steps`: how often the flow went on before the task was cancelled."""
    said = run(f"""
async def main():
    ctx = await online()
    task = asyncio.create_task(bg95.aio.open_connection("broker.test", PORT, ssl=ctx))
    await asyncio.sleep_ms(0)
    for _ in range({steps}):
        link.poll()
        if task.done():
            break
        await asyncio.sleep_ms(0)
    was_open = task.done()
    task.cancel()
    try:
        reader, writer = await task
        await writer.wait_closed()
    except asyncio.CancelledError:
        pass
    await until(lambda: not link.jobs)
    print(bool(link.connections), link.dirty, await works(ctx), await works(ctx))
""")
    assert said == ["False 0 True True"]


@pytest.mark.parametrize("steps", range(0, 12, 2))
def test_closing_can_be_cancelled_anywhere(run, steps):
    said = run(f"""
async def main():
    ctx = await online()
    reader, writer = await bg95.aio.open_connection("broker.test", PORT, ssl=ctx)
    writer.write(b"some last words")
    task = asyncio.create_task(writer.wait_closed())
    await asyncio.sleep_ms(0)
    for _ in range({steps}):
        link.poll()
        await asyncio.sleep_ms(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    await writer.wait_closed()  # harmless
    await until(lambda: not link.jobs)
    print(bool(link.connections), link.dirty, await works(ctx))
""")
    assert said == ["False 0 True"]


@pytest.mark.parametrize("ms", [0, 1, 3, 10, 30])
def test_a_file_transfer_can_be_cancelled_anywhere(run, ms):
    said = run(f"""
async def main():
    ctx = await online()
    data = bytes(range(256)) * 16
    await modem.files.upload("data", data)
    for call in (modem.files.read("data", io.BytesIO()), modem.files.upload("more", data)):
        task = asyncio.create_task(call)
        await asyncio.sleep_ms({ms})
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
    print(await works(ctx))
    out = io.BytesIO()
    print(await modem.files.read("data", out) == len(data), out.getvalue() == data)
""")
    assert said == ["True", "True True"]


def test_errors_of_opening_are_raised_where_it_is_awaited(run, options):
    options.resolve["other.test"] = "127.0.0.1"
    said = run("""
async def main():
    ctx = await online()
    for host in ("nowhere.test", "other.test", "quo\\"ted"):
        try:
            await bg95.aio.open_connection(host, PORT, ssl=ctx)
        except bg95.ConnectError as e:
            print(e.code)
        except ValueError as e:
            print(e)
    try:
        await bg95.aio.open_connection("broker.test", PORT)
    except OSError as e:
        print(e)
    print(await works(ctx))
""")
    assert said == [
        "565",
        "566",
        'host: no quotes, backslashes or control characters (""")',
        "[Errno 95] EOPNOTSUPP: call bg95.install(modem, ctx) first",
        "True",
    ]


def test_a_waiting_program_is_not_busy(run):
    """It looks at the UART about once a millisecond (that is how the unix port waits), not in a loop."""
    said = run(
        """
looks = 0

class Watched(UART):
    def any(self):
        global looks
        looks += 1
        return UART.any(self)

link = bg95.Modem(Watched(), sockets=2)
modem = bg95.aio.Modem(link)

async def main():
    global looks
    ctx = await online()
    reader, writer = await bg95.aio.open_connection("broker.test", PORT, ssl=ctx)
    async def nothing():
        await asyncio.sleep_ms(1000)

    for wait in (reader.read(1), nothing()):
        looks = 0
        start = time.ticks_ms()
        try:
            await asyncio.wait_for_ms(wait, 300)
        except asyncio.TimeoutError:
            pass
        print(looks / time.ticks_diff(time.ticks_ms(), start) < 4)
""",
        sink,
    )
    assert said == ["True", "True"]


def test_a_new_event_loop_gets_a_pump_of_its_own(run):
    """Also where the old one's still had work."""
    said = run("""
async def main():
    pass

streams = []

async def leave_it_open():
    streams.extend(await bg95.aio.open_connection("broker.test", PORT, ssl=await online()))

async def go_on():
    reader, writer = streams
    await modem.isconnected()
    writer.write(b"alone")  # and nobody waits for anything: the pump sends it
    await until(lambda: writer.s._c.rx.any())
    print(await reader.readexactly(5))
    await writer.wait_closed()

asyncio.run(leave_it_open())
asyncio.new_event_loop()
asyncio.run(go_on())
""")
    assert said == ["b'alone'"]


def test_closing_does_not_wait_for_ever_for_a_peer_that_takes_nothing(run):
    said = run(
        """
async def main():
    ctx = await online()
    reader, writer = await bg95.aio.open_connection("broker.test", PORT, ssl=ctx)
    written = 0
    while not writer.out_buf or written < 300000:  # until everything in between is full
        writer.write(bytes(4096))
        written += 4096
        try:
            await asyncio.wait_for_ms(writer.drain(), 300)
        except asyncio.TimeoutError:
            writer.out_buf = bytes(4096)
            break
    await asyncio.wait_for(writer.wait_closed(), 35)  # ten each to send, and to close
    print(link.connections)
""",
        stall,
    )
    assert said == ["[]"]


def test_closing_after_the_peer_is_no_error(run):
    said = run(
        """
async def main():
    ctx = await online()
    reader, writer = await bg95.aio.open_connection("broker.test", PORT, ssl=ctx)
    await until(lambda: writer.s._c.state >= 2)
    writer.out_buf = b"lost"
    await writer.wait_closed()
    print(link.connections)
""",
        lambda peer: None,
    )
    assert said == ["[]"]


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "ValueError"])
def test_the_pump_starts_anew_after_it_was_ended(run, error):
    """By Ctrl-C, or by an application's handler; then the program is run again, at the REPL."""
    said = run(f"""
def handler(line):
    raise {error}

async def interrupted():
    ctx = await online()
    streams.extend(await bg95.aio.open_connection("broker.test", PORT, ssl=ctx))
    link.on_urc("+QIND", handler)
    link.uart._ring.write(b"\\r\\n+QIND: 1\\r\\n")
    await asyncio.sleep_ms(100)

streams = []
try:
    asyncio.run(interrupted())
except KeyboardInterrupt:
    pass
link.on_urc("+QIND", None)

async def main():
    ctx = await online()
    reader, writer = await bg95.aio.open_connection("broker.test", PORT, ssl=ctx)
    writer.write(b"alone")  # and nobody waits for anything: the pump sends it
    await until(lambda: writer.s._c.rx.any())
    print(await reader.readexactly(5))
""")
    assert said[-1] == "b'alone'"
