"""The PL011 model: FIFOs, levels, time-outs and rates as in the RP2040 datasheet, section 4.2."""

import pytest
from rp2040py.peripherals.uart import RPUART
from rp2040py.rp2040 import RP2040

from bg95_host.rigs.emulator.pl011 import PL011

UART1 = 0x40038000
DR, FR, IBRD, FBRD, LCR_H, CR, IFLS, IMSC, RIS, MIS, ICR = (
    UART1 + offset for offset in (0, 0x18, 0x24, 0x28, 0x2C, 0x30, 0x34, 0x38, 0x3C, 0x40, 0x44)
)
RX, TX, TIMEOUT, OVERRUN = 1 << 4, 1 << 5, 1 << 6, 1 << 10
BUSY, RX_EMPTY, TX_FULL, RX_FULL, TX_EMPTY = 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7
CLK_PERI_CTRL, CLEAR_ALIAS, FIFOS = 0x40008048, 0x3000, 1 << 4 | 3 << 5
UART1_IRQ = 21


class Chip:
    """A chip whose firmware is the test: UART1 at 115200, FIFOs on, clk_peri from the USB PLL."""

    def __init__(self, fifos=True):
        self.chip = RP2040()
        self.uart = PL011.install(self.chip, 1)
        self.sent = []
        self.uart.on_start = lambda byte: self.sent.append((self.now_us, byte))
        self.write(CLK_PERI_CTRL, 0x840)
        self.write(IBRD, 26)
        self.write(FBRD, 3)
        self.write(LCR_H, FIFOS if fifos else 3 << 5)
        self.write(CR, 0x301)

    @property
    def now_us(self):
        return self.chip.clock.nanos / 1000

    def read(self, register):
        return self.chip.read_uint32(register)

    def write(self, register, value):
        self.chip.write_uint32(register, value)

    def wait_us(self, us):
        self.chip.clock.tick(us * 1000)

    def interrupted(self):
        return bool(self.chip.core.pending_interrupts & 1 << UART1_IRQ)


CHARACTER_US = 1e6 * 10 / 115177  # 48 MHz / (16 * (26 + 3/64))


@pytest.fixture
def chip():
    return Chip()


def test_the_fault_is_still_there_that_the_model_is_for():
    chip = RP2040()
    assert isinstance(chip.uart[1], RPUART)
    chip.uart[1].write_uint32(0x38, TX)
    chip.uart[1].write_uint32_atomic(0x44, TX, 0)
    assert chip.uart[1].read_uint32(0x40) & TX, "TXINTR can be cleared: is pl011.py still needed?"


def test_the_rate_comes_from_the_clock_that_the_firmware_chose(chip):
    assert chip.uart.baud_rate == 115177
    chip.write(CLK_PERI_CTRL, 0x800)
    assert chip.uart.baud_rate == 299940


def test_characters_leave_one_character_time_apart(chip):
    for byte in b"abc":
        chip.write(DR, byte)
    chip.wait_us(300)
    starts, bytes_sent = zip(*chip.sent, strict=True)
    assert bytes(bytes_sent) == b"abc"
    assert starts == pytest.approx([0, CHARACTER_US, 2 * CHARACTER_US], abs=0.01)


def test_flags_follow_the_transmitter(chip):
    assert chip.read(FR) & (BUSY | TX_EMPTY | TX_FULL) == TX_EMPTY
    for _ in range(33):  # the shifter takes the first
        chip.write(DR, 0)
    assert chip.read(FR) & (BUSY | TX_EMPTY | TX_FULL) == BUSY | TX_FULL
    chip.wait_us(1.1 * CHARACTER_US)
    assert chip.read(FR) & (BUSY | TX_EMPTY | TX_FULL) == BUSY
    chip.wait_us(33 * CHARACTER_US)
    assert chip.read(FR) & (BUSY | TX_EMPTY | TX_FULL) == TX_EMPTY


def test_a_character_more_than_the_fifo_holds_is_lost(chip):
    for n in range(40):
        chip.write(DR, n)
    chip.wait_us(50 * CHARACTER_US)
    assert [byte for _, byte in chip.sent] == list(range(33))


def test_txintr_is_an_edge_and_can_be_cleared(chip):
    chip.write(IMSC, TX)
    chip.write(IFLS, 2 << 3)  # transmit at 1/8: 4 left
    assert not chip.interrupted()  # an empty FIFO that has not drained raises nothing
    for _ in range(8):
        chip.write(DR, 0)
    chip.wait_us(2.5 * CHARACTER_US)  # 5 queued
    assert not chip.read(RIS) & TX
    chip.wait_us(CHARACTER_US)
    assert chip.read(MIS) & TX
    assert chip.interrupted()
    chip.write(ICR, TX)
    assert not chip.read(RIS) & TX
    chip.wait_us(20 * CHARACTER_US)  # and stays clear: that is the emulator's fault (1)
    assert not chip.read(RIS) & TX


def test_filling_the_transmit_fifo_again_lowers_txintr(chip):
    chip.write(IFLS, 2 << 3)
    for _ in range(6):
        chip.write(DR, 0)
    chip.wait_us(3 * CHARACTER_US)
    assert chip.read(RIS) & TX
    for _ in range(4):
        chip.write(DR, 0)
    assert not chip.read(RIS) & TX


def test_rxintr_comes_at_the_level_and_goes_below_it(chip):
    chip.write(IMSC, RX)
    chip.write(IFLS, 1 << 3)  # receive at 1/4: 8 characters
    for n in range(8):
        assert not chip.interrupted()
        chip.uart.feed_byte(n)
    assert chip.interrupted()
    assert chip.read(DR) == 0
    assert not chip.read(RIS) & RX


def test_the_receive_timeout_comes_after_32_bits_of_silence(chip):
    chip.uart.feed_byte(65)
    chip.wait_us(31 / 10 * CHARACTER_US)
    assert not chip.read(RIS) & TIMEOUT
    chip.uart.feed_byte(66)  # not silent: counts anew
    chip.wait_us(31 / 10 * CHARACTER_US)
    assert not chip.read(RIS) & TIMEOUT
    chip.wait_us(2 / 10 * CHARACTER_US)
    assert chip.read(RIS) & TIMEOUT
    assert [chip.read(DR), chip.read(RIS) & TIMEOUT] == [65, TIMEOUT]
    assert [chip.read(DR), chip.read(RIS) & TIMEOUT] == [66, 0]


def test_no_timeout_with_an_empty_fifo(chip):
    chip.uart.feed_byte(65)
    chip.read(DR)
    chip.wait_us(100 * CHARACTER_US)
    assert not chip.read(RIS) & TIMEOUT


def test_an_overrun_loses_the_newest_is_counted_and_marked(chip):
    for n in range(35):
        chip.uart.feed_byte(n)
    assert chip.uart.overruns == 3
    assert chip.read(RIS) & OVERRUN
    assert chip.read(FR) & RX_FULL
    assert [chip.read(DR) for _ in range(32)] == list(range(32))
    chip.uart.feed_byte(99)
    assert chip.read(DR) == 99 | 1 << 11
    chip.uart.feed_byte(100)
    assert chip.read(DR) == 100


def test_without_fifos_one_character_fits():
    chip = Chip(fifos=False)
    chip.uart.feed_byte(1)
    assert chip.read(RIS) & RX
    chip.uart.feed_byte(2)
    assert chip.uart.overruns == 1
    assert chip.read(DR) == 1
    assert chip.read(FR) & RX_EMPTY


def test_a_uart_that_is_off_hears_nothing(chip):
    chip.write(CR, 0x300)
    chip.uart.feed_byte(1)
    assert chip.read(FR) & RX_EMPTY


def test_clear_through_the_atomic_alias(chip):
    chip.uart.feed_byte(1)
    chip.wait_us(40)
    chip.write(IMSC, RX | TIMEOUT)
    chip.write(IMSC + CLEAR_ALIAS, RX)
    assert chip.read(IMSC) == TIMEOUT


def test_a_reset_forgets_what_waits(chip):
    for _ in range(3):
        chip.write(DR, 0)
    chip.uart.feed_byte(1)
    chip.uart.reset()
    assert chip.read(FR) & (RX_EMPTY | TX_EMPTY) == RX_EMPTY | TX_EMPTY
    assert chip.read(RIS) == 0
