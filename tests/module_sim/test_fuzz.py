r"""Bad input: any bytes on the AT port, any file, any host name. The module answers and never dies.

Short in `make test`. The long run:

    BG95_FUZZ_COMMANDS=1000000 .venv/bin/python -m pytest -c tests/pytest.ini -m slow \
        tests/module_sim/test_fuzz.py
"""

import logging
import os
import random
import re

import pytest

from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.faults import FAULTS
from bg95_host.module_sim.manual import Peer
from bg95_host.module_sim.registry import COMMANDS
from bg95_host.module_sim.tables import CONFIG_ITEMS

from .world import ADDRESS, HOST, attached, authority, upload

LONG_RUN = int(os.environ.get("BG95_FUZZ_COMMANDS", "0"))
STEPS = 2000  # inputs for one module
NAMES = [*COMMANDS, "+NOSUCH", "+", "&", "S3", "S99"]
WORDS = [
    *CONFIG_ITEMS,
    "ca.pem",
    "me.pem",
    "me.key",
    "0_server.psk",
    "1_server.psk",
    "UFS",
    "*",
    "AES",
    "MD5",
    "TCP",
    "UDP",
    HOST,
    ADDRESS,
    "::1",
    "a" * 300,
    "..",
    "/etc/passwd",
    "\x00",
    "é.example",
    "xn--",
    "." * 64,
    "urcport",
    "usbat",
    "uart1",
    "transpktsize",
    "urc/ri/other",
    "pulse",
    "0101",
    "00000100",
    "26/11/22,08:00:00+00",
]
NUMBERS = [0, 1, 2, 3, 4, 5, 11, 12, 16, 17, 100, 1460, 1461, 1500, 8010, 65535, 65536, 2**31, -1]


class Fuzzer:
    """Random input for one module, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        faults = [self._fault() for _ in range(self.rng.randrange(3))]
        traits = {
            "urc_placement": self.rng.choice(["between", "after_echo", "inside"]),
            "input_while_busy": self.rng.choice(["keep", "discard"]),
        }
        self.host = attached(SimOptions(seed=seed, pace=False, faults=faults, traits=traits))
        self.module = self.host.module

    def _fault(self) -> str:
        """Not those after which a module is deaf for good."""
        deaf = {"no_answer", "late_answer", "refuse", "drop_in", "drop_out", "baud", "hang"}
        name = self.rng.choice(sorted(set(FAULTS) - deaf - {"garble_out", "duplicate_out"}))
        return f"{name}@+CSQ:{self.rng.randrange(1, 9)}*{self.rng.randrange(1, 9)}"

    def parameter(self) -> str:
        kind = self.rng.random()
        if kind < 0.45:
            return str(self.rng.choice(NUMBERS))
        if kind < 0.9:
            return f'"{self.rng.choice(WORDS)}"'
        return self.rng.choice(
            ["", " 1", '"', "0XFFFF", "0X00AE", "0Xzz", "x", '"a"b', "0x", "1e3"]
        )

    def line(self) -> bytes:
        rng, name = self.rng, self.rng.choice(NAMES)
        form = rng.choice(["", "?", "=?", "=", "=", "=", "="])
        if form == "=":
            form += ",".join(self.parameter() for _ in range(rng.randrange(7)))
        text = f"AT{name}{form}"
        if rng.random() < 0.05:
            text += ";" + rng.choice(NAMES)
        return text.encode("utf-8") + b"\r"

    def open_line(self) -> bytes:
        """A connection that succeeds now and then."""
        rng = self.rng
        mode, ctx, client = rng.randrange(3), rng.randrange(6), rng.randrange(12)
        return b'AT+QSSLOPEN=1,%d,%d,"%s",8883,%d\r' % (ctx, client, HOST.encode(), mode)

    def bytes(self) -> bytes:
        rng = self.rng
        kind = rng.random()
        if kind < 0.84:
            return self.line()
        if kind < 0.87:
            return self.open_line()
        if kind < 0.88:
            return b"AT+QIACT=1\r"
        if kind < 0.92:
            return rng.randbytes(rng.randrange(1, 200))
        if kind < 0.95:
            return rng.choice(
                [b"\x1a", b"\x1b", b"+++", b"\r", b"\n", b"A/", b"ATO\r", b"-----BEGIN "]
            )
        return rng.choice([authority().cert_pem, b"Client_identity&1a2b3c4d", b"x" * 1460])

    def step(self) -> None:
        rng = self.rng
        self.host.write(self.bytes())
        self.host.run(rng.choice([0.0, 0.01, 0.01, 0.05, 0.05, 1.5]))
        if rng.random() < 0.01:
            self.host.run(rng.choice([6, 160, 460]))
        if rng.random() < 0.02:
            self.host.net.peers[ADDRESS, 8883].say(rng.randbytes(rng.randrange(1, 3000)))
        if rng.random() < 0.01:
            self.host.net.peers[ADDRESS, 8883].close()
        if rng.random() < 0.01:
            self.host.set_pin("DTR", rng.randrange(2))
        if not self.module.power.listening:
            self.revive()
        elif self.module.port.data is not None and rng.random() < 0.5:
            self.host.set_pin("DTR", 0)
            self.host.set_pin("DTR", 1)
            self.host.set_pin("DTR", 0)
        elif self.module.port.busy and rng.random() < 0.8:
            # Most of what would be taken for the data of a send or an upload comes at once, so
            # that the next line is a command again.
            self.host.write(b"x" * rng.choice([1460, 3000]) + rng.choice([b"\x1a", b"\x1b"]))
            self.host.run(0.1)

    def revive(self) -> None:
        """Press PWRKEY, as a host would."""
        self.host.set_pin("PWRKEY", 0)
        self.host.run(0.7)
        self.host.set_pin("PWRKEY", 1)
        self.host.run(5)

    def finish(self) -> None:
        """After a reset the module is as good as new."""
        self.host.set_pin("DTR", 0)
        self.host.set_pin("RESET_N", 0)
        self.host.run(3)
        self.host.set_pin("RESET_N", 1)
        self.host.run(60)
        self.host.write(b"\rATE0V1Q0\r")
        self.host.run(1)
        self.host.write(b"AT\r")
        assert self.host.run(1).endswith(b"\r\nOK\r\n")
        assert self.module.counters["internal_errors"] == 0


def fuzz(seed: int, count: int) -> int:
    """Try `count` inputs on one module; returns how many commands ran."""
    fuzzer = Fuzzer(seed)
    for _ in range(count):
        fuzzer.step()
    fuzzer.finish()
    return fuzzer.module.counters["commands"]


@pytest.fixture(autouse=True)
def quiet():
    """A million unknown commands need not be logged."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("seed", range(2))
def test_any_input_is_answered_and_survived(seed):
    assert fuzz(seed, STEPS) > STEPS // 4


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.skipif(not LONG_RUN, reason="BG95_FUZZ_COMMANDS=1000000 asks for the long run")
def test_a_long_run(record_property):
    commands, seed = 0, 1000
    while commands < LONG_RUN:
        commands += fuzz(seed, STEPS)
        seed += 1
    record_property("coverage", f"module_sim: {commands} fuzzed commands survived")


def damaged(rng: random.Random, content: bytes) -> bytes:
    """Something that once was a certificate, a key or a PSK file."""
    data = bytearray(content)
    for _ in range(rng.randrange(1, 6)):
        kind, at = rng.randrange(4), rng.randrange(len(data) or 1)
        if kind == 0:
            data[at : at + 1] = rng.randbytes(1)
        elif kind == 1:
            del data[at : at + rng.randrange(1, 80)]
        elif kind == 2:
            data[at:at] = rng.choice([b"\0", b"\r\n", b"-----BEGIN CERTIFICATE-----\n", b"&", data])
        else:
            data = data[:at]
    return bytes(data) or b"\0"


@pytest.mark.parametrize("seed", range(4))
def test_any_file_is_taken_for_a_certificate_and_only_the_connection_fails(seed):
    rng, results = random.Random(seed), set()
    mine = authority().client()
    for round_ in range(40):
        host = attached(SimOptions(pace=False))
        files = {
            "ca.pem": authority().cert_pem,
            "me.pem": mine.cert_pem,
            "me.key": mine.key_pem,
            "1_server.psk": b"Client_identity&1a2b3c4d",
        }
        victim = rng.choice(sorted(files))
        files[victim] = damaged(rng, files[victim])
        for name, content in files.items():
            upload(host, name, content)
        for item in ('"cacert",1,"ca.pem"', '"clientcert",1,"me.pem"', '"clientkey",1,"me.key"'):
            host.command(f"AT+QSSLCFG={item}")
        host.command('AT+QSSLCFG="seclevel",1,2')
        host.command(f'AT+QSSLCFG="sslversion",1,{rng.choice([3, 4])}')
        host.command("AT+QIACT=1")
        host.write(f'AT+QSSLOPEN=1,1,0,"{HOST}",8883,0\r'.encode())
        assert host.wait_until(
            lambda h=host: re.search(rb"\+QSSLOPEN: 0,\d+\r\n", h.unread), 400
        ), round_
        results.add(host.read().rpartition(b",")[2])
        host.module.drop_sockets()
        assert host.module.counters["internal_errors"] == 0
    assert b"566\r\n" in results


class Babbler(Peer):
    """A server that says anything, some of it in TLS records."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def received(self, link, data):
        rng = self.rng
        body = rng.randbytes(rng.randrange(0, 400))
        head = bytes([rng.choice([20, 21, 22, 23, 0, 128]), 3, rng.choice([0, 1, 3, 4])])
        link.reply(
            rng.choice(
                [body, head + len(body).to_bytes(2, "big") + body, data, b"\x15\x03\x03\0\2\2\x28"]
            )
        )
        if rng.random() < 0.3:
            link.hang_up()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("suite", "dtls"), [("0XFFFF", 0), ("0X0005", 0), ("0XFFFF", 1)])
def test_any_answer_of_a_server_ends_in_an_error_code(seed, suite, dtls):
    rng = random.Random(seed)
    for _ in range(30):
        host = attached(SimOptions(pace=False))
        host.net.peers[ADDRESS, 8883] = Babbler(rng)
        host.command(f'AT+QSSLCFG="ciphersuite",1,{suite}')
        host.command(f'AT+QSSLCFG="dtls",1,{dtls}')
        host.command('AT+QSSLCFG="negotiatetime",1,10')
        host.command("AT+QIACT=1")
        host.write(f'AT+QSSLOPEN=1,1,0,"{HOST}",8883,0\r'.encode())
        host.run(30)
        assert host.module.sockets[0].opened.value in (566, 569)
        assert host.module.counters["internal_errors"] == 0
