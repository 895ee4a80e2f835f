"""The RP2040's UART (ARM PL011) with its FIFOs, in simulated time.

It takes the place of rp2040py 0.3.6's own model, which raises TXINTR for ever (so that a firmware
that uses `machine.UART` hangs), has no transmit FIFO, sends in no time and assumes a 125 MHz clock.
Numbers in brackets are sections of the RP2040 datasheet.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import TYPE_CHECKING

from rp2040py.peripherals.uart import RPUART

if TYPE_CHECKING:
    from rp2040py.rp2040 import RP2040

# Registers [4.2.8], as offsets.
_DR, _RSR, _FR, _IBRD, _FBRD, _LCR_H, _CR = 0x00, 0x04, 0x18, 0x24, 0x28, 0x2C, 0x30
_IFLS, _IMSC, _RIS, _MIS, _ICR, _DMACR = 0x34, 0x38, 0x3C, 0x40, 0x44, 0x48

# Interrupts [4.2.8, UARTRIS].
_RX, _TX, _RX_TIMEOUT, _OVERRUN = 1 << 4, 1 << 5, 1 << 6, 1 << 10

# Flags [4.2.8, UARTFR].
_BUSY, _RX_EMPTY, _TX_FULL, _RX_FULL, _TX_EMPTY = 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7

_FIFO_BYTES = 32
_IFLS_RESET = 0x12
_LEVELS = (4, 8, 16, 24, 28)  # [4.2.8, UARTIFLS]: 1/8, 1/4, 1/2, 3/4, 7/8 of the FIFO
_BITS_PER_CHARACTER = 10  # 8N1
_TIMEOUT_BITS = 32  # [4.2.5]
_OVERRUN_IN_DR = 1 << 11

_BASE = 0x40034  # the upper bits of UART0's address [2.2]
_CLK_PERI_CTRL = 0x40008048
_CLK_PERI_PLL_USB = 2  # AUXSRC [2.15.7]
_USB_HZ, _SYS_HZ = 48_000_000, 125_000_000


class PL011(RPUART):
    """UART `n` of a chip. Set `on_start(byte)` to learn of each character as its start bit leaves."""

    on_start: Callable[[int], None] | None = None

    @classmethod
    def install(cls, chip: RP2040, n: int) -> PL011:
        """Put one in the place of the chip's UART `n`; to be done before it runs."""
        old = chip.uart[n]
        new = cls(chip, old.name, old.irq, old.dreq)
        chip.uart[n] = new
        chip.peripherals[_BASE + 4 * n] = new
        return new

    def __init__(self, chip: RP2040, name: str, irq: int, dreq) -> None:
        super().__init__(chip, name, irq, dreq)
        self.overruns = 0  # characters that came when the receive FIFO was full
        self._shifter_done = chip.clock.create_alarm(self._character_sent)
        self._silence = chip.clock.create_alarm(self._receive_timeout)
        self._tx_fifo: collections.deque[int] = collections.deque()
        self._shifting = False
        self._clear()

    def _clear(self) -> None:
        self._tx_fifo.clear()
        self._raw = 0
        self._ifls = _IFLS_RESET
        self._overrun_pending = False

    def reset(self) -> None:
        """Registers and FIFOs to their reset values; a character on the wire ends by itself."""
        super().reset()
        self._clear()

    # Rates

    @property
    def clock_hz(self) -> int:
        """clk_peri, as the firmware has chosen: MicroPython takes the USB PLL for it."""
        source = self.rp2040.read_uint32(_CLK_PERI_CTRL) >> 5 & 7
        return _USB_HZ if source == _CLK_PERI_PLL_USB else _SYS_HZ

    @property
    def baud_rate(self) -> int:
        """The rate in bit/s; 0 before it is set."""
        return round(self.clock_hz / (16 * self.baud_divider)) if self.baud_divider else 0

    def _bits_ns(self, bits: int) -> float:
        return bits * 16 * self.baud_divider * 1e9 / self.clock_hz

    # Interrupts

    def check_interrupts(self) -> None:
        """Raise or lower the interrupt line."""
        self.rp2040.set_interrupt(self.irq, bool(self._raw & self._interrupt_mask))

    def _raise(self, interrupts: int) -> None:
        self._raw |= interrupts
        self.check_interrupts()

    @property
    def _rx_level(self) -> int:
        return _LEVELS[min(self._ifls >> 3 & 7, 4)] if self.fifos_enabled else 1

    @property
    def _tx_level(self) -> int:
        return _LEVELS[min(self._ifls & 7, 4)] if self.fifos_enabled else 0

    # From the module

    def feed_byte(self, value: int) -> None:
        """A character has arrived whole."""
        if not (self.enabled and self.rx_enabled):
            return
        room = _FIFO_BYTES if self.fifos_enabled else 1
        if self.rx_fifo.item_count >= room:
            self.overruns += 1
            self._overrun_pending = True
            self._raise(_OVERRUN)
        else:
            self.rx_fifo.push(value | (_OVERRUN_IN_DR if self._overrun_pending else 0))
            self._overrun_pending = False
        self._silence.schedule(self._bits_ns(_TIMEOUT_BITS))
        if self.rx_fifo.item_count >= self._rx_level:
            self._raise(_RX)

    def _receive_timeout(self) -> None:
        if not self.rx_fifo.empty:
            self._raise(_RX_TIMEOUT)

    def _read_data(self) -> int:
        value = self.rx_fifo.pull()
        if self.rx_fifo.item_count < self._rx_level:
            self._raw &= ~_RX
        if self.rx_fifo.empty:
            self._raw &= ~_RX_TIMEOUT
        self.check_interrupts()
        return value

    # To the module

    def _write_data(self, value: int) -> None:
        if not self._shifting:
            self._start_character(value)
        elif len(self._tx_fifo) < (_FIFO_BYTES if self.fifos_enabled else 1):
            self._tx_fifo.append(value)
            if len(self._tx_fifo) > self._tx_level:
                self._raw &= ~_TX
                self.check_interrupts()

    def _start_character(self, value: int) -> None:
        self._shifting = True
        self._shifter_done.schedule(self._bits_ns(_BITS_PER_CHARACTER))
        if self.on_start:
            self.on_start(value)

    def _character_sent(self) -> None:
        self._shifting = False
        if not self._tx_fifo:
            return
        self._start_character(self._tx_fifo.popleft())
        # An edge, not a level [4.2.5]: raised as the FIFO drains through its mark.
        if len(self._tx_fifo) == self._tx_level:
            self._raise(_TX)

    # The bus

    @property
    def flags(self) -> int:
        """UARTFR."""
        room = _FIFO_BYTES if self.fifos_enabled else 1
        queued = len(self._tx_fifo)
        return (
            (_BUSY if self._shifting else 0)
            | (_RX_EMPTY if self.rx_fifo.empty else 0)
            | (_RX_FULL if self.rx_fifo.item_count >= room else 0)
            | (_TX_EMPTY if queued == 0 else 0)
            | (_TX_FULL if queued >= room else 0)
        )

    def read_uint32(self, offset: int) -> int:
        """A read by the processor."""
        if offset == _DR:
            return self._read_data()
        if offset == _IFLS:
            return self._ifls
        if offset == _RIS:
            return self._raw
        if offset == _MIS:
            return self._raw & self._interrupt_mask
        if offset in (_RSR, _DMACR):
            return 0
        return super().read_uint32(offset)

    def write_uint32(self, offset: int, value: int) -> None:
        """A write by the processor."""
        if offset == _DR:
            self._write_data(value & 0xFF)
        elif offset == _IFLS:
            self._ifls = value & 0x3F
        elif offset == _ICR:
            self._raw &= ~self.raw_write_value  # writing ones clears, whatever alias is used
            self.check_interrupts()
        elif offset not in (_RSR, _DMACR):
            super().write_uint32(offset, value)
