"""The boards of `boards/`: one folder a board, described by its board.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from bg95_host import mpy, toml_file
from bg95_host.errors import ToolError
from bg95_host.places import BOARDS


def _known(arch: str) -> str:
    if arch not in mpy.ARCHITECTURES:
        raise ValueError(f"mpy-cross knows {', '.join(filter(None, mpy.ARCHITECTURES))}")
    return arch


Gpio = Annotated[int, Field(ge=0, le=63)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Flash(_Table):
    """Where the file system lies in the flash, in bytes from its start."""

    size: int = Field(gt=0)
    fs_offset: int = Field(ge=0)
    fs_size: int = Field(gt=0)
    block_size: int = Field(default=4096, gt=0)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.fs_offset + self.fs_size > self.size or self.fs_size % self.block_size:
            raise ValueError("the file system has to lie inside, and be a number of whole blocks")
        return self


class Uart(_Table):
    """The UART that the module hangs on. `rxbuf` and `txbuf` in bytes, `baudrate` in bit/s."""

    id: int = Field(ge=0, le=7)
    tx: Gpio
    rx: Gpio
    baudrate: int = 115200
    rxbuf: int = Field(ge=64)
    txbuf: int = Field(ge=64)


class Pin(_Table):
    """A GPIO wired to the module. `inverted`: the module's pin has the opposite level, as behind
    the transistor that pulls PWRKEY down."""

    gpio: Gpio
    inverted: bool = False

    def module_level(self, level: int) -> int:
        """The level at the module for a level at the GPIO, and the other way round."""
        return level ^ self.inverted


class Pins(_Table):
    """The module's control pins, by its names for them."""

    pwrkey: Pin | None = None
    status: Pin | None = None
    dtr: Pin | None = None


class Board(_Table):
    """One board. `machine` is how sys.implementation._machine of its firmware begins; `arch` is
    mpy-cross's -march, empty where there is none; the virtual board keeps to `heap` (bytes)."""

    name: str
    mcu: Literal["unix", "rp2040", "rp2350", "esp32", "esp32s3", "esp32c3"]
    port: Literal["unix", "rp2", "esp32"]
    arch: Annotated[str, AfterValidator(_known)]
    machine: str
    heap: int = Field(default=196608, gt=0)
    flash: Flash
    uart: Uart
    pins: Pins
    folder: Path

    @model_validator(mode="after")
    def _wired_once(self) -> Self:
        gpios = [self.uart.tx, self.uart.rx, *(pin.gpio for _, pin in self.pins if pin)]
        if twice := {str(gpio) for gpio in gpios if gpios.count(gpio) > 1}:
            raise ValueError(f"GPIO {', '.join(sorted(twice))} has two uses")
        return self

    @property
    def wiring(self) -> Path:
        """The file that makes the modem from the board's pins; deploy puts it on the board."""
        return self.folder / "wiring.py"


def names() -> list[str]:
    """The boards there are."""
    return sorted(file.parent.name for file in BOARDS.glob("*/board.toml"))


def load(name: str) -> Board:
    """The board of that name; ToolError where there is none or its board.toml is wrong."""
    if name not in names():
        raise ToolError(f"there is no board {name!r}; choose one of {', '.join(names())}")
    file = BOARDS / name / "board.toml"
    try:
        facts = toml_file.read(file)
        return toml_file.checked(Board, {**facts, "name": name, "folder": file.parent})
    except (ValueError, OSError) as e:
        raise ToolError(f"{file} is not a valid board description: {e}") from e
