"""An HTTPS server for trying: GET / says hello, GET /bytes/N gives N bytes, POST and PUT give back what came."""

from __future__ import annotations

import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_LARGEST = 1 << 20  # bytes of a body, either way
_PATIENCE_S = 60  # for a client that says nothing


class _Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "bg95-testbed"
    timeout = _PATIENCE_S

    def do_GET(self) -> None:
        size = re.fullmatch(r"/bytes/(\d{1,7})", self.path)
        if self.path == "/":
            self._answer(200, b"Hello from the testbed.\n", "text/plain")
        elif size and int(size[1]) <= _LARGEST:
            self._answer(200, bytes(at % 251 for at in range(int(size[1]))))
        else:
            self._answer(404, b"There are / and /bytes/N.\n", "text/plain")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        size = self.headers.get("Content-Length", "")
        if not size.isdecimal() or int(size) > _LARGEST:
            self.close_connection = True
            self._answer(411, b"Say the Content-Length, 1 MiB at most.\n", "text/plain")
            return
        kind = self.headers.get("Content-Type", "application/octet-stream")
        self._answer(200, self.rfile.read(int(size)), kind)

    do_PUT = do_POST

    def _answer(self, status: int, body: bytes, kind: str = "application/octet-stream") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Not on stderr."""


class HttpsServer(ThreadingHTTPServer):
    """A context manager; `port` is where it listens."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        super().__init__(address, _Pages)
        self.port: int = self.server_address[1]
        # The handshake is the thread's of that connection, not of the one that accepts.
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self.serve_forever, name="https", daemon=True)

    def __enter__(self) -> HttpsServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that broke off is its own affair."""
