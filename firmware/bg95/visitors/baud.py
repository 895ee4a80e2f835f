"""The UART's rate: finding a module that was left at another one, and changing it (AT+IPR, AT 3.5). Flows only."""

from ..errors import ENODEV, ModemError
from . import power
from .limits import BAUDS


def find(modem):
    """Flow: try the other rates; where one answers, set the module to ours. False where none does."""
    at = modem._at
    for baud in BAUDS:
        if baud == modem.baudrate:
            continue
        modem.uart.init(baudrate=baud)
        # The first ends what the wrong rates left on the command line
        if (yield from power.in_step(modem, 2)):
            yield from at.run(b"AT+IPR=%d" % modem.baudrate)  # effective after its OK
            modem.uart.init(baudrate=modem.baudrate)
            return (yield from power.in_step(modem))
    modem.uart.init(baudrate=modem.baudrate)
    return False


def change(modem, baud, save):
    """Flow of Modem.set_baudrate(): effective after the OK, which still comes at the old rate (AT 3.5)."""
    old = modem.baudrate
    yield from modem._at.run(b"AT+IPR=%d" % baud)
    modem.uart.init(baudrate=baud)
    modem.baudrate = baud
    if not (yield from power.in_step(modem)):
        modem.uart.init(baudrate=old)
        modem.baudrate = old
        if not (yield from power.synchronise(modem)):
            raise ModemError("no answer at %d, and none at %d any more" % (baud, old), errno=ENODEV)
        raise ModemError("no answer at %d; back at %d" % (baud, old), command="AT+IPR")
    if save:
        # AT&W keeps the echo, too: with it off, a restart could go unnoticed
        yield from modem._at.run(b"ATE1")
        yield from modem._at.run(b"AT&W")
        yield from power.echo_off(modem._at)
