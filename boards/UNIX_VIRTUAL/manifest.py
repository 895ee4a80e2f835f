# Freezes the driver and this board's wiring into a unix VM:
#   make VARIANT=standard FROZEN_MANIFEST=<here>/manifest.py     (in ports/unix of MicroPython)
include("$(PORT_DIR)/variants/manifest.py")
include("../../firmware/manifest.py")
module("wiring.py")
