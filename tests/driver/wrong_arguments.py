"""Every public call with wrong values for each of its parameters. Runs on CPython and, unchanged, in MicroPython's VM.

What comes out has to be a TypeError, a ValueError or a ModemError, and no byte may have left. TypeError and ValueError
name the parameter; where a socket behaves as a stream of MicroPython does, the words are MicroPython's.
"""


class Odd:
    """Nothing that any parameter could mean."""


ODD = Odd()
_KINDS = {
    "text": (
        None,
        True,
        7,
        1.5,
        b"text",
        bytearray(b"text"),
        (),
        ODD,
        "t\u00e4xt",
        "te\rxt",
        'te"xt',
    ),
    "host": (None, True, 7, 1.5, (), ODD, "t\u00e4xt", "te\rxt", 'te"xt', b"\xff\xfe", b"te\rxt"),
    "word": (True, 7, 1.5, b"text", (), ODD, "nosuch", "t\u00e4xt"),  # one of a few
    "prefix": (None, True, 7, 1.5, (), ODD),
    "number": (None, True, 1.5, "1", b"1", (), ODD, -1, 1 << 40),
    "seconds": (True, "1", b"1", (), ODD, -1, 1e12),
    "switch": (None, 1.5, "on", b"on", (), ODD),
    "bytes": (None, True, 7, 1.5, "text", (), ODD),
    "count": (None, True, 1.5, "1", b"1", (), ODD, 1 << 40),  # -1: all
    "sent": (None, True, 7, 1.5, [0] * 2000, ODD),
    "buffer": (None, True, 7, 1.5, ODD),
    "content": (None, True, 7, 1.5, (), ODD),  # bytes or str
    "call": (True, 7, 1.5, "text", b"text", (), ODD),
    "thing": (True, 7, 1.5, "text", b"text", (), ODD),  # with methods: a pin, a timer, a stream
    "tuple": (True, 7, 1.5, "text", b"text", (), (1,), ODD),
    "names": (True, 7, 1.5, b"text", (), ("a", "b", "c"), (1, 2), ODD, "t\u00e4xt", ("t\u00e4xt",)),
    "suite": (None, 1.5, b"text", (), ODD, "nosuch", 7, True),
}


def _wrong(kind):
    """The values that are wrong for a kind; "number?" takes None as well."""
    optional = kind[-1] == "?"
    return [v for v in _KINDS[kind[:-1] if optional else kind] if not (optional and v is None)]


class Uart:
    """One that nobody answers on."""

    def any(self):
        return 0

    def readinto(self, buf, n):
        return 0

    def write(self, buf, off=0, n=0):
        return n

    def init(self, baudrate):
        pass


class Sink:
    """A stream."""

    def write(self, data):
        pass


def calls(bg95, modem, context, socket):
    """(name, function, right arguments in order, kind of each parameter) of every public call that takes any."""
    connect = {"apn": "iot", "user": "", "password": "", "auth": None, "pin": None, "ip_version": 1}
    connect.update({"pdp_ctx_id": None, "timeout_ms": None})

    def setting(name):
        return lambda **value: setattr(context, name, next(iter(value.values())))

    def set_mode(mode):
        socket.mode = mode

    aes = {"key": b"k" * 16, "data": b"d" * 16}
    rows = [
        ("Modem", bg95.Modem, {"uart": Uart()}, {
            "uart": "thing", "pwrkey": "thing?", "status": "thing?", "dtr": "thing?",
            "baudrate": "number?", "sockets": "number", "pdp_ctx_id": "number",
        }),
        ("install", bg95.install, {"modem": modem, "ctx": context}, {
            "modem": "thing", "ctx": "thing", "timer": "thing?",
        }),
        ("Modem.active", modem.active, {}, {"on": "switch?"}),
        ("Modem.connect", modem.connect, connect, {
            "apn": "text", "user": "text", "password": "text", "auth": "number?", "pin": "text?",
            "ip_version": "number", "pdp_ctx_id": "number?", "timeout_ms": "number?",
        }),
        ("Modem.disconnect", modem.disconnect, {}, {"pdp_ctx_id": "number?"}),
        ("Modem.isconnected", modem.isconnected, {}, {"pdp_ctx_id": "number?"}),
        ("Modem.ipconfig", modem.ipconfig, {}, {"param": "word", "dns": "names?"}),
        ("Modem.status", modem.status, {}, {"param": "word"}),
        ("Modem.config", modem.config, {}, {"param": "word"}),
        ("Modem.command", modem.command, {"command": "AT"}, {"command": "text", "timeout_ms": "number?"}),
        ("Modem.on_urc", modem.on_urc, {"prefix": "+X:", "handler": None}, {"prefix": "prefix", "handler": "call?"}),
        ("Modem.trace", modem.trace, {}, {"stream": "thing?"}),
        ("Modem.background", modem.background, {}, {"timer": "thing?"}),
        ("Modem.clock", modem.clock, {}, {"t": "tuple?"}),
        ("Modem.set_baudrate", modem.set_baudrate, {"baudrate": 115200}, {"baudrate": "number", "save": "switch"}),
        ("Modem.flow_control", modem.flow_control, {}, {"on": "switch"}),
        ("Modem.sleep", modem.sleep, {}, {"on": "switch"}),
        ("Modem.power_saving", modem.power_saving, {"tau_s": 3600}, {"tau_s": "number?", "active_s": "number"}),
        ("Modem.edrx", modem.edrx, {"cycle_s": 10}, {"cycle_s": "seconds?", "act": "number"}),
        ("Modem.functionality", modem.functionality, {}, {"level": "number"}),
        ("Modem.network_time", modem.network_time, {}, {"follow": "switch?"}),
        ("Files.upload", modem.files.upload, {"name": "a", "data": b"x"}, {
            "name": "text", "data": "content", "ack": "switch",
        }),
        ("Files.remove", modem.files.remove, {}, {"name": "text"}),
        ("Files.read", modem.files.read, {"name": "a", "stream": Sink()}, {"name": "text", "stream": "thing"}),
        ("Crypt.encrypt", modem.crypt.encrypt, aes, {"key": "bytes", "data": "bytes"}),
        ("Crypt.decrypt", modem.crypt.decrypt, aes, {"key": "bytes", "data": "bytes"}),
        ("Crypt.md5", modem.crypt.md5, {}, {"data": "content"}),
        ("SSLContext", bg95.SSLContext, {"modem": modem}, {
            "modem": "thing", "ssl_ctx_id": "number", "pdp_ctx_id": "number?",
        }),
        ("SSLContext.load_verify_locations", context.load_verify_locations, {}, {"cafile": "text"}),
        ("SSLContext.load_cert_chain", context.load_cert_chain, {"certfile": "a", "keyfile": "b"}, {
            "certfile": "text", "keyfile": "text",
        }),
        ("SSLContext.set_ciphers", context.set_ciphers, {}, {"suite": "suite"}),
        ("SSLContext.connect", context.connect, {"host": "a.b", "port": 443}, {
            "host": "host", "port": "number", "mode": "number", "timeout_ms": "number?", "progress": "call?",
        }),
        ("SSLContext.wrap_socket", context.wrap_socket, {}, {"sock": "thing"}),
        ("SSLContext.psk", setting("psk"), {}, {"psk": "tuple?"}),
        ("SSLContext.verify_mode", setting("verify_mode"), {}, {"verify_mode": "number"}),
        ("SSLSocket.settimeout", socket.settimeout, {}, {"seconds": "seconds?"}),
        ("SSLSocket.mode", set_mode, {}, {"mode": "number"}),
        ("SSLSocket.send_text", socket.send_text, {}, {"text": "content"}),
    ]  # fmt: skip
    for name, own in (
        ("check_hostname", "checkhost"),
        ("check_validity", "ignorelocaltime"),
        ("sni", "sni"),
        ("session_resumption", "session"),
        ("renegotiation", "renegotiation"),
        ("dtls", "dtls"),
    ):
        rows.append(("SSLContext." + name, setting(name), {}, {own: "switch"}))
    for name, own in (
        ("version", "sslversion"),
        ("dtls_version", "dtlsversion"),
        ("negotiate_timeout", "negotiatetime"),
    ):
        rows.append(("SSLContext." + name, setting(name), {}, {own: "number"}))
    return rows


def streams(socket):
    """As calls(), of what a socket has of a MicroPython stream."""
    return [
        ("SSLSocket.read", socket.read, {}, {"n": "count"}),
        ("SSLSocket.recv", socket.recv, {}, {"n": "number"}),
        ("SSLSocket.readline", socket.readline, {}, {"n": "count"}),
        ("SSLSocket.readinto", socket.readinto, {}, {"buf": "buffer"}),
        ("SSLSocket.recv_into", socket.recv_into, {}, {"buf": "buffer"}),
        ("SSLSocket.write", socket.write, {}, {"buf": "sent"}),
        ("SSLSocket.send", socket.send, {}, {"buf": "sent"}),
        ("SSLSocket.sendall", socket.sendall, {}, {"buf": "sent"}),
    ]


# What takes no argument, or is no call of an application's
WITHOUT = {
    "Modem": "check clock_set diagnose fail_all gone poll power_off ready reset rest restarted run ssl_sockets",
    "Files": "free list",
    "Crypt": "",
    "SSLContext": "files read_back",
    "SSLSocket": "client_id close context fileno flush flush_ms ioctl makefile pending setblocking shut switch",
}


def walk(bg95, rows, sent, named=True):
    """Calls all of `rows` with wrong values; returns what was not refused as it should be. sent(): bytes so far."""
    complaints = []
    for name, function, right, parameters in rows:
        for parameter in parameters:
            for value in _wrong(parameters[parameter]):
                before = sent()
                try:
                    arguments = dict(right)
                    arguments[parameter] = value
                    function(**arguments)
                    fault = "not refused"
                except bg95.ModemError:
                    fault = ""
                except (TypeError, ValueError) as e:
                    words = str(e)
                    known = parameter in words or name.split(".")[-1] in words
                    fault = "" if known or not named else "does not name it: " + words
                except Exception as e:
                    fault = f"{type(e)}: {e}"
                if sent() != before:
                    fault += " after bytes were sent"
                if fault:
                    complaints.append(f"{name}({parameter}={value!r}): {fault}")
    return complaints
