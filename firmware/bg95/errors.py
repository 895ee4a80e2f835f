"""What can go wrong, as exceptions: `errno` for programs, one sentence for people.

An error costs little until somebody looks at it: it carries numbers, and its sentence is put together by the visitor
`errors`, which holds all texts, when it is printed.
"""

from micropython import const

from . import visit

EIO = const(5)
EBADF = const(9)
EBUSY = const(16)
ENODEV = const(19)
EINVAL = const(22)
EMFILE = const(24)
EMSGSIZE = const(90)
EOPNOTSUPP = const(95)
ENETDOWN = const(100)
ECONNRESET = const(104)
ENOBUFS = const(105)
ENOTCONN = const(107)
ETIMEDOUT = const(110)

# Reasons that the residents give, by the number of their sentence in the visitor `errors`
UNKNOWN_STATE = const(1)
REFUSED_DATA = const(2)
NOT_KNOWN = const(3)
CUT = const(4)
NO_DATA_LINK = const(5)
RESTARTED = const(6)
SWITCHED_OFF = const(7)
PEER_CLOSED = const(8)
IS_CLOSED = const(9)
NOTHING_RECEIVED = const(10)
NOTHING_TAKEN = const(11)
LONG_DATAGRAM = const(12)
PARTLY = const(13)
UNREAD = const(14)
RAW_PORT = const(15)
NESTED = const(16)
MODULE_DEAD = const(17)


class _Sentence:
    """Stands in `args[1]` of an error and becomes text when printed."""

    def __init__(self, error):
        self._e = error

    def __str__(self):
        return visit.load("errors").sentence(self._e)

    __repr__ = __str__


class ModemError(OSError):
    """Base of every error the driver raises because of what the module did or did not do.

    errno: nearest POSIX value. code: the module's number (550-574, +CME ERROR) or None. command: the AT command
    that failed, without its parameters (they may be secret), or "". str(e): what happened and what to check.
    """

    _errno = EIO

    def __init__(self, why=None, code=None, command="", errno=None):
        self.why = why or ""  # a sentence, or the number of one
        self.code = code
        self.command = command
        if errno is None:
            errno = self._errno if code is None else visit.load("errors").errno_of(code)
        super().__init__(errno, _Sentence(self))

    def __str__(self):
        return str(self.args[1])


class CommandError(ModemError):
    """The module refused a command."""


class TimeoutError(ModemError):  # noqa: A001 - the name users expect; MicroPython has no builtin of it
    """The documented time went by without an answer."""

    _errno = ETIMEDOUT


class ConnectError(ModemError):
    """A TLS connection could not be opened, or was refused before it was tried."""


class DisconnectedError(ModemError):
    """The connection is gone: closed, reset, or the module restarted under it."""


class FileError(ModemError):
    """The module's file system refused, or what it holds is not what was sent."""


class NetworkError(ModemError):
    """No SIM, no registration or no PDP context."""
