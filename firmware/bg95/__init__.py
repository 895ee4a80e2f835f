"""bg95: TLS sockets over the TLS stack of a Quectel BG95, BG77 or BG600L modem, for MicroPython."""

import gc
import sys

# Loading leaves a lot of garbage between what stays. Collected in time, the heap keeps room for whole buffers.
if hasattr(gc, "threshold"):
    _threshold = gc.threshold()
    gc.threshold(4096)

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

if hasattr(gc, "threshold"):
    gc.threshold(_threshold)

__version__ = "0.1.0"


def install(modem, ctx, timer=None):
    """Run socket libraries unmodified over the modem, see compat.install()."""
    from .compat import install

    install(modem, ctx, timer)


def __getattr__(name):
    """Parts that not every program needs are imported when they are used first: bg95.aio."""
    module = __name__ + "." + name
    try:
        __import__(module)
    except ImportError:
        raise AttributeError("module 'bg95' has no attribute '%s'" % name)
    return sys.modules[module]
