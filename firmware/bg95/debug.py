"""For the REPL: short names for what one wants to know at midnight.

    >>> from bg95.debug import *
    >>> at("AT+CSQ")
    +CSQ: 20,99
    >>> status()
    >>> trace()

They use the program's own `modem` where the REPL has one, else `wiring.modem()`; `use(modem)` names another.
Everything here prints, blocks and allocates.
"""

from .errors import ModemError
from .visitors.at import text_of

_KEPT = 32  # URCs that urcs() remembers

_modem = None
_urcs = []


class _Screen:
    def write(self, text):
        print(text, end="")


def use(modem=None):
    """Work with this Modem from now on; None: the one the program calls `modem`, else the board's. Returns it."""
    global _modem
    if modem is None:
        import __main__  # pyright: ignore[reportMissingImports]

        modem = getattr(__main__, "modem", None)
    if modem is None:
        import wiring

        modem = wiring.modem()
    if modem is not _modem:
        _modem = modem
        modem.on_urc(b"", _keep)
    return modem


def _keep(line):
    if len(_urcs) == _KEPT:
        _urcs.pop(0)
    _urcs.append(line)


def _current():
    return _modem if _modem is not None else use()


def at(command, timeout_ms=None):
    """Send an AT command and print its answer, or why there is none. timeout_ms: as Modem.command()."""
    try:
        for line in _current().command(command, timeout_ms):
            print(line)
        print("OK")
    except (ModemError, ValueError) as e:
        print(e)


def urcs():
    """Print the URCs that came since the first call of anything here (the last 32), and forget them."""
    _current().poll()
    while _urcs:
        print(text_of(_urcs.pop(0)))


def trace(on=True):
    """Print what goes over the UART from now on, secrets masked; trace(False) stops it."""
    _current().trace(_Screen() if on else None)


def status():
    """Print who the module is, how it is connected, what is open, and what went wrong on the UART so far."""
    modem = _current()
    print(modem)
    for what, ask in (
        ("registered", modem.status),
        ("operator", lambda: modem.status("operator")),
        ("signal, dBm", lambda: modem.status("rssi")),
        ("address", lambda: modem.ipconfig("addr4")),
        ("clock, UTC", modem.clock),
        ("sockets", modem.ssl_sockets),
    ):
        try:
            answer = ask()
        except ModemError as e:
            answer = e
        print("  %-12s %s" % (what, answer))
    at_port = modem._at
    print("  %-12s %d" % ("AT commands", at_port.commands))
    print("  %-12s %d" % ("late lines", at_port.late))
    print("  %-12s %d" % ("unknown URCs", at_port.unknown))
    print("  %-12s %d" % ("lost bytes", at_port.framer.dropped))
