"""The HIL fixtures: rig -> board -> modem -> tls_server. No test here names a rig."""

from bg95_host.hil.fixtures import board, lab, modem, rig, tls_server

__all__ = ["board", "lab", "modem", "rig", "tls_server"]
