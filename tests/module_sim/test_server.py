"""Modules in real time: on ptys, TCP ports and serial devices, by the API and by `bg95 sim`."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import tty

import pytest
import serial

from bg95_host.module_sim import SimOptions, SimServer

from .live import LiveHost

BG95 = [sys.executable, "-c", "from bg95_host.cli import main; main()"]


class Simulator:
    """`bg95 sim` as a process."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [*BG95, "sim", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def paths(self, count: int = 1) -> list[str]:
        lines = [self.process.stdout.readline() for _ in range(count)]
        assert all(line.startswith("listening on ") for line in lines), lines
        return [line.removeprefix("listening on ").strip() for line in lines]

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        _out, errors = self.process.communicate(timeout=10)
        return self.process.returncode, errors

    def __enter__(self) -> "Simulator":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def ask(path: str, line: bytes, end: bytes = b"OK\r\n", baud: int = 115200) -> bytes:
    with serial.serial_for_url(path, baud, timeout=10) as port:
        port.write(line)
        return port.read_until(end)


@pytest.mark.parametrize("listen", ["pty", "tcp:127.0.0.1:0"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_it_prints_is_what_pyserial_opens_and_it_ends_cleanly(listen, number):
    with Simulator("--listen", listen) as simulator:
        (path,) = simulator.paths()
        assert ask(path, b"AT+CGMM\r") == b"AT+CGMM\r\r\nBG95-M3\r\n\r\nOK\r\n"
        assert ask(path, b"AT\r") == b"AT\r\r\nOK\r\n"  # hosts may come and go
        status, counters = simulator.end(number)
    assert status == 0
    assert "commands 1" in counters or "commands 2" in counters


def test_without_a_host_only_this_machine_reaches_it(server):
    module = server.add_module(SimOptions(), listen="tcp::0")
    assert module.path.startswith("socket://127.0.0.1:")
    assert ask(module.path, b"AT\r") == b"AT\r\r\nOK\r\n"
    server.remove_module(module)


def test_several_modules_are_told_apart(tmp_path):
    options = ("--count", "3", "--files", str(tmp_path), "--trace", str(tmp_path / "trace"))
    with Simulator(*options) as simulator:
        paths = simulator.paths(3)
        assert len({ask(path, b"AT+GSN\r") for path in paths}) == 3
        assert simulator.end()[0] == 0
    assert {"1", "2", "3"} <= set(os.listdir(tmp_path))
    assert len(set(re.findall(r'"module": "([^"]+)"', (tmp_path / "trace").read_text()))) == 3


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--listen", "nowhere"), "listen on pty"),
        (("--listen", "tcp:127.0.0.1:99999"), "tcp:HOST:PORT"),
        (("--listen", "serial:/dev/nosuchdevice"), "nosuchdevice"),
        (("--trait", "nosuch=1"), "no trait"),
        (("--fault", "nosuch"), "no fault"),
        (("--resolve", "broken"), "NAME=VALUE"),
        (("--resolve", "broker.test=junk"), "'junk' does not appear to be an IPv4 or IPv6 address"),
        (("--clock", "tomorrow"), "tomorrow"),
        (("--baud", "0"), "bit/s"),
        (("--files", "/dev/null/x"), "/dev/null"),
    ],
)
def test_a_wrong_option_is_one_sentence_and_status_2(options, why):
    done = subprocess.run(
        [*BG95, "sim", *options],
        capture_output=True,
        text=True,
        timeout=20,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )
    assert done.returncode == 2
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_the_live_view_draws_and_ends():
    master, slave = os.openpty()
    process = subprocess.Popen([*BG95, "sim", "--ui"], stdout=slave, stderr=slave, close_fds=True)
    os.close(slave)
    seen, deadline = b"", time.monotonic() + 10
    while b"connections" not in seen and time.monotonic() < deadline:
        if select.select([master], [], [], 0.1)[0]:
            seen += os.read(master, 65536)
    process.terminate()
    while process.poll() is None:  # it needs somebody who reads what it draws
        with contextlib.suppress(OSError):  # the last one out closes the terminal
            if select.select([master], [], [], 0.1)[0]:
                os.read(master, 65536)
    os.close(master)
    assert b"connections" in seen
    assert process.returncode == 0


def test_the_live_view_shows_line_and_files_and_ends_by_a_key(tmp_path):
    """Somebody at a terminal, and a host at the module."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "cacert.pem").write_bytes(bytes(1234))
    link, trace = tmp_path / "modem", tmp_path / "trace.jsonl"
    words = ["--listen", f"pty:{link}", "--files", tmp_path / "files", "--trace", trace]
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    modes = termios.tcgetattr(slave)
    command = [*BG95, "sim", "--ui", *words]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave)
    seen = b""

    def see(wanted):
        nonlocal seen
        deadline = time.monotonic() + 10
        while wanted not in seen:  # it is drawn again and again
            assert time.monotonic() < deadline, seen[-5000:]
            if select.select([master], [], [], 0.1)[0]:
                seen += os.read(master, 65536)

    try:
        see(b"q ends it")
        for shown in (b"cacert.pem", b"1,234"):
            see(shown)
        assert b"CGMM" in ask(str(link), b"AT+CGMM\r")
        see(b"AT+CGMM")
        os.write(master, b"q")
        see(b"commands 1")  # of the last line
        assert process.wait(10) == 0
        assert termios.tcgetattr(slave) == modes
        assert "AT+CGMM" in trace.read_text() and not link.is_symlink()
    finally:
        process.kill()
    os.close(master)
    os.close(slave)


def test_a_pty_has_the_name_that_was_wanted(tmp_path):
    link = tmp_path / "modem"
    link.symlink_to("/dev/pts/of-a-simulator-that-was-killed")
    with Simulator("--listen", f"pty:{link}", "--json") as simulator:
        assert json.loads(simulator.process.stdout.readline()) == {"listening": str(link)}
        assert ask(str(link), b"AT\r") == b"AT\r\r\nOK\r\n"
        assert simulator.end()[0] == 0
    assert not link.is_symlink()
    with Simulator("--listen", f"pty:{link}", "--count", "2") as simulator:
        assert simulator.paths(2) == [f"{link}1", f"{link}2"]
    link.write_text("somebody's file")
    with Simulator("--listen", f"pty:{link}") as simulator:
        _out, said = simulator.process.communicate(timeout=10)
    assert simulator.process.returncode == 2 and "File exists" in said
    assert link.read_text() == "somebody's file"


def test_a_module_on_a_serial_device(server):
    master, slave = os.openpty()  # stands for a USB-UART adapter
    tty.setraw(slave)
    module = server.add_module(SimOptions(), listen=f"serial:{os.ttyname(slave)}")
    os.write(master, b"AT\r")
    seen = b""
    while not seen.endswith(b"OK\r\n"):
        assert select.select([master], [], [], 10)[0]
        seen += os.read(master, 100)
    assert seen == b"AT\r\r\nOK\r\n"
    server.remove_module(module)
    os.close(master)
    os.close(slave)


def test_pins_from_another_thread(server):
    host = LiveHost(server, SimOptions(powered=False, traits={"boot_s": 0.05, "status_s": 0.02}))
    levels = []
    host.module.on_pin = lambda name, level: levels.append((name, level))
    host.module.set_pin("PWRKEY", 0)
    time.sleep(0.55)  # the key is held for so long: PWRKEY is measured in real time
    host.module.set_pin("PWRKEY", 1)
    host.wait_for(b"+CFUN: 1\r\n")
    assert levels[0] == ("STATUS", 1)
    with pytest.raises(ValueError, match="input"):
        host.module.set_pin("STATUS", 1)
    host.end()


def test_a_host_that_does_not_read_loses_nothing(server):
    host = LiveHost(server, SimOptions(pace=False))
    host.command("ATE0")
    for _ in range(300):
        host.write(b"AT+QSSLCFG=?\r")
    got = b"".join(host.wait_for(b"\r\nOK\r\n") for _ in range(300))
    assert len(set(got.split(b"\r\nOK\r\n"))) == 2  # one answer, and the nothing behind the last
    host.end()


def test_a_host_that_hangs_up_does_not_disturb_the_others(server):
    first, second = (LiveHost(server, SimOptions()) for _ in range(2))
    first.write(b"AT+QSSLCFG=?\r")
    first._mine.shutdown(socket.SHUT_RDWR)
    first._mine.close()
    assert second.command("AT") == b"AT\r\r\nOK\r\n"
    server.remove_module(first.module)
    second.end()


def test_the_server_says_when_it_is_used_wrongly():
    server = SimServer()
    with pytest.raises(RuntimeError, match="start"):
        server.add_module(SimOptions(), listen="pty")
    with server:
        with pytest.raises(RuntimeError, match="already"):
            server.start()
        with pytest.raises(ValueError, match="either"):
            server.add_module(SimOptions())
    server.stop()
