"""Two hundred modules in one process, each with a TLS connection that echoes a kilobyte a second.

The simulator is one process, the hosts and their TLS server are another: two cores. What is tested
is that every byte comes back right; how long it took is printed, not judged. And megabytes that are no
command line, which cost next to nothing.
"""

import asyncio
import contextlib
import itertools
import random
import resource
import signal
import ssl
import subprocess
import sys
import time

import pytest

from bg95_host.module_sim import SimOptions
from bg95_host.testbed.pki import Authority

from .world import HOST, attached

MODULES = 200
ROUNDS = 5
SIZE = 1024
PERIOD_S = 1.0
LIMIT_S = 60.0  # for a step that takes a fraction of a second


class Host:
    """One host, asynchronous, on a module's TCP port."""

    async def start(self, path: str, port: int) -> None:
        address, _, number = path.removeprefix("socket://").rpartition(":")
        self.reader, self.writer = await asyncio.open_connection(address, int(number))
        for line in ("ATE0", "AT+QIACT=1"):
            await self.command(line)
        await self.command(f'AT+QSSLOPEN=1,1,0,"{HOST}",{port},0', b"+QSSLOPEN: 0,0\r\n")

    async def until(self, end: bytes) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(end), LIMIT_S)

    async def command(self, line: str, end: bytes = b"OK\r\n") -> bytes:
        self.writer.write(line.encode() + b"\r")
        return await self.until(end)

    async def echo(self, data: bytes) -> bytes:
        """Send data, and fetch as much."""
        await self.command(f"AT+QSSLSEND=0,{len(data)}", b"> ")
        self.writer.write(data)
        await self.until(b"SEND OK\r\n")
        got = b""
        while len(got) < len(data):
            await self.until(b'"recv",0\r\n')
            self.writer.write(b"AT+QSSLRECV=0,1500\r")
            await self.until(b"+QSSLRECV: ")
            size = int(await self.until(b"\r\n"))
            got += await self.reader.readexactly(size)
            await self.until(b"OK\r\n")
        return got


async def serve_echo(reader, writer) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def run(paths: list[str], context: ssl.SSLContext) -> list[float]:
    """Every host echoes ROUNDS times; returns how long each round took."""
    server = await asyncio.start_server(serve_echo, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    hosts = [Host() for _ in paths]
    await asyncio.gather(*(host.start(path, port) for host, path in zip(hosts, paths, strict=True)))
    start = time.monotonic()

    async def life(number: int, host: Host) -> list[float]:
        rng, taken = random.Random(number), []
        for round_ in range(ROUNDS):
            due = start + (round_ + number / MODULES) * PERIOD_S  # spread over the second
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            data, begun = rng.randbytes(SIZE), time.monotonic()
            assert await host.echo(data) == data
            taken.append(time.monotonic() - begun)
        return taken

    taken = await asyncio.gather(*(life(number, host) for number, host in enumerate(hosts)))
    for host in hosts:
        host.writer.close()
    server.close()
    return list(itertools.chain.from_iterable(taken))


@pytest.mark.slow
def test_two_hundred_modules_echo_at_once(tmp_path, record_property):
    cert, key = Authority().server(HOST).write(tmp_path, "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    command = [sys.executable, "-c", "from bg95_host.cli import main; main()", "sim"]
    options = ["--listen", "tcp:127.0.0.1:0", "--count", str(MODULES)]
    process = subprocess.Popen(
        [*command, *options, "--resolve", f"{HOST}=127.0.0.1"], stdout=subprocess.PIPE, text=True
    )
    try:
        paths = [process.stdout.readline().split()[-1] for _ in range(MODULES)]
        begun = time.monotonic()
        taken = sorted(asyncio.run(run(paths, context)))
        wall = time.monotonic() - begun
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    assert process.returncode == 0
    assert len(taken) == MODULES * ROUNDS
    record_property(
        "coverage",
        f"module_sim: {MODULES} modules x {ROUNDS} echoes of {SIZE} bytes at one a second: "
        f"{wall:.1f} s in all, half of the echoes within {taken[len(taken) // 2]:.2f} s, "
        f"99 % within {taken[len(taken) * 99 // 100]:.2f} s, children's CPU {cpu:.1f} s",
    )


@pytest.mark.parametrize("echo", [0, 1])
@pytest.mark.parametrize("piece", [1000, 5_000_000])
def test_five_megabytes_without_a_cr_cost_less_than_a_second(echo, piece):
    host = attached(SimOptions(pace=False))
    host.command(f"ATE{echo}")
    host.write(b"AT")
    begun = time.process_time()
    for _ in range(5_000_000 // piece):
        host.write(bytes(piece))
        host.run(0.01)
    assert time.process_time() - begun < 1.0
    assert len(host.module.port._line) <= 1024
    host.write(b"\r")
    assert host.run(0.1).endswith(b"\r\nERROR\r\n")
    host.command("AT")
