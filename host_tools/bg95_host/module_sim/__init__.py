"""A simulated BG95/BG77/BG600L module with real TLS, for drivers in any language.

    sim = SimServer(); sim.start()
    module = sim.add_module(SimOptions(resolve={"broker": "127.0.0.1"}), listen="pty")
    serial.Serial(module.path)
    sim.stop()

`core.Module` is the module itself, without I/O; `server` puts modules on descriptors, ptys, TCP
ports and serial devices.
"""

from .options import SimOptions
from .server import SimModule, SimServer

__all__ = ["SimModule", "SimOptions", "SimServer"]
