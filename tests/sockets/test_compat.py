"""bg95.install(): who decides about verification, and what is refused instead of done half."""

import pytest
from driver import vm

from bg95_host.testbed.pki import Authority
from bg95_host.testbed.servers import TlsServer

HOST = "broker.test"

INSTALLED = """
import bg95
modem, ctx = online()
bg95.install(modem, ctx)
import socket, ssl, tls

def connect(name="broker.test", host="broker.test", context=None):
    s = socket.socket()
    s.connect(socket.getaddrinfo(host, PORT)[0][-1])
    if context is None:
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_NONE  # as requests does
    return context.wrap_socket(s, server_hostname=name)

def outcome(function, *args, **options):
    try:
        function(*args, **options)
        print("done")
    except (OSError, ValueError) as e:
        print(type(e).__name__, getattr(e, "code", e.errno if isinstance(e, OSError) else None), e)
"""


@pytest.fixture
def run(sim, options):
    def run(script, server):
        with server:
            return vm.run(INSTALLED + script, sim, options, server.port, heap="384k").splitlines()

    return run


def test_a_library_cannot_switch_verification_off(run):
    (said,) = run("outcome(connect)", TlsServer(Authority().server(HOST)))  # another CA's
    assert said.startswith("ConnectError 566")


def test_what_the_user_switched_off_is_off(run):
    said = run(
        "ctx.verify_mode = bg95.CERT_NONE\noutcome(connect)",
        TlsServer(Authority().server(HOST)),
    )
    assert said == ["done"]


def test_a_library_that_wants_verification_is_not_put_off(run, authority):
    (said,) = run(
        """
ctx.verify_mode = bg95.CERT_NONE
def demand():
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).verify_mode = ssl.CERT_REQUIRED
outcome(demand)
""",
        TlsServer(authority.server(HOST)),
    )
    assert said == "ValueError None the context given to bg95.install() verifies nothing"


@pytest.mark.parametrize(
    "script",
    [
        "outcome(connect)\noutcome(connect, 'other.test')",
        "outcome(connect, None)\noutcome(connect, None, 'other.test')",
    ],
    ids=["server_hostname", "without one, the name connected to"],
)
def test_the_name_is_sent_as_sni_and_checked(run, authority, options, script):
    options.resolve["other.test"] = "127.0.0.1"
    server = TlsServer(authority.server(HOST))
    said = run(script, server)
    assert server.counters.server_names[:2] == ["broker.test", "other.test"]
    assert said[0] == "done"
    assert said[1].startswith("ConnectError 566")


def test_a_context_of_ones_own_can_be_given_to_a_library(run, authority):
    said = run(
        """
mine = bg95.SSLContext(modem, 2)
mine.load_verify_locations(CAFILE)
s = connect(context=mine)
print(s.context is mine)
""",
        TlsServer(authority.server(HOST)),
    )
    assert said == ["True"]


def test_what_cannot_be_done_is_refused(run, authority):
    said = run(
        """
outcome(ssl.SSLContext, ssl.PROTOCOL_TLS_SERVER)
outcome(ssl.SSLContext().load_verify_locations, cadata=b"")
outcome(ssl.wrap_socket, socket.socket(), cert=b"x", key=b"y")
outcome(ssl.wrap_socket, socket.socket())
outcome(ssl.wrap_socket, socket.socket(), server_side=True)
outcome(socket.socket().bind, ("", 80))
outcome(socket.create_connection(("broker.test", PORT)).send, b"plain")
outcome(bg95.install, None, ctx)
""",
        TlsServer(authority.server(HOST)),
    )
    assert [line.split()[1] for line in said] == ["95", "95", "95", "107", "95", "95", "95", "None"]
    assert "bg95.install()" in said[1]
    assert "plain text is refused" in said[6]


def test_servers_and_udp_have_words_of_their_own(run, authority):
    said = run(
        """
outcome(socket.socket().listen, 1)
outcome(socket.socket().accept)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
outcome(udp.bind, ("", 123))
outcome(udp.sendto, b"x", ("pool.ntp.org", 123))  # what ntptime does
outcome(udp.recv, 48)
""",
        TlsServer(authority.server(HOST)),
    )
    assert [line.split()[1] for line in said] == ["95"] * 5
    assert all("takes no connections" in line for line in said[:3])
    assert all("ntptime" in line and "DTLS" in line for line in said[3:])


def test_a_timeout_set_before_wrapping_holds_afterwards(run, authority):
    said = run(
        """
s = socket.create_connection(("broker.test", PORT), timeout=0.05)
s.settimeout(30)
s = ssl.wrap_socket(s)
s.settimeout(0.05)
outcome(s.read, 1)
""",
        TlsServer(authority.server(HOST)),
    )
    assert said[0].startswith("TimeoutError 110") or said[0].startswith("TimeoutError None")


def test_opening_meanwhile_is_closed_meanwhile(run, authority):
    """A non-blocking socket that is closed before it was open leaves nothing behind."""
    said = run(
        """
s = socket.socket()
s.setblocking(False)
s.connect(("broker.test", PORT))
s = ssl.SSLContext().wrap_socket(s, server_hostname="broker.test", do_handshake_on_connect=False)
print(s.read(1), s.write(b"x"), s.readline(), s.readinto(bytearray(1)))
while not modem.connections:
    modem.poll()
s.close()
outcome(s.read, 1)
while modem.jobs:
    modem.poll()
print(bool(modem.connections), modem.dirty, modem.ssl_sockets())
""",
        TlsServer(authority.server(HOST)),
    )
    assert said == [
        "None None None None",
        "OSError 9 [Errno 9] EBADF: the socket is closed",
        "False 0 []",
    ]


def test_a_socket_that_opens_meanwhile_can_be_polled_and_closed_in_any_state(run, authority):
    said = run(
        """
import select
def opening(port):
    s = socket.socket()
    s.setblocking(False)
    s.connect(("broker.test", port))
    return ssl.SSLContext().wrap_socket(s, server_hostname="broker.test", do_handshake_on_connect=False)

poller = select.poll()
s = opening(PORT)
poller.register(s, select.POLLIN | select.POLLOUT)
print(poller.poll(0))
s.close()
print([event for _, event in poller.poll(0)])  # as MicroPython's: POLLNVAL
poller.unregister(s)

s = opening(PORT)
poller.register(s, select.POLLOUT)
print([event == select.POLLOUT for _, event in poller.poll(10000)], s.write(b"ping"))
s.close()
print([event for _, event in poller.poll(0)])
poller.unregister(s)

s = opening(1)  # nobody listens
poller.register(s, select.POLLOUT)
print([event == select.POLLOUT for _, event in poller.poll(10000)])
outcome(s.write, b"ping")
s.close()
while modem.jobs:
    modem.poll()
print(modem.connections, modem.ssl_sockets())
""",
        TlsServer(authority.server(HOST)),
    )
    assert said[:5] == ["[]", "[32]", "[True] 4", "[32]", "[True]"]
    assert said[5].startswith("ConnectError 566")
    assert said[6:] == ["[] []"]


def test_a_name_may_be_bytes(run, authority):
    """As in the examples of MicroPython's MQTT services."""
    server = TlsServer(authority.server(HOST))
    assert run("outcome(connect, b'broker.test', b'broker.test')", server) == ["done"]
    assert server.counters.server_names == ["broker.test"]


def test_datagrams_without_tls_are_refused_by_name(run, authority):
    """ntptime."""
    (said,) = run(
        """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
outcome(s.sendto, bytes(48), socket.getaddrinfo("pool.ntp.org", 123)[0][-1])
""",
        TlsServer(authority.server(HOST)),
    )
    assert said.startswith("OSError 95")
    assert "plain text is refused" in said
