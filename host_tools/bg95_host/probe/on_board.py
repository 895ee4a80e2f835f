# Sent to a MicroPython board, whose UART then is a prober's line to the module: bytes as hex, times as the
# board's milliseconds. `modem` is a bg95.Modem that nobody else uses; its driver is not run.

from binascii import hexlify, unhexlify
from time import sleep_ms, ticks_add, ticks_diff, ticks_ms

QUIET_MS = 15  # the end of what came in one go
_start = ticks_ms()
_rose = [-1]


def _now():
    return ticks_diff(ticks_ms(), _start)


def _look(modem):
    """Notice STATUS as it rises."""
    if modem.status_pin is not None:
        level = modem.status_pin.value()
        if level and _rose[0] < 0:
            _rose[0] = _now()
        elif not level:
            _rose[0] = -1


def exchange(modem, data, ms):
    """Write `data` (hex), then read up to `ms`, or until something came and it is quiet again.

    Returns (when writing began, when the last byte came, hex, when STATUS rose or -1).
    """
    uart = modem.uart
    began = _now()
    data = unhexlify(data)
    at = 0
    while at < len(data):
        at += uart.write(data[at : at + 256]) or 0
    heard = b""
    end, last = ticks_add(ticks_ms(), ms), began
    while ticks_diff(end, ticks_ms()) > 0:
        _look(modem)
        if uart.any():
            heard += uart.read(uart.any())
            last = _now()
        elif heard and _now() - last > QUIET_MS:
            break
        else:
            sleep_ms(1)
    if not heard:
        last = _now()
    return began, last, hexlify(heard).decode(), _rose[0]


def press(modem, ms):
    """Hold PWRKEY."""
    modem.pwrkey.value(1)
    sleep_ms(ms)
    modem.pwrkey.value(0)
