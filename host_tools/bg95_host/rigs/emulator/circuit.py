"""The wires between the emulated chip and the simulated module. All times are simulated."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from rp2040py.gpio_pin import GPIOPinState

from bg95_host.boards import Board
from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.core import Module
from bg95_host.module_sim.net_asyncio import AsyncioNet
from bg95_host.rigs.emulator.pl011 import PL011

if TYPE_CHECKING:
    from rp2040py.rp2040 import RP2040

_NS = 1_000_000_000


class Circuit:
    """An rp2040py ExternalDevice: the module, on the UART and the GPIOs that `board` names.

    Bytes travel one by one at the baud rate in both directions. The network of the module is the
    real one: what comes from it arrives at the simulated moment that has been reached by then.
    """

    def __init__(self, board: Board, options: SimOptions) -> None:
        self._board = board
        self._options = options
        self._pins = {name.upper(): pin for name, pin in board.pins if pin is not None}

    def attach(self, chip: RP2040) -> None:
        """Wire everything up; called by rp2040py before the chip runs."""
        self._clock = chip.clock
        self._chip = chip
        self._wake = chip.clock.create_alarm(self._pump)
        net = AsyncioNet(asyncio.get_running_loop(), self._deliver)
        starts = datetime.now(timezone.utc)
        self.module = Module(self._options, net, self.now, host_time=starts)
        self.module.tx.item_bytes = 1  # one character, one alarm: a burst would overrun the FIFO
        self.uart = PL011.install(chip, self._board.uart.id)
        self.uart.on_start = self._host_sends
        self.uart.on_baud_rate_change = self._host_baud
        self.module.on_pin = self._module_drives
        for name, pin in self._pins.items():
            if name in ("PWRKEY", "DTR"):
                self.module.set_pin(name, pin.module_level(0), self.now)
                chip.gpio[pin.gpio].add_listener(self._host_drives(name))
            else:
                self._module_drives(name, self.module.pins[name])
        self._pump()

    @property
    def now(self) -> float:
        """Simulated seconds since the start."""
        return self._clock.nanos / _NS

    @property
    def counters(self) -> dict[str, int]:
        """The module's, and the characters that the chip's receive FIFO had no room for."""
        return {**self.module.counters, "host_uart_overruns": self.uart.overruns}

    # From the chip

    def _host_sends(self, byte: int) -> None:
        self.module.feed(bytes((byte,)), self.now)
        self._pump()

    def _host_baud(self, _bps: int) -> None:
        if self.uart.baud_rate:
            self.module.host_baud = self.uart.baud_rate

    def _host_drives(self, name: str) -> Callable[[Any, Any], None]:
        pin = self._pins[name]

        def changed(new: GPIOPinState, _old: GPIOPinState) -> None:
            # A GPIO that is not driven is low: it is pulled down at reset [2.19.6.3].
            level = int(new == GPIOPinState.HIGH)
            self.module.set_pin(name, pin.module_level(level), self.now)
            self._pump()

        return changed

    # From the module

    def _module_drives(self, name: str, level: int) -> None:
        pin = self._pins.get(name)
        if pin is not None:
            self._chip.gpio[pin.gpio].set_input_value(bool(pin.module_level(level)))

    def _deliver(self, callback: Callable[..., None], *args: Any) -> None:
        """Something came from the network, in real time."""
        self.module.advance(self.now)
        callback(*args)
        self._pump()

    def _pump(self) -> None:
        """Hand over what has left the module, and come back when more is due."""
        self.module.advance(self.now)
        for _due, data in self.module.take(self.now):
            for byte in data:
                self.uart.feed_byte(byte)
        due = self.module.next_due()
        if due is not None:
            self._wake.schedule(max(1, math.ceil((due - self.now) * _NS)))
