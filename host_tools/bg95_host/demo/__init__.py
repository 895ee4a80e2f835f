"""`bg95 demo`: an app on a MicroPython board talks TLS through the module, end to end, on one PC.

Nothing in it is staged but the hardware: a real MicroPython VM runs the driver, stock mpremote puts
it there, and a real TLS server answers. `story` is what happens, `view` how it looks, `on_board`
the board's part, `payload` what is sent.
"""
