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
        Trait(
            "echo_payload", True, "data typed at a QSSLSEND prompt is echoed under ATE1", "1.6.3"
        ),
        Trait("quoted_numbers", False, "accept a number in quotation marks", "3.4"),
        Trait(
            "garbage_line",
            "silent",
            "a line that does not start with AT: no answer, or ERROR",
            "3.4, 2.7",
            ("silent", "error"),
        ),
        Trait("line_limit", 1024, "longest command line; longer ones answer ERROR", "3.4"),
        Trait(
            "input_while_busy",
            "keep",
            "bytes that arrive while a command runs: keep them for later, or discard them",
            "3.4",
            ("keep", "discard"),
        ),
        Trait("prompt_crlf", True, "CRLF before the > of the send prompt", "3.1"),
        Trait("prompt_space", True, "a space after the > of the send prompt", "3.1, 3.7"),
        Trait("command_latency_s", 0.002, "time from a command's CR to its first answer", "2"),
        Trait(
            "slow_answers", False, "commands take nearly their documented maximum time", "1.6, 2"
        ),
        Trait("mixed_case_at", False, "At and aT start a command line too", "3.4"),
        Trait("ignore_lf", True, "LF after CR in host input is ignored", "0.3"),
        Trait(
            "urc_placement",
            "between",
            "URCs between commands, after the echo, or inside an answer (before its OK)",
            "3.3, field notes",
            ("between", "after_echo", "inside"),
        ),
        Trait(
            "parameter_error",
            "plain",
            "a wrong parameter of a general command: ERROR, or +CME ERROR: 3",
            "2.4",
            ("plain", "numbered"),
        ),
        Trait("cfun_error", "numbered", "the same for AT+CFUN", "2.3", ("plain", "numbered")),
        Trait("crlf_each_line", False, "CRLF also before every further information line", "0.3"),
        Trait("s_register_digits", 1, "least digits of an ATS<n>? answer (1 or 3)", "2.1"),
        Trait(
            "test_forms",
            "bg95",
            "ranges in the answers of test commands, as seen on another module",
            "1.6",
            ("bg95", "bg770a"),
        ),
        Trait("factory_cmee", 1, "AT+CMEE after AT&F and power-on (0 on a BG770A)", "2.1.1"),
        Trait(
            "dtr2_result",
            "NO CARRIER",
            "what a DTR rise prints under AT&D2",
            "2.1",
            ("NO CARRIER", "OK"),
        ),
        # start, power
        Trait(
            "boot_urcs",
            "RDY|APP RDY|+CPIN: READY|+CFUN: 1",
            "URCs after power-on, in order, separated by |; empty: none",
            "2.13",
        ),
        Trait("revision", "", "what AT+CGMR answers; empty: that of the model", "2.1"),
        Trait("boot_s", 2.5, "from PWRKEY to a listening UART", "2.12"),
        Trait("status_s", 2.1, "from PWRKEY to STATUS high", "2.12"),
        Trait("boot_urc_gap_s", 0.1, "between two boot URCs", "2.13"),
        Trait("powered_down_urc", "POWERED DOWN", "text at the end; empty: never sent", "2.10"),
        Trait("power_down_s", 0.5, "from AT+QPOWD's OK to POWERED DOWN (up to 60)", "2.10"),
        Trait("pdpdeact_after_power_down", False, "pdpdeact after POWERED DOWN", "field notes"),
        Trait("urcport", "uart1", "where URCs go at first (usbat on a BG96)", "2.11"),
        Trait("psm_urc", "POWER DOWN", "text when PSM is entered", "2.10"),
        Trait("psm_granted", True, "the network grants the PSM timers that are asked for", "2.10"),
        Trait("cedrxs_off_line", False, "AT+CEDRXS? prints +CEDRXS: 0 while eDRX is off", "2.10"),
        Trait("cedrxs_lists_both", False, "AT+CEDRXS? prints both access technologies", "2.10"),
        Trait(
            "sleep_loses_input", True, "asleep (QSCLK=1, DTR high) the UART hears nothing", "2.10"
        ),
        # SIM and network
        Trait("sim", "READY", "what AT+CPIN? answers; empty: no SIM", "2.2"),
        Trait("sim_pin", "1234", "the PIN that unlocks the SIM", "2.2"),
        Trait("sim_puk", "12345678", "the PUK that unblocks the SIM's PIN", "2.2"),
        Trait("pin_boot_urcs", False, "+QUSIM and +QIND follow +CPIN: READY after the PIN", "2.2"),
        Trait("qinistat_read", False, "AT+QINISTAT? answers as the execution form does", "2.2"),
        Trait(
            "registration",
            "home",
            "how registration ends",
            "2.3",
            ("home", "roaming", "denied", "searching"),
        ),
        Trait(
            "registration_s", 1.5, "search for a network after a start, AT+CFUN=1 or AT+COPS", "2.3"
        ),
        Trait(
            "operator",
            "Example Net",
            "the network's long name; its first word is the short one",
            "2.3",
        ),
        Trait("plmn", "00101", "the network's number: country and network code", "2.3"),
        Trait(
            "sysmode",
            "eMTC",
            "what AT+QCSQ calls the network",
            "2.3",
            ("eMTC", "NBIoT", "GSM", "CAT-M1", "CAT-NB1"),
        ),
        Trait("act", 8, "<Act> of +COPS and +CEREG (7, 8 or 9 are seen on Cat M1)", "2.3"),
        Trait("cgreg_unknown_on_lte", False, "+CGREG shows 4 on an LTE-only network", "2.3"),
        Trait("reject_cause", 0, "EMM cause after a rejection in +CEREG; 0: none printed", "2.3"),
        Trait(
            "unquoted_operator", True, "AT+COPS takes an operator's number without quotes", "2.3"
        ),
        Trait("cgpaddr_quoted", False, "AT+CGPADDR prints addresses in quotes", "2.3.1"),
        Trait("rrc_idle_s", 10.0, "from the last traffic to RRC idle (AT+QCSCON)", "2.3.1"),
        Trait("network_scan_s", 0.5, "time that AT+COPS=? takes (up to 180)", "2.3"),
        Trait("nitz", True, "the network tells the time at registration; off: 1980", "1.5, 2.9"),
        Trait("qlts_local", False, "AT+QLTS without a number prints local time, not GMT", "2.9"),
        Trait("timezone", 0, "the network's time zone in quarter hours", "2.9"),
        Trait("dropped_commands", True, "AT+QSPN, AT+QGDCNT and AT+CEER still answer", "4.2.3"),
        Trait("qprtpara", "error", "AT+QPRTPARA: ERROR or OK", "4.3", ("error", "ok")),
        Trait("supply_mv", 3820, "supply voltage of AT+CBC", "4.3"),
        Trait("temperature_c", 28, "temperature of AT+QTEMP", "4.3"),
        # PDP contexts
        Trait("cgact_hangs", False, "AT+CGACT stops the module for good (BG96)", "4.2.1"),
        Trait("pdp_activation_s", 0.05, "time that AT+QIACT takes (up to 150)", "2.6.2"),
        Trait("pdp_deactivation_s", 0.02, "time that AT+QIDEACT takes (up to 40)", "2.6.3"),
        Trait(
            "activate_active_context",
            "error",
            "AT+QIACT on an active context",
            "2.6.2",
            ("error", "ok"),
        ),
        Trait("pdp_needs_qideact", True, "after pdpdeact, AT+QIACT only after AT+QIDEACT", "2.6.3"),
        Trait(
            "pdp_loss_order",
            "closed_first",
            "which URC a lost PDP context prints first",
            "3.5",
            ("closed_first", "pdpdeact_first"),
        ),
        Trait("qicsgp_survives", True, "AT+QICSGP survives a restart", "2.6.1"),
        Trait("qiact_both", False, "AT+QIACT? prints both addresses of an IPv4v6 context", "2.6.2"),
        Trait("dns_s", 0.0, "time that a name takes to resolve", "2.6.6"),
        Trait("dns_busy_first", False, "a dnsgip,564 precedes the answer", "2.6.6"),
        Trait("ping_ms", 150, "round trip of AT+QPING", "2.6.8"),
        # sockets
        Trait("cancel_send", "ok", "ESC at the prompt: ok, or error 571", "1.6.3", ("ok", "error")),
        Trait(
            "send_overrun",
            "error",
            "more than 1460 bytes before Ctrl-Z: error, or send at 1460",
            "3.1",
            ("error", "send"),
        ),
        Trait(
            "send_refused",
            "before",
            "a send on a dead connection: ERROR before the prompt, or after the data",
            "1.6.3",
            ("before", "after"),
        ),
        Trait("send_idle_s", 0.0, "give up on an unfinished send after this time; 0: never", "3.1"),
        Trait("send_buffer", 14600, "bytes taken before SEND FAIL", "3.1"),
        Trait("receive_buffer", 14600, "unread bytes before the peer is held back", "3.2"),
        Trait("push_chunk", 1500, "largest direct-push URC", "3.2"),
        Trait("crlf_after_data", True, "CRLF between QSSLRECV data and the CRLF of OK", "1.6.4"),
        Trait("empty_recv_line", False, "an empty data line after +QSSLRECV: 0", "1.6.4"),
        Trait("stray_lf", False, "a stray LF before received data (BG96)", "field notes"),
        Trait(
            "recv_urc_length", False, "the recv URC of buffer mode carries a length", "field notes"
        ),
        Trait("recv_urc_repeats", False, "a recv URC for every arrival, read or not", "3.2"),
        Trait("swallow_recv_urc", 0, "every so many recv URCs one is not printed; 0: none", "3.2"),
        Trait("closed_before_recv", False, "closed may overtake the last recv", "field notes"),
        Trait(
            "recv_rearm",
            "empty",
            "recv URC again once the last byte is read, or only after a read returned 0",
            "3.2",
            ("empty", "zero"),
        ),
        Trait(
            "recv_in_push",
            "zero",
            "AT+QSSLRECV in push mode: +QSSLRECV: 0, or ERROR",
            "1.6.4",
            ("zero", "error"),
        ),
        Trait("recv_test_from_zero", False, "AT+QSSLRECV=? prints (0-1500)", "1.6.4"),
        Trait("datagrams", False, "one AT+QSSLRECV never returns more than a DTLS datagram", "3.2"),
        Trait(
            "unread_after_close",
            "keep",
            "unread data after closed: keep until QSSLCLOSE, or drop",
            "3.5",
            ("keep", "drop"),
        ),
        Trait(
            "drained_after_close",
            "error",
            "reading after closed, once nothing is left: error, or +QSSLRECV: 0",
            "1.6.4, field notes",
            ("error", "zero"),
        ),
        Trait(
            "close_unopened",
            "ok",
            "AT+QSSLCLOSE on an ID that is not open: ok or error",
            "3.5",
            ("ok", "error"),
        ),
        Trait(
            "incoming_mode",
            "listener",
            "access mode of an incoming connection: its listener's, or buffer mode",
            "2.6.10",
            ("listener", "buffer"),
        ),
        Trait("close_urc", False, "a local close prints the closed URC too", "1.6.5"),
        Trait("close_s", 0.0, "time that AT+QSSLCLOSE takes, within its timeout", "1.6.5"),
        Trait(
            "close_resets_context",
            False,
            "the last close on an SSL context sets its configuration back",
            "1.6.5",
        ),
        Trait(
            "state_unopened",
            "nothing",
            "AT+QSSLSTATE=<id> of an ID never opened",
            "1.6.6",
            ("nothing", "error", "initial"),
        ),
        Trait("state_read", True, "AT+QSSLSTATE? answers as AT+QSSLSTATE does", "1.6.6"),
        Trait("local_port_zero", False, "the local port in +QSSLSTATE is always 0", "1.6.6"),
        Trait("tcp_state_3", False, "+QISTATE says 3 for a connected socket", "field notes"),
        Trait("failed_open_holds_id", True, "after a failed open the ID stays in use", "1.6.2"),
        Trait("used_id_error", 563, "AT+QIGETERROR after an open on a used ID (550 seen)", "1.6.2"),
        Trait(
            "used_id_answer",
            "error",
            "an open on a used ID: ERROR, or OK and the URC",
            "1.6.2",
            ("error", "urc"),
        ),
        Trait("opens_until_552", 0, "after so many opens all answer 552; 0: never", "3.7 item 6"),
        Trait(
            "transparent_open_failure",
            "error",
            "failed mode-2 open: ERROR, or OK and the +QSSLOPEN URC",
            "1.6.2",
            ("error", "urc"),
        ),
        Trait("flush_on_return", True, "back in transparent mode, buffered data goes out", "1.4.3"),
        Trait("ato_resumes", True, "ATO works after +++ (not on an EG800K)", "field notes"),
        Trait("handshake_timeout_error", 569, "<err> after negotiatetime", "1.8"),
        Trait("geterror_space", False, "a space after the comma of +QIGETERROR", "2.6.4"),
        Trait("urc_sets_geterror", False, "a failed open also sets AT+QIGETERROR", "1.8"),
        Trait("crypt_upper", True, "AT+QSSLCRYPT prints upper-case hex", "1.6.7"),
        Trait("crypt_quoted", True, "AT+QSSLCRYPT prints its result in quotes", "1.6.7"),
        Trait("crypt_iv", "0" * 32, "the IV of AT+QSSLCRYPT, hex", "1.6.7"),
        # MQTT
        Trait(
            "mqtt_refused_open",
            "urc",
            "AT+QMTOPEN that fails: OK and the URC, or the line and ERROR (a BG95-M5)",
            "4.4.2",
            ("urc", "error"),
        ),
        Trait("mqtt_activates_pdp", True, "AT+QMTOPEN activates its PDP context", "4.4.2"),
        # files
        Trait("ufs_prefix", False, "file names are listed with UFS: in front", "2.8"),
        Trait("echo_upload", False, "AT+QFUPL echoes the file under ATE1", "2.8.1"),
        Trait("upload_timeout_restarts", True, "every byte restarts AT+QFUPL's timeout", "2.8.1"),
        Trait("upload_test_free", False, "AT+QFUPL=? prints the free size as a number", "2.8.1"),
        Trait("ack_framed", False, "CRLF around the A of ACK mode", "2.8.1"),
        Trait("ack_after_last", False, "an A also after a full last block", "2.8.1"),
        Trait(
            "abort_result",
            "report",
            "+++ during a FILE transfer: its report and OK, OK, ERROR, or +CME ERROR: 421",
            "2.7",
            ("report", "ok", "error", "numbered"),
        ),
        Trait(
            "seek_beyond",
            "numbered",
            "AT+QFSEEK beyond the end of a file: +CME ERROR: 401, or ERROR",
            "2.8",
            ("numbered", "plain"),
        ),
        # SSL configuration and TLS
        Trait(
            "missing_items", "", "AT+QSSLCFG items that this firmware lacks, by |", "field notes"
        ),
        Trait("path_must_exist", False, "AT+QSSLCFG refuses a file that is not there", "1.6.1"),
        Trait("suite_lower", False, "AT+QSSLCFG prints suites in lower case", "1.6.1"),
        Trait("paths_quoted", True, "AT+QSSLCFG prints paths in quotes", "1.6.1"),
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
        self.__dict__["_values"] = values
        for name, value in (chosen or {}).items():
            self.set(name, value)

    def set(self, name: str, value: Any) -> None:
        """Change one; raises ValueError for an unknown name or a wrong value."""
        if name not in TRAITS:
            raise ValueError(f"there is no trait {name!r}; see --list-traits")
        self._values[name] = TRAITS[name].parse(value)

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
