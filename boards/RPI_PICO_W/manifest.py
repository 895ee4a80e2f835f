# Freezes the driver and this board's wiring into a firmware:
#   make BOARD=RPI_PICO_W FROZEN_MANIFEST=<here>/manifest.py     (in ports/rp2 of MicroPython)
include("$(PORT_DIR)/boards/manifest.py")
include("../../firmware/manifest.py")
module("wiring.py")
