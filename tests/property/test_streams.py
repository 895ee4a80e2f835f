"""Whatever the payload and the timing: every byte arrives once, in order, and answers go to who asked."""

from hypothesis import example, given, settings
from hypothesis import strategies as st
from nasty import chunk_sizes, payloads
from restless import Leaving, Pushing, Restless, Transparent

URCS = [
    b"",
    b'\r\n+QIURC: "incoming full"\r\n',
    b'\r\n+QSSLURC: "recv",7\r\n',
    b"\r\n+CEREG: 1\r\n",
    b'\r\n+CREG: 5,"1A2B","1A2B3C4",8\r\n',
    b"\r\n+QIND: SMS DONE\r\n",
    b"\r\n+SOMETHING: new\r\n",
    b'\r\n+QSSLOPEN: 9,566\r\n\r\n+QSSLURC: "closed",9\r\n',
]
urcs = st.lists(st.sampled_from(URCS), min_size=1, max_size=5)
# Where an answer's lines have no prefix, a line that nobody knows has to be taken for one of them.
known_urcs = st.lists(
    st.sampled_from([urc for urc in URCS if b"SOMETHING" not in urc]), min_size=1, max_size=5
)
arrivals = st.lists(st.tuples(payloads(4), st.integers(0, 400)), min_size=1, max_size=6)
results = st.lists(
    st.sampled_from([b"\r\nSEND OK\r\n", b"\r\nSEND FAIL\r\n"]), min_size=1, max_size=4
).filter(lambda results: b"\r\nSEND OK\r\n" in results)


def open_socket(driver, module, mode=0):
    """A modem on `module`, and its socket, which is client 0."""
    modem = driver.Modem(module)
    modem.idle = module.idle
    modem.active(True)
    context = driver.SSLContext(modem, 1)
    context.verify_mode = driver.CERT_NONE
    context.check_validity = False
    socket = context.connect("192.0.2.1", 443, mode=mode)
    assert socket.client_id == 0
    socket.settimeout(60)
    return modem, socket


def read_exactly(socket, arrived):
    wanted = b"".join(data for data, _ in arrived)
    assert socket.read(len(wanted)) == wanted
    socket.setblocking(False)
    assert not socket.read(1)


@given(arrivals, chunk_sizes(), urcs, st.lists(st.booleans(), min_size=1, max_size=4))
def test_buffered_data_arrives_even_where_its_urc_does_not(
    driver, clock, arrived, sizes, between, lost
) -> None:
    module = Restless(clock, sizes, between)
    module.silent = lost
    _, socket = open_socket(driver, module)
    for data, after_ms in arrived:
        module.arrive(data, after_ms)
    read_exactly(socket, arrived)


@given(arrivals, chunk_sizes(), urcs)
def test_pushed_data_arrives(driver, clock, arrived, sizes, between) -> None:
    module = Pushing(clock, sizes, between)
    _, socket = open_socket(driver, module, mode=1)
    for data, after_ms in arrived:
        module.arrive(data, after_ms)
    read_exactly(socket, arrived)


@given(arrivals, chunk_sizes())
def test_transparent_data_arrives(driver, clock, arrived, sizes) -> None:
    module = Transparent(clock, sizes)
    _, socket = open_socket(driver, module, mode=2)
    for data, after_ms in arrived:
        module.arrive(data, after_ms)
    read_exactly(socket, arrived)


@given(arrivals, st.integers(0, 1000), chunk_sizes())
@example([(b"\r\nOK\r\n", 1100)], 0, [64])  # just behind the escape sequence
@example([(b"\r\nNO CARRIER\r\n", 1100)], 0, [64])
def test_leaving_transparent_mode_loses_nothing(driver, clock, arrived, after_ms, sizes) -> None:
    module = Leaving(clock, sizes)
    modem, socket = open_socket(driver, module, mode=2)
    for data, pause_ms in arrived:
        module.arrive(data, pause_ms)
    until = clock.now + after_ms
    while clock.now < until:
        modem.poll()
        module.idle()
    socket.mode = driver.BUFFER
    assert socket.mode == driver.BUFFER
    read_exactly(socket, arrived)


@given(st.lists(payloads(), min_size=1, max_size=6), chunk_sizes(), urcs, results)
def test_written_data_is_taken_once_and_in_order(
    driver, clock, pieces, sizes, between, outcome
) -> None:
    module = Restless(clock, sizes, between)
    module.send_results = outcome
    _, socket = open_socket(driver, module)
    for piece in pieces:
        assert socket.write(piece) == len(piece)
    socket.flush()
    assert module.taken == b"".join(pieces)


@given(st.lists(payloads(), min_size=1, max_size=4), st.lists(st.integers(0, 1500), max_size=4))
def test_transparent_writes_never_leave_data_mode(driver, clock, pieces, pauses) -> None:
    module = Transparent(clock)
    modem, socket = open_socket(driver, module, mode=2)
    for i, piece in enumerate(pieces):
        socket.write(piece)
        until = clock.now + (pauses[i % len(pauses)] if pauses else 0)
        while clock.now < until:
            modem.poll()
            module.idle()
    socket.flush()
    for _ in range(200):
        modem.poll()
        module.idle()
    assert module.sent_raw == b"".join(pieces)


@given(arrivals, st.lists(payloads(4), min_size=1, max_size=3), chunk_sizes(), known_urcs)
@settings(max_examples=80)
def test_both_ways_and_commands_at_once(driver, clock, arrived, pieces, sizes, between) -> None:
    module = Restless(clock, sizes, between)
    modem, socket = open_socket(driver, module)
    for data, after_ms in arrived:
        module.arrive(data, after_ms)
    got = b""
    socket.setblocking(False)
    for piece in pieces:
        socket.setblocking(True)
        socket.write(piece)
        socket.setblocking(False)
        assert modem.command("AT+CGMM") == ["BG95-M3"]
        got += socket.recv(4000) or b""
    socket.settimeout(60)
    socket.flush()
    wanted = b"".join(data for data, _ in arrived)
    assert got + socket.read(len(wanted) - len(got)) == wanted
    assert module.taken == b"".join(pieces)


@given(
    st.lists(st.sampled_from(["AT+CSQ", "AT+CGMM", "AT+CCLK?", "AT+CEREG?"]), max_size=6),
    known_urcs,
)
def test_urcs_go_to_their_handler_and_answers_to_who_asked(driver, clock, asked, between) -> None:
    answers = {
        "AT+CSQ": ["+CSQ: 20,99"],
        "AT+CGMM": ["BG95-M3"],
        "AT+CCLK?": ['+CCLK: "26/11/22,08:00:00+00"'],
        "AT+CEREG?": ["+CEREG: 0,1"],
    }
    module = Restless(clock)
    modem, _ = open_socket(driver, module)
    heard: list[bytes] = []
    modem.on_urc("", heard.append)
    module.urcs = between
    module._turns["urc"] = 0
    for command in asked:
        assert modem.command(command) == answers[command]
    for _ in range(5):
        modem.poll()
        module.idle()
    printed = b"".join(between[i % len(between)] for i in range(len(asked)))
    assert heard == [line for line in printed.split(b"\r\n") if line]
