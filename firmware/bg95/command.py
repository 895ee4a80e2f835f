"""Any AT command, for the REPL: what may be sent, and what came back."""

from time import ticks_diff, ticks_ms

from . import at as _at
from .at import prefix_of, text_of, within
from .errors import CommandError
from .limits import ANSWER_MS, typed
from .power import echo_off

# These move data: counted, behind a prompt, or with the port to themselves. Sockets and files do it so that no byte
# of it is taken for an answer, and no command for data.
_DATA = (
    "+QSSLSEND=",
    "+QSSLRECV=",
    "+QISEND=",
    "+QIRD=",
    "+QFUPL=",
    "+QFDWL=",
    "+QFREAD=",
    "+QFWRITE=",
)
_MODES = ("+QSSLOPEN=", "+QIOPEN=", "+QISWTMD=")  # with 2, transparent, as the last parameter
_ESCAPE = b"\x1b"


def checked(command):
    """The command as bytes. Raises ValueError for what must not be sent as one."""
    for c in typed("command", command, str, "str"):
        if ord(c) < 32 or ord(c) > 126:
            raise ValueError("command: printable ASCII only, and one command at a time")
    name = command.upper().replace(" ", "")
    if name[:2] != "AT":
        raise ValueError("command: starts with AT")
    moves = name[:3] in ("ATO", "ATD")
    for word in _DATA:
        moves |= word in name and name[-2:] not in (",0", "=?")
    for word in _MODES:
        moves |= word in name and name[-2:] == ",2"
    if moves:
        raise ValueError("command: this moves data; use a socket, or modem.files")
    return command.encode()


def any_command(modem, command, ms):
    """Flow of Modem.command()."""
    at = modem._at
    start = ticks_ms()
    yield from within(ms, at.claim())
    ms = ANSWER_MS if ms is None else max(1, ms - ticks_diff(ticks_ms(), start))
    yield from at.start(command, ms, prefix_of(command), None, True, True)
    at.framer.prompt = 62  # ">", of a command that nobody knows here
    lines = yield from at.wait()
    if at.result == _at.CONNECT:
        at.send(_ESCAPE, 0, 1)  # takes the prompt back (SSL 2.3.3)
        at.out_of_step()
        raise CommandError("it moves data", command=_at.name_of(command))
    at.check(command)
    name = command.upper()
    if name[2:3] != b"+" and (b"E" in name or b"Z" in name or b"&" in name):
        # ATE1, ATZ, AT&F: what is sent would come back, and look like answers
        yield from echo_off(at)
    return [text_of(line) for line in lines]
