"""The open questions of at-commands.md, and what the module says of itself.

Texts are compared with those of the simulated module, which answers as the documents are read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bg95_host.module_sim.registry import COMMANDS
from bg95_host.probe.session import Session


@dataclass(frozen=True)
class Question:
    """One open question: the traits and the commands whose answers answer it."""

    number: int
    text: str
    traits: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    why_not: str = ""  # no experiment can tell


QUESTIONS = (
    Question(1, "When is the recv URC printed again?", ("recv_urc_repeats", "recv_rearm")),
    Question(
        2,
        "ESC at the send prompt; a mode-2 open that is refused late",
        ("cancel_send", "transparent_open_failure"),
    ),
    Question(3, "An ID that was never opened", ("state_unopened", "close_unopened")),
    Question(
        4, "Is unread data readable after closed?", ("unread_after_close", "drained_after_close")
    ),
    Question(5, "Does releasing an SSL context reset it?", ("close_resets_context",)),
    Question(6, "AT+QSSLCRYPT", ("crypt_iv", "crypt_upper", "crypt_quoted")),
    Question(7, "AT+QIGETERROR", ("urc_sets_geterror", "geterror_space")),
    Question(
        8,
        "Where URCs go at first; boot URCs and their times",
        ("urcport", "boot_urcs", "boot_s", "boot_urc_gap_s"),
    ),
    Question(9, "Longest line; input while a command runs", ("line_limit", "input_while_busy")),
    Question(10, "The A of ACK mode", ("ack_framed", "ack_after_last")),
    Question(
        11,
        "Texts of test forms",
        commands=(
            "AT+QSSLCFG=?",
            "AT+QSSLRECV=?",
            "AT+IPR=?",
            "AT+CPSMS=?",
            "AT+CEDRXS=?",
        ),
    ),
    Question(12, "PSK key: hex or text?", ("psk_key",)),
    Question(
        13,
        "Defaults that are illegible (as they are set now)",
        commands=(
            "AT+CTZU?",
            "AT+IFC?",
            "AT+QISDE?",
            'AT+QICFG="sack"',
            'AT+QICFG="tcp/keepalive"',
            'AT+QICFG="recvind"',
        ),
    ),
    Question(14, "An accepted TCP connection", ("incoming_mode", "qiact_both")),
    Question(15, "AT+CEDRXS? with eDRX off", ("cedrxs_off_line",)),
    Question(16, "AT+QLTS without number: GMT or local time?", ("qlts_local",)),
    Question(17, "The BG95's own documents", why_not="no experiment finds a document"),
)

# AT+COPS=? scans for networks, AT+CGPADDR=? tells of the user's settings, AT+CGACT hangs some firmware.
_NOT_ASKED = frozenset({"+COPS", "+CGPADDR", "+CGACT"})


def identity(session: Session) -> dict[str, str]:
    """Who it is, as far as it is the same for all modules of its kind: no IMEI, no numbers of the SIM."""
    asked = {"maker": "AT+CGMI", "model": "AT+CGMM", "revision": "AT+CGMR", "firmware": "AT+QGMR"}
    return {name: session.ask(command).text for name, command in asked.items()}


def commands() -> list[str]:
    """What is asked for its text: every test form, and what the open questions name."""
    tests = [f"AT{name}=?" for name in COMMANDS if name[0] == "+" and name not in _NOT_ASKED]
    named = [command for question in QUESTIONS for command in question.commands]
    return list(dict.fromkeys(tests + named))


def texts(session: Session) -> Iterator[tuple[str, str]]:
    """Each command with the text of its answer. Free space and times differ without a reason."""
    for command in commands():
        yield command, re.sub(r"\(1-\d{4,}\)\[", "(1-<freesize>)[", session.ask(command).text)
