"""The flash file system, with a file of the probe's own (at-commands.md 2.7, 2.8)."""

from __future__ import annotations

import re

from bg95_host.probe.experiment import Found, Hidden, experiment
from bg95_host.probe.session import FILE, Session

BLOCK = 1024  # ACK mode, at-commands.md 2.8.1


def _begin(p: Session, size: int, timeout: int, ack: int = 0) -> None:
    answer = p.ask(f'AT+QFUPL="{FILE}",{size},{timeout},{ack}')
    if answer.result != "CONNECT":
        raise Hidden(f"the module takes no file: {answer.result}")
    p.uploaded.add(FILE)


@experiment("upload_test_free")
def test_form(p: Session) -> Found:
    return {
        "upload_test_free": bool(re.search(r"\(1-\d+\)\[,\(1-65535", p.must("AT+QFUPL=?").text))
    }


@experiment("ufs_prefix", "echo_upload")
def upload(p: Session) -> Found:
    """A small file under ATE1, and how it is listed."""
    content = b"bg95-probe"
    p.must("ATE1")
    try:
        _begin(p, len(content), 20)
        p.talk.write(content)
        said = p.talk.listen(25.0, until=b"OK\r\n")
    finally:
        p.ask("ATE0")
    listed = p.must("AT+QFLST").text
    p.delete(FILE)
    prefix = re.search(rf'"(UFS:)?{re.escape(FILE)}"', listed)
    return {
        "ufs_prefix": prefix and bool(prefix[1]),
        "echo_upload": said.startswith(content),
    }


@experiment("upload_timeout_restarts")
def timeout(p: Session) -> Found:
    """Three bytes 1.2 s apart, of ten, with a timeout of 2 s."""
    _begin(p, 10, 2)
    said = b""
    for byte in b"abc":
        p.talk.write(bytes((byte,)))
        said += p.talk.listen(1.2, until=b"OK\r\n")
        if said:
            break
    said += p.talk.listen(20.0, until=b"OK\r\n") if not said else b""
    p.delete(FILE)
    size = re.search(rb"\+QFUPL: (\d+)", said)
    return {"upload_timeout_restarts": size and int(size[1]) == 3}


@experiment("ack_framed", "ack_after_last")
def acknowledged(p: Session) -> Found:
    """Two full blocks in ACK mode (open question 10)."""
    _begin(p, 2 * BLOCK, 20, ack=1)
    p.talk.write(b"a" * BLOCK)
    first = p.talk.listen(10.0, until=b"A") + p.talk.listen(0.3)
    p.talk.write(b"a" * BLOCK)
    last = p.talk.listen(25.0, until=b"OK\r\n")
    p.delete(FILE)
    if b"A" not in first:
        return {}
    return {
        "ack_framed": first == b"\r\nA\r\n",
        "ack_after_last": b"A" in last.partition(b"+QFUPL")[0],
    }


@experiment("abort_result")
def abort(p: Session) -> Found:
    """+++ in the middle of an upload (at-commands.md 2.7)."""
    size = 100
    _begin(p, size, 60)
    p.talk.write(b"abc")
    p.talk.listen(1.3)
    p.talk.write(b"+++")
    said = p.talk.listen(4.0)
    if not said:  # they were data: the rest has to follow
        p.talk.write(b"x" * (size - 6))
        p.talk.listen(10.0, until=b"OK\r\n")
        p.delete(FILE)
        raise Hidden("+++ does not end an upload")
    p.delete(FILE)
    if b"+QFUPL:" in said:
        return {"abort_result": "report"}
    if b"+CME ERROR: 421" in said:
        return {"abort_result": "numbered"}
    return {
        "abort_result": "error" if b"ERROR\r\n" in said else "ok" if b"OK\r\n" in said else None
    }


@experiment("seek_beyond")
def seek(p: Session) -> Found:
    """A place behind the end of an empty file."""
    match = re.search(r"\+QFOPEN: (\d+)", p.must(f'AT+QFOPEN="{FILE}",0').text)
    if match is None:
        return {}
    p.uploaded.add(FILE)
    result = p.ask(f"AT+QFSEEK={match[1]},5,0").result
    p.ask(f"AT+QFCLOSE={match[1]}")
    p.delete(FILE)
    return {"seek_beyond": {"ERROR": "plain", "+CME ERROR: 401": "numbered"}.get(result)}
