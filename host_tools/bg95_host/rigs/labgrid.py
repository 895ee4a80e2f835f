"""The rig `labgrid`: a board of a lab, by the name of its place.

The place needs a serial port (labgrid's NetworkSerialPort, which is what an exporter makes of a
RawSerialPort or USBSerialPort), named `board` where there is more than one. The coordinator is the
one of LG_COORDINATOR. See `boards/LAB.md` for setting up a lab.

labgrid is used through its own commands: it brings a pyserial of its own under the same name, and
so cannot live in the virtualenv of these tools.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from typing import Any

from bg95_host.places import ROOT
from bg95_host.rigs import RigError, RigOptions
from bg95_host.rigs.serial_port import REAL, SerialRig

OWN_VENV = ROOT / "build" / "labgrid" / "bin"  # where `make` puts it

_ANSWER_S = 60.0
_SCHEMES = {"raw": "socket://{host}:{port}", "rfc2217": "rfc2217://{host}:{port}?ign_set_control"}


def command(name: str) -> str:
    """The path of one of labgrid's commands; RigError where it is not installed."""
    found = shutil.which(name, path=str(OWN_VENV)) or shutil.which(name)
    if found is None:
        raise RigError(
            f"{name} is missing: install labgrid, in a virtualenv of its own (it brings a pyserial of "
            "its own), and put its commands on the PATH"
        )
    return found


class LabgridRig(SerialRig):
    """See the module. `module` is REAL or SIMULATED, as for SerialRig."""

    name = "labgrid"

    def __init__(self, place: str, module: str = REAL, board: str | None = None) -> None:
        super().__init__("", module, board)
        self._place = place
        self._acquired = False

    def start(self) -> None:
        """Acquire the place and find the board there."""
        self._acquire()
        self._asked_port = _board_url(self._place, self._client("env"))
        super().start()

    def close(self) -> None:
        """Release the place, if it was acquired here."""
        super().close()
        if self._acquired:
            self._acquired = False
            with contextlib.suppress(RigError):  # a coordinator that has gone holds no place
                self._client("release")

    def _acquire(self) -> None:
        try:
            self._client("acquire")
        except RigError as e:
            if f"You have already acquired place {self._place}" not in str(e):
                raise
        else:
            self._acquired = True

    def _client(self, action: str) -> str:
        """What labgrid-client prints; RigError with its own words if it fails."""
        try:
            done = subprocess.run(
                [command("labgrid-client"), "-p", self._place, action],
                capture_output=True,
                text=True,
                timeout=_ANSWER_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise RigError(f"labgrid did not answer within {_ANSWER_S:.0f} s") from None
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise RigError(f"labgrid cannot {action} {self._place}: {said[-1] if said else '?'}")
        return done.stdout


def _board_url(place: str, environment: str) -> str:
    """The board's serial port, in labgrid's description of an acquired place (YAML)."""
    import yaml

    target = yaml.safe_load(environment)["targets"][place]
    ports: dict[str, dict[str, Any]] = {}
    for entry in target["resources"]:
        for kind, facts in entry.items():
            if kind == "NetworkSerialPort":
                ports[facts.get("name", "")] = facts
    if len(ports) == 1:
        (found,) = ports.values()
    elif "board" in ports:
        found = ports["board"]
    else:
        raise RigError(
            f"place {place} needs one serial port, or one that is named `board`; it has "
            + (", ".join(sorted(ports)) or "none")
        )
    return _SCHEMES[found.get("protocol", "rfc2217")].format_map(found)


def from_options(options: RigOptions) -> LabgridRig:
    """The rig as the command line asks for it."""
    if not options.place:
        raise RigError(
            "the rig labgrid needs a place: name one with --place (`labgrid-client places` lists them)"
        )
    command("labgrid-client")
    return LabgridRig(options.place, options.module or REAL, options.board)
