"""Times, ranges and text rules that flows take from the documents, each with its section. What residents need as well
is where they use it: in at.py, connection.py and modem.py.

Sections are those of the Quectel SSL application note 1.1 ("SSL"), of its companions ("TCP/IP", "AT", "FILE",
"HW") or of the field notes ("field"). Times are milliseconds. Nothing here blocks; only `quoted` allocates.
"""

from micropython import const

# --- maximum response times -------------------------------------------------------------------
SEND_MS = const(
    120000
)  # TCP/IP 2.3.7: "120 s, determined by the network"; SEND FAIL may be tried again for so long
CLOSE_S = const(10)  # SSL 2.3.5: <close_timeout>, default 10 s; the answer comes within it
OPEN_MS = const(150000)  # SSL 2.3.2: 150 s plus <negotiate_time> to +QSSLOPEN
ACTIVATE_MS = const(150000)  # TCP/IP 2.3.2: AT+QIACT
DEACTIVATE_MS = const(40000)  # TCP/IP 2.3.3: AT+QIDEACT
SIM_MS = const(5000)  # AT 5.3: AT+CPIN
COPS_MS = const(180000)  # AT 6.2: AT+COPS
CFUN_MS = const(15000)  # AT 2.22: AT+CFUN
REGISTER_MS = const(150000)  # TCP/IP 1.2 flow chart: 60 s PS, and 90 s CS on a BG96, then restart
SIM_READY_MS = const(20000)  # TCP/IP 1.2 flow chart: SIM 20 s
UPLOAD_S = const(5)  # FILE 2.4: <timeout> of AT+QFUPL, restarts with every byte
FILE_MS = const(10000)  # FILE: a flash write or delete; the manual says 300 ms, flash takes longer
LOOK_MS = const(1000)  # TCP/IP 1.2 flow chart: between two looks at the SIM or at the registration
# --- data mode --------------------------------------------------------------------------------
GUARD_MS = const(1050)  # SSL 1.4: 1 s of silence before and after "+++"; 50 ms of margin
ESCAPE_MS = const(2000)  # OK follows the second guard time of 1 s
PLUS_MS = const(1000)  # SSL 1.4: the three "+" within 1 s
TAIL_MS = const(50)  # how long the start of a possible NO CARRIER may wait for its rest
# --- start and stop ---------------------------------------------------------------------------
BOOT_MS = const(30000)  # HW 3.7: UART ready 2.5 s (BG95) to 4.9 s (BG96); field: RDY after 25 s
APP_READY_MS = const(5000)  # field: APP RDY follows RDY; older firmware never sends it
KEY_ON_MS = const(700)  # HW 3.7.1: PWRKEY low for 500 to 1000 ms
KEY_OFF_MS = const(800)  # HW 3.7.2: PWRKEY low for 650 to 1500 ms
OFF_MS = const(65000)  # AT 1.8: give up on POWERED DOWN after 65 s
VBAT_MS = const(1000)  # AT 1.8: wait 1 s more before VBAT is cut
PROBE_MS = const(300)  # one AT while synchronising
# --- the driver's own ---------------------------------------------------------------------------
LOST_MS = const(3000)  # nobody asks any more for what is not touched for so long

# --- ranges -------------------------------------------------------------------------------------
NAME_MAX = const(80)  # FILE 2: file name
HOST_MAX = const(253)  # RFC 1035 2.3.4
BAUDS = (115200, 9600, 19200, 38400, 57600, 230400, 460800, 921600)  # AT 3.5: AT+IPR
FAST_BAUDS = (2900000, 3000000, 3200000, 3686400, 4000000)  # legal as well, but not looked for


LONGEST_MS = const(536870911)  # what ticks_diff() of any port can tell from a time gone by

BYTES = (bytes, bytearray, memoryview)
TEXT_OR_BYTES = (str,) + BYTES


def typed(what, value, kind, words):
    """Return `value`, or raise TypeError naming `what` where it is none of `kind`, which `words` describe."""
    if not isinstance(value, kind):
        raise TypeError("%s: %s, not %s" % (what, words, type(value)))
    return value


def able(what, thing, *methods):
    """Raise TypeError naming `what` where `thing` lacks one of `methods`."""
    for name in methods:
        if not hasattr(thing, name):
            raise TypeError("%s: needs %s(), which %s lacks" % (what, name, type(thing)))


def flag(what, on):
    """Return `on` as a bool, or raise TypeError naming `what` where it is neither that nor a number."""
    return bool(typed(what, on, (bool, int), "True or False"))


def quoted(what, text, longest, kind=None):
    """Return `text` as a quoted AT string parameter (bytes). Allocates.

    what: name for the error message; longest: limit in bytes; kind: BYTES or TEXT_OR_BYTES, else str. Raises TypeError
    for another kind; ValueError where the text is empty, longer, or holds a quote, a backslash or anything but
    printable ASCII: none of them can be written on an AT line (AT 1.3), and none may, since a CR would end the
    command and start another.
    """
    typed(what, text, kind or str, "bytes" if kind is BYTES else "str")
    raw = text.encode() if isinstance(text, str) else bytes(text)
    if not 0 < len(raw) <= longest:
        raise ValueError("%s: 1 to %d bytes, not %d" % (what, longest, len(raw)))
    for c in raw:
        if c > 126:
            raise ValueError("%s: printable ASCII only" % what)
        if c < 32 or c == 34 or c == 92:
            raise ValueError(
                '%s: no quotes, backslashes or control characters ("%s")'
                % (what, chr(c) if c > 31 else hex(c))
            )
    return b'"' + raw + b'"'


def ranged(what, value, low, high):
    """Return `value`, an int in low..high, or raise ValueError naming `what`. Allocates only to raise."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError("%s: %d to %d, not %r" % (what, low, high, value))
    return value


def milliseconds(seconds):
    """What settimeout() is given, in milliseconds; -1 for None. Raises ValueError, TypeError."""
    if seconds is None:
        return -1
    if (
        isinstance(seconds, bool)
        or not 0 <= typed("seconds", seconds, (int, float), "a number") <= LONGEST_MS // 1000
    ):
        raise ValueError("seconds: 0 to %d, not %r" % (LONGEST_MS // 1000, seconds))
    return int(seconds * 1000)


def optional(what, value, low, high):
    """As ranged(), or None."""
    return None if value is None else ranged(what, value, low, high)
