# ruff: noqa: F811 (a fixture is named again where it is used)
"""Other people's clients on the virtual machine, other people's servers on this one, the modem between them."""

import hashlib
import os
import tarfile
from pathlib import Path

import pytest
from driver.conftest import authority, flash, options, sim  # noqa: F401

from bg95_host.testbed import peers

HOST = "broker.test"
CACHE = Path(__file__).resolve().parents[2] / "build" / "peers"

# In front of an app: a modem with one context, and a count of the AT commands that something takes.
ONLINE = """
import bg95
modem, ctx = online()
bg95.install(modem, ctx)
HOST = "broker.test"

class Counter:
    def __init__(self):
        self.counts = {}
    def write(self, text):  # what modem.trace() writes: "12.345 > AT+QSSLSEND=0,5"
        if "> AT" in text:
            name = text.split("> AT+")[1].split("=")[0].strip()
            self.counts[name] = self.counts.get(name, 0) + 1

def busy(c):
    return c.op or c.w or (c.hint and not c.rx.any())

def cost(function, *args):
    "What function(*args) returned, and the AT commands it took until all is said."
    counter = Counter()
    modem.trace(counter)
    result = function(*args)
    while modem.jobs or [c for c in modem.connections if busy(c)]:
        modem.poll()
    modem.trace(None)
    return result, sorted(counter.counts.items())
"""

# Sources as they were published; what pip cannot install, since MicroPython's packages have no setup.py.
UMQTT = {
    "micropython-umqtt.simple-1.3.4.tar.gz": (
        "umqtt/simple.py",
        "b6a2520239e3992c63a7de9370ee9b3d9d27819a90359c521f1c0f7ccab8d12f",
    ),
    "micropython-umqtt.robust-1.0.tar.gz": (
        "umqtt/robust.py",
        "22a1b8c8e1128281efb13b3020927d07e33c5b747869da2cd77d37983a9ea002",
    ),
}


def download(name: str, path: Path) -> None:
    """Fetch a file of PyPI."""
    import pypi_simple

    with pypi_simple.PyPISimple() as index:
        page = index.get_project_page(name.rsplit("-", 1)[0], timeout=30)
        package = next(p for p in page.packages if p.filename == name)
        index.download_package(package, path, timeout=30)


def sdist(name: str, sha256: str) -> Path:
    """A file of PyPI, kept in build/peers."""
    import truststore

    path = CACHE / name
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        truststore.inject_into_ssl()  # whom the system trusts, as pip does: a company's proxy
        try:
            download(name, path)
        finally:
            truststore.extract_from_ssl()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256, f"{path} was changed"
    return path


@pytest.fixture(scope="session")
def pypi_umqtt(tmp_path_factory):
    """A folder with PyPI's umqtt.simple and umqtt.robust."""
    folder = tmp_path_factory.mktemp("pypi")
    (folder / "umqtt").mkdir()
    for name, (member, sha256) in UMQTT.items():
        try:
            path = sdist(name, sha256)
        except OSError as e:  # requests' errors are OSErrors
            pytest.skip(f"{name} cannot be had from PyPI: {e}")
        with tarfile.open(path) as tar:
            source = tar.extractfile(f"{name[: -len('.tar.gz')]}/{member}")
            (folder / member).write_bytes(source.read())
    return folder


@pytest.fixture(scope="session")
def micropython_lib():
    """A checkout of micropython-lib, for what it has published nowhere else."""
    path = os.environ.get("MICROPYTHON_LIB")
    if not path:
        pytest.skip("set MICROPYTHON_LIB to a checkout of micropython/micropython-lib")
    return Path(path)


@pytest.fixture
def broker(authority, tmp_path):
    """A mosquitto."""
    try:
        with peers.mosquitto(tmp_path, authority.server(HOST)) as running:
            yield running
    except peers.PeerMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def https(authority, tmp_path_factory):
    """A real HTTPS server."""
    from peers.https_server import HttpsServer

    with HttpsServer(authority.server(HOST), tmp_path_factory.mktemp("https")) as server:
        yield server
