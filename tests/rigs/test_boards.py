"""Every board's files agree: board.toml, wiring.py, the README's table and the manifest."""

import re
import runpy
import sys
import types

import pytest

from bg95_host import boards, places
from bg95_host.errors import ToolError

ALL = boards.names()


def test_the_boards_are_there():
    assert set(ALL) >= {
        "RPI_PICO", "RPI_PICO_W", "RPI_PICO2", "ESP32_GENERIC", "ESP32_GENERIC_S3",
        "ESP32_GENERIC_C3", "UNIX_VIRTUAL",
    }  # fmt: skip


class Call:
    """Remembers with what it was called."""

    def __init__(self, *args, **options):
        self.args, self.options = args, options


@pytest.mark.parametrize("name", ALL)
def test_wiring_builds_the_modem_that_board_toml_describes(name, monkeypatch):
    board = boards.load(name)
    pin = type("Pin", (Call,), {"IN": "in", "OUT": "out", "OPEN_DRAIN": "open drain"})
    machine = types.SimpleNamespace(UART=type("UART", (Call,), {}), Pin=pin)
    monkeypatch.setitem(sys.modules, "machine", machine)
    monkeypatch.setitem(sys.modules, "bg95", types.SimpleNamespace(Modem=Call))
    build = runpy.run_path(str(board.wiring))["modem"]
    modem = build(sockets=2)

    (uart,) = modem.args
    assert uart.args == (board.uart.id, board.uart.baudrate)
    # Told the rate, the driver finds a module that was left at another one.
    assert modem.options.pop("baudrate") == board.uart.baudrate
    faster = build(baudrate=460800)
    assert (faster.args[0].args[1], faster.options["baudrate"]) == (460800, 460800)
    assert {side: uart.options[side].args for side in ("tx", "rx")} == {
        "tx": (board.uart.tx,),
        "rx": (board.uart.rx,),
    }
    assert (uart.options["rxbuf"], uart.options["txbuf"]) == (board.uart.rxbuf, board.uart.txbuf)
    assert modem.options.pop("sockets") == 2
    assert {signal: pin.args for signal, pin in modem.options.items()} == {
        "pwrkey": (board.pins.pwrkey.gpio, "out"),
        "status": (board.pins.status.gpio, "in"),
        "dtr": (board.pins.dtr.gpio, "out"),
    }
    # Nothing may move while the pins are set up: the key is up, the module stays awake.
    assert modem.options["pwrkey"].options == modem.options["dtr"].options == {"value": 0}


@pytest.mark.parametrize("name", ALL)
def test_the_readme_has_the_same_pins(name):
    board = boards.load(name)
    table = dict(
        re.findall(r"^\| (\w+) \| GP(?:IO)?(\d+)", (board.folder / "README.md").read_text(), re.M)
    )
    assert {line: int(gpio) for line, gpio in table.items()} == {
        "RXD": board.uart.tx,
        "TXD": board.uart.rx,
        "PWRKEY": board.pins.pwrkey.gpio,
        "STATUS": board.pins.status.gpio,
        "DTR": board.pins.dtr.gpio,
    }


@pytest.mark.parametrize("name", ALL)
def test_the_manifest_freezes_the_driver_and_the_wiring(name):
    seen = []
    boards_manifest = boards.load(name).folder / "manifest.py"
    exec(
        boards_manifest.read_text(),
        {"include": seen.append, "module": seen.append},
    )
    assert seen[0].startswith("$(PORT_DIR)/")
    assert (boards_manifest.parent / seen[1]).resolve() == places.FIRMWARE / "manifest.py"
    assert seen[2] == "wiring.py"


def test_no_two_boards_are_taken_for_each_other():
    machines = {boards.load(name).machine for name in ALL}  # another wiring has the same firmware
    assert not [(a, b) for a in machines for b in machines if a != b and a.startswith(b)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("rxbuf = 4096", "rxbuf = 1"), "uart.rxbuf: "),
        (("[uart]", "[uart]\ncolour = 1"), "uart.colour: "),
        (("tx = 4", "tx = 99"), "uart.tx: "),
        (("tx = 4", "tx = 5"), "GPIO 5 has two uses"),
        (('mcu = "unix"', 'mcu = "z80"'), "mcu: "),
        (('arch = ""', 'arch = "z80"'), "arch: mpy-cross knows x86, "),
        (("fs_size = 1441792", "fs_size = 1441793"), "flash: the file system has to lie inside"),
        (("fs_size = 1441792", "fs_size = 1000"), "flash: .* whole blocks"),
        (("[flash]", "[flash"), "line 9"),
        (("#", "\udcff"), "utf-8"),
        (("#", f"a = {'[' * 5000}"), "it is nested too deeply"),
        (("[flash]", f"{'a.' * 5000}a = 1\n[flash]"), "a: Extra inputs"),
    ],
)
def test_a_wrong_board_toml_is_refused_with_the_place(tmp_path, monkeypatch, change, said):
    monkeypatch.setattr(boards, "BOARDS", tmp_path)
    good = (places.ROOT / "boards" / "UNIX_VIRTUAL" / "board.toml").read_text()
    (tmp_path / "MINE").mkdir()
    (tmp_path / "MINE" / "board.toml").write_text(good.replace(*change), errors="surrogateescape")
    with pytest.raises(ToolError, match=f"MINE/board.toml is not a valid .*: .*{said}") as error:
        boards.load("MINE")
    assert "\n" not in str(error.value) and "input_value" not in str(error.value)
