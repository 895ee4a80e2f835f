"""A live view of modules for `bg95 sim --ui`: contexts, connections, files, counters, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bg95_host.visible import visible

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
    files: tuple[tuple[str, int], ...]
    counters: dict[str, int]


FILES_SHOWN = 6
MODULE_WIDTH = 24
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
        tuple((name, module.flash.size(name)) for name in module.flash.names()),
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
    """The table of all modules, and below it those of their connections and their files."""
    modules = _table("modules", "module", "power", "network", "PDP", "clock", "commands", "URCs")
    facts = ("client", "kind", "peer", "state", "mode", "sent", "received", "unread")
    sockets = _table("connections", "module", *facts)
    files = _table("files", "module", "name", "bytes")
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
        for name, size in each.files[-FILES_SHOWN:]:
            files.add_row(each.path, Text(visible(name)), f"{size:,}")
        if more := each.files[:-FILES_SHOWN]:
            size = sum(size for _, size in more)
            files.add_row(each.path, f"and {len(more)} more", f"{size:,}")
    return Group(modules, sockets, files)


def _table(title: str, *columns: str) -> Table:
    """Without lines, which would leave less room for the AT line."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in columns:
        most = MODULE_WIDTH if column == "module" else None  # a path can be long
        table.add_column(column, overflow="ellipsis", no_wrap=True, max_width=most)
    return table


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
