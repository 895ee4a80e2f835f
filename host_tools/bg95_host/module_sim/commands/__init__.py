"""The command table, one file a family; importing this package fills `registry.COMMANDS`."""

from . import (
    basic,
    clock,
    crypt,
    files,
    http,
    mqtt,
    network,
    pdp,
    power,
    qcfg,
    serial_port,
    sim_card,
    ssl_config,
    ssl_socket,
    tcp_socket,
)

__all__ = [
    "basic",
    "clock",
    "crypt",
    "files",
    "http",
    "mqtt",
    "network",
    "pdp",
    "power",
    "qcfg",
    "serial_port",
    "sim_card",
    "ssl_config",
    "ssl_socket",
    "tcp_socket",
]
