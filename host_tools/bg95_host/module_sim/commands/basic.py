"""Basic and identification commands (spec 2.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..connection import State
from ..identity import imei
from ..registry import Choice, Command, Family, Int, OneOf
from ..results import NO_CARRIER, EnterData
from ..state import Profile

if TYPE_CHECKING:
    from ..core import Module

REVISIONS = {"BG95-M3": "BG95M3LAR02A03", "BG95-M5": "BG95M5LAR02A04", "BG77": "BG77LAR02A04"}
SUBREVISION = "_01.012.01.012"


def revision(m: Module) -> str:
    """The firmware revision: the trait, or the model's."""
    known = m.traits.revision or REVISIONS.get(m.options.model)
    return known or m.options.model.replace("-", "") + "LAR02A03"


def _setting(name: str, attribute: str, *values: int, section: str = "2.1") -> None:
    """A one-number setting of the profile; without a number it is 0 (V.250)."""
    command = Command(name, Family.GENERAL, section)

    @command.execute_with(OneOf("value", values, default=0))
    def assign(m: Module, value: int) -> None:
        setattr(m.profile, attribute, value)


_setting("E", "echo", 0, 1)
_setting("Q", "quiet", 0, 1)
_setting("V", "verbose", 0, 1)
_setting("X", "x", 0, 1, 2, 3, 4)
_setting("&D", "dtr_mode", 0, 1, 2)

C = Command("&C", Family.GENERAL, "2.1")


@C.execute_with(OneOf("value", (0, 1), default=0))
def carrier_detect(m: Module, value: int) -> None:
    m.profile.dcd_mode = value
    m.drive_carrier()


REGISTERS = {0: 255, 3: 127, 4: 127, 5: 127, 6: 10, 7: 255, 8: 255, 10: 254}
S = Command("S", Family.GENERAL, "2.1")


@S.read_with(OneOf("register", tuple(REGISTERS)))
def s_read(m: Module, register: int) -> Iterator[str]:
    yield str(m.profile.s[register]).zfill(m.traits.s_register_digits)


@S.write(OneOf("register", tuple(REGISTERS)), Int("value", 0, 255, default=0))
def s_write(m: Module, register: int, value: int) -> None:
    if value > REGISTERS[register]:
        raise S.parameter_error(m)
    m.profile.s[register] = value


I = Command("I", Family.GENERAL, "2.1")  # noqa: E741 - the command's name


@I.execute_with(OneOf("value", (0,), default=0))
def identify(m: Module, value: int) -> Iterator[str]:
    yield "Quectel"
    yield m.options.model
    yield f"Revision: {revision(m)}"


def _identification(text: Any, *names: str) -> None:
    for name in names:
        command = Command(name, Family.GENERAL, "2.1", test="")

        @command.execute
        def show(m: Module) -> Iterator[str]:
            yield text(m)


_identification(lambda m: "Quectel", "+CGMI", "+GMI")
_identification(lambda m: m.options.model, "+CGMM", "+GMM")
_identification(revision, "+CGMR", "+GMR")
_identification(lambda m: revision(m) + SUBREVISION, "+QGMR")
_identification(imei, "+GSN", "+CGSN")


def _profile_command(name: str) -> Any:
    command = Command(name, Family.GENERAL, "2.1")
    return command.execute_with(OneOf("profile", (0,), default=0))


def _take(m: Module, profile: Profile) -> None:
    """Settings as `profile` has them. +IFC and +ICF are in no profile and stay (spec 2.1.1)."""
    kept = m.profile
    m.profile = replace(profile, s=dict(profile.s), ifc=kept.ifc, icf=kept.icf)
    m.profile.cmee = m.traits.factory_cmee
    m.nv.ctzr = 0


@_profile_command("&F")
def factory(m: Module, profile: int) -> None:
    """The baud rate stays (spec 2.1)."""
    _take(m, Profile())


@_profile_command("&W")
def store(m: Module, profile: int) -> None:
    m.nv.profile = m.profile.stored()
    m.nv.baud = m.wanted_baud  # AT+IPR=115200;&W stores the rate that is about to apply


@_profile_command("Z")
def reload(m: Module, profile: int) -> None:
    """What AT&W does not store is at its factory value (spec 2.1)."""
    _take(m, m.nv.profile)


V = Command("&V", Family.GENERAL, "2.1")


@V.execute
def view(m: Module) -> Iterator[str]:
    """In the order that a BG95-M5 prints (spec 2.1)."""
    p = m.profile
    yield from (f"&C: {p.dcd_mode}", f"&D: {p.dtr_mode}", "&F: 0", "&W: 0")
    yield from (f"Q: {p.quiet}", f"V: {p.verbose}", f"X: {p.x}", "Z: 0", f"E: {p.echo}")
    for register in (0, 4, 5, 6, 7, 8, 10, 3):
        yield f"S{register}: {p.s[register]}"


O = Command("O", Family.GENERAL, "1.4.3")  # noqa: E741 - the command's name


@O.execute_with(OneOf("value", (0,), default=0))
def online(m: Module, value: int) -> Any:
    """Back to the connection that left transparent mode last (spec 1.4.3)."""
    socket = m.last_transparent
    if socket is None or socket.state is not State.CONNECTED or not m.traits.ato_resumes:
        return NO_CARRIER
    return EnterData(socket)


CMEE = Command("+CMEE", Family.GENERAL, "2.4", test="(0-2)")


@CMEE.read
def cmee_read(m: Module) -> Iterator[str]:
    yield f"+CMEE: {m.profile.cmee}"


@CMEE.write(Int("n", 0, 2))
def cmee_write(m: Module, n: int) -> None:
    m.profile.cmee = n


CSCS = Command("+CSCS", Family.GENERAL, "2.1.1", test='("GSM","IRA","UCS2")')


@CSCS.read
def cscs_read(m: Module) -> Iterator[str]:
    yield f'+CSCS: "{m.profile.cscs}"'


@CSCS.write(Choice("chset", ("GSM", "IRA", "UCS2")))
def cscs_write(m: Module, chset: str) -> None:
    m.profile.cscs = chset


CGEREP = Command("+CGEREP", Family.GENERAL, "2.3.1", test="(0-2),(0,1)")


@CGEREP.read
def cgerep_read(m: Module) -> Iterator[str]:
    yield "+CGEREP: {},{}".format(*m.profile.cgerep)


@CGEREP.write(Int("mode", 0, 2, default=0), Int("bfr", 0, 1, default=0))
def cgerep_write(m: Module, mode: int, bfr: int) -> None:
    m.profile.cgerep = (mode, bfr)


@CGEREP.execute
def cgerep(m: Module) -> None:
    """Without numbers: what it sets is not stated."""
    cgerep_write(m, 0, 0)
