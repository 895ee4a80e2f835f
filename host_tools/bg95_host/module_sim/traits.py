"""Traits: what the documents leave open, or real modules do differently, as named switches.

Each has a default (the reading of the specification), and a line that says what it decides and
where that comes from. `bg95 sim --list-traits` prints this table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Trait:
    """One switch. The kind of its value is the kind of its default."""

    name: str
    default: bool | int | float | str
    help: str
    section: str
    choices: tuple[str, ...] = ()

    def parse(self, value: Any) -> bool | int | float | str:
        """`value` (a string from a command line, or of the right kind); raises ValueError."""
        if isinstance(self.default, bool):
            text = str(value).lower()
            if text not in ("1", "0", "true", "false", "on", "off", "yes", "no"):
                raise ValueError(f"trait {self.name} is on or off, not {value!r}")
            return text in ("1", "true", "on", "yes")
        if isinstance(self.default, (int, float)):
            try:
                return type(self.default)(value)
            except (TypeError, ValueError):
                raise ValueError(f"trait {self.name} is a number, not {value!r}") from None
        if self.choices and value not in self.choices:
            raise ValueError(f"trait {self.name} is one of {', '.join(self.choices)}")
        return str(value)


TRAITS: dict[str, Trait] = {
    trait.name: trait
    for trait in (
        # the AT port
        Trait("echo_payload", True, "data typed at a send prompt is echoed under ATE1", "1.6.3"),
        Trait("quoted_numbers", False, "accept a number in quotation marks", "3.4"),
        Trait(
            "garbage_line",
            "error",
            "a line that does not start with AT: answer ERROR, or say nothing",
            "3.4",
            ("error", "silent"),
        ),
        Trait("line_limit", 1024, "longest command line; longer ones answer ERROR", "3.4"),
        Trait(
            "input_while_busy",
            "keep",
            "bytes that arrive while a command runs: keep them for later, or discard them",
            "3.4",
            ("keep", "discard"),
        ),
        Trait("prompt", "\r\n> ", "the bytes of the send prompt", "3.1"),
        Trait("command_latency_s", 0.002, "time from a command's CR to its first answer", "2"),
        Trait("ignore_lf", True, "LF after CR in host input is ignored", "0.3"),
        Trait(
            "urc_placement",
            "between",
            "URCs between commands, or also between echo and first answer line (hostile)",
            "3.3",
            ("between", "hostile"),
        ),
        # start, power
        Trait(
            "boot_urcs",
            "RDY|APP RDY|+CPIN: READY|+CFUN: 1",
            "URCs after power-on, in order, separated by |; empty: none",
            "2.13",
        ),
        Trait("boot_s", 2.5, "from PWRKEY to a listening UART", "2.12"),
        Trait("status_s", 2.1, "from PWRKEY to STATUS high", "2.12"),
        Trait("boot_urc_gap_s", 0.1, "between two boot URCs", "2.13"),
        Trait("powered_down_urc", "POWERED DOWN", "text after AT+QPOWD; empty: never sent", "2.10"),
        Trait("power_down_s", 0.3, "from AT+QPOWD's OK to POWERED DOWN", "2.10"),
        Trait("urcport", "uart1", "where URCs go after the first power-on", "2.11"),
        # network
        Trait("pdp_activation_s", 0.05, "time that AT+QIACT takes", "2.6.2"),
        Trait("pdp_deactivation_s", 0.02, "time that AT+QIDEACT takes", "2.6.3"),
        Trait(
            "activate_active_context",
            "error",
            "AT+QIACT on an active context: error or ok",
            "2.6.2",
            ("error", "ok"),
        ),
        Trait("act", 8, "<Act> of +COPS and +CEREG on Cat M1 (7, 8 or 9 are seen)", "2.3"),
        Trait("network_scan_s", 0.5, "time that AT+COPS=? takes", "2.3"),
        Trait("nitz", True, "the network sets the clock when the module registers", "2.9"),
        # sockets
        Trait("cancel_send", "ok", "ESC at the prompt: ok, or error 571", "1.6.3", ("ok", "error")),
        Trait(
            "send_overrun",
            "error",
            "more than 1460 bytes before Ctrl-Z: error, or send at 1460",
            "3.1",
            ("error", "send"),
        ),
        Trait("send_buffer", 14600, "bytes taken before SEND FAIL", "3.1"),
        Trait("receive_buffer", 14600, "unread bytes before the peer is held back", "3.2"),
        Trait("push_chunk", 1500, "largest direct-push URC", "3.2"),
        Trait("crlf_after_data", True, "CRLF between QSSLRECV data and the CRLF of OK", "1.6.4"),
        Trait(
            "recv_rearm",
            "empty",
            "recv URC again once the last byte is read, or only after a read returned 0",
            "3.2",
            ("empty", "zero"),
        ),
        Trait(
            "unread_after_close",
            "keep",
            "unread data after closed: keep until QSSLCLOSE, or drop",
            "3.5",
            ("keep", "drop"),
        ),
        Trait(
            "close_unopened",
            "ok",
            "AT+QSSLCLOSE on an ID that is not open: ok or error",
            "3.5",
            ("ok", "error"),
        ),
        Trait("failed_open_holds_id", True, "after a failed open the ID stays in use", "1.6.2"),
        Trait(
            "transparent_open_failure",
            "error",
            "failed mode-2 open prints ERROR, or the +QSSLOPEN URC",
            "1.6.2",
            ("error", "urc"),
        ),
        Trait("geterror_space", False, "a space after the comma of +QIGETERROR", "2.6.4"),
        Trait("urc_sets_geterror", False, "a failed open also sets AT+QIGETERROR", "1.8"),
        Trait("crypt_upper", True, "AT+QSSLCRYPT prints upper-case hex", "1.6.7"),
        Trait("crypt_quoted", True, "AT+QSSLCRYPT prints its result in quotes", "1.6.7"),
        # TLS
        Trait(
            "checkhost",
            "cn",
            "the name checked: subject CN only, SAN then CN, or SAN only",
            "1.5",
            ("cn", "san_or_cn", "san"),
        ),
        Trait("psk_key", "hex", "the key in <ctx>_server.psk: hex or text", "1.5", ("hex", "text")),
    )
}


class Traits:
    """The traits of one module, as attributes. Unknown names and wrong values raise ValueError."""

    def __init__(self, chosen: Mapping[str, Any] | None = None) -> None:
        values = {name: trait.default for name, trait in TRAITS.items()}
        for name, value in (chosen or {}).items():
            if name not in TRAITS:
                raise ValueError(f"there is no trait {name!r}; see --list-traits")
            values[name] = TRAITS[name].parse(value)
        self._values = values

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(name) from None


def parse_assignments(words: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` words as a dictionary; raises ValueError where the = is missing."""
    chosen = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"write NAME=VALUE, not {word!r}")
        chosen[name] = value
    return chosen
