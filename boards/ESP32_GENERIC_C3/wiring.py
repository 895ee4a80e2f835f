"""The modem of this board, as wired in board.toml."""

from machine import UART, Pin

import bg95


def modem(baudrate=115200, **options):
    """The bg95.Modem on this board's pins; the other `options` are those of bg95.Modem."""
    return bg95.Modem(
        UART(1, baudrate, tx=Pin(4), rx=Pin(5), rxbuf=4096, txbuf=256),
        pwrkey=Pin(6, Pin.OUT, value=0),
        status=Pin(7, Pin.IN),
        dtr=Pin(10, Pin.OUT, value=0),
        baudrate=baudrate,  # so that a module that was left at another rate is found
        **options,
    )
