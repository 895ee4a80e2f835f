"""Power: PWRKEY and RESET_N, start-up, shutdown, and what STATUS says (spec 2.10, 2.12, 2.13)."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from .schedule import Timer

if TYPE_CHECKING:
    from .core import Module

ON_PULSE_S = 0.5  # PWRKEY low for 500-1000 ms switches on
OFF_PULSE_S = 0.65  # PWRKEY low for 650-1500 ms switches off
RESET_PULSE_S = 2.0  # RESET_N (and PWRKEY, it is the same input inside) low for 2-3.8 s resets


class PowerState(Enum):
    """Whether the module runs."""

    OFF = "off"
    STARTING = "starting"
    ON = "on"
    STOPPING = "stopping"
    HUNG = "hung"


class Power:
    """The power state of one module."""

    def __init__(self, module: Module) -> None:
        self._m = module
        self.state = PowerState.OFF
        self._pressed_at: dict[str, float] = {}
        self._saving: Timer | None = None

    @property
    def listening(self) -> bool:
        """Whether the UART is alive."""
        return self.state in (PowerState.ON, PowerState.STOPPING)

    def already_on(self) -> None:
        """The module was switched on long ago: no boot URCs."""
        self.state = PowerState.ON
        self._m.drive_pin("STATUS", 1)
        chosen = self._m.options.traits.get(
            "registration_s", 0.0
        )  # else it was registered long ago, too
        self.search_network(self._m.options.registered_after_s or float(chosen))

    def key_changed(self, name: str, level: int) -> None:
        """PWRKEY or RESET_N went low (pressed) or high (released)."""
        if level == 0:
            self._pressed_at[name] = self._m.now
            return
        held = self._m.now - self._pressed_at.pop(name, self._m.now)
        if held >= RESET_PULSE_S:
            self.restart()
        elif name == "PWRKEY":
            self._released(held)

    def _released(self, held: float) -> None:
        if self.state is PowerState.OFF and held >= ON_PULSE_S:
            self.start()
        elif self.state is PowerState.HUNG and held >= OFF_PULSE_S:
            self.cut()
        elif self.state is PowerState.ON and held >= OFF_PULSE_S:
            self.stop(orderly=True)

    # -- on ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Switch on: STATUS, then the UART, then the boot URCs."""
        m = self._m
        self.state = PowerState.STARTING
        m.count("boots")
        m.after(m.traits.status_s, lambda: m.drive_pin("STATUS", 1))
        m.after(m.traits.boot_s, self._started)

    def _started(self) -> None:
        m = self._m
        self.state = PowerState.ON
        m.rx.clear()  # what the host sent before nobody heard (field notes, "Boot, power, port")
        sim = f"+CPIN: {m.radio.sim or 'NOT READY'}"
        listed = m.traits.boot_urcs.replace("+CPIN: READY", sim).split("|")
        words = [word for word in listed if word]
        for i, word in enumerate(words):
            m.after(i * m.traits.boot_urc_gap_s, lambda word=word: m.urc(word))
        self.search_network(m.options.registered_after_s or None)

    def search_network(self, seconds: float | None = None) -> None:
        """Look for a network to register with; it takes so long, or as long as trait registration_s says."""
        wait = self._m.traits.registration_s if seconds is None else seconds
        if wait:
            self._m.after(wait, self._m.register)
        else:
            self._m.register()

    # -- off -----------------------------------------------------------------------------------

    def stop(self, orderly: bool) -> None:
        """AT+QPOWD or PWRKEY: deregister, say so, go dark."""
        m = self._m
        self.state = PowerState.STOPPING
        m.drop_sockets()
        m.after(m.traits.power_down_s if orderly else 0.01, self._say_goodbye)

    def _say_goodbye(self) -> None:
        m = self._m
        if m.traits.powered_down_urc:
            m.urc(m.traits.powered_down_urc)
        if m.traits.pdpdeact_after_power_down:
            m.urc('+QIURC: "pdpdeact",1')
        m.at(max(m.now, m.tx.free_at) + 0.05, self.cut)

    def hang(self) -> None:
        """The firmware stops for good: STATUS stays high, nothing answers."""
        self._m.restart_state()
        self.state = PowerState.HUNG

    # -- power saving mode ---------------------------------------------------------------------

    def plan_saving(self, active_s: float) -> None:
        """PSM was granted: it begins when the radio has been idle for T3324 (spec 2.10)."""
        if self._saving:
            self._saving.cancel()
        self._saving = self._m.after(active_s, self._save)

    def cancel_saving(self) -> None:
        """AT+CPSMS=0."""
        if self._saving:
            self._saving.cancel()

    def _save(self) -> None:
        m = self._m
        if m.connections() or m.port.busy or self.state is not PowerState.ON:
            self.plan_saving(1.0)
            return
        tau = psm_tau_seconds(m.psm.tau)
        m.urc(m.traits.psm_urc)
        m.at(max(m.now, m.tx.free_at) + 0.05, self.cut)
        boots = m.counters["boots"]
        m.world_event(tau, lambda: self._wake(boots))

    def _wake(self, boots: int) -> None:
        """T3412 ran out, unless PWRKEY has ended the sleep before."""
        if self.state is PowerState.OFF and boots == self._m.counters["boots"]:
            self.start()

    def cut(self) -> None:
        """Off: everything volatile is gone."""
        self.state = PowerState.OFF
        self._m.drive_pin("STATUS", 0)
        self._m.restart_state()

    def restart(self) -> None:
        """A reset, orderly or not: off and on again at once."""
        self.cut()
        self.start()


# Seconds of a unit of T3412 and T3324, by the three unit bits (spec 2.10).
TAU_UNITS = (600, 3600, 36000, 2, 30, 60)
ACTIVE_UNITS = (2, 60, 360)
TIMER_OFF = "111"


def psm_tau_seconds(bits: str) -> int:
    """T3412 in seconds; raises ValueError for a unit that is not defined."""
    return _timer_seconds(bits, TAU_UNITS)


def psm_active_seconds(bits: str) -> int | None:
    """T3324 in seconds, None where it is switched off; raises ValueError for an undefined unit."""
    return None if bits.startswith(TIMER_OFF) else _timer_seconds(bits, ACTIVE_UNITS)


def _timer_seconds(bits: str, units: tuple[int, ...]) -> int:
    unit = int(bits[:3], 2)
    if unit >= len(units):
        raise ValueError(f"timer unit {bits[:3]} is not defined")
    return units[unit] * int(bits[3:], 2)
