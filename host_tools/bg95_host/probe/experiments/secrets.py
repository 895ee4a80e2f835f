"""DTLS with a pre-shared key: how the key file is read, and whether datagrams stay apart (1.5, 3.2)."""

from __future__ import annotations

from bg95_host.probe.experiment import Found, Hidden, experiment
from bg95_host.probe.farside import DTLS, PSK_KEYS, PSK_TEXT
from bg95_host.probe.session import CLIENT, PSK_FILE, Session, payload

PSK_SUITE = "0X00AE"  # TLS_PSK_WITH_AES_128_CBC_SHA256
NEGOTIATE_S = 30


@experiment("psk_key", "datagrams", needs="server")
def dtls(p: Session) -> Found:
    """The far side knows each identity by one reading of the key (open question 12)."""
    p.need_items("dtls", "ciphersuite", "negotiatetime")
    try:
        for identity in PSK_KEYS:
            p.configure(dtls=1, ciphersuite=PSK_SUITE, negotiatetime=NEGOTIATE_S)
            p.upload(PSK_FILE, f"{identity}&{PSK_TEXT}".encode())
            try:
                if p.open(port=DTLS) == 0:
                    return {"psk_key": identity.removeprefix("probe-"), "datagrams": _apart(p)}
            finally:
                p.close()
                p.delete(PSK_FILE)
    finally:
        p.reset_context()
    raise Hidden("no DTLS connection with either reading of the key")


def _apart(p: Session) -> bool | None:
    """Two datagrams come back before one is read."""
    p.send(b"one")
    p.send(b"two")
    p.settle()
    got = payload(p.ask(f"AT+QSSLRECV={CLIENT},1500"))
    return {b"one": True, b"onetwo": False}.get(got)
