"""What a module remembers: settings that a restart clears, and settings that it keeps (spec 3.6)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from .tables import CONFIG_ITEMS, DEFAULT_BAUD


@dataclass
class Profile:
    """The AT settings of spec 2.1.1; the defaults are the factory values."""

    echo: int = 1
    quiet: int = 0
    verbose: int = 1
    x: int = 4
    dcd_mode: int = 1
    dtr_mode: int = 1
    s: dict[int, int] = field(
        default_factory=lambda: {0: 0, 3: 13, 4: 10, 5: 8, 6: 2, 7: 0, 8: 2, 10: 15}
    )
    creg: int = 0
    cgreg: int = 0
    cereg: int = 0
    cmee: int = 1
    cscs: str = "GSM"
    cgerep: tuple[int, int] = (0, 0)
    icf: tuple[int, int] = (3, 3)
    ifc: tuple[int, int] = (0, 0)

    def stored(self) -> Profile:
        """The part that AT&W stores: the rest at factory values (spec 2.1, 3.6)."""
        kept = replace(self, s=dict(self.s))
        factory = Profile()
        for name in ("cmee", "icf", "ifc", "cscs", "cgerep"):
            setattr(kept, name, getattr(factory, name))
        for register in (3, 4, 5, 6, 8):
            kept.s[register] = factory.s[register]
        return kept


# AT+QINDCFG: which URCs are printed (spec 2.3.1).
INDICATIONS = {"all": 1, "csq": 0, "smsfull": 0, "ring": 1, "smsincoming": 1}


@dataclass
class Nonvolatile:
    """Kept over a restart: AT&W's profile and what is saved at once (spec 3.6)."""

    profile: Profile = field(default_factory=Profile)
    baud: int = DEFAULT_BAUD
    urcport: str = "uart1"
    ctzu: int = 0
    ctzr: int = 0
    qcfg: dict[str, tuple[Any, ...]] = field(default_factory=dict)  # what AT+QCFG has changed
    psm_config: tuple[int, int] = (20, 4)  # AT+QPSMCFG; the threshold's default is not stated
    psm_extras: tuple[int, ...] = (14, 2, 120, 5, 120, 3)  # AT+QPSMEXTCFG
    traffic: tuple[int, int] = (0, 0)  # AT+QGDCNT=1
    cops_mode: int = 0
    cops_format: int = 0
    indications: dict[str, int] = field(default_factory=lambda: dict(INDICATIONS))
    simdet: tuple[int, int] = (0, 0)
    simstat: int = 0


@dataclass
class SimCard:
    """What the card itself remembers, whatever becomes of the module (spec 2.2, 2.2.1)."""

    state: str  # what AT+CPIN? answers with a card that was never locked out: trait sim
    pin: str
    puk: str
    pin_tries: int = 3
    puk_tries: int = 10
    inserted: bool = True

    def __post_init__(self) -> None:
        if self.state == "SIM PUK":
            self.pin_tries = 0

    @property
    def locked(self) -> bool:
        """Whether it asks for its PIN when the module starts (AT+CLCK)."""
        return self.state in ("SIM PIN", "SIM PUK")

    @locked.setter
    def locked(self, locked: bool) -> None:
        self.state = "SIM PIN" if locked else "READY"

    @property
    def asks_for(self) -> str:
        """What AT+CPIN? answers when the module has started."""
        if not self.inserted:
            return ""
        if self.locked:
            return "SIM PIN" if self.pin_tries else "SIM PUK"
        return self.state

    def enter_pin(self, pin: str) -> bool:
        """One try; the last wrong one blocks the PIN."""
        if pin != self.pin:
            self.pin_tries -= 1
            return False
        self.pin_tries = 3
        return True

    def enter_puk(self, puk: str, new_pin: str) -> bool:
        """One try to unblock the PIN and to change it; ten wrong ones are the card's end."""
        if puk != self.puk or not self.puk_tries:
            self.puk_tries = max(0, self.puk_tries - 1)
            return False
        self.pin, self.pin_tries, self.puk_tries = new_pin, 3, 10
        return True


PDP_TYPES = {
    1: "IP",
    2: "IPV6",
    3: "IPV4V6",
    4: "PPP",
    8: "Non-IP",
}  # <context_type> as AT+CGDCONT and +CGEV write it


@dataclass
class PdpContext:
    """One of the sixteen PDP contexts (spec 2.6)."""

    context_type: int = 1
    apn: str = ""
    username: str = ""
    password: str = ""
    authentication: int = 0
    fixed_address: str = "0.0.0.0"  # of AT+CGDCONT: none
    defined: bool = False  # by AT+CGDCONT or AT+QICSGP
    saved: bool = False  # by AT+CGDCONT, which saves at once in any case
    active: bool = False  # by AT+QIACT
    dialled: bool = False  # by AT+CGACT: then AT+QIACT cannot have it
    lost: bool = False  # taken down by the network; AT+QIDEACT acknowledges it
    dns: tuple[str, str] = ("10.0.0.1", "10.0.0.2")

    @property
    def up(self) -> bool:
        """Whether the network has activated it, for whoever asked."""
        return self.active or self.dialled


class SslContext:
    """One of the six SSL contexts: the values of AT+QSSLCFG, as attributes (spec 1.6.1)."""

    def __init__(self) -> None:
        self.values: dict[str, int | str] = {
            name: item.default for name, item in CONFIG_ITEMS.items()
        }

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass
class TcpipOptions:
    """AT+QICFG, AT+QISDE and AT+QNTP (spec 2.6.8, 2.6.9)."""

    transpktsize: tuple[int] = (1024,)
    transwaittm: tuple[int] = (2,)
    dataformat: tuple[int, int] = (0, 0)
    viewmode: tuple[int] = (0,)
    recvind: tuple[int] = (0,)
    sack: tuple[int] = (1,)
    tcp_keepalive: tuple[int, ...] = (0,)
    tcp_retranscfg: tuple[int, int] = (12, 600)
    echo_send: int = 1
    ntp: tuple[str, int] | None = None  # the server and port of an AT+QNTP under way


@dataclass(frozen=True)
class Edrx:
    """What one access technology is asked for: cycle length and paging time window, as bits."""

    cycle: str = "0000"
    window: str = "0000"


@dataclass
class PowerSaving:
    """AT+CPSMS and AT+CEDRXS, saved at once (spec 2.10); texts as the host wrote them."""

    psm: int = 0
    tau: str = "00101100"
    active: str = "00001010"
    rau: str = ""
    ready: str = ""
    edrx: dict[int, Edrx] = field(default_factory=dict)  # by <AcT-type>
    edrx_mode: int = 0


@dataclass
class Radio:
    """SIM and registration as the network tells it (spec 2.2, 2.3)."""

    sim: str  # "", "READY", "SIM PIN", ...
    operator: str  # trait operator
    plmn: str  # trait plmn
    chosen: dict[str, tuple[Any, ...]] = field(default_factory=dict)  # AT+QCFG, as it counts now
    detects_card: bool = False  # AT+QSIMDET as it was at the start
    reports_card: bool = False  # AT+QSIMSTAT as it was at the start
    functionality: int = 1
    registered: bool = False
    attached: bool = True
    tac: str = "1A2B"
    cell: str = "01A2D101"
    rssi: int = 20
    reports_rrc: bool = False  # AT+QCSCON
    rrc: bool = False  # a radio connection stands
    last_traffic: float = 0.0

    @property
    def short_operator(self) -> str:
        """The first word of its name."""
        return self.operator.partition(" ")[0]
