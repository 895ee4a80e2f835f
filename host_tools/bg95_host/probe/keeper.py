"""What a probing must leave as it was: read before, set again after, and after every restart.

Settings that a restart clears are read, too (at-commands.md 3.6): whoever set them wants them back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bg95_host.module_sim.tables import CONFIG_ITEMS
from bg95_host.probe.session import Session

CONTEXTS, PDP_CONTEXTS = range(6), range(1, 17)


@dataclass(frozen=True)
class Setting:
    """How one setting is read, and how what was read is written."""

    query: str
    pattern: str
    written: str  # {0}, {1} ... are what the groups of the pattern matched

    def command(self, session: Session) -> str:
        """What sets it as it is now; "" where that cannot be read."""
        match = re.search(self.pattern, session.ask(self.query).text)
        return self.written.format(*match.groups()) if match else ""


_SETTINGS = tuple(
    Setting(*facts)
    for facts in (
        ("AT+CMEE?", r"\+CMEE: (\d)", "AT+CMEE={0}"),
        ("AT+CREG?", r"\+CREG: (\d)", "AT+CREG={0}"),
        ("AT+CGREG?", r"\+CGREG: (\d)", "AT+CGREG={0}"),
        ("AT+CEREG?", r"\+CEREG: (\d)", "AT+CEREG={0}"),
        ("AT+CSCS?", r'\+CSCS: ("[^"]*")', "AT+CSCS={0}"),
        ("AT+CGEREP?", r"\+CGEREP: (\d,\d)", "AT+CGEREP={0}"),
        ("AT+CTZR?", r"\+CTZR: (\d)", "AT+CTZR={0}"),
        ("AT+IFC?", r"\+IFC: (\d,\d)", "AT+IFC={0}"),
        ("AT+ICF?", r"\+ICF: (\d,\d)", "AT+ICF={0}"),
        ("AT+QCSCON?", r"\+QCSCON: (\d)", "AT+QCSCON={0}"),
        ("AT+QSCLK?", r"\+QSCLK: (\d)", "AT+QSCLK={0}"),
        ("AT+QISDE?", r"\+QISDE: (\d)", "AT+QISDE={0}"),
        ("AT+COPS?", r"\+COPS: \d,(\d)", "AT+COPS=3,{0}"),
        ('AT+QURCCFG="urcport"', r'"urcport",("\w+")', 'AT+QURCCFG="urcport",{0}'),
        ('AT+QCFG="psm/urc"', r'"psm/urc",(\d)', 'AT+QCFG="psm/urc",{0}'),
        ("AT+CPSMS?", r"\+CPSMS: 0,", "AT+CPSMS=0"),
        ("AT+CPSMS?", r'\+CPSMS: 1,[^,]*,[^,]*,("\d+"),("\d+")', "AT+CPSMS=1,,,{0},{1}"),
    )
)
_TCPIP = ("transpktsize", "transwaittm", "viewmode", "dataformat")  # of AT+QICFG
_PROFILE = re.compile(r"(&C|&D|X|S\d+): (\d+)")  # of AT&V; E, Q and V are put back last
_WRITABLE = ("S0", "S3", "S4", "S5", "S6", "S7", "S8", "S10")


class Keeper:
    """Reads the settings of a module, and sets again those that are not as they were."""

    def __init__(self, session: Session) -> None:
        self._p = session
        self._last = ""  # ATE, ATQ and ATV as they were
        self._profile: list[str] = []  # what sets again what AT&V shows
        self._settings: list[tuple[Setting, str]] = []
        self._defined: set[str] = set()  # PDP contexts
        self._was_active = False

    def meet(self) -> bool:
        """Get in step, noticing how the port is set: echo, result codes, words. False: nobody answers."""
        p = self._p
        shape = p.silent(b"AT\r")
        if not p.get_in_step():
            return False
        echo = shape.startswith(b"AT\r")
        quiet = not shape.removeprefix(b"AT\r")
        numeric = shape.endswith(b"0\r")
        self._last = f"ATE{int(echo)}V{int(not numeric)}Q{int(quiet)}"
        return True

    def read(self) -> None:
        """Read all that there is to put back."""
        self._profile = self._shown()
        self._was_active = self._p.active()
        self._defined = self._contexts()
        for setting in (*_SETTINGS, *map(_tcpip, _TCPIP), *map(_apn, PDP_CONTEXTS)):
            self._keep(setting)
        for context in CONTEXTS:
            for name in CONFIG_ITEMS:
                if self._keep(_item(name, context)):
                    self._p.items.add(name)

    def restore(self) -> None:
        """Set everything as it was, the look of the port last."""
        p = self._p
        for command in set(self._profile) - set(self._shown()):
            p.ask(command)
        if p.active() and not self._was_active:
            p.deactivate()
        for setting, command in self._settings:
            if setting.command(p) != command:
                p.ask(command)
        for context in self._contexts() - self._defined:
            p.ask(f"AT+CGDCONT={context}")
        if self._was_active and not p.active():
            p.activate()
        p.ask(self._last, 1.0)

    def _keep(self, setting: Setting) -> bool:
        """Remember a setting; False where this module has it not."""
        command = setting.command(self._p)
        if command:
            self._settings.append((setting, command))
        return bool(command)

    def _shown(self) -> list[str]:
        """What sets again what AT&V shows, but for E, Q and V."""
        found = _PROFILE.findall(self._p.ask("AT&V").text)
        return [
            f"AT{name}={value}" if name[0] == "S" else f"AT{name}{value}"
            for name, value in found
            if name[0] != "S" or name in _WRITABLE
        ]

    def _contexts(self) -> set[str]:
        """The PDP contexts that are defined."""
        return set(re.findall(r"\+CGDCONT: (\d+)", self._p.ask("AT+CGDCONT?").text))


def _tcpip(item: str) -> Setting:
    query = f'AT+QICFG="{item}"'
    return Setting(query, rf'"{item}",([\d,]+)', query + ",{0}")


def _apn(context: int) -> Setting:
    """Saved by the documents, forgotten over a restart by some firmware."""
    query = f"AT+QICSGP={context}"
    return Setting(query, r"\+QICSGP: (.*)", query + ",{0}")


def _item(name: str, context: int) -> Setting:
    """An AT+QSSLCFG item; printed with quotes and in lower case by some, written by the book."""
    kind = CONFIG_ITEMS[name].kind
    query = f'AT+QSSLCFG="{name}",{context}'
    pattern = {"path": '"?([^"]*)"?$', "suite": "0[Xx](.*)", "int": "(.*)"}[kind]
    written = {"path": '"{0}"', "suite": "0X{0}", "int": "{0}"}[kind]
    return Setting(query, rf'"{name}",{context},{pattern}', f"{query},{written}")
