"""What a probing must leave as it was: read before, set again after, and after every restart.

Settings that a restart clears are read, too (at-commands.md 3.6): whoever set them wants them back.
"""

from __future__ import annotations

import re

from bg95_host.module_sim.tables import CONFIG_ITEMS
from bg95_host.probe.session import PDP, Session

CONTEXTS, PDP_CONTEXTS = range(6), range(1, 17)

# Read form -> how its answer is written back; {0}, {1} ... are what the groups matched.
_SETTINGS = (
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
_TCPIP = ("transpktsize", "transwaittm", "viewmode", "dataformat")  # of AT+QICFG
_PROFILE = re.compile(r"(&C|&D|X|S\d+): (\d+)")  # of AT&V; E, Q and V are put back last
_WRITABLE = ("S0", "S3", "S4", "S5", "S6", "S7", "S8", "S10")


class Keeper:
    """Reads the settings of a module, and sets them again."""

    def __init__(self, session: Session) -> None:
        self._p = session
        self._last = ""  # ATE, ATQ and ATV as they were
        self._volatile: list[str] = []  # what sets them again

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
        p, keep = self._p, self._volatile
        for name, value in _PROFILE.findall(p.ask("AT&V").text):
            if name[0] != "S":
                keep.append(f"AT{name}{value}")
            elif name in _WRITABLE:
                keep.append(f"AT{name}={value}")
        for query, pattern, written in _SETTINGS:
            if match := re.search(pattern, p.ask(query).text):
                keep.append(written.format(*match.groups()))
        for item in _TCPIP:
            if match := re.search(rf'"{item}",([\d,]+)', p.ask(f'AT+QICFG="{item}"').text):
                keep.append(f'AT+QICFG="{item}",{match[1]}')
        for context in PDP_CONTEXTS:  # saved by the documents, forgotten by some firmware
            if match := re.search(r"\+QICSGP: (.*)", p.ask(f"AT+QICSGP={context}").text):
                keep.append(f"AT+QICSGP={context},{match[1]}")
        for context in CONTEXTS:
            keep.extend(self._context(context))
        if p.active():
            keep.append(f"AT+QIACT={PDP}")

    def _context(self, context: int) -> list[str]:
        written = []
        for name, item in CONFIG_ITEMS.items():
            answer = self._p.ask(f'AT+QSSLCFG="{name}",{context}')
            match = re.search(rf'"{name}",{context},(.*)', answer.text)
            if match:
                self._p.items.add(name)
                value = match[1].strip('"')
                if item.kind == "path":
                    value = f'"{value}"'
                elif item.kind == "suite":
                    value = "0X" + value[2:].upper()
                written.append(f'AT+QSSLCFG="{name}",{context},{value}')
        return written

    def restore(self) -> None:
        """Set everything as it was, the look of the port last."""
        p = self._p
        was_active = f"AT+QIACT={PDP}" in self._volatile
        active = p.active()
        if active and not was_active:
            p.deactivate()
        for command in self._volatile:
            if not (active and command.startswith("AT+QIACT")):
                p.ask(command)
        p.ask(self._last, 1.0)
