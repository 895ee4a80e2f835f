"""The flash file system: uploads in every form, open files, the room that is left (spec 2.8)."""

import pytest

from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.flash import TOTAL_BYTES, checksum

from .world import attached, upload


def said(host, data: bytes, seconds: float = 0.5) -> bytes:
    host.write(data)
    return host.run(seconds)


def files(host) -> bytes:
    return said(host, b"AT+QFLST\r")


# Checksums of spec 2.8.1, among them those from hardware logs.
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"Client_identity&1a2b3c4d", "553"),
        (b"1234567890", "3938"),
        (b"A", "4100"),
        (b"AB", "4142"),
        (b"ABC", "242"),
        (b"abab", "0"),
        (b"", "0"),
        (b"-----BEGIN CERTIFICATE-----\r", "6c53"),
    ],
)
def test_checksum(content, expected):
    assert checksum(content) == expected


def test_an_upload_that_stalls_swallows_commands_until_its_timeout_or_its_size():
    host = attached()
    said(host, b'AT+QFUPL="a",20,10\r')
    assert said(host, b"AT\rAT\r", 9) == b""
    assert said(host, b"AT\r", 9.9) == b""  # every byte restarts the timeout
    assert host.run(1).startswith(b"\r\n+QFUPL: 9,")
    said(host, b'AT+QFUPL="b",3,10\r')
    assert said(host, b"AT\rAT\r").startswith(b"\r\n+QFUPL: 3,")
    assert host.run(1) == b""
    assert host.module.flash.get("b") == b"AT\r"


def test_acknowledge_mode_paces_the_host_by_blocks():
    host = attached()
    said(host, b'AT+QFUPL="a",3000,5,1\r')
    assert said(host, bytes(1023)) == b""
    assert said(host, bytes(1)) == b"A"
    assert said(host, bytes(1024)) == b"A"
    assert said(host, bytes(952)) == b"\r\n+QFUPL: 3000,0\r\n\r\nOK\r\n"


def test_what_was_uploaded_before_an_abort_stays_in_the_file():
    host = attached()
    said(host, b'AT+QFUPL="a",100,60\r')
    said(host, b"hello", 2)
    assert said(host, b"+++", 2) == b"\r\n+QFUPL: 5,6b09\r\n\r\nOK\r\n"
    assert files(host) == b'\r\n+QFLST: "a",5\r\n\r\nOK\r\n'
    said(host, b'AT+QFUPL="b",100,60\r')
    said(host, b"hello")
    host.set_pin("DTR", 1)
    assert host.run(1).endswith(b"OK\r\n")
    assert host.module.flash.get("b") == b"hello"


@pytest.mark.parametrize("content", [b"+++", b"a+++b", b"++++++", b"+" * 2000])
def test_pluses_without_silence_are_content(content):
    host = attached()
    upload(host, "a", content)
    assert host.module.flash.get("a") == content


def test_everything_comes_back_as_it_went():
    host = attached()
    content = bytes(range(256)) * 20 + b"\r\nOK\r\n+++"
    upload(host, "UFS:a b;c,d", content)
    answer = host.command('AT+QFDWL="a b;c,d"')
    end = f"\r\n+QFDWL: {len(content)},{checksum(content)}\r\n\r\nOK\r\n".encode()
    assert answer == b"\r\nCONNECT\r\n" + content + end


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('AT+QFUPL="",5', 406),
        (f'AT+QFUPL="{"x" * 81}",5', 406),
        ('AT+QFUPL="here",5', 407),
        (f'AT+QFUPL="new",{TOTAL_BYTES + 1}', 420),
        ('AT+QFUPL="new",0', 400),
        ("AT+QFUPL=new,5", 400),
        ('AT+QFUPL="new",5,65536', 400),
        ('AT+QFUPL="new",5,5,2', 400),
        ('AT+QFDEL="gone"', 405),
        ('AT+QFDEL="here"', 426),
        ('AT+QFDEL="*"', 426),
        ('AT+QFLST="gone"', 405),
        ('AT+QFDWL="gone"', 405),
        ('AT+QFOPEN="gone",2', 405),
        ('AT+QFOPEN="here",0', 426),
        ("AT+QFREAD=99", 416),
        ("AT+QFWRITE=1,5", 414),
        ("AT+QFTUCAT=1", 414),
        ("AT+QFSEEK=1,6", 401),
        ("AT+QFCLOSE=99", 416),
    ],
)
def test_refusals(line, code):
    host = attached()
    upload(host, "here", b"hello")
    assert said(host, b'AT+QFOPEN="here",2\r') == b"\r\n+QFOPEN: 1\r\n\r\nOK\r\n"
    assert said(host, line.encode() + b"\r") == b"\r\n+CME ERROR: %d\r\n" % code


def test_an_open_file_is_read_written_and_cut_at_its_place():
    host = attached()
    said(host, b'AT+QFOPEN="a",1\r')
    said(host, b"AT+QFWRITE=1,10\r")
    assert said(host, b"0123456789") == b"\r\n+QFWRITE: 10,10\r\n\r\nOK\r\n"
    said(host, b"AT+QFSEEK=1,4\r")
    said(host, b"AT+QFWRITE=1,2\r")
    assert said(host, b"xx") == b"\r\n+QFWRITE: 2,10\r\n\r\nOK\r\n"
    assert said(host, b"AT+QFREAD=1,2\r") == b"\r\nCONNECT 2\r\n67\r\nOK\r\n"
    assert said(host, b"AT+QFPOSITION=1\r") == b"\r\n+QFPOSITION: 8\r\n\r\nOK\r\n"
    said(host, b"AT+QFTUCAT=1\r")
    said(host, b"AT+QFSEEK=1,3,2\r")
    assert said(host, b"AT+QFREAD=1\r") == b"\r\nCONNECT 3\r\nx67\r\nOK\r\n"
    said(host, b"AT+QFCLOSE=1\r")
    assert host.module.flash.get("a") == b"0123xx67"


def test_handles_are_gone_after_a_restart_and_files_are_not():
    host = attached()
    upload(host, "a", b"hello")
    said(host, b'AT+QFOPEN="a"\r')
    host.command("AT+CFUN=1,1")
    host.wait_for(b"+CFUN: 1\r\n")
    host.command("ATE0")
    assert said(host, b"AT+QFOPEN?\r") == b"\r\nOK\r\n"
    assert files(host) == b'\r\n+QFLST: "a",5\r\n\r\nOK\r\n'


def test_a_restart_in_the_middle_of_an_upload_leaves_no_file():
    host = attached(SimOptions(faults=["restart@rx:100"]))
    said(host, b'AT+QFUPL="a",500,5\r')
    said(host, bytes(500), 5)
    host.command("ATE0")
    assert files(host) == b"\r\nOK\r\n"


def test_the_last_byte_of_flash():
    host = attached()
    host.module.flash.total = 10
    said(host, b'AT+QFOPEN="a"\r')
    said(host, b"AT+QFWRITE=1,12\r")
    assert said(host, b"x" * 12) == b"\r\n+QFWRITE: 10,10\r\n\r\nOK\r\n"
    assert said(host, b'AT+QFLDS="UFS"\r') == b"\r\n+QFLDS: 0,10\r\n\r\nOK\r\n"
    assert said(host, b'AT+QFUPL="b",1\r') == b"\r\n+CME ERROR: 420\r\n"
