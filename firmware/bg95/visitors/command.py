"""Any AT command, for the REPL: what may be sent, and what came back."""

from time import ticks_diff, ticks_ms

from ..at import ANSWER_MS, CONNECT
from ..errors import CommandError
from .at import check, claim, name_of, prefix_of, start, text_of, wait, within
from .limits import LONGEST_MS, optional, typed

# These move data: counted, behind a prompt, or with the port to themselves. Sockets and files do it so that no byte
# of it is taken for an answer, and no command for data.
_DATA = (
    "+QSSLSEND",
    "+QSSLRECV",
    "+QISEND",
    "+QIRD",
    "+QFUPL",
    "+QFDWL",
    "+QFREAD",
    "+QFWRITE",
)
_MODES = ("+QSSLOPEN", "+QIOPEN", "+QISWTMD")  # with 2, transparent, as the last parameter
_ESCAPE = b"\x1b"


def checked(command):
    """The command as bytes. Raises ValueError for what must not be sent as one."""
    for c in typed("command", command, str, "str"):
        if ord(c) < 32 or ord(c) > 126:
            raise ValueError("command: printable ASCII only, and one command at a time")
    line = command.upper()
    if line[:2] != "AT":
        raise ValueError("command: starts with AT")
    # Without blanks and the contents of strings: what is left are names, numbers and the marks between them
    for part in "".join(line[2:].replace(" ", "").split('"')[::2]).split(";"):
        if _moves(part):
            raise ValueError("command: this moves data; use a socket, or modem.files")
    return command.encode()


def _moves(part):
    """Whether one command of a line takes the port (AT 1.3): a row of basic ones, an extended one, or both."""
    plus = part.find("+")
    basic = part if plus < 0 else part[:plus]
    for i in range(len(basic)):
        if basic[i] in "ADO" and basic[i - 1 : i] != "&":  # ATA, ATD, ATO; not AT&D
            return True
    if plus < 0:
        return False
    word = part[plus:].split("=")[0]
    parameters = part.split("=")[-1].split(",")
    last = parameters[-1]
    if word in _DATA:
        asks = last == "?" or (len(parameters) > 1 and last.isdigit() and int(last) == 0)
        return "=" in part and not asks
    return word in _MODES and last.isdigit() and int(last) == 2


def command(modem, command, timeout_ms=None):
    """Send any AT command; returns the lines of its answer (list of str), without the final OK.

    For the REPL: `modem.command("AT+CSQ")`. Blocks up to `timeout_ms`, or (None) until other commands are done and
    then up to 3 s. Raises ModemError where the module refuses, ValueError for control characters and for commands
    that move data.
    """
    optional("timeout_ms", timeout_ms, 0, LONGEST_MS)
    return modem.run(any_command(modem, checked(command), timeout_ms))


def any_command(modem, command, ms):
    """Flow of Modem.command()."""
    at = modem._at
    since = ticks_ms()
    yield from within(ms, claim(at))
    ms = ANSWER_MS if ms is None else max(1, ms - ticks_diff(ticks_ms(), since))
    yield from start(at, command, ms, prefix_of(command), None, True, True)
    at.framer.prompt = 62  # ">", of a command that nobody knows here
    lines = yield from wait(at)
    if at.result == CONNECT:
        at.send(_ESCAPE, 0, 1)  # takes the prompt back (SSL 2.3.3)
        at.out_of_step()
        raise CommandError("it moves data", command=name_of(command))
    check(at, command)
    name = command.upper()
    if name[2:3] != b"+" and (b"E" in name or b"Z" in name or b"&" in name):
        from .power import echo_off

        # ATE1, ATZ, AT&F: what is sent would come back, and look like answers
        yield from echo_off(at)
    return [text_of(line) for line in lines]
