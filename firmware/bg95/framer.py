r"""Bytes in, items out: cuts what the UART delivers into lines, prompts and payloads. Knows no command.

The wire (AT 1.4; SSL 2.2.3, 2.3.3, 2.3.4), in the order in which an item is tried:

    payload   exactly n raw bytes, once `payload(n, sink)` was called: never looked at
    raw       transparent mode: everything up to a possible NO CARRIER / OK (see `_raw_end`)
    gap       CR, LF and SP between items: skipped
    prompt    the byte `prompt`, if one is awaited: "> " (its space may be late or missing) or the "A" of QFUPL
    line      text CR LF; an echo ends in CR CR LF

A line stays in the receive buffer, `buf[start:end]`, until `next()` is called again. Nothing here blocks, and
nothing allocates after construction. What is cut is what the UART held at the last `look()`: a slow processor, for
which a fast UART is never empty, comes back between two of them.

A sink takes payload: `room()` returns how many bytes it can take now, `put(buf, off, n)` takes them.
"""

from micropython import RingIO, const

NOTHING = const(0)
LINE = const(1)
PROMPT = const(2)
END = const(3)  # raw mode only: a line that may have ended it stands in buf[start:end]

_CHUNK = const(256)

# What the module says where transparent mode ends: the connection is lost; it restarted; it goes down. Each starts
# with CR LF and has its third byte in _THIRD, so that few CRs in the data need a closer look.
_LAST_WORDS = (b"\r\nNO CARRIER\r\n", b"\r\nRDY\r\n", b"\r\nAPP RDY\r\n", b"\r\nPOWERED DOWN\r\n")
_THIRD = b"NRAP"
ESCAPED = b"\r\nOK\r\n"


class Framer:
    """Receive side of the UART.

    uart: any(), readinto(buf, n), as machine.UART. size: bytes of the receive buffer, the longest line there can
    be (a longer one is dropped and counted in `overlong`). Allocates 2 * size + 512 bytes, once.
    """

    def __init__(self, uart, size=1024):
        self._any = uart.any
        self._readinto = uart.readinto
        self._have = 0  # bytes that next() may take from the UART
        self._chunk = bytearray(_CHUNK)
        # _CHUNK spare bytes: a whole chunk is stored and the end moved by what was read, which makes no view.
        self.buf = bytearray(size + _CHUNK)
        self._size = size
        self._spare = RingIO(size + _CHUNK + 1)  # moves bytes down the buffer without an allocation
        self._r = 0  # first byte not consumed
        self._w = 0  # end of what was received
        self.start = 0  # the current line
        self.end = 0
        self.pos = 0  # where the parsers below go on
        self.prompt = 0  # the byte that is awaited as a prompt, or 0
        self.sink = None  # where payload goes; None drops (and counts) it
        self.left = 0  # payload bytes still to come
        self.gap = 0  # CR and LF between a payload and what follows; -1: not known yet
        self._gap = 0
        self._raw = None  # sink of transparent mode
        self._escaping = False  # raw mode: an OK may end it, too
        self._mark = 0  # raw mode: bytes that were held back when the OK became possible, so not it
        self._skipping = False  # inside a line that was too long
        self.stalled = False  # payload waits for room in its sink
        self.overlong = 0
        self.dropped = 0  # payload bytes nobody wanted
        self.received = 0  # bytes from the UART, all in all

    # -- modes -----------------------------------------------------------------------------------

    def payload(self, n, sink):
        """The next n bytes are payload for `sink` (None: dropped and counted)."""
        self.sink = sink
        self.left = n
        self.gap = -1
        self._gap = 0

    def abandon_payload(self):
        """Give up on payload that no longer comes; returns its sink."""
        self.left = 0
        return self.sink

    def raw(self, sink):
        """Enter transparent mode towards `sink`; None leaves it."""
        self._raw = sink
        self._escaping = self.stalled = False

    def escaping(self):
        """In raw mode: what arrives from now on may hold "OK", the module's answer to the escape sequence."""
        self._escaping = True
        self._mark = self._w - self._r

    # -- items -----------------------------------------------------------------------------------

    def look(self):
        """Let next() take what the UART holds now; whether there is anything for it to do."""
        self._have = self._any()
        return self._have or self._r != self._w or self.left

    def next(self):
        """Cut the next item and return its kind. Consumes the item returned before."""
        while True:
            if self.left:
                if not self._pass_payload():
                    return NOTHING
                continue
            if self._raw is not None:
                # What looks like the end may have more behind it: only the UART's last byte can be one.
                kind = self._pass_raw()
                if self._fill():
                    continue
                return NOTHING if kind and self._any() else kind
            kind = self._cut()
            if kind:
                return kind
            if not self._fill():
                return NOTHING

    def _fill(self):
        """Move what the UART has into the buffer; True if there was anything and room for it."""
        if not self._have or (self._w >= self._size and not self._make_room()):
            return 0
        n = self._read(_CHUNK)
        w = self._w
        self.buf[w : w + _CHUNK] = self._chunk
        self._w = w + n
        return n

    def _read(self, n):
        """At most n bytes from the UART into the chunk; how many there were."""
        # Never ask for more than any() reports: rp2 waits for the rest, whatever its timeout says.
        have = self._have if self._have < _CHUNK else _CHUNK
        n = self._readinto(self._chunk, n if n < have else have) or 0
        self._have = self._have - n if n else 0
        self.received += n
        return n

    def _make_room(self):
        """Move the unconsumed bytes to the front; drop an overlong line. False if nothing could be freed."""
        n = self._w - self._r
        if n >= self._size:
            if self._raw is not None:
                return False  # backpressure: the application reads too slowly
            if not self._skipping:
                self.overlong += 1
            self._skipping = True
            # A CR at the end may be the first half of the CR LF that ends the line.
            n = 1 if self.buf[self._w - 1] == 13 else 0
            self._r = self._w - n
        if n:
            self._spare.write(self.buf, self._r, n)  # pyright: ignore[reportCallIssue]
            self._spare.readinto(self.buf, n)
        self._r = 0
        self._w = n
        return True

    def _cut(self):
        buf = self.buf
        r = self._r
        w = self._w
        if not self._skipping:
            while r < w and (buf[r] == 13 or buf[r] == 10 or buf[r] == 32):
                self._gap += buf[r] != 32
                r += 1
            self._r = r
            prompted = r < w and self.prompt and buf[r] == self.prompt
            if self.gap < 0 and r < w:
                self.gap = self._gap
                # Lines start with CR LF, always (a prompt may not): bytes of the payload were lost or doubled.
                if (self._gap & 1 or not (self._gap or prompted)) and self.sink is not None:
                    self.sink._cut()
            if prompted:
                self._r = r + 1
                self.prompt = 0
                return PROMPT
        if r == w:
            self._r = self._w = 0
            return NOTHING
        e = buf.find(b"\r\n", r, w)
        if e < 0:
            return NOTHING
        self._r = e + 2
        if self._skipping:
            self._skipping = False
            return self._cut()
        while buf[e - 1] == 13:  # an echo ends in CR, then CR LF follows
            e -= 1
        self.start = self.pos = r
        self.end = e
        return LINE

    def _pass_payload(self):
        """Hand payload on; how many bytes went. First what the buffer holds, then straight from the UART."""
        sink = self.sink
        left = self.left
        n = left
        if sink is not None:
            room = sink.room()
            if room < n:
                n = room
            self.stalled = n == 0
            if not n:
                return 0
        have = self._w - self._r
        if have:
            if have < n:
                n = have
            buf = self.buf
            off = self._r
            self._r += n
        else:
            n = self._read(n) if self._have else 0
            if not n:
                return 0
            buf = self._chunk
            off = 0
        if sink is None:
            self.dropped += n
        else:
            sink.put(buf, off, n)
        self.left = left - n
        return n

    # -- transparent mode ------------------------------------------------------------------------

    def _pass_raw(self):
        """Hand data on up to the first byte that may belong to the module's own last word."""
        end = self._raw_end()
        r = self._r
        n = end - r
        if n:
            room = self._raw.room()
            if room < n:
                n = room
            self.stalled = n == 0
            if not n:
                return NOTHING
            self._hand_on(n)
        if self._r == self._w:
            self._r = self._w = 0
            return NOTHING
        if self._r != end:
            return NOTHING
        if self.last_word or (self._escaping and not self._mark and self._ends(ESCAPED)):
            self.start = self.pos = end + 2
            self.end = self.buf.find(b"\r", end + 2, self._w)
            return END
        return NOTHING

    def _ends(self, word):
        return self._w - self._r >= len(word) and self.buf.startswith(word, self._r)

    def _raw_end(self):
        """Index of the first byte to hold back.

        The module's words are told from the peer's data by what follows them: nothing, or CR LF (another word).
        Whoever gets END decides (`accept_end` or `release`), since data may look like this as well.
        """
        buf = self.buf
        w = self._w
        at = self._r
        while True:
            at = buf.find(b"\r", at, w)
            if at < 0:
                return w
            if self._may_be_last(at, w):
                return at
            if self._escaping and at - self._r >= self._mark and self._may_end(ESCAPED, at, w):
                return at
            at += 1

    def _may_be_last(self, at, w):
        if at + 1 < w and self.buf[at + 1] != 10:
            return False
        if at + 2 < w and self.buf[at + 2] not in _THIRD:
            return False
        for word in _LAST_WORDS:
            if self._may_end(word, at, w):
                return True
        return False

    def _may_end(self, word, at, w):
        """Whether buf[at:w] is the start of `word`, or `word` with nothing or a line end behind it.

        What goes on for longer than URCs would is data, or it would fill the buffer before the truth is out.
        """
        n = len(word)
        if w - at >= n:
            if not self.buf.startswith(word, at):
                return False
            return w - at == n or (self.buf[at + n] == 13 and w - at < self._size - _CHUNK)
        i = 0
        while at + i < w:
            if self.buf[at + i] != word[i]:
                return False
            i += 1
        return True

    @property
    def held(self):
        """Raw mode: how many bytes are held back because they may be the module's own."""
        return self._w - self._r

    @property
    def last_word(self):
        """Raw mode: the bytes held back read NO CARRIER, or that the module restarted."""
        for word in _LAST_WORDS:
            if self._ends(word):
                return True
        return False

    def before_ok(self):
        """Raw mode, escaping: how many of the bytes held back came before the module's OK; -1 while there is none."""
        at = self.buf.find(ESCAPED, self._r + self._mark, self._w)
        return at - self._r if at >= 0 else -1

    def release(self, n):
        """Raw mode: n of the bytes held back were data after all; hand on as many as there is room for."""
        room = self._raw.room()
        self._hand_on(room if room < n else n)

    def _hand_on(self, n):
        self._raw.put(self.buf, self._r, n)
        self._r += n
        self._mark = self._mark - n if self._mark > n else 0

    def accept_end(self):
        """Raw mode: the END was the module's. Leaves raw mode; what follows are lines."""
        self._r = self.buf.find(b"\n", self._r + 2, self._w) + 1
        self.raw(None)

    # -- the current line ------------------------------------------------------------------------

    def starts(self, prefix):
        """Whether the line starts with `prefix`; sets `pos` behind it if so."""
        n = len(prefix)
        if n > self.end - self.start or not self.buf.startswith(prefix, self.start):
            return False
        self.pos = self.start + n
        return True

    def equals(self, text):
        """Whether the line is `text`."""
        return self.end - self.start == len(text) and self.buf.startswith(text, self.start)

    def next_int(self):
        """The decimal field at `pos`, which moves behind the comma after it; -1 if there is none."""
        buf = self.buf
        i = self.pos
        end = self.end
        while i < end and buf[i] == 32:
            i += 1
        value = -1
        while i < end:
            c = buf[i] - 48
            if c < 0 or c > 9:
                break
            value = c if value < 0 else (value * 10 + c if value < 100000000 else value)
            i += 1
        if i < end and buf[i] == 44:
            i += 1
        self.pos = i
        return value

    def text(self):
        """The line as bytes. Allocates."""
        return bytes(self.buf[self.start : self.end])
