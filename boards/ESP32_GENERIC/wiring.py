"""The modem of this board, as wired in board.toml."""

from machine import UART, Pin

import bg95


def modem(baudrate=115200, **options):
    """The bg95.Modem on this board's pins; the other `options` are those of bg95.Modem."""
    return bg95.Modem(
        UART(2, baudrate, tx=Pin(17), rx=Pin(16), rxbuf=4096, txbuf=256),
        pwrkey=Pin(18, Pin.OUT, value=0),
        status=Pin(19, Pin.IN),
        dtr=Pin(21, Pin.OUT, value=0),
        baudrate=baudrate,  # so that a module that was left at another rate is found
        **options,
    )
