"""What runs in the emulator's process: an RP2040 that boots a MicroPython UF2, and the module on
its UART and pins, all in simulated time. The rig itself is `rigs/pico_emulator.py`.

`pl011` is the UART, `circuit` the wires, `process` the program, `uf2` reads the firmware's file.
"""
