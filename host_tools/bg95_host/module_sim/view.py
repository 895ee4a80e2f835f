"""A live view of modules for `bg95 sim --ui`: contexts, connections, counters, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table

from .connection import Connection as AnyConnection
from .core import Module
from .sockets import Socket


@dataclass(frozen=True)
class Connection:
    """One connection: a client ID in use, an MQTT client or the HTTP client."""

    owner: str
    kind: str
    peer: str
    state: str
    mode: str
    sent: int
    received: int
    unread: int


@dataclass(frozen=True)
class Snapshot:
    """What a module is doing at one moment."""

    path: str
    power: str
    network: str
    contexts: str
    clock: str
    connections: tuple[Connection, ...]
    counters: dict[str, int]


MODES = ("buffer", "push", "transparent")


def snapshot(module: Module, path: str) -> Snapshot:
    """Look at a module. Call it where the module runs."""
    active = [str(cid) for cid, context in module.pdp.items() if context.up]
    return Snapshot(
        path,
        module.power.state.value,
        "registered" if module.radio.registered else "not registered",
        ", ".join(active) or "none",
        f"{module.rtc.local(module.now):%Y-%m-%d %H:%M:%S}",
        tuple(_seen(each) for each in module.connections()),
        dict(module.counters),
    )


def _seen(one: AnyConnection) -> Connection:
    socket = isinstance(one, Socket)
    return Connection(
        str(one.client_id) if socket else one.label,
        one.protocol.upper() if one.ssl_ctx_id is None else f"SSL context {one.ssl_ctx_id}",
        f"{one.host}:{one.port}",
        one.state.name.lower(),
        MODES[one.mode] if socket else "",
        one.bytes_sent,
        one.bytes_total,
        len(one.received) if socket else 0,
    )


def render(snapshots: Sequence[Snapshot]) -> RenderableType:
    """The table of all modules, and below it that of their connections."""
    modules = Table(
        "module", "power", "network", "PDP", "clock", "commands", "URCs", title="modules"
    )
    sockets = Table(
        "module",
        "client",
        "kind",
        "peer",
        "state",
        "mode",
        "sent",
        "received",
        "unread",
        title="connections",
    )
    for each in snapshots:
        count = each.counters.get
        modules.add_row(
            each.path,
            each.power,
            each.network,
            each.contexts,
            each.clock,
            str(count("commands", 0)),
            str(count("urcs", 0)),
        )
        for one in each.connections:
            cells = (one.owner, one.kind, one.peer, one.state, one.mode)
            numbers = (one.sent, one.received, one.unread)
            sockets.add_row(each.path, *map(str, cells), *(f"{number:,}" for number in numbers))
    return Group(modules, sockets)


def totals(snapshots: Sequence[Snapshot]) -> str:
    """The counters of all modules in one line, for the end of a run."""
    sums: dict[str, int] = {}
    for each in snapshots:
        for name, number in each.counters.items():
            sums[name] = sums.get(name, 0) + number
    shown = ", ".join(
        f"{name.replace('_', ' ')} {number:,}" for name, number in sorted(sums.items())
    )
    return shown or "nothing happened"
