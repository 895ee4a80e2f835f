"""modem.files: what arrives is what was sent, or an error says so."""

import io

import pytest
import world as w

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
    assert world.modem.command("AT+QFLST") != []


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


@pytest.mark.parametrize("name", ["", 'a"b', "a\rb", "x" * 81])
def test_a_name_that_no_module_takes_is_refused_before_a_byte_is_sent(name):
    world = w.World()
    world.modem.active(True)
    sent = len(world.uart.sent)
    with pytest.raises(ValueError, match="name"):
        world.modem.files.upload(name, b"x")
    assert len(world.uart.sent) == sent


def test_a_stored_byte_that_is_wrong_is_found_by_the_checksum():
    world = w.World(faults=["corrupt_upload*1"])
    world.modem.active(True)
    with pytest.raises(bg95.FileError, match="upload it again"):
        world.modem.files.upload("ca.pem", bytes(500))
    assert world.modem.files.upload("ca.pem", bytes(500)) is True  # what is there is not trusted


def test_a_full_flash_says_so():
    world = w.World(faults=["flash_full"])
    world.modem.active(True)
    with pytest.raises(bg95.FileError) as error:
        world.modem.files.upload("ca.pem", bytes(500))
    assert error.value.errno == 28


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
