"""The end of a connection, the peer's and the module's own (at-commands.md 1.6.5, 3.5)."""

from __future__ import annotations

from bg95_host.module_sim.tables import CONFIG_ITEMS
from bg95_host.probe.experiment import Found, Hidden, experiment, near
from bg95_host.probe.session import CLIENT, CTX, Session, payload

DATA = b"hello"
TRIES = 3


@experiment("closed_before_recv", needs="server")
def order(p: Session) -> Found:
    """The peer says something and closes at once."""
    for _ in range(TRIES):
        p.connect()
        try:
            p.send(b"*bye hello")
            said = p.talk.listen(5.0, until=b'"closed"') + p.talk.listen(1.0)
        finally:
            p.close()
        recv, closed = said.find(b'"recv"'), said.find(b'"closed"')
        if recv >= 0 and closed >= 0:
            return {"closed_before_recv": closed < recv}
    raise Hidden("swallow_recv_urc: the recv URC is not printed")


@experiment("unread_after_close", "drained_after_close", "send_refused", needs="server")
def after_close(p: Session) -> Found:
    """Reading and sending on a connection that the peer has closed (open question 4)."""
    p.connect()
    try:
        p.send(b"*bye hello")
        p.talk.rest(3.0)
        kept = payload(p.ask(f"AT+QSSLRECV={CLIENT},1500")) == DATA
        drained = p.ask(f"AT+QSSLRECV={CLIENT},1500")
        p.talk.hush()
        p.talk.write(f"AT+QSSLSEND={CLIENT},5\r".encode())
        said = p.talk.listen(10.0, until=b">", quiet=0.5)
        if b">" in said:
            p.talk.rest(0.1)
            p.talk.write(DATA)
            p.talk.listen(30.0, until=b"ERROR\r\n", quiet=5.0)
    finally:
        p.close()
    return {
        "unread_after_close": "keep" if kept else "drop",
        "drained_after_close": "zero" if drained.ok else "error",
        "send_refused": "after" if b">" in said else "before" if b"ERROR" in said else None,
    }


@experiment("close_urc", "close_s", "close_resets_context", needs="server")
def local_close(p: Session) -> Found:
    """AT+QSSLCLOSE, with an item of the SSL context set to what is no default (open question 5)."""
    item = next((name for name in CONFIG_ITEMS if name in p.items and _is_harmless(name)), None)
    if item:
        value = CONFIG_ITEMS[item].low + (CONFIG_ITEMS[item].low == CONFIG_ITEMS[item].default)
        p.configure(**{item: value})
    p.connect()
    closed = p.close()
    said = p.talk.listen(1.0)
    took: object = Hidden("slow_answers: every command takes nearly its longest time")
    if not p.found.get("slow_answers"):
        took = near(closed.seconds - p.latency, 0.0, 0.05)
    resets: object = Hidden("missing_items: the module has no item to tell it by")
    if item:
        resets = not p.must(f'AT+QSSLCFG="{item}",{CTX}').text.endswith(f",{CTX},{value}")
        p.reset_context()
    return {"close_urc": b'"closed"' in said, "close_s": took, "close_resets_context": resets}


def _is_harmless(name: str) -> bool:
    """Numbers that do not change how the probe connects."""
    return name in ("negotiatetime", "session", "sni", "renegotiation", "ignorelocaltime")
