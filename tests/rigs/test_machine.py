"""`machine` on the virtual board behaves as a board's, and allocates where a board's does not."""

import textwrap

import pytest
from rigs.terminal import eventually

ALLOCATED = """
import gc, machine, micropython
def allocated(f, *args):
    gc.collect(); gc.disable()
    b0 = gc.mem_alloc(); b1 = gc.mem_alloc(); f(*args); b2 = gc.mem_alloc()
    gc.enable()
    return (b2 - b1) - (b1 - b0)
assert allocated(bytearray, 64) > 64
"""


def run(board, program):
    return board.execute(textwrap.dedent(program)).split("\n")[:-1]


def test_the_hot_path_of_a_uart_allocates_nothing(board):
    board.execute(ALLOCATED)
    assert run(
        board,
        """
        uart = machine.UART(1, 115200, rxbuf=256, txbuf=64)
        buf, at = bytearray(64), b"AT\\r\\r\\r"
        def answer():
            uart.write(at, 0, 3)
            while uart.any() < 6: machine.idle()
        answer()
        print([allocated(f, *args) for f, args in (
            (uart.any, ()), (uart.readinto, (buf,)), (uart.readinto, (buf, 3)),
            (uart.write, (at,)), (uart.write, (at, 3)), (uart.write, (at, 1, 2)),
            (uart.ioctl, (3, 5)), (uart.txdone, ()), (machine.idle, ()))])
        """,
    ) == [str([0] * 9)]


def test_pins_allocate_nothing(board):
    board.execute(ALLOCATED)
    assert run(
        board,
        """
        key, status = machine.Pin(6, machine.Pin.OUT), machine.Pin(7, machine.Pin.IN)
        print([allocated(f, *args) for f, args in (
            (key.value, (1,)), (key, (0,)), (key.on, ()), (status.value, ()), (status, ()))])
        """,
    ) == [str([0] * 5)]


def test_the_uart_works_under_a_locked_heap(board):
    assert run(
        board,
        """
        import machine, micropython
        uart = machine.UART(1, rxbuf=64)
        buf, at, got = bytearray(64), b"AT\\r", 0
        micropython.heap_lock()
        uart.write(at)
        while got < 6:
            machine.idle()
            got += uart.readinto(buf) or 0
        micropython.heap_unlock()
        print(got, buf[:6])
        """,
    ) == [r"6 bytearray(b'\r\nOK\r\n')"]


def test_nothing_to_read_is_none_and_a_timeout_is_kept(board):
    assert run(
        board,
        """
        import machine, time
        uart = machine.UART(1)
        print(uart.any(), uart.read(), uart.readinto(bytearray(1)), uart.readline())
        uart.init(timeout=60)
        start = time.ticks_ms()
        print(uart.read(1), 55 <= time.ticks_diff(time.ticks_ms(), start))
        """,
    ) == ["0 None None None", "None True"]


def test_a_write_takes_what_txbuf_and_the_fifo_hold(board, module):
    assert run(
        board,
        """
        import machine
        uart = machine.UART(1, 9600, txbuf=64)   # 1 byte a millisecond: no time to drain
        print(90 <= uart.write(b"x" * 200) <= 110, uart.write(b"y" * 200, 0, 200), uart.txdone())
        uart.flush()
        print(uart.txdone(), uart.write(b""), uart.write(b"z\\r"))
        while uart.any() < 9: machine.idle()  # ERROR: not for the next test
        """,
    ) == ["True None False", "True 0 2"]


def test_bytes_beyond_rxbuf_are_counted_and_kept(board):
    assert run(
        board,
        """
        import machine
        uart = machine.UART(1, rxbuf=128)
        uart.write(b"SEND 1000\\r")
        got = bytearray()
        while len(got) < 1000:
            machine.idle()
            got += uart.read() or b""
        print(got == bytes(i & 0xff for i in range(1000)), uart.overruns > 0)
        """,
    ) == ["True True"]


def test_init_tells_the_rig_its_rate_and_drops_what_came_before(board, module):
    assert run(
        board,
        """
        import machine
        uart = machine.UART(1, 115200)
        uart.write(b"AT\\r")
        while uart.any() < 6: machine.idle()
        uart.init(baudrate=921600)
        print(uart.any())
        """,
    ) == ["0"]
    assert module.bauds[-2:] == [115200, 921600]


def test_output_pins_reach_the_module_through_the_wiring(board, module):
    del module.pins[:]
    run(
        board,
        """
        from machine import Pin
        key = Pin(6, Pin.OUT, value=0); key(1); key.off()
        Pin(8, Pin.OUT).on()
        Pin(30, Pin.OUT).on()  # not wired
        """,
    )
    # PWRKEY is behind a transistor: pressed is GPIO high, pin low.
    assert module.pins == [("PWRKEY", 1), ("PWRKEY", 0), ("PWRKEY", 1), ("DTR", 0), ("DTR", 1)]


def test_pins_are_released_by_a_reset(board, module):
    run(board, "from machine import Pin\nPin(6, Pin.OUT, value=1)")
    del module.pins[:]
    board.transport.enter_raw_repl(soft_reset=True)
    assert ("PWRKEY", 1) in module.pins


def test_input_pins_follow_the_module_and_interrupt(board, module):
    run(
        board,
        """
        import machine
        edges = []
        status = machine.Pin(7, machine.Pin.IN)
        def note(pin): edges.append(pin.value())
        status.irq(note, machine.Pin.IRQ_RISING)
        print(status.value())
        """,
    )
    for level in (1, 0, 1):
        module.on_pin("STATUS", level)
    assert eventually(lambda: board.execute("machine.idle(); print(edges)") == "[1, 1]\n")
    assert board.execute("print(status.value(), status())") == "1 1\n"


def test_a_signal_inverts_a_pin(board, module):
    del module.pins[:]
    run(board, "from machine import Pin, Signal\nSignal(Pin(6, Pin.OUT), invert=True).on()")
    assert module.pins[-1] == ("PWRKEY", 1)


def test_asyncio_and_select_take_the_uart(board):
    assert run(
        board,
        """
        import asyncio, machine, select
        uart = machine.UART(1)
        async def main():
            stream = asyncio.StreamReader(uart)
            uart.write(b"AT\\r")
            print(await stream.readline(), await stream.readline())
        asyncio.run(main())
        poll = select.poll()
        poll.register(uart, select.POLLIN)
        print(poll.poll(0))
        uart.write(b"AT\\r")
        print(poll.poll(5000)[0][1] == select.POLLIN)
        """,
    ) == [r"b'\r\n' b'OK\r\n'", "[]", "True"]


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("UART(7)", "ValueError: UART(7) doesn't exist"),
        ("Pin(99)", "ValueError: invalid pin"),
        ("UART(1, parity=0)", "ValueError: the rig's module is wired for 8N1"),
    ],
)
def test_what_the_board_does_not_have_is_refused(board, program, error):
    printed = run(
        board,
        f"""
        from machine import Pin, UART
        try: {program}
        except Exception as e: print(type(e).__name__ + ':', e)
        """,
    )
    assert printed == [error]


def test_the_heap_of_a_program_is_a_picos(rig, board):
    free = board.evaluate("(__import__('gc').collect(), __import__('gc').mem_free())[1]")
    assert rig.board.heap * 0.97 < free <= rig.board.heap
