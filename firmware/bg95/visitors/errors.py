"""Texts of errors: the module's own by their number, the residents' by theirs; and which errno is nearest.

SSL and TCP errors 550-574 and the +CME ERROR codes of FILE (400-426) and other commands (0-47)
share one table, since no two of them share a code. Sources: at-commands.md 1.8, 2.8.2 and 2.4.
"""

from ..errors import EIO

# The text is written by `make tables` from host_tools/bg95_host/tables: edit the data there.

# One string, searched in place: a dict would cost several times the RAM.
_TEXTS = """
0 phone failure
1 no connection to phone
2 phone-adaptor link reserved
3 operation not allowed
4 operation not supported
5 PH-SIM PIN required
6 PH-FSIM PIN required
7 PH-FSIM PUK required
10 SIM not inserted
11 SIM PIN required
12 SIM PUK required
13 SIM failure
14 SIM busy
15 SIM wrong
16 incorrect password
17 SIM PIN2 required
18 SIM PUK2 required
20 memory full
21 invalid index
22 not found
23 memory failure
24 text string too long
25 invalid characters in text string
26 dial string too long
27 invalid characters in dial string
30 no network service
31 network timeout
32 network not allowed - emergency calls only
40 network personalization PIN required
41 network personalization PUK required
42 network subset personalization PIN required
43 network subset personalization PUK required
44 service provider personalization PIN required
45 service provider personalization PUK required
46 corporate personalization PIN required
47 corporate personalization PUK required
400 invalid input value
401 larger than the file size
402 read zero byte
403 drive full
405 file not found
406 invalid file name
407 file already existed
409 write failed
410 open failed
411 read failed
413 too many open files
414 file read-only
416 invalid file descriptor
417 list failed
418 delete failed
419 get disk info failed
420 no space
421 time out
423 file too large
425 invalid parameter
426 file already opened
550 unknown error
551 operation blocked
552 invalid parameter
553 memory not enough
554 create socket failed
555 operation not supported
556 socket bind failed
557 socket listen failed
558 socket write failed
559 socket read failed
560 socket accept failed
561 open PDP context failed
562 close PDP context failed
563 socket identity has been used
564 DNS busy
565 DNS parse failed
566 socket connection failed
567 socket has been closed
568 operation busy
569 operation timeout
570 PDP context broken down
571 cancel send
572 operation not allowed
573 APN not configured
574 port busy
"""


def text(code):
    """Return the documented text of the int `code`, or None where there is none. Allocates."""
    key = "\n%d " % code
    at = _TEXTS.find(key)
    if at < 0:
        return None
    at += len(key)
    return _TEXTS[at : _TEXTS.find("\n", at)]


# Module number -> POSIX errno, as pairs of (number - 400, or number + 200 below 400; errno). AT 23.5; FILE 4; SSL 4.
_ERRNO = (
    b"\xcb\x01\xcc\x5f\xd2\x13\xd3\x0d\xd4\x0d\xd8\x0d\xdc\x1c\xde\x02"  # 3 4 10 11 12 16 20 22
    b"\xe6\x64\xe7\x6e\xe8\x64\x00\x16\x01\x16\x06\x16\x10\x09\x19\x16\x1a\x10"  # 30-32 400 401 406 416 425 426
    b"\x03\x1c\x05\x02\x07\x11\x0d\x18\x0e\x1e\x14\x1c\x15\x6e\x17\x1b"  # 403 405 407 413 414 420 421 423
    b"\x97\x10\x98\x16\x99\x0c\x9b\x5f\x9e\x05\x9f\x05\xa1\x64\xa3\x62"  # 551 552 553 555 558 559 561 563
    b"\xa4\x10\xa5\x71\xa6\x67\xa7\x6b\xa8\x10\xa9\x6e\xaa\x64\xab\x67"  # 564 565 566 567 568 569 570 571
    b"\xac\x01\xad\x16\xae\x10"  # 572 573 574
)


def errno_of(code):
    """The POSIX errno nearest to a module number (+CME ERROR, FILE 4xx, 550-574); EIO for any other or None."""
    i = 0
    while code is not None and i < len(_ERRNO):
        if _ERRNO[i] == (code - 400 if 400 <= code < 600 else code + 200):
            return _ERRNO[i + 1]
        i += 2
    return EIO


# Why a resident raised, by the number that it gave (bg95.errors)
_WHY = (
    "",
    "the module did not say what became of the data; the connection is in an unknown state",
    "the module refused the data: the connection is gone",
    "the module knows no such connection any more",
    "bytes were lost on the UART, or the module restarted in the middle of data",
    "the network closed the data connection; modem.connect() opens it again",
    "the module restarted",
    "the module was switched off",
    "the peer closed the connection",
    "the socket is closed",
    "nothing received in the time of settimeout()",
    "the module took no data in the time of settimeout()",
    "a datagram is at most 1460 bytes",
    "only a part was written; without blocking, use write()",
    "unread data fills its socket's buffer, and nothing else can pass: read it first",
    "the port is in transparent mode; switch that socket's mode first",
    "called inside the driver, from a handler of on_urc() say: do it after poll() has returned",
    "the module does not answer any more; modem.reset() starts it anew",
)


def sentence(error):
    """What happened and what to check, as one sentence."""
    parts = []
    if error.command:
        parts.append(error.command)
    if error.code is not None:
        parts.append("%d (%s)" % (error.code, text(error.code) or "a number no document lists"))
    if error.why:
        parts.append(error.why if isinstance(error.why, str) else _WHY[error.why])
    return ": ".join(parts)
