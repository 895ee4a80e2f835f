"""Whatever the module says, nothing but ModemError leaves the driver, in bounded time, and it finds back."""

from hypothesis import given, settings
from hypothesis import strategies as st
from nasty import FRAGMENTS
from restless import Garbling

CALLS = {
    "active": lambda modem, ctx: modem.active(True),
    "command": lambda modem, ctx: modem.command("AT+CSQ"),
    "connect": lambda modem, ctx: modem.connect("iot", pin="1234", timeout_ms=3000),
    "disconnect": lambda modem, ctx: modem.disconnect(),
    "isconnected": lambda modem, ctx: modem.isconnected(),
    "addr4": lambda modem, ctx: modem.ipconfig("addr4"),
    "dns": lambda modem, ctx: modem.ipconfig("dns"),
    "registered": lambda modem, ctx: modem.status(),
    "rssi": lambda modem, ctx: modem.status("rssi"),
    "operator": lambda modem, ctx: modem.status("operator"),
    "signal": lambda modem, ctx: modem.status("signal"),
    "clock": lambda modem, ctx: modem.clock(),
    "network_time": lambda modem, ctx: modem.network_time(),
    "ssl_sockets": lambda modem, ctx: modem.ssl_sockets(),
    "diagnose": lambda modem, ctx: modem.diagnose(),
    "free": lambda modem, ctx: modem.files.free(),
    "list": lambda modem, ctx: modem.files.list(),
    "upload": lambda modem, ctx: modem.files.upload("ca.pem", b"0123456789"),
    "read": lambda modem, ctx: modem.files.read("ca.pem", Nowhere()),
    "remove": lambda modem, ctx: modem.files.remove("ca.pem"),
    "encrypt": lambda modem, ctx: modem.crypt.encrypt(b"k" * 16, b"d" * 16),
    "md5": lambda modem, ctx: modem.crypt.md5(b"data"),
    "read_back": lambda modem, ctx: ctx.read_back(),
    "open": lambda modem, ctx: ctx.connect("broker.test", 8883).close(),
}

# The starts of answers, so that lines of the right kind with the wrong fields come up.
STARTS = [
    b"+CSQ: ", b"+CPIN: ", b"+CEREG: ", b"+CGREG: ", b"+CREG: ", b"+QIACT: ", b"+QIDNSCFG: ",
    b"+COPS: ", b"+QCSQ: ", b"+CCLK: ", b"+QLTS: ", b"+QSSLSTATE: ", b"+QFLDS: ", b"+QFLST: ",
    b"+QFUPL: ", b"+QFOPEN: ", b"CONNECT ", b"+QSSLCRYPT: ", b"+QSSLCFG: ", b"+QSSLOPEN: ",
    b"+QSSLRECV: ", b"+QIGETERROR: ", b"+CMEE: ", b"+CME ERROR: ",
]  # fmt: skip
FIELDS = [
    b"0",
    b"1",
    b"99999999999999999999",
    b"-1",
    b'""',
    b'"abc"',
    b'"26/11/22"',
    b"",
    b"x",
    b'"',
]

line = st.builds(
    lambda start, fields: b"\r\n" + start + b",".join(fields) + b"\r\n",
    st.sampled_from(STARTS),
    st.lists(st.sampled_from(FIELDS), max_size=5),
)
final = st.sampled_from([b"", b"\r\nOK\r\n", b"\r\nERROR\r\n", b"\r\nCONNECT\r\n"])
answer = st.builds(
    lambda parts, last: b"".join(parts) + last,
    st.lists(st.one_of(line, st.sampled_from(FRAGMENTS), st.binary(max_size=20)), max_size=3),
    final,
)


class Nowhere:
    """A stream that forgets."""

    def write(self, data):
        return len(data)


@settings(max_examples=300)
@given(st.sampled_from(sorted(CALLS)), st.lists(answer, min_size=1, max_size=12))
def test_garbage_is_a_modem_error_and_then_all_is_well(driver, clock, name, answers) -> None:
    module = Garbling(clock, [])
    modem = driver.Modem(module)
    modem.idle = module.idle
    modem.active(True)
    context = driver.SSLContext(modem, 1)
    context.verify_mode = driver.CERT_NONE
    context.check_validity = False
    module.answers = list(answers)
    begun = clock.now
    try:
        CALLS[name](modem, context)
    except driver.ModemError as e:
        assert str(e)
    # AT+QSSLOPEN may take 450 s, and closing what failed 10 s more (1.6.2, 1.6.5).
    assert clock.now - begun < 600_000
    module.answers = []
    modem.active(True)
    assert modem.command("AT+CGMM") == ["BG95-M3"]
