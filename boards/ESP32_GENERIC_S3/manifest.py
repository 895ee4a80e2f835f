# Freezes the driver and this board's wiring into a firmware:
#   make BOARD=ESP32_GENERIC_S3 FROZEN_MANIFEST=<here>/manifest.py     (in ports/esp32 of MicroPython)
include("$(PORT_DIR)/boards/manifest.py")
include("../../firmware/manifest.py")
module("wiring.py")
