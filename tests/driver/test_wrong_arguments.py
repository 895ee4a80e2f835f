"""No public call lets a wrong argument reach the module, or break where nobody expects it."""

import inspect
from pathlib import Path

import pytest
import vm
import world as w
import wrong_arguments as wrong

import bg95
from bg95 import visit


@pytest.fixture
def online(authority):
    world = w.World()
    world.serve(8883, authority.server(w.HOST))
    context = world.up(authority)
    return world, context, context.connect(w.HOST, 8883)


def test_every_wrong_argument_is_refused_by_its_name(online):
    world, context, socket = online
    world.wait_at_most(world.host.now + 60)
    rows = wrong.calls(bg95, world.modem, context, socket)
    complaints = wrong.walk(bg95, rows, lambda: len(world.uart.sent))
    stream_rows = wrong.streams(socket)
    complaints += wrong.walk(bg95, stream_rows, lambda: len(world.uart.sent), named=False)
    assert "\n".join(complaints) == ""
    socket.write(b"ping")
    assert socket.read(4) == b"ping"


@pytest.mark.parametrize("extra", [{"t\u00e4xt": 1}, {"item": 1.5}, {"item": "t\u00e4xt"}, {7: 1}])
def test_a_wrong_item_of_other_firmware_is_refused_before_a_byte_is_sent(online, extra):
    world, context, _ = online
    context.extra = extra
    sent = len(world.uart.sent)
    with pytest.raises((TypeError, ValueError), match="item"):
        context.connect(w.HOST, 8883)
    assert len(world.uart.sent) == sent


IN_VM = """
import bg95, wrong_arguments as wrong
class Counted(UART):
    sent = 0
    def write(self, buf, off, n):
        Counted.sent += n
        return UART.write(self, buf, off, n)
    def init(self, baudrate):
        pass
modem = bg95.Modem(Counted(), sockets=2, baudrate=115200)
modem.active(True)
modem.connect("iot")
ctx = bg95.SSLContext(modem, 1)
ctx.load_verify_locations(CAFILE)
sock = ctx.connect("broker.test", PORT)
for rows, named in ((wrong.calls(bg95, modem, ctx, sock), True), (wrong.streams(sock), False)):
    for complaint in wrong.walk(bg95, rows, lambda: Counted.sent, named):
        print(complaint)
sock.write(b"ping")
print(sock.read(4))
"""


def test_every_wrong_argument_is_refused_in_the_vm(sim, options, echo_server):
    here = Path(__file__).parent
    out = vm.run(IN_VM, sim, options, echo_server.port, libraries=[here], heap="1m")
    assert out == "b'ping'\n"


def functions(visitor):
    """What a visitor defines: the methods of a resident class's other half."""
    module = visit.load(visitor)
    return [
        name
        for name, thing in vars(module).items()
        if inspect.isfunction(thing) and thing.__module__ == module.__name__
    ]


def public_names(modem, context, socket):
    """Class -> what it has, wherever it lives: in the class, in the object (bound when it is made) or in a visitor."""
    return {
        "Modem": [*vars(type(modem)), *functions("modem")],
        "Files": vars(type(modem.files)),
        "Crypt": vars(type(modem.crypt)),
        "SSLContext": [
            *vars(type(context)),
            *visit.load("context")._METHODS,
            *visit.load("context")._ATTRIBUTES,
            "verify_mode",
            "psk",
        ],
        "SSLSocket": [*vars(type(socket)), *vars(socket), *functions("socket")],
    }


def test_every_public_call_is_walked(online):
    world, context, socket = online
    rows = wrong.calls(bg95, world.modem, context, socket) + wrong.streams(socket)
    walked = {name for name, *_ in rows}
    missing = []
    for kind, names in public_names(world.modem, context, socket).items():
        for name in names:
            if name[0] != "_" and name not in wrong.WITHOUT[kind].split():
                missing += [f"{kind}.{name}"] if f"{kind}.{name}" not in walked else []
    assert " ".join(missing) == ""
