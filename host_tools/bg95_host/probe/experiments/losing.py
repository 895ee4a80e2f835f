"""A PDP context that the network takes away, as AT+CGATT=0 makes it (at-commands.md 2.6.3, 3.5)."""

from __future__ import annotations

from bg95_host.probe.experiment import Found, Hidden, experiment
from bg95_host.probe.session import PDP, Session

MQTT = 5  # the last client index, which applications use least


@experiment("pdp_needs_qideact", "pdp_loss_order", needs="network")
def loss(p: Session) -> Found:
    connected = not p.has["server"]
    if connected:
        p.connect()
    elif not p.active():
        p.activate()
    p.talk.hush()
    p.must("AT+CGATT=0")
    said = p.talk.listen(5.0)
    p.close()
    p.must("AT+CGATT=1")
    p.registered()
    needed = not p.activate().ok
    if needed:
        p.deactivate()
        p.activate()
    closed, lost = said.find(b'"closed"'), said.find(b'"pdpdeact"')
    if lost < 0:
        hidden = Hidden("AT+CGATT=0 makes no pdpdeact URC")
        return {"pdp_needs_qideact": hidden, "pdp_loss_order": hidden}
    if not connected or closed < 0:
        return {
            "pdp_needs_qideact": needed,
            "pdp_loss_order": Hidden(p.has["server"] or "no closed URC comes"),
        }
    return {
        "pdp_needs_qideact": needed,
        "pdp_loss_order": "closed_first" if closed < lost else "pdpdeact_first",
    }


@experiment("mqtt_activates_pdp", needs="server")
def mqtt(p: Session) -> Found:
    """AT+QMTOPEN with its PDP context down; it needs a TCP port, not a broker."""
    host, port = p.server
    p.deactivate()
    p.talk.hush()
    p.must(f'AT+QMTOPEN={MQTT},"{host}",{port}')
    match = p.talk.urc(rf"\+QMTOPEN: {MQTT},(-?\d+)", 160.0)
    up = p.active()
    p.ask(f"AT+QMTCLOSE={MQTT}", 20.0)
    p.talk.rest(1.0)
    if not up:
        p.activate()
    return {"mqtt_activates_pdp": up if match else None}


@experiment("qiact_both", needs="network")
def addresses(p: Session) -> Found:
    """The PDP context as an IPv4v6 one for a moment (open question 14)."""
    was = p.must(f"AT+QICSGP={PDP}").text.partition(": ")[2]
    _kind, comma, rest = was.partition(",")
    active = p.active()
    p.deactivate()
    try:
        p.must(f"AT+QICSGP={PDP},3{comma}{rest}")
        if not p.activate().ok:
            raise Hidden("the network gives no IPv4v6 context")
        lines = p.must("AT+QIACT?").lines
        p.deactivate()
    finally:
        p.ask(f"AT+QICSGP={PDP},{was}")
        if active:
            p.activate()
    return {"qiact_both": len([line for line in lines if line.startswith(f"+QIACT: {PDP},")]) > 1}
