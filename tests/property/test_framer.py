"""The framer cuts the same items however the bytes arrive, and never looks into payload."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nasty import chunk_sizes, payloads

WORDS = [b"OK", b"ERROR", b"+CSQ: 20,99", b"RDY", b"AT+QSSLSEND=0,5", b"a  b", b"> no prompt"]


class Trickle:
    """A UART that has as many bytes at a time as `sizes` says, over and over."""

    def __init__(self, data: bytes, sizes: list[int]):
        self.data = data
        self.sizes = sizes
        self.turn = 0
        self.have = 0

    def any(self) -> int:
        if not self.have:
            self.have = min(self.sizes[self.turn % len(self.sizes)], len(self.data))
            self.turn += 1
        return self.have

    def readinto(self, buf, n: int) -> int:
        piece = self.data[: min(n, self.have)]
        buf[: len(piece)] = piece
        self.data = self.data[len(piece) :]
        self.have -= len(piece)
        return len(piece)

    def write(self, buf, off, n) -> int:
        return n


class Sink:
    """Takes at most `step` bytes at a time."""

    def __init__(self, step: int):
        self.step = step
        self.data = b""
        self.budget = 0

    def room(self) -> int:
        return self.step

    def put(self, buf, off, n) -> None:
        assert n <= self.step
        self.data += bytes(buf[off : off + n])


def items_of(driver, uart: Trickle, size: int, step: int = 7) -> tuple[list, object]:
    """Cut everything; a line `#<n>` announces n bytes of payload, `?` a prompt."""
    framing = driver.framer
    framer = framing.Framer(uart, size)
    items: list = []
    sink = Sink(step)
    idle = 0
    while idle < 2 * len(uart.sizes) + 5:
        framer.look(uart.any())
        kind = framer.next()
        if kind == framing.LINE:
            text = framer.text()
            items.append(text)
            if text.startswith(b"#"):
                sink = Sink(step)
                framer.payload(int(text[1:]), sink)
                items.append(sink)
            if text == b"?":
                framer.prompt = 62
        elif kind == framing.PROMPT:
            items.append(">")
        idle = 0 if kind or uart.data else idle + 1
    return [item.data if isinstance(item, Sink) else item for item in items], framer


lines = st.sampled_from(WORDS).map(lambda word: ([word], b"\r\n" + word + b"\r\n"))
echoes = st.sampled_from(WORDS).map(lambda word: ([word], word + b"\r\r\n"))
counted = payloads().map(
    lambda data: (
        [b"#%d" % len(data), data],
        b"\r\n#%d\r\n" % len(data) + data + b"\r\n",
    )
)
prompts = st.sampled_from([b"\r\n> ", b"\r\n>"]).map(lambda p: ([b"?", ">"], b"\r\n?\r\n" + p))


@given(st.lists(st.one_of(lines, echoes, counted, prompts), max_size=8), chunk_sizes())
def test_items_do_not_depend_on_the_cuts(driver, pieces, sizes) -> None:
    wire = b"".join(bytes_ for _, bytes_ in pieces)
    wanted = [item for items, _ in pieces for item in items]
    items, framer = items_of(driver, Trickle(wire, sizes), size=512)
    assert items == wanted
    assert framer.overlong == framer.dropped == 0


@given(st.lists(lines, min_size=1, max_size=4), st.integers(65, 900), chunk_sizes())
def test_an_overlong_line_is_dropped_counted_and_nothing_else_is_lost(
    driver, pieces, length, sizes
) -> None:
    ordinary = b"".join(bytes_ for _, bytes_ in pieces)
    wire = ordinary + b"\r\n" + b"x" * length + b"\r\n" + ordinary
    items, framer = items_of(driver, Trickle(wire, sizes), size=64)
    wanted = [item for items, _ in pieces for item in items]
    if framer.overlong:
        assert items == wanted * 2
        assert framer.overlong == 1
    else:  # it arrived in a way that left room for all of it
        assert items == [*wanted, b"x" * length, *wanted]
        assert length <= 64 + 256


@pytest.mark.parametrize("chunk", [1, 7, 16, 40, 300])
def test_the_end_of_an_overlong_line_is_found_wherever_the_buffer_is_full(driver, chunk) -> None:
    for length in range(60, 700):
        wire = b"\r\n" + b"x" * length + b"\r\n+NEXT: 1\r\n\r\nOK\r\n"
        items, _ = items_of(driver, Trickle(wire, [chunk]), size=64)
        assert items[-2:] == [b"+NEXT: 1", b"OK"], length
        assert items[:-2] in ([], [b"x" * length])


@given(payloads(), chunk_sizes())
def test_unwanted_payload_is_dropped_counted_and_not_read(driver, data, sizes) -> None:
    framing = driver.framer
    uart = Trickle(data + b"\r\n\r\nOK\r\n", sizes)
    framer = framing.Framer(uart, 256)
    framer.payload(len(data), None)
    seen = []
    for _ in range(4 * (len(uart.data) + len(sizes)) + 20):
        framer.look(uart.any())
        if framer.next() == framing.LINE:
            seen.append(framer.text())
    assert seen == [b"OK"]
    assert framer.dropped == len(data)


@pytest.mark.parametrize("text", [b"12", b"12,7", b" 3,", b",4", b"x", b"", b"123456789012"])
def test_numbers_of_a_line(driver, text) -> None:
    framing = driver.framer
    uart = Trickle(b"\r\n+N: " + text + b"\r\n", [50])
    framer = framing.Framer(uart, 256)
    framer.look(uart.any())
    assert framer.next() == framing.LINE
    assert framer.starts(b"+N: ") or not text
    first = text.split(b",")[0].strip()
    number = framer.next_int()
    assert number == (int(first) if first.isdigit() and len(first) < 10 else -1) or len(first) > 9


class Torrent(Trickle):
    """A UART whose next byte has come by the time one is read, as it is for a slow processor."""

    def __init__(self):
        super().__init__(b"", [])
        self.have = 100

    def any(self) -> int:
        return self.have

    def readinto(self, buf, n: int) -> int:
        buf[:n] = b"x" * n
        return n


@pytest.mark.parametrize("mode", ["lines", "payload"])
def test_a_uart_that_is_never_empty_cannot_keep_the_framer(driver, mode) -> None:
    framing = driver.framer
    uart = Torrent()
    framer = framing.Framer(uart, 1024)
    sink = Sink(1_000_000)
    if mode == "payload":
        framer.payload(1_000_000, sink)
    for taken in (100, 200):
        framer.look(uart.any())
        assert framer.next() == framing.NOTHING
        assert framer.received == taken
    assert len(sink.data) == (0 if mode == "lines" else 200)
