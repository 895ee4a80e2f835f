"""The one network that a simulated module can see: what every command tells about it.

AT+QNWINFO, AT+QENG, AT+QCSQ, AT+CSQ, AT+COPS and AT+CEREG print parts of it (spec 2.3, 4.2).
"""

from __future__ import annotations

from dataclasses import dataclass

GSM_BANDS = {"GSM 900": 1, "GSM 1800": 2, "GSM 850": 4, "GSM 1900": 8}  # masks of AT+QCFG="band"


@dataclass(frozen=True)
class Cell:
    """A cell of the network, and how well it is heard."""

    technology: str  # what AT+QCSQ calls it, trait sysmode
    band: int = 20
    gsm_band: str = "GSM 900"
    channel: int = 6300  # EARFCN; the ARFCN of a GSM cell
    physical_id: int = 214
    bandwidth: int = 3  # of AT+QENG: 5 MHz
    rssi: int = -73  # dBm
    rsrq: int = -7
    sinr: int = 225  # in 1/5 dB above -20 dB

    @property
    def band_name(self) -> str:
        """As AT+QNWINFO prints it."""
        return self.gsm_band if self.technology == "GSM" else f"LTE BAND {self.band}"

    @property
    def band_mask(self) -> int:
        """As AT+QCFG="band" writes it."""
        if self.technology == "GSM":
            return GSM_BANDS[self.gsm_band]
        return 1 << (self.band - 1)

    @property
    def rsrp(self) -> int:
        """RSRP in dBm."""
        return self.rssi - 20

    @property
    def sinr_db(self) -> int:
        """SINR in dB."""
        return self.sinr // 5 - 20


def cell_of(technology: str, csq: int) -> Cell:
    """The cell that a network of this technology shows, heard as AT+CSQ says."""
    return Cell(technology, channel=62 if technology == "GSM" else 6300, rssi=-113 + 2 * csq)
