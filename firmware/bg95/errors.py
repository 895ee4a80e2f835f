"""What can go wrong, as exceptions: `errno` for programs, one sentence for people.

A message is put together when it is printed, so an error costs little until somebody looks at it. Texts of the
module's own numbers live in `errtext`, which is imported only then.
"""

# Module number -> POSIX errno, as pairs of (number - 400, or number + 200 below 400; errno). AT 23.5; FILE 4; SSL 4.
_ERRNO = (
    b"\xcb\x01\xcc\x5f\xd2\x13\xd3\x0d\xd4\x0d\xd8\x0d\xdc\x1c\xde\x02"  # 3 4 10 11 12 16 20 22
    b"\xe6\x64\xe7\x6e\xe8\x64\x00\x16\x01\x16\x06\x16\x10\x09\x19\x16\x1a\x10"  # 30-32 400 401 406 416 425 426
    b"\x03\x1c\x05\x02\x07\x11\x0d\x18\x0e\x1e\x14\x1c\x15\x6e\x17\x1b"  # 403 405 407 413 414 420 421 423
    b"\x97\x10\x98\x16\x99\x0c\x9b\x5f\x9e\x05\x9f\x05\xa1\x64\xa3\x62"  # 551 552 553 555 558 559 561 563
    b"\xa4\x10\xa5\x71\xa6\x67\xa7\x6b\xa8\x10\xa9\x6e\xaa\x64\xab\x67"  # 564 565 566 567 568 569 570 571
    b"\xac\x01\xad\x16\xae\x10"  # 572 573 574
)

EIO = 5
EBADF = 9
EBUSY = 16
ENODEV = 19
EINVAL = 22
EMFILE = 24
EMSGSIZE = 90
EOPNOTSUPP = 95
ENETDOWN = 100
ECONNABORTED = 103
ECONNRESET = 104
ENOBUFS = 105
ENOTCONN = 107
ETIMEDOUT = 110
EADDRINUSE = 98


def errno_of(code):
    """The POSIX errno nearest to a module number (+CME ERROR, FILE 4xx, 550-574); EIO for any other or None."""
    i = 0
    while code is not None and i < len(_ERRNO):
        if _ERRNO[i] == (code - 400 if 400 <= code < 600 else code + 200):
            return _ERRNO[i + 1]
        i += 2
    return EIO


class _Sentence:
    """Stands in `args[1]` of an error and becomes text when printed."""

    def __init__(self, error):
        self._e = error

    def __str__(self):
        e = self._e
        parts = []
        if e.command:
            parts.append(e.command)
        if e.code is not None:
            from .errtext import text

            parts.append("%d (%s)" % (e.code, text(e.code) or "a number no document lists"))
        if e.why:
            parts.append(e.why)
        return ": ".join(parts)

    __repr__ = __str__


class ModemError(OSError):
    """Base of every error the driver raises because of what the module did or did not do.

    errno: nearest POSIX value. code: the module's number (550-574, +CME ERROR) or None. command: the AT command
    that failed, without its parameters (they may be secret), or "". str(e): what happened and what to check.
    """

    def __init__(self, why="", code=None, command="", errno=None):
        self.why = why
        self.code = code
        self.command = command
        super().__init__(errno_of(code) if errno is None else errno, _Sentence(self))

    def __str__(self):
        return str(self.args[1])


class CommandError(ModemError):
    """The module refused a command."""


class TimeoutError(ModemError):  # noqa: A001 - the name users expect; MicroPython has no builtin of it
    """The documented time went by without an answer."""

    def __init__(self, why="", code=None, command=""):
        super().__init__(why, code, command, ETIMEDOUT)


class ConnectError(ModemError):
    """A TLS connection could not be opened, or was refused before it was tried."""


class DisconnectedError(ModemError):
    """The connection is gone: closed, reset, or the module restarted under it."""


class FileError(ModemError):
    """The module's file system refused, or what it holds is not what was sent."""


class NetworkError(ModemError):
    """No SIM, no registration or no PDP context."""
