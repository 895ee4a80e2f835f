# ruff: noqa: F821 (HOST and PORT stand in front of it)
"""Runs in the VM, once over MicroPython's own TLS and once over the modem: `socket`, `ssl` and HOST are what differs.

Prints one line a fact, `scenario: fact`. The server does what the first line that it receives names, see Menu in
test_same_as_micropython.py.
"""

import asyncio
import errno
import json
import select
import socket
import ssl
import time

NAME = "broker.test"
PATIENCE_MS = 10000
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
scenario = ""


def say(*facts):
    print(scenario + ":", *facts)


def error_of(function, *args):
    """The name of the OSError that function(*args) raises, or what it returned."""
    try:
        return function(*args)
    except OSError as e:
        return errno.errorcode.get(e.errno, "OSError")


def fails(function, *args):
    """Whether it raises an OSError: which one differs between TCP stacks."""
    try:
        function(*args)
    except OSError:
        return True
    return False


def connect(what, timeout=None):
    s = socket.socket()
    s.settimeout(timeout)
    s.connect(socket.getaddrinfo(HOST, PORT)[0][-1])
    s = context.wrap_socket(s, server_hostname=NAME)
    s.write(what + "\n")
    return s


def within(function):
    """Call function() until it returns something true."""
    deadline = time.ticks_add(time.ticks_ms(), PATIENCE_MS)
    while time.ticks_diff(deadline, time.ticks_ms()) > 0:
        result = function()
        if result:
            return result
        time.sleep_ms(1)
    raise RuntimeError("nothing came")


def echo():
    s = connect("echo")
    buf = bytearray(6)
    say(s.write(b"abcdef"), s.read(6))
    say(s.write(b"abcdef", 3), s.read(3))
    say(s.write(b"abcdef", 2, 3), s.read(3))
    say(s.write(bytearray(b"bytearray")), s.read(9), s.write(memoryview(b"view")), s.read(4))
    say(s.write("text"), s.read(4), s.write("\xe4"), s.read(2))
    say(s.write(b""), s.write("line\nand more"), s.readline(), s.read(8))
    say(s.write(b"123456"), s.readinto(buf, 4), s.readinto(memoryview(buf)[4:]), buf)
    big = bytes(range(256)) * 20
    say(s.write(big), s.read(len(big)) == big)
    s.close()


def end_of_stream():
    s = connect("ten bytes, then the end")
    buf = bytearray(8)
    say(s.read(4), s.readinto(buf), bytes(buf[:6]))
    say(s.read(1), s.read(), s.readinto(buf), s.readline())
    s.close()


def sizes():
    """More than there is room for, nothing at all, offsets behind the end."""
    s = connect("echo")
    buf = bytearray(4)
    s.write(b"abcdef")
    say(s.readinto(buf, 6), buf, s.readinto(bytearray(2), 1), s.read(1))
    say(s.readinto(bytearray(0)), s.readinto(buf, 0), buf)
    say(s.write(b"abc", 5, 2), s.write(b"abc", 1, 9), s.read(2), s.write(b"", 3))
    say(s.write("s\xe4ge", 3), s.read(3), s.write(memoryview(b"abcdef")[2:4]), s.read(2))
    s.close()


def lines():
    s = connect("three lines, then the end")
    say(s.readline(3), s.readline(), s.readline(9), s.readline(), s.readline())
    s.close()


def parsed():
    """Other code reads it as a stream."""
    s = connect("json, then the end")
    say(json.load(s), s.read())
    s.close()
    s = connect("echo")
    print("printed", file=s)
    say(s.readline())
    s.close()


def much():
    """100 KB one way, while the other way is full as well."""
    s = connect("echo")
    s.setblocking(False)
    block = bytes(range(256)) * 4
    sent = got = wrong = 0
    while got < 102400:
        if sent < 102400 and sent - got < 8192:
            at = sent % len(block)
            n = s.write(memoryview(block)[at:])
            sent += n or 0
        piece = s.read(700)
        if piece is None:
            time.sleep_ms(1)
            continue
        at = got % 256
        wrong += piece != block[at : at + len(piece)]
        got += len(piece)
    say(sent, got, wrong)
    s.close()


def several_pollers():
    one, two = connect("when told"), connect("when told")
    three = connect("ten bytes, then the end")
    poller = select.poll()
    poller.register(one, select.POLLIN)
    poller.register(two, select.POLLIN)
    say(poller.poll(0) == [])
    two.write(b"go\n")
    say([s is two for s, _ in poller.poll(PATIENCE_MS)], [s is two for s, *_ in poller.ipoll(0)])
    other = select.poll()
    other.register(three)
    within(lambda: other.poll(0)[0][1] & select.POLLIN)
    say(three.read(10))
    poller.unregister(two)
    say(poller.poll(0) == [], two.read(3))
    poller.register(three, select.POLLIN)
    say([s is three for s, _ in poller.poll(PATIENCE_MS)], three.read(1))
    for s in (one, two, three):
        s.close()


def without_goodbye():
    """The peer's TCP ends, its TLS does not."""
    s = connect("four bytes, then only a FIN")
    say(s.read(4), error_of(s.read, 1))
    s.close()


def writing_at_the_end():
    """Who only writes hears of it, too, with the rest unread."""
    s = connect("ten bytes, then the end")
    say(s.read(4))
    say("write", within(lambda: fails(s.write, b"x" * 1460)))
    poller = select.poll()
    poller.register(s, select.POLLOUT)
    say(poller.poll(PATIENCE_MS) != [])
    s.close()


def reused():
    """More connections than there are at a time."""
    for _ in range(6):
        s = connect("echo")
        s.write(b"once")
        say(s.read(4))
        s.close()


def half_read():
    s = connect("ten bytes, then the end")
    say(s.read(3), s.readline(), s.read())
    s.close()
    s = connect("ten bytes, then the end")
    say(s.read(3))
    s.close()  # with seven bytes unread


def without_blocking():
    s = connect("when told")
    buf = bytearray(8)
    s.setblocking(False)
    say(s.read(1), s.read(), s.readinto(buf), s.readline())
    say(s.write(b"go\n"))
    say(within(lambda: s.read(3)))
    say(s.read(1), s.readinto(buf))
    s.setblocking(True)
    say(s.write(b"go\n"), s.read(3))
    s.close()


def polling():
    s = connect("when told")
    poller = select.poll()
    poller.register(s, select.POLLIN)
    say(poller.poll(0) == [])
    poller.modify(s, select.POLLOUT)
    say(poller.poll(PATIENCE_MS)[0][1] == select.POLLOUT)
    s.write(b"go\n")
    poller.modify(s, select.POLLIN)
    say(poller.poll(PATIENCE_MS)[0][1] == select.POLLIN)
    s.setblocking(False)
    say(s.read(100))
    say(poller.poll(0) == [])
    s.close()
    say([event for _, event in poller.poll(0)])  # POLLNVAL


def polling_at_the_end():
    s = connect("ten bytes, then the end")
    poller = select.poll()
    poller.register(s, select.POLLIN)
    say(s.read(10))
    say(poller.poll(PATIENCE_MS)[0][1] & select.POLLIN)
    say(s.read(1))
    s.close()


def timeout():
    s = connect("nothing", 0.2)
    start = time.ticks_ms()
    say(error_of(s.read, 5), time.ticks_diff(time.ticks_ms(), start) > 190)
    s.close()
    s = connect("three bytes, then nothing", 0.2)
    say(error_of(s.read, 5))
    s.close()


def peer_reset():
    s = connect("four bytes, then a reset")
    say(s.read(4))
    say("read", error_of(s.read, 1))
    say("write", within(lambda: fails(s.write, b"x" * 1460)))
    s.close()


def closed():
    s = connect("echo")
    s.write(b"abc")
    say(s.read(3))
    s.close()
    say(fails(s.read, 1), fails(s.readinto, bytearray(1)), fails(s.readline), fails(s.write, b"x"))
    say(s.close())


def closed_after_writing():
    """What was written arrives, although nobody flushed."""
    s = connect("tell how much came")
    s.write(b"x" * 3000)
    s.write(b"y" * 5)
    s.close()
    s = connect("how much?")
    say(s.readline())
    s.close()


def short_writes():
    s = connect("nothing")
    s.setblocking(False)
    block = bytes(4096)
    sent = 0
    quiet = 0
    kinds = set()
    while quiet < 200:  # until the peer, which does not read, has filled everything in between
        n = s.write(block)
        kinds.add("all" if n == len(block) else "none" if n is None else "some")
        sent += n or 0
        quiet = 0 if n else quiet + 1
        time.sleep_ms(0 if n else 1)
    say("none" in kinds, sent > 0)
    poller = select.poll()
    poller.register(s, select.POLLOUT)
    say(within(lambda: poller.poll(0) == []))
    s.close()


async def streams():
    reader, writer = await asyncio.open_connection(HOST, PORT, ssl=context, server_hostname=NAME)
    writer.write(b"echo\n")
    await writer.drain()
    writer.write("one\ntwo")
    writer.write(b"three")
    await writer.drain()
    say(await reader.readline(), await reader.readexactly(5), await reader.read(3))
    big = bytes(range(256)) * 20
    writer.write(big)
    await writer.drain()
    say(await reader.readexactly(len(big)) == big)

    task = asyncio.create_task(reader.readexactly(5))
    await asyncio.sleep_ms(20)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        say("cancelled")
    try:
        await asyncio.wait_for_ms(reader.readline(), 50)
    except asyncio.TimeoutError:
        say("timeout")
    writer.write(b"after")
    await writer.drain()
    say(await reader.readexactly(5))
    writer.close()
    await writer.wait_closed()


async def streams_both_ways():
    """One task writes, another reads the same connection."""
    reader, writer = await asyncio.open_connection(HOST, PORT, ssl=context, server_hostname=NAME)
    writer.write(b"echo\n")
    block = bytes(range(256)) * 8

    async def send():
        for _ in range(10):
            writer.write(block)
            await writer.drain()

    sending = asyncio.create_task(send())
    right = 0
    for _ in range(10):
        right += await reader.readexactly(len(block)) == block
    await sending
    say(right)
    writer.close()
    await writer.wait_closed()


async def streams_cancelled():
    """In each of its phases; what was cancelled loses nothing of what comes later."""
    reader, writer = await asyncio.open_connection(HOST, PORT, ssl=context, server_hostname=NAME)
    writer.write(b"echo\n")
    await writer.drain()
    for wait in (lambda: reader.read(4), reader.readline, lambda: reader.readexactly(4)):
        task = asyncio.create_task(wait())
        await asyncio.sleep_ms(5)
        task.cancel()
        try:
            say(await task)
        except asyncio.CancelledError:
            say("cancelled")
    try:
        await asyncio.wait_for(reader.read(-1), 0.05)
    except asyncio.TimeoutError:
        say("timeout")
    for ms in (0, 1):
        writer.write(b"x" * 3000)
        try:
            await asyncio.wait_for_ms(writer.drain(), ms)
        except asyncio.TimeoutError:
            await writer.drain()
        say(len(await reader.readexactly(3000)))
    writer.close()
    await writer.wait_closed()


async def streams_stalled():
    """The peer takes nothing: the writer waits, and can be cancelled; closing does not wait for ever."""
    _, writer = await asyncio.open_connection(HOST, PORT, ssl=context, server_hostname=NAME)
    writer.write(b"nothing\n")
    await writer.drain()

    async def send():
        while True:
            writer.write(bytes(4096))
            await writer.drain()

    try:
        await asyncio.wait_for(send(), 1)
    except asyncio.TimeoutError:
        say("timeout")
    writer.s.close()


async def streams_closed_by_another_task():
    """Who waits for data is woken."""
    reader, writer = await asyncio.open_connection(HOST, PORT, ssl=context, server_hostname=NAME)
    writer.write(b"nothing\n")
    await writer.drain()
    task = asyncio.create_task(reader.read(1))
    await asyncio.sleep_ms(20)
    writer.close()
    await writer.wait_closed()
    try:
        say(await task)
    except OSError:
        say("OSError")


async def streams_written_at_the_end():
    reader, writer = await asyncio.open_connection(HOST, PORT, ssl=context, server_hostname=NAME)
    writer.write(b"ten bytes, then the end\n")
    await writer.drain()
    say(await reader.read(4))
    failed = False
    for _ in range(500):
        try:
            writer.write(bytes(1460))
            await asyncio.wait_for(writer.drain(), 5)
        except OSError:
            failed = True
            break
        await asyncio.sleep_ms(10)
    say(failed)
    writer.out_buf = b""
    await writer.wait_closed()


async def streams_at_the_end():
    reader, writer = await asyncio.open_connection(HOST, PORT, ssl=context, server_hostname=NAME)
    writer.write(b"ten bytes, then the end\n")
    await writer.drain()
    say(await reader.read(4), await reader.read(), await reader.read(1), await reader.readline())
    try:
        await reader.readexactly(1)
    except EOFError:
        say("EOFError")
    await writer.wait_closed()


def refused():
    s = socket.socket()
    say(fails(lambda: context.wrap_socket(s, server_hostname=NAME)))


def play(functions):
    global scenario  # noqa: PLW0603
    for function in functions:
        scenario = function.__name__
        if scenario.startswith("streams"):
            asyncio.run(function())
        else:
            function()


play(
    [
        echo,
        end_of_stream,
        half_read,
        without_blocking,
        polling,
        polling_at_the_end,
        timeout,
        peer_reset,
        closed,
        closed_after_writing,
        sizes,
        lines,
        parsed,
        much,
        several_pollers,
        without_goodbye,
        writing_at_the_end,
        reused,
        streams,
        streams_both_ways,
        streams_cancelled,
        streams_stalled,
        streams_closed_by_another_task,
        streams_written_at_the_end,
        streams_at_the_end,
        refused,
        short_writes,
    ]
)
