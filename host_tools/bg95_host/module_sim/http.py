"""The module's HTTP(S) client (spec 4.5): h11 speaks, over a connection of the module.

One request at a time. Its response stays at the server's end of the connection until it is read:
what the module has no room for, TCP holds back. A redirection is a response like any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import h11

from .connection import Connection
from .results import CmeError
from .schedule import Timer

if TYPE_CHECKING:
    from .core import Module

UNKNOWN, TIMEOUT, BUSY, NO_REQUEST, DEACTIVATED = 701, 702, 703, 705, 709
BAD_URL, EMPTY_URL, DNS_ERROR, CONNECT_ERROR, CLOSED = 711, 712, 714, 716, 719
DECODE_ERROR, READ_TIMEOUT, INPUT_TIMEOUT, NO_MEMORY = 721, 722, 726, 729
OPEN_ERRORS = {564: DNS_ERROR, 565: DNS_ERROR, 569: TIMEOUT, 570: DEACTIVATED}  # of spec 1.8
CLOSE_S = 10
CONTENT_TYPES = (
    "application/x-www-form-urlencoded",
    "text/plain",
    "application/octet-stream",
    "multipart/form-data",
)
AGENT = "QUECTEL_MODULE"
LEGAL = "%!$&'()*+,;=:@/?~"  # in a path and a query, beside letters, digits, "-", "." and "_"


@dataclass(frozen=True)
class Target:
    """Where a URL leads."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        """The host, and a port that is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def target_of(url: str) -> Target:
    """The parts of a URL; raises CmeError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise CmeError(BAD_URL) from None
    if parts.scheme not in ("http", "https") or not (parts.hostname or "").isascii():
        raise CmeError(BAD_URL)
    if not parts.hostname or not url.isprintable():
        raise CmeError(BAD_URL)
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    path = quote(path, safe=LEGAL, encoding="latin-1")
    return Target(secure, parts.hostname, port or (443 if secure else 80), path)


@dataclass
class HttpSettings:
    """AT+QHTTPCFG, in the order in which it lists them."""

    contextid: int = 1
    requestheader: int = 0
    responseheader: int = 0
    sslctxid: int = 1
    contenttype: int = 0


class _HttpConnection(Connection):
    """The connection of one exchange."""

    def __init__(self, module: Module, exchange: Exchange, target: Target) -> None:
        settings = module.http.settings
        super().__init__(
            module,
            settings.contextid,
            target.host,
            target.port,
            ssl_ctx_id=settings.sslctxid if target.secure else None,
        )
        self._exchange = exchange

    @property
    def label(self) -> str:
        return "HTTP client"

    def on_opened(self, code: int) -> None:
        self._exchange.opened(OPEN_ERRORS.get(code, CONNECT_ERROR) if code else 0)

    def on_data(self, data: bytes) -> None:
        self._exchange.arrived(data)

    def on_closed(self, reason: str) -> None:
        self._exchange.arrived(b"")


class Exchange:
    """One request and its response."""

    def __init__(self, module: Module, target: Target, method: str) -> None:
        self._m = module
        self.target = target
        self.method = method
        self.connection = _HttpConnection(module, self, target)
        self.responded = False  # what the request came to has been reported
        self.complete = False
        self.error = 0  # what ended the response too early
        self.head = b""
        self.body = bytearray()
        self.kept_whole = False  # AT+QHTTPREADFILE: nobody needs to hold the server back
        self._h11 = h11.Connection(h11.CLIENT)
        self._request: tuple[bytes, int] | None = None  # to be sent once the connection stands
        self._report: Callable[[str], None] | None = None
        self._patience: Timer | None = None
        self._watcher: tuple[Callable[[int], None], Timer] | None = None

    # -- the request ---------------------------------------------------------------------------

    def prepared(self, body: bytes) -> bytes:
        """A request with the module's own header."""
        headers = [
            ("Host", self.target.host_header),
            ("Accept", "*/*"),
            ("User-Agent", AGENT),
            ("Connection", "Keep-Alive"),
        ]
        if self.method == "POST":
            headers.append(("Content-Type", CONTENT_TYPES[self._m.http.settings.contenttype]))
            headers.append(("Content-Length", str(len(body))))
        request = h11.Request(method=self.method, target=self.target.path, headers=headers)
        data = self._h11.send(request) or b""
        if body:
            data += self._h11.send(h11.Data(data=body)) or b""
        return data + (self._h11.send(h11.EndOfMessage()) or b"")

    def as_written(self, request: bytes) -> bytes:
        """A request with the host's header; h11 is told as much as it needs for the response."""
        word = re.match(rb"[A-Z]+(?= )", request)
        method = word[0].decode() if word else self.method
        self._h11.send(h11.Request(method=method, target="/", headers=[("Host", "as-written")]))
        self._h11.send(h11.EndOfMessage())
        return request

    def start(self, request: bytes, patience: int, report: Callable[[str], None]) -> None:
        """Send as soon as the connection stands, and report what it came to."""
        self._report = report
        if self.connection.opened.is_set:
            self._send(request, patience)
        else:
            self._request = request, patience

    def opened(self, error: int) -> None:
        """The connection stands, or could not be opened."""
        if error:
            self.error = error
            self._respond(str(error))
        elif self._request is not None:
            self._send(*self._request)

    def _send(self, request: bytes, patience: int) -> None:
        if not self.connection.send(request):
            self._respond(str(CLOSED))
            return
        self._patience = self._m.after(patience, self._gave_up)

    def _gave_up(self) -> None:
        self.error = TIMEOUT
        self.connection.close(CLOSE_S)
        self._respond(str(TIMEOUT))

    def _respond(self, result: str) -> None:
        """Report, once, what the request came to."""
        if self._patience:
            self._patience.cancel()
        if self._report is not None and not self.responded:
            self.responded = True
            self._report(result)

    # -- the response --------------------------------------------------------------------------

    def arrived(self, data: bytes) -> None:
        """Bytes of the response; b"" is the end of the connection."""
        if self.ended:
            return
        if self._h11.our_state is h11.IDLE:
            self.error = CLOSED  # before there was a request
            return
        try:
            self._h11.receive_data(data)
            self._take_events()
        except h11.RemoteProtocolError as error:
            self._m.trace("net", text=f"{self.connection.label}: {error}")
            self._end(DECODE_ERROR if data else CLOSED)
        self.hold_back()
        self._tell(0)

    def _take_events(self) -> None:
        while (event := self._h11.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Response):
                self._take_head(event)
            elif isinstance(event, h11.Data):
                self.body += event.data
            elif isinstance(event, h11.EndOfMessage):
                self._end(0)
                return
            elif isinstance(event, h11.ConnectionClosed):
                self._end(CLOSED)
                return

    def _take_head(self, response: h11.Response) -> None:
        lines = [f"HTTP/{response.http_version.decode()} {response.status_code} ".encode()]
        lines[0] += bytes(response.reason)
        lines += [name + b": " + value for name, value in response.headers.raw_items()]
        self.head = b"\r\n".join([*lines, b"", b""])
        length = dict(response.headers).get(b"content-length")
        self._respond(f"0,{response.status_code}" + (f",{length.decode()}" if length else ""))

    def _end(self, error: int) -> None:
        self.complete = not error
        self.error = error
        self.connection.close(CLOSE_S)
        self._respond(str(error))

    def hold_back(self) -> None:
        """Let TCP hold the server back while nobody reads."""
        full = len(self.body) >= self._m.traits.receive_buffer and not self.kept_whole
        self.connection.hold(full)

    def take(self, size: int) -> bytes:
        """Some of the body that is here."""
        data = bytes(self.body[:size])
        del self.body[:size]
        self.hold_back()
        return data

    def watch(self, wait: int, told: Callable[[int], None]) -> None:
        """Call `told` once: with 0 at the next news, with READ_TIMEOUT where none come in time."""
        timer = self._m.after(wait, lambda: self._tell(READ_TIMEOUT))
        self._watcher = told, timer
        if self.ended:
            self._tell(0)

    def _tell(self, error: int) -> None:
        if self._watcher is not None:
            (told, timer), self._watcher = self._watcher, None
            timer.cancel()
            told(error)

    @property
    def ended(self) -> bool:
        """Nothing more will come."""
        return self.complete or bool(self.error)

    def drop(self) -> None:
        """Nobody wants the rest."""
        if self._patience:
            self._patience.cancel()
        if self.connection.in_use:
            self.connection.close(CLOSE_S)


class HttpClient:
    """AT+QHTTP… of one module."""

    def __init__(self, module: Module) -> None:
        self._m = module
        self.settings = HttpSettings()
        self.url = ""
        self.exchange: Exchange | None = None

    @property
    def connection(self) -> Connection | None:
        """The connection that is open, or being opened."""
        connection = self.exchange.connection if self.exchange else None
        return connection if connection is not None and connection.in_use else None

    def begin(self, method: str) -> Exchange:
        """Connect for a request; raises CmeError."""
        self.require_idle()
        if not self.url:
            raise CmeError(EMPTY_URL)
        target = target_of(self.url)
        if not self._m.pdp[self.settings.contextid].active:
            raise CmeError(DEACTIVATED)
        self.forget()
        self.exchange = Exchange(self._m, target, method)
        self.exchange.connection.open()
        return self.exchange

    def require_idle(self) -> None:
        """Refuse while a request waits for its response."""
        if self.exchange is not None and not self.exchange.responded:
            raise CmeError(BUSY)

    def response(self) -> Exchange:
        """The response that can be read, once; raises CmeError."""
        if self.exchange is None or not self.exchange.head:
            raise CmeError(NO_REQUEST)
        return self.exchange

    def forget(self) -> None:
        """The exchange is over."""
        if self.exchange is not None:
            self.exchange.drop()
            self.exchange = None
