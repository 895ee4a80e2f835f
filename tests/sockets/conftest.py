"""The fixtures of the driver's tests: a simulated module, a CA, the driver in the MicroPython VM."""

from driver.conftest import authority, fake, flash, options, sim  # noqa: F401
