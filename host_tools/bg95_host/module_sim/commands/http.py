"""AT+QHTTP…: HTTP and HTTPS (spec 4.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ..http import BAD_URL, INPUT_TIMEOUT, NO_MEMORY, UNKNOWN, Exchange, HttpSettings
from ..registry import Choice, Command, Family, Int, Text
from ..results import Aborted, CmeError, Final, Raw, Receive, Signal, Until, Wait, Word
from ..sockets import OUTPUT_HIGH
from .files import existing, plain_name

if TYPE_CHECKING:
    from ..core import Module

CONNECT_S = 125  # within which CONNECT comes
STEP = 1024  # bytes of a response printed at a time
SECONDS = Int("time", 1, 65535, default=60)
FILE = Text("file_name", 255)


def _command(name: str, test: str | None = None, max_time: float = 0.3) -> Command:
    return Command(f"+QHTTP{name}", Family.HTTP, "4.5", test=test, max_time=max_time)


_RANGES = {
    "contextid": (1, 16),
    "requestheader": (0, 1),
    "responseheader": (0, 1),
    "sslctxid": (0, 5),
    "contenttype": (0, 3),
}

QHTTPCFG = _command("CFG")


@QHTTPCFG.tests
def qhttpcfg_test(m: Module) -> Iterator[str]:
    for item, (low, high) in _RANGES.items():
        yield f'+QHTTPCFG: "{item}",({low}{"," if high == 1 else "-"}{high})'


@QHTTPCFG.read
def qhttpcfg_read(m: Module) -> Iterator[str]:
    for setting in fields(HttpSettings):
        yield f'+QHTTPCFG: "{setting.name}",{getattr(m.http.settings, setting.name)}'


@QHTTPCFG.write(Choice("item", tuple(_RANGES)), Int("value", 0, 16, default=None))
def qhttpcfg(m: Module, item: str, value: int | None) -> Iterator[str]:
    if value is None:
        yield f'+QHTTPCFG: "{item}",{getattr(m.http.settings, item)}'
        return
    low, high = _RANGES[item]
    if not low <= value <= high:
        raise QHTTPCFG.parameter_error(m)
    setattr(m.http.settings, item, value)


QHTTPURL = _command("URL", "(1-700),(1-65535)")


@QHTTPURL.read
def qhttpurl_read(m: Module) -> Iterator[Any]:
    if m.http.url:
        m.trace("module", len=len(m.http.url), note="the URL")  # it may hold a password
        yield Raw(f"\r\n+QHTTPURL: {m.http.url}\r\n".encode("latin-1"))


@QHTTPURL.write(Int("URL_length", 1, 700), SECONDS)
def qhttpurl(m: Module, size: int, timeout: int) -> Iterator[Any]:
    m.http.require_idle()
    yield Word("CONNECT")
    data = yield from _input(size, timeout)
    if not data.lower().startswith((b"http://", b"https://")):
        raise CmeError(BAD_URL)
    m.http.url = data.decode("latin-1")


def _input(size: int, timeout: int) -> Iterator[Any]:
    """So many bytes from the host; `+++` and DTR end it for good."""
    wanted = Receive(size, idle=timeout, idle_restarts=False, abort_on_escape=True)
    try:
        data = yield wanted
    except Aborted:
        raise CmeError(UNKNOWN) from None
    if len(data) < size:
        raise CmeError(INPUT_TIMEOUT)
    return data


# -- requests --------------------------------------------------------------------------------------


def _reports(m: Module, command: Command) -> Callable[[str], None]:
    return lambda result: m.urc(f"{command.name}: {result}")


def _written(m: Module, exchange: Exchange, size: int, timeout: int) -> Iterator[Any]:
    """What the host sends once the connection stands: CONNECT, and so many bytes."""
    try:
        yield Until(exchange.connection.opened)
        if exchange.error:
            raise CmeError(exchange.error)
        yield Word("CONNECT")
        data = yield from _input(size, timeout)
    except CmeError:
        m.http.forget()
        raise
    return data


QHTTPGET = _command("GET", "(1-65535),(1-2048),(1-65535)", max_time=CONNECT_S)


@QHTTPGET.execute
def qhttpget_plain(m: Module) -> Iterator[Any]:
    return qhttpget(m, 60, None, 60)


@QHTTPGET.write(SECONDS, Int("length", 1, 2048, default=None), SECONDS)
def qhttpget(m: Module, patience: int, size: int | None, timeout: int) -> Iterator[Any]:
    """With AT+QHTTPCFG="requestheader",1 the host writes the header."""
    if bool(m.http.settings.requestheader) != (size is not None):
        raise QHTTPGET.parameter_error(m)
    exchange = m.http.begin("GET")
    if size is None:
        request = exchange.prepared(b"")
    else:
        data = yield from _written(m, exchange, size, timeout)
        request = exchange.as_written(data)
    exchange.start(request, patience, _reports(m, QHTTPGET))


def _posted(m: Module, exchange: Exchange, data: bytes) -> bytes:
    """A POST request: the data is its body, or header and body."""
    written = m.http.settings.requestheader
    return exchange.as_written(data) if written else exchange.prepared(data)


QHTTPPOST = _command("POST", "(1-1024000),(1-65535),(1-65535)", max_time=CONNECT_S)


@QHTTPPOST.write(Int("data_length", 1, 1024000), SECONDS, SECONDS)
def qhttppost(m: Module, size: int, timeout: int, patience: int) -> Iterator[Any]:
    exchange = m.http.begin("POST")
    data = yield from _written(m, exchange, size, timeout)
    exchange.start(_posted(m, exchange, data), patience, _reports(m, QHTTPPOST))


QHTTPPOSTFILE = _command("POSTFILE", "<file_name>,(1-65535)")


@QHTTPPOSTFILE.write(FILE, SECONDS)
def qhttppostfile(m: Module, name: str, patience: int) -> None:
    content = m.flash.get(existing(m, name)) or b""
    exchange = m.http.begin("POST")
    exchange.start(_posted(m, exchange, content), patience, _reports(m, QHTTPPOSTFILE))


# -- responses -------------------------------------------------------------------------------------

QHTTPREAD = _command("READ", "(1-65535)")


@QHTTPREAD.execute
def qhttpread_plain(m: Module) -> Iterator[Any]:
    return qhttpread(m, 60)


@QHTTPREAD.write(SECONDS)
def qhttpread(m: Module, wait: int) -> Iterator[Any]:
    """Nothing counts the data, and OK comes before the URC (spec 4.5)."""
    exchange = m.http.response()
    yield Word("CONNECT")
    if m.http.settings.responseheader:
        yield Raw(exchange.head)
    error = yield from _printed(m, exchange, wait)
    m.http.forget()
    return Final("OK", then=lambda: m.urc(f"+QHTTPREAD: {error}"))


def _printed(m: Module, exchange: Exchange, wait: int) -> Iterator[Any]:
    """The body as it comes, no faster than the UART takes it; returns the error that ended it."""
    while True:
        data = exchange.take(STEP)
        if data:
            m.trace("module", len=len(data))
            yield Raw(data)
            if m.tx.backlog >= OUTPUT_HIGH:
                yield Wait(max(0.0, m.tx.free_at - m.now) / 2)
        elif exchange.ended:
            return exchange.error
        else:
            news = Signal()
            exchange.watch(wait, news.set)
            yield Until(news)
            if news.value:
                return news.value


QHTTPREADFILE = _command("READFILE", "<file_name>,(1-65535)")


@QHTTPREADFILE.write(FILE, SECONDS)
def qhttpreadfile(m: Module, name: str, wait: int) -> None:
    name = plain_name(name)
    exchange = m.http.response()
    exchange.kept_whole = True
    exchange.hold_back()

    def look(error: int) -> None:
        if not (error or exchange.ended):
            exchange.watch(wait, look)
            return
        content = (exchange.head if m.http.settings.responseheader else b"") + bytes(exchange.body)
        full = len(content) > m.flash.free or m.faults.flash_is_full()
        if not full:
            m.flash.put(name, content)
        m.http.forget()
        m.urc(f"+QHTTPREADFILE: {NO_MEMORY if full else error or exchange.error}")

    look(0)
