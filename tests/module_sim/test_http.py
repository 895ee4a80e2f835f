"""AT+QHTTP… on a manual clock, with a web server in memory (spec 4.5): requests, errors, reading."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from bg95_host.module_sim import SimOptions

from .memory_servers import WebServer
from .world import ADDRESS, HOST, attached, upload

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Kind: Page\r\n\r\nhello"
URL = f"http://{HOST}/page?x=1"


def with_server(*answers, faults=(), **traits):
    """A host whose PDP context is active, and a web server at HOST:80."""
    host = attached(SimOptions(traits=traits, faults=faults))
    host.web = host.net.peers[ADDRESS, 80] = WebServer(*answers)
    host.command("AT+QIACT=1")
    return host


def set_url(host, url=URL):
    host.command(f"AT+QHTTPURL={len(url)}", b"CONNECT\r\n")
    host.write(url.encode("latin-1"))
    return host.run(0.5)


def got(*answers, **options):
    """A host that has set the URL and sent AT+QHTTPGET."""
    host = with_server(*answers, **options)
    set_url(host)
    host.command("AT+QHTTPGET")
    return host


# -- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "highest", "default"),
    [
        ("contextid", 16, 1),
        ("requestheader", 1, 0),
        ("responseheader", 1, 0),
        ("sslctxid", 5, 1),
        ("contenttype", 3, 0),
    ],
)
def test_settings_with_their_ranges_are_lost_at_a_restart(item, highest, default):
    host = with_server()
    assert host.command("AT+QHTTPCFG?").count(b'"%s",%d\r\n' % (item.encode(), default)) == 1
    host.command(f'AT+QHTTPCFG="{item}",{highest}')
    assert b'"%s",%d\r\n' % (item.encode(), highest) in host.command(f'AT+QHTTPCFG="{item}"')
    wrong = host.command(f'AT+QHTTPCFG="{item}",{highest + 1}', b"730\r\n")
    assert wrong == b"\r\n+CME ERROR: 730\r\n"
    host.command("AT+CFUN=1,1")
    host.run(10)
    host.command("ATE0")
    assert b'"%s",%d\r\n' % (item.encode(), default) in host.command(f'AT+QHTTPCFG="{item}"')


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        (URL, b"OK"),
        ("HTTPs://example.com", b"OK"),
        ("ftp://example.com", b"+CME ERROR: 711"),
        ("example.com", b"+CME ERROR: 711"),
    ],
)
def test_urls(url, answer):
    host = with_server()
    assert set_url(host, url) == b"\r\n" + answer + b"\r\n"
    shown = b"\r\n+QHTTPURL: " + url.encode() + b"\r\n" if answer == b"OK" else b""
    assert host.command("AT+QHTTPURL?") == shown + b"\r\nOK\r\n"


def test_the_url_is_in_no_trace(tmp_path):
    host = attached(SimOptions(trace=tmp_path / "trace"))
    set_url(host, "https://me:s3cret@example.com/")
    assert b"s3cret" in host.command("AT+QHTTPURL?")
    host.module.shut()
    assert "s3cret" not in (tmp_path / "trace").read_text()


def test_a_url_that_does_not_come_or_is_broken_off():
    host = with_server()
    host.command("AT+QHTTPURL=20,5", b"CONNECT\r\n")
    host.write(b"http://")
    assert host.run(4.5) == b""
    assert host.run(1) == b"\r\n+CME ERROR: 726\r\n"
    host.command("AT+QHTTPURL=20,60", b"CONNECT\r\n")
    host.write(b"http://")
    host.run(1.1)
    host.write(b"+++")
    assert host.run(1.1) == b"\r\n+CME ERROR: 701\r\n"
    assert host.command("AT+QHTTPURL?") == b"\r\nOK\r\n"


# -- requests --------------------------------------------------------------------------------------


def test_the_modules_own_header():
    host = got(PAGE)
    assert host.run(1) == b"\r\n+QHTTPGET: 0,200,5\r\n"
    head, *fields = bytes(host.web.got).decode().split("\r\n")
    assert head == "GET /page?x=1 HTTP/1.1"
    assert f"Host: {HOST}" in fields
    host.command('AT+QHTTPCFG="contenttype",2')
    host.web.got.clear()
    host.web.answers.append(PAGE)
    host.command("AT+QHTTPPOST=3", b"CONNECT\r\n")
    host.write(b"\x00\r\n")
    assert host.wait_for(b",5\r\n") == b"\r\nOK\r\n\r\n+QHTTPPOST: 0,200,5\r\n"
    head, _, sent = bytes(host.web.got).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /page?x=1 HTTP/1.1\r\n")
    assert b"Content-Type: application/octet-stream" in head
    assert b"Content-Length: 3" in head
    assert sent == b"\x00\r\n"


def test_the_hosts_header_is_sent_as_it_is():
    host = with_server(PAGE)
    set_url(host)
    host.command('AT+QHTTPCFG="requestheader",1')
    request = b"GET /other HTTP/1.1\r\nhost:x\r\nodd :y\r\n\r\n"
    host.command(f"AT+QHTTPGET=60,{len(request)}", b"CONNECT\r\n")
    host.write(request)
    assert host.run(1) == b"\r\nOK\r\n\r\n+QHTTPGET: 0,200,5\r\n"
    assert host.web.got == request
    assert host.command("AT+QHTTPGET=60", b"730\r\n") == b"\r\n+CME ERROR: 730\r\n"


def test_files_go_out_whole():
    host = with_server(PAGE)
    set_url(host)
    upload(host, "data.bin", bytes(range(256)))
    missing = host.command('AT+QHTTPPOSTFILE="none"', b"405\r\n")
    assert missing == b"\r\n+CME ERROR: 405\r\n"
    host.command('AT+QHTTPPOSTFILE="data.bin",30')
    assert host.run(1) == b"\r\n+QHTTPPOSTFILE: 0,200,5\r\n"
    assert host.web.got.endswith(b"\r\n\r\n" + bytes(range(256)))


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://no.such.name/", 714),
        ("http://220.180.239.99/", 716),
        (f"http://{HOST}:8080/", 716),
    ],
)
def test_servers_that_cannot_be_reached(url, error):
    host = with_server()
    set_url(host, url)
    host.command("AT+QHTTPGET")
    assert host.run(1) == b"\r\n+QHTTPGET: %d\r\n" % error
    # A POST connects before CONNECT (spec 4.5).
    assert host.command("AT+QHTTPPOST=5", b"%d\r\n" % error) == b"\r\n+CME ERROR: %d\r\n" % error


@pytest.mark.parametrize("path", ["/a b", "/gr\xfc\xdfe?x=\xe4", "/%41{}|", "?only=query"])
def test_urls_go_out_as_http_allows(path):
    host = with_server(PAGE)
    set_url(host, f"http://{HOST}{path}")
    host.command("AT+QHTTPGET")
    assert host.run(1) == b"\r\n+QHTTPGET: 0,200,5\r\n"
    target = bytes(host.web.got).split(b" ")[1].decode("ascii")
    assert unquote(target, "latin-1") == unquote("/" + path.lstrip("/"), "latin-1")
    assert host.module.counters["internal_errors"] == 0


@pytest.mark.parametrize(
    "url", ["http:///path", f"http://{HOST}:port/", "http://[::1/", "http://gr\xfc\xdfe.example/"]
)
def test_urls_that_lead_nowhere(url):
    host = with_server()
    set_url(host, url)
    assert host.command("AT+QHTTPGET", b"711\r\n") == b"\r\n+CME ERROR: 711\r\n"


def test_what_has_to_be_there_before_a_request():
    host = with_server()
    assert host.command("AT+QHTTPREAD", b"705\r\n") == b"\r\n+CME ERROR: 705\r\n"
    assert host.command("AT+QHTTPGET", b"712\r\n") == b"\r\n+CME ERROR: 712\r\n"
    set_url(host)
    host.command("AT+QIDEACT=1")
    assert host.command("AT+QHTTPGET", b"709\r\n") == b"\r\n+CME ERROR: 709\r\n"
    host.command("AT+CMEE=2")
    text = b"\r\n+CME ERROR: HTTP(S) network deactivated\r\n"
    assert host.command("AT+QHTTPGET", b"deactivated\r\n") == text
    host.command("AT+CMEE=0")
    assert host.command("AT+QHTTPGET", b"ERROR\r\n") == b"\r\nERROR\r\n"


def test_one_request_at_a_time():
    host = got()
    for line in ("AT+QHTTPGET", "AT+QHTTPPOST=5", "AT+QHTTPURL=9"):
        assert host.command(line, b"703\r\n") == b"\r\n+CME ERROR: 703\r\n"
    assert host.run(70) == b"\r\n+QHTTPGET: 702\r\n"
    host.web.answers.append(PAGE)
    host.command("AT+QHTTPGET")
    assert host.run(1) == b"\r\n+QHTTPGET: 0,200,5\r\n"


@pytest.mark.parametrize(
    ("answer", "error"), [(b"220 mail.example.com\r\n\r\n", 721), (b"HTTP/1.1 20", 719)]
)
def test_answers_that_are_none(answer, error):
    host = got(answer)
    if error == 719:
        host.run(1)
        host.web.close()
    assert host.run(1).endswith(b"+QHTTPGET: %d\r\n" % error)
    assert host.command("AT+QHTTPREAD", b"705\r\n") == b"\r\n+CME ERROR: 705\r\n"


def test_a_body_that_the_host_does_not_send():
    host = with_server()
    set_url(host)
    host.command("AT+QHTTPPOST=5,3,60", b"CONNECT\r\n")
    host.write(b"ab")
    assert host.run(4) == b"\r\n+CME ERROR: 726\r\n"
    assert host.web.got == b""
    host.web.answers.append(PAGE)
    host.command("AT+QHTTPGET")
    assert host.run(1) == b"\r\n+QHTTPGET: 0,200,5\r\n"


def test_a_lost_pdp_context():
    host = got()
    host.run(0.5)
    host.module.faults.add("pdp_loss=1")
    assert b"\r\n+QHTTPGET: 719\r\n" in host.run(1)


# -- responses -------------------------------------------------------------------------------------


def test_reading_once_with_and_without_the_header():
    host = got(PAGE)
    host.run(1)
    whole = b"\r\nCONNECT\r\nhello\r\nOK\r\n\r\n+QHTTPREAD: 0\r\n"
    assert host.command("AT+QHTTPREAD", b"+QHTTPREAD: 0\r\n") == whole
    assert host.command("AT+QHTTPREAD", b"705\r\n") == b"\r\n+CME ERROR: 705\r\n"
    host.web.answers.append(PAGE)
    host.command('AT+QHTTPCFG="responseheader",1')
    host.command("AT+QHTTPGET")
    host.run(1)
    assert host.command("AT+QHTTPREAD", b"+QHTTPREAD: 0\r\n") == whole.replace(b"hello", PAGE)


def test_a_redirection_is_the_hosts_to_follow():
    moved = b"HTTP/1.1 302 Found\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n"
    host = got(moved)
    assert host.run(5) == b"\r\n+QHTTPGET: 0,302,0\r\n"
    assert host.web.got.count(b"HTTP/1.1") == 1


def test_a_body_of_unknown_length_ends_with_the_connection():
    host = got(b"HTTP/1.0 200 OK\r\n\r\nfirst,")
    assert host.run(1) == b"\r\n+QHTTPGET: 0,200\r\n"
    host.write(b"AT+QHTTPREAD=10\r")
    assert host.run(5) == b"\r\nCONNECT\r\nfirst,"
    host.web.say(b"second")
    assert host.run(5) == b"second"
    host.web.close()
    assert host.run(1) == b"\r\nOK\r\n\r\n+QHTTPREAD: 0\r\n"


@pytest.mark.parametrize(("closes", "error"), [(True, 719), (False, 722)])
def test_a_body_that_stays_incomplete(closes, error):
    host = got(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ")
    host.run(1)
    host.command('AT+QHTTPREADFILE="half",5')
    if closes:
        host.web.close()
    assert host.run(6) == b"\r\n+QHTTPREADFILE: %d\r\n" % error
    host.web.answers.append(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ")
    host.command("AT+QHTTPGET")
    host.run(1)
    host.write(b"AT+QHTTPREAD=5\r")
    host.run(0.5)
    if closes:
        host.web.close()
    assert host.run(6) == b"\r\nOK\r\n\r\n+QHTTPREAD: %d\r\n" % error


def test_what_nobody_reads_is_held_back():
    size = 200_000
    host = got(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
    host.run(1)
    for _ in range(100):
        host.web.say(bytes(2000))
    host.run(5)
    assert len(host.module.http.exchange.body) < host.module.traits.receive_buffer + 2000
    host.write(b"AT+QHTTPREAD\r")
    answer = host.wait_for(b"+QHTTPREAD: 0\r\n")
    assert answer.count(b"\0") == size


def test_files_take_the_response():
    host = got(PAGE)
    host.run(1)
    host.command('AT+QHTTPREADFILE="UFS:page.txt"')
    assert host.run(1) == b"\r\n+QHTTPREADFILE: 0\r\n"
    assert host.module.flash.get("page.txt") == b"hello"
    host.web.answers.append(PAGE)
    host.command("AT+QHTTPGET")
    host.run(1)
    host.module.faults.add("flash_full")
    host.command('AT+QHTTPREADFILE="none.txt"')
    assert host.run(1) == b"\r\n+QHTTPREADFILE: 729\r\n"
    assert host.module.flash.get("none.txt") is None
