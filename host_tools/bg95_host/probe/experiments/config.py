"""AT+QSSLCFG, AT+QSSLCRYPT and what commands say without a connection (at-commands.md 1.6, 2.6.4)."""

from __future__ import annotations

import re

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bg95_host.module_sim.tables import CONFIG_ITEMS
from bg95_host.probe.experiment import Found, Hidden, experiment
from bg95_host.probe.session import CLIENT, CTX, Session

PATHS = [name for name, item in CONFIG_ITEMS.items() if item.kind == "path"]
CRYPT_TEXT, CRYPT_KEY = b"0123456789abcdef", b"1234567890abcdef"


@experiment("missing_items")
def items(p: Session) -> Found:
    """Which of the documented items the module knows; `urcport` counts as one."""
    missing = [name for name in CONFIG_ITEMS if name not in p.items]
    if not p.ask('AT+QURCCFG="urcport"').ok:
        missing.append("urcport")
    return {"missing_items": "|".join(missing)}


@experiment("suite_lower")
def suite(p: Session) -> Found:
    p.need_items("ciphersuite")
    value = p.must(f'AT+QSSLCFG="ciphersuite",{CTX}').text.rpartition(",")[2]
    return {"suite_lower": value == value.lower()}


@experiment("paths_quoted", "path_must_exist")
def paths(p: Session) -> Found:
    item = next((name for name in PATHS if name in p.items), None)
    if item is None:
        raise Hidden("missing_items: the module has no item that names a file")
    value = p.must(f'AT+QSSLCFG="{item}",{CTX}').text.rpartition(f",{CTX},")[2]
    taken = p.ask(f'AT+QSSLCFG="{item}",{CTX},"bg95probe.not"').ok
    p.reset_context()
    return {"paths_quoted": '"' in value, "path_must_exist": not taken}


@experiment("crypt_upper", "crypt_quoted", "crypt_iv")
def crypt(p: Session) -> Found:
    """What one block of AES-128-CBC is, tells the IV (open question 6)."""
    text, key = CRYPT_TEXT.decode(), CRYPT_KEY.decode()
    said = p.must(f'AT+QSSLCRYPT="AES","{text}",0,1,"{key}"').text
    match = re.search(r'"AES",("?)([0-9A-Fa-f]{32})', said)
    if not match:
        return {}
    decryptor = Cipher(algorithms.AES(CRYPT_KEY), modes.ECB()).decryptor()
    block = decryptor.update(bytes.fromhex(match[2])) + decryptor.finalize()
    iv = bytes(a ^ b for a, b in zip(block, CRYPT_TEXT, strict=True))
    return {
        "crypt_upper": match[2] == match[2].upper(),
        "crypt_quoted": bool(match[1]),
        "crypt_iv": iv.hex(),
    }


@experiment("state_read", "state_unopened", "close_unopened")
def unopened(p: Session) -> Found:
    """An ID that was never opened (open question 3)."""
    state = p.ask(f"AT+QSSLSTATE={CLIENT}")
    return {
        "state_read": p.ask("AT+QSSLSTATE?").ok,
        "state_unopened": "error" if not state.ok else "initial" if state.lines else "nothing",
        "close_unopened": "ok" if p.close().ok else "error",
    }


@experiment("dropped_commands")
def dropped(p: Session) -> Found:
    """A command that only the BG96's manual has (at-commands-more.md 4.2.3)."""
    return {"dropped_commands": p.ask("AT+QSPN").ok}


@experiment("recv_test_from_zero", "geterror_space", "qinistat_read")
def spellings(p: Session) -> Found:
    """Texts that the documents leave open."""
    first = re.search(r"\((\d)-1500\)", p.must("AT+QSSLRECV=?").text)
    error = re.search(r"\+QIGETERROR: \d+,( ?)", p.must("AT+QIGETERROR").text)
    return {
        "recv_test_from_zero": first and first[1] == "0",
        "geterror_space": error and bool(error[1]),
        "qinistat_read": p.ask("AT+QINISTAT?").ok,
    }
