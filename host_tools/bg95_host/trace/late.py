"""Results that come after OK: the URC that ends what a command began, found by name and ID.

AT+QSSLOPEN and its like answer OK at once and tell how it went later (at-commands.md 1.6.2, 2.6.6, 2.6.8, 2.6.10).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Which parameter of the command is the ID that its result repeats; None: it has none.
_ID_AT = {
    "QSSLOPEN": 2,
    "QIOPEN": 1,
    "QIDNSGIP": None,
    "QPING": None,
    "QNTP": None,
    "QHTTPGET": None,
    "QHTTPPOST": None,
    "QHTTPPOSTFILE": None,
    "QHTTPREAD": None,
    "QHTTPREADFILE": None,
    "QMTOPEN": 0,
    "QMTCONN": 0,
    "QMTDISC": 0,
    "QMTCLOSE": 0,
    "QMTSUB": 0,
    "QMTUNS": 0,
    "QMTPUB": 0,
}
_BEHIND_MESSAGE_ID = ("QMTSUB", "QMTUNS", "QMTPUB")  # these say <id>,<message ID>,<result>
_DNS_BUSY = (564, 568)  # and another result follows (2.6.6)

_COMMAND = re.compile(r"AT\+(\w+)(?:=(.*))?$", re.IGNORECASE)
_RESULT = re.compile(r'\+(?:QIURC: "dnsgip",|(\w+): )(.*)')


@dataclass(frozen=True)
class Late:
    """What a URC says of the command whose `key` it has. `over`: no other will follow."""

    key: str
    failed: bool
    over: bool = True


def awaited(command: str) -> str | None:
    """The key of the result that `command` will have after its OK; None if OK is all."""
    match = _COMMAND.match(command)
    name = match[1].upper() if match else ""
    if match is None or name not in _ID_AT or command.endswith("?"):
        return None
    parameters = (match[2] or "").split(",")
    at = _ID_AT[name]
    if at is None:
        return name
    return f"{name} {parameters[at].strip()}" if at < len(parameters) else None


def result(text: str) -> Late | None:
    """What `text` tells of an earlier command; None if it is no such result."""
    match = _RESULT.match(text)
    name = (match[1] or "QIDNSGIP") if match else ""
    if match is None or name not in _ID_AT:
        return None
    fields = [field.strip() for field in match[2].split(",")]
    with_id = _ID_AT[name] is not None
    at = with_id + (name in _BEHIND_MESSAGE_ID)
    if at >= len(fields) or not re.fullmatch(r"-?\d{1,5}", fields[at]):
        return None
    error = int(fields[at])
    probe = name == "QPING" and len(fields) > 1 and fields[1].startswith('"')  # one of several
    busy = name == "QIDNSGIP" and error in _DNS_BUSY
    return Late(f"{name} {fields[0]}" if with_id else name, error != 0, not (probe or busy))
