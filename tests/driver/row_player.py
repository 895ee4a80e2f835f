r"""Plays the module's side of one row of the command reference against the driver's call for it.

Runs on CPython and, unchanged, in the MicroPython VM; knows the rows' bytes and nothing of the simulator. Time is
virtual: a call of the driver that waits lets the clock run to the next thing that happens.

A *case* is a row with one answer. A *variation* is how that answer comes: with echo, cut in two anywhere, or with a
URC between two of its lines. `play()` runs one case in one variation and raises AssertionError where the bytes sent
are not the row's, or the answer was not understood.
"""

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"
ROW = None  # in a scripted reply: here the row's answer is played

_PERIOD = 1 << 30  # of MicroPython's ticks
_GAP_MS = 30  # between the two pieces of an answer that was cut
_STEP_MS = 50  # how far time runs where nothing is on its way
_GUARD_MS = 1000
_BLOCK = 1024  # of an acknowledged upload


class Clock:
    """Stands in for the module `time`. Starts shortly before the ticks wrap."""

    def __init__(self):
        self.now = _PERIOD - 3000

    def ticks_ms(self):
        return self.now & (_PERIOD - 1)

    def ticks_add(self, ticks, delta):
        return (ticks + delta) & (_PERIOD - 1)

    def ticks_diff(self, end, start):
        return ((end - start + _PERIOD // 2) & (_PERIOD - 1)) - _PERIOD // 2

    def sleep_ms(self, ms):
        self.now += ms


class Case:
    """A row with one of its answers."""

    def __init__(self, *, id, api, form, send, answer, event, seen):
        self.id = id
        self.api = api
        self.form = form
        self.send = send
        self.answer = answer
        self.event = event  # bytes
        self.seen = seen  # the host's bytes of the setup rows
        texts = [text.strip() for text in answer.split(b"\r\n") if text.strip()]
        if texts and texts[0] == send.strip():
            texts = texts[1:]  # the echo
        self.texts = texts
        self.final = texts[-1] if texts else b""
        self.refused = self.final in (b"ERROR", b"NO CARRIER") or self.final.startswith(
            b"+CME ERROR"
        )

    @property
    def lines(self):
        """The answer's lines without the final result code."""
        return self.texts[:-1]

    @property
    def code(self):
        """The number of a +CME ERROR, else None."""
        if not self.final.startswith(b"+CME ERROR: "):
            return None
        number = self.final[12:]
        return int(number) if number.isdigit() else None

    @property
    def parameters(self):
        """What stands behind "=" in the request, split at its commas, without quotes."""
        text = self.send[self.send.find(b"=") + 1 : -1].decode()
        return [word.strip().strip('"') for word in text.split(",")]


class Variation:
    """How an answer comes. cut: split it before this byte, if not None; urc: bytes inserted before byte `at`;
    instead: other bytes in its place.
    """

    def __init__(self, echo=False, cut=None, urc=b"", at=0, instead=None):
        self.instead = instead
        self.echo = echo
        self.cut = cut
        self.urc = urc
        self.at = at

    def __repr__(self):
        return f"echo={self.echo} cut={self.cut} urc={self.urc} at={self.at}"


class Module:
    """What the driver sees of a module through its UART."""

    def __init__(self, clock, case, variation):
        self.clock = clock
        self.case = case
        self.variation = variation
        self.played = 0  # how often the row's answer was given
        self.times = 1  # how often it may be; then the default answers follow
        self.replies = []  # (start of a line, [bytes or ROW, ...]): what is answered instead of the default
        self.lines = []  # received command lines
        self.data = []  # received payloads
        self.sent_raw = b""  # received in transparent mode
        self.unread = {}  # client ID -> bytes its peer sent
        self.config = {}  # (item, context) -> value as the driver wrote it
        self.files = {}  # quoted name -> bytes uploaded
        self.baudrate = 115200
        self._queue = []  # [due, bytes] not yet at the host
        self._ready = b""
        self._input = b""
        self._raw = False
        self._raw_at = 0
        self._leaves_at = None  # when the escape sequence takes effect
        self._want = 0  # bytes to come of the payload, or of its next block
        self._left = 0  # bytes to come of the payload
        self._text = False  # payload that Ctrl-Z ends is to come
        self._asked = b""  # the line that asked for them

    # -- the UART ------------------------------------------------------------------------------

    def any(self):
        if self._leaves_at is not None and self.clock.now >= self._leaves_at:
            self._leave()
        while self._queue and self._queue[0][0] <= self.clock.now:
            self._ready += self._queue.pop(0)[1]
        return len(self._ready)

    def readinto(self, buf, n):
        piece = self._ready[:n]
        buf[: len(piece)] = piece
        self._ready = self._ready[len(piece) :]
        return len(piece)

    def write(self, buf, off=0, n=None):
        data = bytes(memoryview(buf)[off : len(buf) if n is None else off + n])
        self._input += data
        while self._input and self._digest():
            pass
        return len(data)

    def init(self, baudrate):
        self.baudrate = baudrate

    def idle(self):
        """Let time pass up to the next byte for the host."""
        now = self.clock.now
        due = self._queue[0][0] if self._queue else now + _STEP_MS
        self.clock.now = due if now < due < now + _STEP_MS else now + _STEP_MS

    # -- speaking ------------------------------------------------------------------------------

    def say(self, data, delay_ms=0):
        """Send bytes to the host, after what is on its way already."""
        due = self.clock.now + delay_ms
        if self._queue and self._queue[-1][0] > due:
            due = self._queue[-1][0]
        if data:
            self._queue.append([due, data])

    def play(self):
        """Give the row's answer, in this variation."""
        self.played += 1
        how = self.variation
        answer = self.case.answer if how.instead is None else how.instead
        answer = answer[: how.at] + how.urc + answer[how.at :]
        if how.cut is None:
            self.say(answer)
        else:
            self.say(answer[: how.cut])
            self.say(answer[how.cut :], _GAP_MS)
        if self.case.final == b"NO CARRIER":
            self._raw = False

    def leave_data_mode(self):
        """What comes from the host is commands again."""
        self._raw = False

    @property
    def due(self):
        """Whether the row's answer may still be given."""
        return self.played < self.times

    # -- listening -----------------------------------------------------------------------------

    def _digest(self):
        if self._raw:
            self._hear_raw()
            return False
        if self._want:
            if len(self._input) < self._want:
                return False
            data = self._input[: self._want]
            self._input = self._input[self._want :]
            self._want = 0
            self.data.append(data)
            self._hear_data(data)
            return True
        if self._text:
            end = self._input.find(b"\x1a") + 1
            if not end:
                return False
            self._text = False
            data = self._input[:end]
            self._input = self._input[end:]
            self.data.append(data)
            self._hear_data(data)
            return True
        end = self._input.find(b"\r")
        if end < 0:
            return False
        line = self._input[:end]
        self._input = self._input[end + 1 :]
        if line:
            self.lines.append(line)
            self._hear_line(line)
        return True

    def _hear_raw(self):
        now = self.clock.now
        data = self._input
        self._input = b""
        if data == b"+++" and now - self._raw_at >= _GUARD_MS:
            self._leaves_at = now + _GUARD_MS
            return
        self.sent_raw += data
        self._raw_at = now

    def _leave(self):
        """The silence after the escape sequence is over."""
        self._leaves_at = None
        self._raw = False
        if self.case.send == b"+++" and self.due:
            self.play()
        else:
            self.say(OK)

    def _hear_data(self, data):
        self._left = max(0, self._left - len(data))
        if self._asked.startswith(b"AT+QFUPL="):
            name = self._asked[9:].split(b",")[0]
            self.files[name] = self.files.get(name, 0) + len(data)
        if self.case.form == "data" and data == self.case.send and self.due:
            self.play()
        elif self._left:
            self.say(b"A")
        elif self._asked.startswith(b"AT+QFUPL"):
            total = b"".join(self.data)
            self.say(b"\r\n+QFUPL: %d,%x\r\n" % (len(total), _checksum(total)) + OK)
        else:
            self.say(b"\r\nSEND OK\r\n")
        self._want = min(self._left, _BLOCK)

    def _hear_line(self, line):
        if self.variation.echo:
            self.say(line + b"\r")
        answer = self._scripted(line)
        if answer is None:
            answer = self._default(line)
            self.say(answer)
        elif line.startswith(b"AT+QSSLCFG=") and answer == OK:
            self._configure(line)
        self._follow(line, answer)

    def _scripted(self, line):
        """Give the answer of the row or of `replies`, and return it; None if neither has one for this line."""
        parts = self._script(line)
        if parts is None:
            return None
        for part in parts:
            if part is ROW:
                self.play()
            else:
                self.say(part)
        return b"".join([self.case.answer if part is ROW else part for part in parts])

    def _script(self, line):
        known = [parts for start, parts in self.replies if line.startswith(start)]
        if self._plays(line):
            for parts in known:
                if ROW in parts:
                    return parts
            if self.case.send:
                return [ROW]
        for parts in known:
            if ROW not in parts:
                return parts
        return None

    def _plays(self, line):
        """Whether `line` is what the row waits for."""
        return self.due and (not self.case.send or line + b"\r" == self.case.send)

    def _follow(self, line, answer):
        """Enter the data phase that `answer` to `line` opens."""
        self._asked = line
        if answer.startswith(b"\r\n>") and b"," not in line:
            self._text = True
        elif answer.startswith(b"\r\n>"):
            self._left = self._want = int(line[line.find(b",") + 1 :])
        elif answer == b"\r\nCONNECT\r\n":
            if line.startswith(b"AT+QFUPL"):
                words = line.split(b",")
                self._left = int(words[1])
                self._want = self._left if len(words) < 4 else min(self._left, _BLOCK)
            else:
                self._raw = True
                self._raw_at = self.clock.now

    def _default(self, line):
        """A plausible answer to what is not the row's."""
        if line.startswith(b"AT+QSSLCFG="):
            return self._configure(line)
        if line.startswith(b"AT+QSSLOPEN="):
            words = line[12:].split(b",")
            if words[5] == b"2":
                return b"\r\nCONNECT\r\n"
            return OK + b"\r\n+QSSLOPEN: " + words[2] + b",0\r\n"
        if line.startswith(b"AT+QISWTMD=") and line.endswith(b",2"):
            return b"\r\nCONNECT\r\n"
        if line.startswith(b"AT+QSSLSEND="):
            return b"\r\n> "
        if line.startswith(b"AT+QSSLRECV="):
            client, _, count = line[12:].partition(b",")
            held = self.unread.get(client, b"")
            data = held[: int(count)]
            self.unread[client] = held[len(data) :]
            if not data:
                return b"\r\n+QSSLRECV: 0\r\n" + OK
            return b"\r\n+QSSLRECV: %d\r\n" % len(data) + data + b"\r\n" + OK
        if line.startswith(b"AT+QFUPL="):
            return b"\r\nCONNECT\r\n"
        if line.startswith(b"AT+QFLST=") and line[9:] in self.files:
            return b"\r\n+QFLST: %s,%d\r\n" % (line[9:], self.files[line[9:]]) + OK
        return _DEFAULTS.get(line, b"") or (ERROR if line[:2] not in (b"AT", b"at") else OK)

    def _configure(self, line):
        words = line[11:].split(b",")
        item = (words[0], words[1])
        if len(words) > 2:
            self.config[item] = words[2]
            return OK
        value = self.config.get(item, b'""' if words[0][1:2] == b"c" else b"0")
        if words[0] == b'"ciphersuite"':
            value = self.config.get(item, b"0XFFFF")
        return b"\r\n+QSSLCFG: " + words[0] + b"," + words[1] + b"," + value + b"\r\n" + OK


_DEFAULTS = {
    b"AT+CMEE?": b"\r\n+CMEE: 1\r\n" + OK,
    b"AT+CGMM": b"\r\nBG95-M3\r\n" + OK,
    b"AT+CGMR": b"\r\nBG95M3LAR02A03\r\n" + OK,
    b"AT+CPIN?": b"\r\n+CPIN: READY\r\n" + OK,
    b"AT+CREG?": b"\r\n+CREG: 0,0\r\n" + OK,
    b"AT+CGREG?": b"\r\n+CGREG: 0,0\r\n" + OK,
    b"AT+CEREG?": b"\r\n+CEREG: 0,1\r\n" + OK,
    b"AT+CCLK?": b'\r\n+CCLK: "26/11/22,08:00:00+00"\r\n' + OK,
    b"AT+CSQ": b"\r\n+CSQ: 20,99\r\n" + OK,
    b"AT+QIGETERROR": b"\r\n+QIGETERROR: 0,operate successfully\r\n" + OK,
    b"AT+QIDNSCFG=1": b'\r\n+QIDNSCFG: 1,"8.8.8.8","8.8.4.4"\r\n' + OK,
    b"ATO": b"\r\nCONNECT\r\n",
}


def _checksum(data):
    """FILE: XOR of the 16-bit big-endian words, an odd last byte is a high byte (2.8.1)."""
    total = 0
    for i in range(0, len(data), 2):
        total ^= data[i] << 8 | (data[i + 1] if i + 1 < len(data) else 0)
    return total
