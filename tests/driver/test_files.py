"""modem.files: what arrives is what was sent, or an error says so."""

import io

import pytest
import world as w
from row_player import OK

import bg95

# Sizes around the block of QFUPL's ACK mode (1024), of QFREAD as used here (256), and an odd one.
SIZES = [1, 2, 255, 256, 257, 1023, 1024, 1025, 3000, 20001]


@pytest.fixture
def files():
    world = w.World()
    world.modem.active(True)
    return world.modem.files


@pytest.mark.parametrize("ack", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_an_upload_reads_back_byte_for_byte(files, size, ack):
    data = bytes((7 * i + i // 256) & 255 for i in range(size))
    assert files.upload("a.bin", data, ack=ack) is True
    assert files.list() == [("a.bin", size)]
    back = io.BytesIO()
    assert files.read("a.bin", back) == size
    assert back.getvalue() == data


@pytest.mark.parametrize(
    "trait", [("ack_framed", True), ("ack_after_last", True), ("ufs_prefix", True)]
)
@pytest.mark.parametrize("size", [1024, 2048, 3000])
def test_ack_mode_takes_either_framing(trait, size):
    world = w.World(traits=dict([trait]))
    world.modem.active(True)
    data = bytes(i & 255 for i in range(size))
    assert world.modem.files.upload("a.bin", data, ack=True)
    assert world.modem.files.upload("a.bin", data, ack=True) is False
    assert world.modem.files.list() == [("a.bin", size)]


def test_the_same_bytes_are_not_sent_twice_and_other_bytes_replace_them(files):
    assert files.upload("ca.pem", io.BytesIO(b"one")) is True
    assert files.upload("ca.pem", b"one") is False
    assert files.upload("ca.pem", b"two") is True  # as long, but not the same
    back = io.BytesIO()
    files.read("ca.pem", back)
    assert back.getvalue() == b"two"
    assert len(files.list()) == 1


def test_a_file_can_be_removed_once(files):
    files.upload("ca.pem", b"x")
    before = files.free()
    files.remove("ca.pem")
    assert files.free() > before
    with pytest.raises(bg95.FileError) as error:
        files.remove("ca.pem")
    assert (error.value.code, error.value.errno, error.value.command) == (405, 2, "AT+QFDEL")
    with pytest.raises(bg95.FileError):
        files.read("ca.pem", io.BytesIO())


@pytest.mark.parametrize("name", ["", 'a"b', "a\rb", "x" * 81, "*", "UFS:*"])
def test_a_name_that_no_module_takes_is_refused_before_a_byte_is_sent(name):
    """AT+QFDEL="*" would delete every file there is."""
    world = w.World()
    world.modem.active(True)
    sent = len(world.uart.sent)
    for call in (
        lambda: world.modem.files.upload(name, b"x"),
        lambda: world.modem.files.remove(name),
        lambda: world.modem.files.read(name, io.BytesIO()),
    ):
        with pytest.raises(ValueError, match="name"):
            call()
    assert len(world.uart.sent) == sent


def test_a_stored_byte_that_is_wrong_is_found_by_the_checksum():
    world = w.World(faults=["corrupt_upload*1"])
    world.modem.active(True)
    with pytest.raises(bg95.FileError, match="upload it again"):
        world.modem.files.upload("ca.pem", bytes(500))
    assert world.modem.files.upload("ca.pem", bytes(500)) is True  # what is there is not trusted


@pytest.mark.parametrize(
    ("sent", "heard"), [(b'"ca.pem"', b'"c.pem"'), (b'"ca.pem"', b'"ca.pe"'), (b'",500,', b'",00,')]
)
def test_a_byte_that_is_lost_in_an_upload_command_is_noticed(sent, heard):
    """AT+QFUPL's answer counts the file's bytes and says nothing of its name."""
    world = w.World()
    world.modem.active(True)
    write = world.host.write

    def lossy(data):
        write(data.replace(sent, heard) if b"AT+QFUPL=" in data else data)

    world.host.write = lossy
    with pytest.raises(bg95.ModemError):
        world.modem.files.upload("ca.pem", bytes(500))
    world.host.write = write
    assert world.modem.files.upload("ca.pem", bytes(500)) is True
    assert ("ca.pem", 500) in world.modem.files.list()


def test_a_full_flash_says_so():
    world = w.World(faults=["flash_full"])
    world.modem.active(True)
    with pytest.raises(bg95.FileError) as error:
        world.modem.files.upload("ca.pem", bytes(500))
    assert error.value.errno == 28


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"Client_identity&1a2b3c4d", 0x553),  # the SSL note's example
        (b"1234567890", 0x3938),  # the FILE manual's
        (b"-----BEGIN CERTIFICATE-----\r", 0x6C53),  # a BG95's answer
        (b"A", 0x4100),
        (b"AB", 0x4142),
        (b"ABC", 0x242),
        (b"abab", 0),
        (b"", 0),
    ],
)
def test_the_checksum_is_the_documents_and_not_only_the_simulators(data, value):
    """at-commands 2.8.1; field notes 1."""
    from bg95.visitors.files import Checksum

    for cut in range(len(data) + 1):
        checksum = Checksum()
        checksum.update(data[:cut])
        checksum.update(data[cut:])
        assert checksum.value == value


def test_nothing_is_uploaded_for_an_empty_file(files):
    with pytest.raises(ValueError, match="empty"):
        files.upload("ca.pem", b"")


class Trickle(io.BytesIO):
    """A stream that gives less than it is asked for, as sockets and pipes do."""

    def read(self, n=-1):
        return super().read(min(n, 100))


@pytest.mark.parametrize("ack", [False, True])
def test_a_stream_may_give_less_than_it_is_asked_for(files, ack):
    data = bytes(i * 3 & 255 for i in range(5000))
    assert files.upload("a.bin", Trickle(data), ack=ack) is True
    assert files.upload("a.bin", Trickle(data), ack=ack) is False
    back = io.BytesIO()
    files.read("a.bin", back)
    assert back.getvalue() == data


def test_a_stream_that_ends_early_leaves_no_file(files):
    class Liar(io.BytesIO):
        def seek(self, offset, whence=0):
            return super().seek(offset, whence) + (1000 if whence == 2 else 0)

    with pytest.raises(bg95.FileError, match="ended after 500 of 1500"):
        files.upload("a.bin", Liar(bytes(500)))
    assert files.list() == []


class Breaks(io.BytesIO):
    """A stream that raises half way, as one from an SD card that is pulled."""

    def read(self, n=-1):
        if n and self.tell() >= 1536:
            raise OSError(5)
        return super().read(n)


@pytest.mark.parametrize("ack", [False, True])
def test_what_a_stream_raises_comes_out_and_leaves_no_file(ack):
    world = w.World()
    world.modem.active(True)
    with pytest.raises(OSError, match="5") as error:
        world.modem.files.upload("a.bin", Breaks(bytes(5000)), ack=ack)
    assert not isinstance(error.value, bg95.ModemError)
    assert world.modem.files.list() == []
    assert world.host.now < 3  # the module was not left to its timeout


COMMANDS = b'x\rAT+QFDEL="keep.pem"\r' * 200


@pytest.mark.parametrize("ack", [False, True])
def test_a_stream_that_is_too_slow_never_becomes_commands(ack):
    """FILE 2.4: after 5 s without a byte the module takes what it has, and listens to commands again."""
    world = w.World()
    world.modem.active(True)
    world.modem.files.upload("keep.pem", b"x")

    class Slow(io.BytesIO):
        def read(self, n=-1):
            if n and self.tell() == 1280:
                world.host.run_quietly(8)
            return super().read(n)

    with pytest.raises(bg95.FileError, match="1280"):
        world.modem.files.upload("a.bin", Slow(COMMANDS), ack=ack)
    assert ("keep.pem", 1) in world.modem.files.list()


def test_a_stream_that_raises_too_late_leaves_no_file_either():
    world = w.World()
    world.modem.active(True)

    class Late(io.BytesIO):
        def read(self, n=-1):
            if n and self.tell() == 1280:
                world.host.run_quietly(8)
                raise OSError(110)
            return super().read(n)

    with pytest.raises(OSError, match="110") as error:
        world.modem.files.upload("a.bin", Late(bytes(5000)))
    assert not isinstance(error.value, bg95.ModemError)
    assert world.modem.files.list() == []


def test_an_acknowledged_block_that_lost_a_byte_is_no_reason_to_send_the_next_as_commands():
    world = w.World()
    world.modem.active(True)
    world.modem.files.upload("keep.pem", b"x")
    world.host.module.faults.add("drop_in=1@rx:600*1")
    with pytest.raises(bg95.FileError, match="1023"):
        world.modem.files.upload("a.bin", COMMANDS, ack=True)
    assert ("keep.pem", 1) in world.modem.files.list()


class Interrupted:
    """A callable that is hit by Ctrl-C at its `after`th call."""

    def __init__(self, function, after):
        self.function, self.left = function, after

    def __call__(self, *args):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self.function(*args)


class Stream:
    """As small a stream as upload() takes."""

    def __init__(self, data):
        self._stream = io.BytesIO(data)
        self.seek, self.read = self._stream.seek, self._stream.read


@pytest.mark.parametrize(
    ("where", "after"),
    [(where, n) for where in ("idle", "write", "read") for n in (3, 10, 20)]
    + [("readinto", n) for n in (1, 2, 3)],
)
def test_ctrl_c_anywhere_in_an_upload_leaves_a_modem_that_works(where, after):
    world = w.World()
    modem, stream = world.modem, Stream(bytes(5000))
    modem.active(True)
    owner, name = {
        "idle": (modem, "idle"),
        "write": (modem._at, "_write"),
        "readinto": (modem._at.framer, "_readinto"),
        "read": (stream, "read"),
    }[where]
    real = getattr(owner, name)
    setattr(owner, name, Interrupted(real, after))
    with pytest.raises(KeyboardInterrupt):
        modem.files.upload("a.bin", stream)
        modem.files.list()  # goes on where the upload's last bytes had been sent
    setattr(owner, name, real)
    assert modem.command("AT+CGMM") == ["BG95-M3"]
    assert modem.files.upload("a.bin", b"whole") is True
    assert modem.files.list() == [("a.bin", 5)]


def test_text_is_uploaded_as_utf8_and_a_text_file_is_refused(files, tmp_path):
    assert files.upload("ca.pem", "-----BEGIN\n") is True
    assert files.upload("ca.pem", b"-----BEGIN\n") is False
    (tmp_path / "ca.pem").write_text("-----BEGIN\n")
    with (tmp_path / "ca.pem").open() as stream, pytest.raises(ValueError, match="'rb'"):
        files.upload("ca.pem", stream)


def test_a_file_takes_all_the_space_there_is_but_no_byte_more():
    world = w.World()
    world.modem.active(True)
    world.host.module.flash.total = 1000
    with pytest.raises(bg95.FileError) as full:
        world.modem.files.upload("big.bin", bytes(1001))
    assert full.value.errno == 28
    assert world.modem.files.upload("big.bin", bytes(1000)) is True
    assert world.modem.files.free() == 0


def test_an_upload_without_connect_sends_nothing_of_the_file(fake):
    modem, module = fake.modem, fake.module
    module.replies = [(b"AT+QFUPL=", [OK])]
    with pytest.raises(fake.driver.ModemError, match="QFUPL"):
        modem.files.upload("a.bin", b"\rAT+QFDEL=\r" * 9)
    assert [line for line in module.lines if line.startswith(b"AT+QFDEL")] == []


@pytest.mark.parametrize("n", [257, 1500])
def test_more_than_was_asked_for_is_an_error(fake, n):
    """Some firmware gives 1500 bytes however few are wanted (field notes 1, of AT+QIRD)."""
    fake.module.replies = [
        (b"AT+QFOPEN=", [b"\r\n+QFOPEN: 7\r\n" + OK]),
        (b"AT+QFREAD=", [b"\r\nCONNECT %d\r\n" % n + bytes(n) + OK]),
    ]
    with pytest.raises(fake.driver.FileError):
        fake.modem.files.read("a.bin", io.BytesIO())
    assert fake.modem.command("AT+CGMM") == ["BG95-M3"]
