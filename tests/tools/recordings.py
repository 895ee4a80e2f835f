"""One conversation with a simulated module, as every tool would have written it down."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

from module_sim.world import HOST, attached

from bg95_host.module_sim import SimOptions


@dataclass
class Recording:
    """Both sides of an AT line: (time, side, bytes) as they came, and the module's own trace."""

    pieces: list[tuple[float, str, bytes]] = field(default_factory=list)
    trace: io.StringIO = field(default_factory=io.StringIO)


SCRIPT = (
    ("ATI", b"OK\r\n"),
    ("AT+CMEE=1", b"OK\r\n"),
    ("AT+CSQ", b"OK\r\n"),
    ("AT+NONSENSE", b"ERROR\r\n"),
    ("AT+QIACT=1", b"OK\r\n"),
    ('AT+QFUPL="a.pem",12', b"CONNECT\r\n"),
    (b"hello, world", b"OK\r\n"),
    ('AT+QFDEL="a.pem"', b"OK\r\n"),
    ('AT+QFDEL="a.pem"', b"405\r\n"),
    (f'AT+QSSLOPEN=1,1,0,"{HOST}",8883,0', b"+QSSLOPEN: 0,0\r\n"),
    ("AT+QSSLSEND=0,5", b"> "),
    (b"hello", b'"recv",0\r\n'),
    ("AT+QSSLRECV=0,1500", b"OK\r\n"),
    ("AT+QSSLRECV=0,1500", b"OK\r\n"),
    ("AT+QSSLCLOSE=0", b"OK\r\n"),
    ('AT+QSSLOPEN=1,1,0,"nowhere.example.com",8883,0', b"+QSSLOPEN: 0,565\r\n"),
    ("AT+QSSLCLOSE=0", b"OK\r\n"),
    ("AT+QSSLSTATE", b"OK\r\n"),
)


def record(echo: bool) -> Recording:
    """The script at a module whose echo is on or off."""
    made = Recording()
    host = attached(SimOptions(trace=made.trace), echo=True)
    if not echo:
        host.command("ATE0")
        made.trace.truncate(0)
        made.trace.seek(0)
        made.pieces.append((host.now, "host", b"ATE0\r"))
        made.pieces.append((host.now, "module", b"\r\nOK\r\n"))
    for words, end in SCRIPT:
        data = words if isinstance(words, bytes) else words.encode() + b"\r"
        made.pieces.append((host.now, "host", data))
        host.write(data)
        made.pieces.append((host.now, "module", host.wait_for(end)))
        rest = host.run(1.0)
        if rest:
            made.pieces.append((host.now, "module", rest))
    return made


def _stamp(seconds: float) -> str:
    return f"{10 + int(seconds) // 3600:02}:{int(seconds) // 60 % 60:02}:{seconds % 60:06.3f}"


def _lines(pieces, host: bool):
    """(time, side, line) for every line that is no mere CR LF."""
    for time, side, data in pieces:
        if side == "host" and not host:
            continue
        for line in data.replace(b"\r", b"\n").split(b"\n"):
            if line.strip():
                yield time, side, line.decode()


def putty() -> str:
    """All that came, echo and all, under a banner."""
    raw = b"".join(data for _, side, data in record(True).pieces if side == "module").decode()
    return f"=~=~=~=~=~=~=~=~=~=~=~= PuTTY log 2026.11.25 10:00:00 =~=~=~=~=~=~=~=~=~=~=~=\r\n{raw}"


def minicom() -> str:
    """The same with a time before every line."""
    lines = _lines(record(True).pieces, host=False)
    return "".join(f"[2026-11-25 {_stamp(time)}] {line}\r\n" for time, _, line in lines)


def arduino() -> str:
    """TinyGSM's StreamDebugger in Arduino's monitor: both sides, unmarked, and what the sketch prints."""
    lines = _lines(record(False).pieces, host=True)
    head = f"{_stamp(0)} -> Initializing modem...\r\n"
    return head + "".join(f"{_stamp(time)} -> {line}\r\n" for time, _, line in lines)


def esp_idf() -> str:
    """Tags, colours, both sides marked, and other tasks' lines."""
    out = ["\x1b[0;32mI (312) main_task: Calling app_main()\x1b[0m\n"]
    for time, side, line in _lines(record(False).pieces, host=True):
        arrow = "TX:" if side == "host" else "RX:"
        out.append(f"\x1b[0;32mD ({1000 * time:.0f}) esp-modem: {arrow} {line}\x1b[0m\n")
        out.append(f"I ({1000 * time:.0f}) wifi: beacon timeout\n")
    return "".join(out)


def arrows() -> str:
    """<< and >>, what is no text written out."""
    out = []
    for _, side, data in record(False).pieces:
        text = data.decode().replace("\r", "\\r").replace("\n", "\\n")
        out.append(f"{'>>' if side == 'host' else '<<'} {text}\n")
    return "".join(out)


def driver() -> str:
    """Modem.trace(): lines, and payload by its size."""
    out = []
    for record_line in simulator().splitlines():
        import json

        facts = json.loads(record_line)
        if facts["dir"] not in ("host", "module", "urc"):
            continue
        arrow = ">" if facts["dir"] == "host" else "<"
        if text := facts.get("text"):
            out.append(f"{facts['t']:10.3f} {arrow} {text}\n")
        if size := facts.get("len"):
            out.append(f"{facts['t']:10.3f} {arrow} {size} bytes\n")
    return "".join(out)


def simulator() -> str:
    """--trace: JSON lines."""
    return record(True).trace.getvalue()


SHAPES = (putty, minicom, arduino, esp_idf, arrows, driver, simulator)
