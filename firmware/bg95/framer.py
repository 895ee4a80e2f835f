r"""Bytes in, items out: cuts what the UART delivers into lines, prompts and payloads. Knows no command.

The wire (AT 1.3; SSL 2.2.3, 2.3.3, 2.3.4), in the order in which an item is tried:

    payload   exactly n raw bytes, once `payload(n, sink)` was called: never looked at
    gap       CR, LF and SP between items: skipped
    prompt    the byte `prompt`, if one is awaited: "> " (its space may be late or missing) or the "A" of QFUPL
    line      text CR LF; an echo ends in CR CR LF

A line stays in the receive buffer, `buf[start:end]`, until `next()` is called again. Nothing here blocks, and
nothing allocates after construction. What is cut is what the UART held at the last `look()`: a slow processor, for
which a fast UART is never empty, comes back between two of them.

What makes up nearly all of a transfer goes past all that: `pump()` moves payload from the UART to its sink, and
`take()` compares bytes that are known beforehand as a whole.

A sink takes payload: `room()` returns how many bytes it can take now, `put(buf, off, n)` takes them.
"""

from micropython import const

NOTHING = const(0)
LINE = const(1)
PROMPT = const(2)

CHUNK = const(256)


class Framer:
    """Receive side of the UART.

    uart: any(), readinto(buf, n), as machine.UART. size: bytes of the receive buffer, the longest line there can
    be (a longer one is dropped and counted in `overlong`). Allocates size + 512 bytes, once.
    """

    def __init__(self, uart, size):
        self._readinto = uart.readinto
        self._have = 0  # bytes that next() may take from the UART
        self.chunk = bytearray(CHUNK)
        # CHUNK spare bytes: a whole chunk is stored and the end moved by what was read, which makes no view.
        self.buf = bytearray(size + CHUNK)
        self.size = size
        self.r = 0  # first byte not consumed
        self.w = 0  # end of what was received
        self.start = 0  # the current line
        self.end = 0
        self.pos = 0  # where the parsers below go on
        self.prompt = 0  # the byte that is awaited as a prompt, or 0
        self.sink = None  # where payload goes; None drops (and counts) it
        self.left = 0  # payload bytes still to come
        self.gap = 0  # CR and LF between a payload and what follows; -1: not known yet
        self._gap = 0
        self._skipping = False  # inside a line that was too long
        self.stalled = False  # payload waits for room in its sink
        self.overlong = 0
        self.dropped = 0  # payload bytes nobody wanted
        self.received = 0  # bytes from the UART, all in all

    # -- hot path ----------------------------------------------------------------------------------

    def pump(self, have):
        """Move a chunk of payload from the UART, which holds `have` bytes, to its sink. False where that is full."""
        n = self.left
        if have < n:
            n = have
        if n > CHUNK:
            n = CHUNK
        have = self.sink.room()
        if have < n:
            n = have
            self.stalled = not n
            if not n:
                return False
        have = self.chunk
        n = self._readinto(have, n) or 0
        self.received += n
        self.sink.put(have, 0, n)
        self.left -= n
        return True

    def take(self, word):
        """Whether what the UART holds, which is long enough, starts with `word`: consumed if so, else next()'s."""
        chunk = self.chunk
        n = self._readinto(chunk, len(word)) or 0
        self.received += n
        if n == len(word) and chunk.startswith(word):
            return True
        self.buf[0:CHUNK] = chunk
        self.r = 0
        self.w = n
        return False

    # -- items -------------------------------------------------------------------------------------

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

    def look(self, have):
        """Let next() take the `have` bytes that the UART holds now."""
        self._have = have

    def next(self):
        """Cut the next item and return its kind. Consumes the item returned before."""
        while True:
            if self.left:
                if not self._pass_payload():
                    return NOTHING
                continue
            kind = self._cut()
            if kind or not self.fill():
                return kind

    def fill(self):
        """Move what the UART has into the buffer; 0 where there is nothing, or no room."""
        if not self._have or (self.w >= self.size and not self._make_room()):
            return 0
        n = self._read(CHUNK)
        w = self.w
        self.buf[w : w + CHUNK] = self.chunk
        self.w = w + n
        return n

    def _read(self, n):
        """At most n bytes from the UART into the chunk; how many there were."""
        # Never ask for more than any() reports: rp2 waits for the rest, whatever its timeout says.
        have = self._have if self._have < CHUNK else CHUNK
        n = self._readinto(self.chunk, n if n < have else have) or 0
        self._have = self._have - n if n else 0
        self.received += n
        return n

    def _make_room(self):
        """Move the unconsumed bytes to the front; drop an overlong line. False if nothing could be freed."""
        buf = self.buf
        r = self.r
        if self.w - r >= self.size:
            if not self._skipping:
                self.overlong += 1
            self._skipping = True
            # A CR at the end may be the first half of the CR LF that ends the line.
            r = self.w - (buf[self.w - 1] == 13)
        if not r:
            return False
        i = 0
        while r < self.w:  # rarely, and few bytes: the start of a line
            buf[i] = buf[r]
            i += 1
            r += 1
        self.r = 0
        self.w = i
        return True

    def _cut(self):
        buf = self.buf
        r = self.r
        w = self.w
        if not self._skipping:
            while r < w and (buf[r] == 13 or buf[r] == 10 or buf[r] == 32):
                self._gap += buf[r] != 32
                r += 1
            self.r = r
            prompted = r < w and self.prompt and buf[r] == self.prompt
            if self.gap < 0 and r < w:
                self.gap = self._gap
                # Lines start with CR LF, always (a prompt may not): bytes of the payload were lost or doubled.
                if (self._gap & 1 or not (self._gap or prompted)) and self.sink is not None:
                    self.sink._cut()
            if prompted:
                self.r = r + 1
                self.prompt = 0
                return PROMPT
        if r == w:
            self.r = self.w = 0
            return NOTHING
        e = buf.find(b"\r\n", r, w)
        if e < 0:
            return NOTHING
        self.r = e + 2
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
        n = self.left
        if sink is not None:
            if sink.room() < n:
                n = sink.room()
            self.stalled = n == 0
            if not n:
                return 0
        buf = self.buf
        off = self.r
        if self.w > off:
            if self.w - off < n:
                n = self.w - off
            self.r = off + n
        else:
            n = self._read(n) if self._have else 0
            if not n:
                return 0
            buf = self.chunk
            off = 0
        if sink is None:
            self.dropped += n
        else:
            sink.put(buf, off, n)
        self.left -= n
        return n

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
