"""The module's clock: set by AT+CCLK or by the network, wrong until then (spec 1.5, 2.9)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

GPS_EPOCH = datetime(1980, 1, 6)  # what an unsynchronised BG95-M5 reports, spec 2.9


class Rtc:
    """Universal time plus a time zone in quarter hours, running on the module's own time base."""

    def __init__(self, now: float) -> None:
        self._utc = GPS_EPOCH
        self._set_at = now
        self.zone = 0  # quarter hours east of Greenwich
        self.network_time: tuple[datetime, int] | None = None

    def set_utc(self, utc: datetime, zone: int, now: float) -> None:
        """Set the clock (naive UTC)."""
        self._utc, self.zone, self._set_at = utc, zone, now

    def synchronise(self, utc: datetime, zone: int, now: float) -> None:
        """The network told the time (NITZ)."""
        self.set_utc(utc, zone, now)
        self.network_time = (utc, zone)

    def reset(self, now: float) -> None:
        """Power was removed: back to the GPS epoch, and never synchronised."""
        self.set_utc(GPS_EPOCH, 0, now)
        self.network_time = None

    def utc(self, now: float) -> datetime:
        """Universal time, naive."""
        return self._utc + timedelta(seconds=max(0.0, now - self._set_at))

    def local(self, now: float) -> datetime:
        """Local time, naive: what AT+CCLK shows."""
        return self.utc(now) + timedelta(minutes=15 * self.zone)


def naive_utc(when: datetime) -> datetime:
    """An aware time as naive UTC; a naive one is taken as UTC."""
    return when.astimezone(timezone.utc).replace(tzinfo=None) if when.tzinfo else when
