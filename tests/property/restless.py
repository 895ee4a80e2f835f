"""A module that answers rightly, in pieces of any size at any time, with URCs between its answers."""

from collections.abc import Sequence

from row_player import OK, Case, Clock, Module, Variation

_NO_ROW = {"id": "", "api": "", "form": "", "send": b"", "answer": b"", "event": b"", "seen": ()}


class Restless(Module):
    """sizes: of the pieces (0 is a pause of 3 ms); urcs: what comes before each answer; both over and over."""

    def __init__(self, clock: Clock, sizes: Sequence[int] = (64,), urcs: Sequence[bytes] = (b"",)):
        super().__init__(clock, Case(**_NO_ROW), Variation())
        self.times = 0
        self.sizes = sizes
        self.urcs = urcs
        self.said = 0  # URCs printed
        self.arrivals: list[tuple[int, bytes]] = []  # (ticks, data from the peer of client 0)
        self.silent: list[bool] = [False]  # which recv URCs get lost, over and over
        self.send_results = [b"\r\nSEND OK\r\n"]  # over and over
        self.taken = b""  # what the peer got
        self._turns = {"size": 0, "urc": 0, "silent": 0, "result": 0}

    def _next(self, what: str, values: Sequence):
        self._turns[what] += 1
        return values[(self._turns[what] - 1) % len(values)]

    def say(self, data: bytes, delay_ms: int = 0) -> None:
        if data.startswith(b"\r\n"):
            urc = self._next("urc", self.urcs)
            self.said += bool(urc)
            data = urc + data
        while data:
            size = self._next("size", self.sizes)
            super().say(data[:size], delay_ms)
            data = data[size:]
            if not size:
                delay_ms += 3

    def arrive(self, data: bytes, after_ms: int) -> None:
        """The peer of client 0 sends `data` in `after_ms`."""
        last = self.arrivals[-1][0] if self.arrivals else self.clock.now
        self.arrivals.append((last + after_ms, data))

    def any(self) -> int:
        while self.arrivals and self.arrivals[0][0] <= self.clock.now:
            self._received(self.arrivals.pop(0)[1])
        return super().any()

    def _received(self, data: bytes) -> None:
        held = self.unread.get(b"0", b"")
        self.unread[b"0"] = held + data
        if not held and not self._next("silent", self.silent):
            self.say(b'\r\n+QSSLURC: "recv",0\r\n')

    def _hear_data(self, data: bytes) -> None:
        self._want = self._left = 0
        result = self._next("result", self.send_results)
        if result == b"\r\nSEND OK\r\n":
            self.taken += data
        self.say(result)


class Pushing(Restless):
    """Prints what arrives (direct push mode)."""

    def _received(self, data: bytes) -> None:
        if data:
            self.say(b'\r\n+QSSLURC: "recv",0,%d\r\n' % len(data) + data)


class Transparent(Restless):
    """Passes through what arrives while it is in data mode, and holds it otherwise."""

    def _received(self, data: bytes) -> None:
        if self._raw:
            while data:
                size = self._next("size", self.sizes)
                Module.say(self, data[:size], 0 if size else 3)
                data = data[size:]
        else:
            self.arrivals.insert(0, (self.clock.now + 20, data))


class Leaving(Transparent):
    """Left for good: what arrives then is buffered."""

    def _received(self, data: bytes) -> None:
        if self._raw:
            super()._received(data)
        else:
            Restless._received(self, data)


class Garbling(Restless):
    """Answers each of the first `len(answers)` lines with any bytes; then it has come to its senses."""

    def __init__(self, clock: Clock, answers: Sequence[bytes]):
        super().__init__(clock)
        self.answers = list(answers)

    def _hear_line(self, line: bytes) -> None:
        if self.answers:
            self.say(self.answers.pop(0))
        elif line != line.strip(b"\x00+"):
            self.say(b"\r\nERROR\r\n")
        else:
            super()._hear_line(line)


__all__ = ["OK", "Garbling", "Leaving", "Pushing", "Restless", "Transparent"]
