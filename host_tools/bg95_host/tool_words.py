"""The driver advises programs, in Python; somebody at a terminal has AT commands and this package's tools."""

from __future__ import annotations

import re

_WORDS = [
    (re.compile(pattern), words)
    for pattern, words in (
        (r"; modem\.reset\(\) starts it anew", ": switch it off and on"),  # it would not hear it
        (r"modem\.reset\(\)", "AT+CFUN=1,1"),
        (r"modem\.command\('(.*?)'\)", r"\1"),
        (r"modem\.connect\((apn)?\)", "AT+QIACT=1"),
        (r"\bconnect\(pin=\.\.\.\)", "AT+CPIN=<PIN>"),
        (r"modem\.functionality\(0\)", "AT+CFUN=0"),
        (r"modem\.ipconfig\('dns'\)", "AT+QIDNSCFG=1"),
        (r"modem\.ipconfig\(dns=.*?\)\)", 'AT+QIDNSCFG=1,"8.8.8.8","1.1.1.1"'),
        (r"modem\.clock\(\(.*?\)\)", 'AT+CCLK="yy/MM/dd,hh:mm:ss+00"'),
        (r", or say ctx\.check_validity = False", ""),
        (r"modem\.clock\(\)\??", "AT+CCLK?"),
        (r"use a socket, or modem\.files", "`bg95 provision` puts files on the module"),
        (r", then ctx\.load_verify_locations\(cafile=name\)", ", and name it with --ca"),
        (r"modem\.files\.upload\([^)]*\)", "`bg95 provision`"),
        (r"ctx\.load_cert_chain", "`bg95 provision --cert`"),
        (r"close one, or construct Modem\(\.\.\., sockets=n\)", "AT+QSSLCLOSE closes one"),
        (r"Modem\(\.\.\., baudrate=\.\.\.\)", "--baud"),
    )
]


def for_a_terminal(sentence: str) -> str:
    """What the driver says, with what can be typed at a terminal in place of its Python calls."""
    for pattern, words in _WORDS:
        sentence = pattern.sub(words, sentence)
    return sentence
