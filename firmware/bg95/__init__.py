"""bg95: TLS sockets over the TLS stack of a Quectel BG95, BG77 or BG600L modem, for MicroPython."""

from .connection import BUFFER, DIRECT_PUSH, TRANSPARENT
from .context import CERT_NONE, CERT_REQUIRED, SSLContext
from .errors import (
    CommandError,
    ConnectError,
    DisconnectedError,
    FileError,
    ModemError,
    NetworkError,
    TimeoutError,
)
from .modem import Modem
from .socket import SSLSocket

__version__ = "0.1.0"
