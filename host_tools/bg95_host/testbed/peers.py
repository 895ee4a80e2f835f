"""Other people's servers as peers of a test: `openssl s_server`, mosquitto and nginx.

Each listens on 127.0.0.1. `PeerMissing` is raised where the program is not installed; tests turn it
into a skip with its reason.
"""

import contextlib
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bg95_host.testbed.pki import Authority, Credential
from bg95_host.testbed.servers import closed_port

_START_S = 10.0  # milliseconds are the rule; a loaded CI machine gets this long
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin"


class PeerMissing(Exception):
    """The program is not on this machine; the text says how to get it."""


@dataclass(frozen=True)
class Running:
    """A started peer: where it listens, the process, and the file with all it printed."""

    host: str
    port: int
    process: subprocess.Popen
    log: Path


def need(program: str, package: str) -> str:
    """The path of `program`, which Debian has in `package`. Raises PeerMissing."""
    found = shutil.which(program) or shutil.which(program, path=_SYSTEM_PATH)
    if not found:
        raise PeerMissing(f"{program} is not installed (Debian: apt-get install {package})")
    return found


@contextlib.contextmanager
def openssl_s_server(
    directory: Path, credential: Credential | None, *options: str, echo: bool = False
) -> Iterator[Running]:
    """`openssl s_server` with more `options` (for instance "-dtls1_2", or "-psk" and a hex key).

    `echo`: give every line back reversed (`-rev`), the one kind of echo that s_server knows.
    """
    command = [need("openssl", "openssl"), "s_server", "-accept", "127.0.0.1:0", *options]
    if credential:
        cert, key = credential.write(directory, "s_server")
        command += ["-cert", str(cert), "-cert_chain", str(cert), "-key", str(key)]
    else:
        command += ["-nocert"]
    if echo:
        command += ["-rev"]
    with _started(command, directory / "s_server.log") as (process, log):
        accept = _wait_for_line(process, log, rb"ACCEPT 127\.0\.0\.1:(\d+)")
        yield Running("127.0.0.1", int(accept.group(1)), process, log)


@contextlib.contextmanager
def mosquitto(
    directory: Path, credential: Credential, *, client_ca: Authority | None = None
) -> Iterator[Running]:
    """The MQTT broker with a TLS listener, open to anybody (or to clients of `client_ca`)."""
    program = need("mosquitto", "mosquitto")
    cert, key = credential.write(directory, "mosquitto")
    port = closed_port()
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", f"certfile {cert}"]
    lines += [f"keyfile {key}", "tls_version tlsv1.2", "log_dest stderr"]
    lines += ["user root"]  # else it drops to a user who may not read the test's directory
    if client_ca:
        ca = client_ca.write(directory, "mosquitto-ca.pem")
        lines += [f"cafile {ca}", "require_certificate true"]
    config = directory / "mosquitto.conf"
    config.write_text("\n".join(lines) + "\n")
    with _started([program, "-c", str(config)], directory / "mosquitto.log") as (process, log):
        _wait_for_port(process, log, port)
        yield Running("127.0.0.1", port, process, log)


_NGINX_CONFIG = """
daemon off; master_process off; pid {root}/nginx.pid; error_log stderr info;
events {{ }}
http {{
  access_log {root}/access.log;
  client_body_temp_path {root}; proxy_temp_path {root}; fastcgi_temp_path {root};
  uwsgi_temp_path {root}; scgi_temp_path {root};
  server {{
    listen 127.0.0.1:{port} ssl; server_name {name};
    ssl_certificate {cert}; ssl_certificate_key {key}; ssl_protocols TLSv1.2; {client}
    root {www};
  }}
}}
"""


@contextlib.contextmanager
def nginx(
    directory: Path, credential: Credential, www: Path, *, client_ca: Authority | None = None
) -> Iterator[Running]:
    """nginx serving the files of `www` over HTTPS, to anybody (or to clients of `client_ca`)."""
    program = need("nginx", "nginx")
    cert, key = credential.write(directory, "nginx")
    client = ""
    if client_ca:
        client = f"ssl_verify_client on; ssl_client_certificate {client_ca.write(directory)};"
    port = closed_port()
    config = directory / "nginx.conf"
    config.write_text(
        _NGINX_CONFIG.format(
            root=directory,
            port=port,
            name=credential.name,
            cert=cert,
            key=key,
            client=client,
            www=www,
        )
    )
    command = [program, "-e", "stderr", "-p", str(directory), "-c", str(config)]
    with _started(command, directory / "nginx.log") as (process, log):
        _wait_for_port(process, log, port)
        yield Running("127.0.0.1", port, process, log)


@contextlib.contextmanager
def _started(command: list[str], log: Path) -> Iterator[tuple[subprocess.Popen, Path]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process, log
    finally:
        process.kill()
        process.communicate()


def _wait_for_line(process: subprocess.Popen, log: Path, pattern: bytes) -> re.Match[bytes]:
    deadline = time.monotonic() + _START_S
    while not (match := re.search(pattern, log.read_bytes())):
        _check_alive(process, log, deadline)
    return match


def _wait_for_port(process: subprocess.Popen, log: Path, port: int) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        _check_alive(process, log, deadline)


def _check_alive(process: subprocess.Popen, log: Path, deadline: float) -> None:
    program = Path(str(process.args[0])).name  # type: ignore[index]
    if process.poll() is not None:
        raise RuntimeError(f"{program} ended at once: {log.read_text(errors='replace').strip()}")
    if time.monotonic() > deadline:
        raise RuntimeError(f"{program} did not start within {_START_S:.0f} s; see {log}")
    time.sleep(0.01)  # poll interval, not a guess of how long the start takes
