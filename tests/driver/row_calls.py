"""The calls of the driver that the rows of the command reference name, one function each.

`CALLS[row.api]` makes the call that has to send the row's request, or to understand its answer, and checks what comes
of it. Runs on CPython and in the MicroPython VM, as row_player.py.
"""

import io
from binascii import unhexlify

from row_player import ERROR, OK, ROW, Module

_HOST = "broker.example.com"
_PORT = 8883
_URC_PREFIX = "+QIND:"
_URC = b'+QIND: "smsfull",'  # the one that a variation puts in


def play(driver, clock, case, variation):
    """Run `case` in `variation` against the driver. Raises AssertionError where it goes wrong."""
    run = Run(driver, clock, case, variation)
    CALLS[case.api](run)
    same("the row was played", run.module.played > 0, True)
    if variation.urc:
        run.pump()
        same("URCs seen", run.urcs, [variation.urc.strip()] * run.module.played)


def same(what, got, wanted):
    """Raise AssertionError where `got` is not `wanted`."""
    if got != wanted:
        raise AssertionError(f"{what}: {got!r}, not {wanted!r}")


class Pin:
    """machine.Pin, with a callback for what the driver writes."""

    def __init__(self, level, on_change=None):
        self.level = level
        self.on_change = on_change

    def value(self, level=None):
        if level is None:
            return self.level
        changed = level != self.level
        self.level = level
        if changed and self.on_change:
            self.on_change(level)
        return None


class Run:
    """One case being run: the driver, the module's side, and what was seen."""

    def __init__(self, driver, clock, case, variation):
        self.driver = driver
        self.case = case
        self.module = Module(clock, case, variation)
        self.modem = None
        self.error = None
        self.urcs = []

    def start(self, **options):
        """Make a modem and switch it on; the row is not played meanwhile."""
        times = self.module.times
        self.module.times = 0
        self.make(**options)
        self.modem.active(True)
        self.module.times = times
        return self.modem

    def make(self, **options):
        """Make a modem that is not set up yet."""
        self.modem = self.driver.Modem(self.module, **options)
        self.modem.idle = self.module.idle
        self.modem.on_urc(_URC_PREFIX, self._seen)
        return self.modem

    def _seen(self, line):
        if line.startswith(_URC):
            self.urcs.append(line)

    def ends(self, call):
        """Make the call; it has to fail as the row's answer says, or not at all. Returns its result."""
        try:
            result = call()
        except self.driver.ModemError as e:
            self.error = e
            if not self.case.refused:
                raise
            same("text of the error", bool(str(e)), True)
            if self.case.code is not None:
                same("code", e.code, self.case.code)
            return None
        same("refused", self.case.refused, False)
        return result

    def fails(self, call, kind=None):
        """Make the call; it has to raise ModemError (or `kind`), which is returned."""
        try:
            call()
        except self.driver.ModemError as e:
            same("text of the error", bool(str(e)), True)
            same("kind of the error", isinstance(e, kind or self.driver.ModemError), True)
            return e
        raise AssertionError("no error")

    def context(self, ssl_ctx_id=1):
        """A context that asks for nothing: the rows are about one item at a time."""
        context = self.driver.SSLContext(self.modem, ssl_ctx_id)
        context.verify_mode = self.driver.CERT_NONE
        context.check_hostname = context.check_validity = context.sni = False
        return context

    def open(self, mode=0, client_id=4, context=None, **options):
        """Open a connection with the client ID of the rows; the row is not played meanwhile."""
        if self.modem is None:
            self.start(**options)
        self.occupy(client_id)
        times = self.module.times
        self.module.times = 0
        socket = (context or self.context()).connect("220.180.239.212", 8010, mode=mode)
        self.module.times = times
        same("client_id", socket.client_id, client_id)
        socket.settimeout(5)
        return socket

    def occupy(self, client_id):
        """Let the driver believe that the IDs below `client_id` are busy."""
        self.modem.dirty = (1 << client_id) - 1

    def pump(self, ms=1000):
        """Let the modem run for a while."""
        end = self.module.clock.now + ms
        while self.module.clock.now < end:
            self.modem.poll()
            self.module.idle()


# -- Modem ---------------------------------------------------------------------------------------


def command(run):
    case = run.case
    text = case.send[:-1].decode()
    run.start()
    from bg95.visitors.command import any_command

    # Without the check of what moves data: where the module refuses it, there is none.
    lines = run.ends(lambda: run.modem.run(any_command(run.modem, text.encode(), 3000)))
    if not case.refused:
        same("lines", [line.encode() for line in lines], case.lines)


def active(run):
    case = run.case
    if case.form == "urc":
        _boot(run)
        return
    run.make()
    run.modem.active(True)
    same("ready", run.modem.active(), True)


def _boot(run):
    """The module starts: by PWRKEY where it was off, or by itself in the middle of things."""
    module = run.module
    status = Pin(0)

    def key(level):
        if not level:
            status.level = 1
            module.play()

    run.make(pwrkey=Pin(0, key), status=status)
    run.modem.active(True)
    same("ready", run.modem.active(), True)


def on_urc(run):
    case = run.case
    run.start()
    heard = []
    run.modem.on_urc("", heard.append)
    run.module.play()
    run.pump()
    wanted = list(case.texts)
    if run.module.variation.urc:
        run.urcs = [line for line in heard if line.startswith(_URC)]
        heard = [line for line in heard if not line.startswith(_URC)]
    same("URCs", heard, wanted)


def connect_modem(run):
    case = run.case
    module = run.module
    call = {"apn": "CMNBIOT", "timeout_ms": 3000}
    wanted_error = case.refused
    if case.send.startswith(b"AT+QICSGP="):
        pdp_ctx_id, kind, apn, user, password, auth = case.parameters
        run.start(pdp_ctx_id=int(pdp_ctx_id))
        call = {"apn": apn, "user": user, "password": password, "auth": int(auth)}
        call["ip_version"] = int(kind)
    else:
        run.start()
        if case.send.startswith(b"AT+CPIN?"):
            module.times = 1000
            wanted_error = case.final != b"OK" or case.lines != [b"+CPIN: READY"]
        elif case.send.startswith(b"AT+CPIN=") or case.form == "urc":
            module.replies = [(b"AT+CPIN?", [b"\r\n+CPIN: SIM PIN\r\n" + OK])]
            _unlock_when_entered(module)
            call["pin"] = "1234"
        elif b"REG?" in case.send:
            module.times = 1000
            for domain in (b"AT+CREG?", b"AT+CGREG?", b"AT+CEREG?"):
                if domain + b"\r" != case.send:
                    module.replies.append((domain, [b"\r\n" + domain[2:-1] + b": 0,2\r\n" + OK]))
            stat = case.lines[0].split(b",")[1]
            wanted_error = stat not in (b"1", b"5")
        elif case.send.startswith(b"AT+QIACT="):
            module.times = 1000
        elif case.send.startswith(b"AT+QIDEACT="):
            run.modem.connect("CMNBIOT")
            module.say(b'\r\n+QIURC: "pdpdeact",1\r\n')
            run.pump()
    if wanted_error:
        error = run.fails(lambda: run.modem.connect(**call), run.driver.NetworkError)
        if case.code is not None and case.send.startswith(b"AT+CPIN"):
            same("code", error.code, case.code)
    else:
        run.modem.connect(**call)


def _unlock_when_entered(module):
    """AT+CPIN? says READY once AT+CPIN= was answered."""
    hear = module._hear_line

    def heard(line):
        if line.startswith(b"AT+CPIN="):
            module.replies = []
            if module.case.form == "urc":
                module.replies = [(b"AT+CPIN=", [OK, ROW])]
        hear(line)

    module._hear_line = heard


def disconnect(run):
    run.start()
    run.modem.disconnect()  # an ERROR, too, leaves the context inactive


def isconnected(run):
    run.start()
    if run.case.form == "urc":
        run.module.play()
        run.pump()
        same("isconnected", run.modem.isconnected(), False)
        return
    same("isconnected", run.modem.isconnected(), bool(run.case.lines))


def ipconfig(run):
    run.start()
    if run.case.send.startswith(b"AT+QIDNSCFG=1,"):
        run.modem.ipconfig(dns=tuple(run.case.parameters[1:]))
        return
    if b"QIDNSCFG" in run.case.send:
        words = run.case.lines[0].decode().replace('"', "").split(",")
        same("dns", run.modem.ipconfig("dns"), tuple(words[1:]))
        return
    first = run.case.lines[0].split(b'"')[1].decode()
    same("addr4", run.modem.ipconfig("addr4"), first)


def status(run):
    run.start()
    answer = run.case.lines[0]
    words = answer[answer.find(b" ") + 1 :].decode().split(",")
    if answer.startswith(b"+CSQ"):
        rssi = int(words[0])
        same("rssi", run.modem.status("rssi"), None if rssi == 99 else 2 * rssi - 113)
    elif answer.startswith(b"+QCSQ"):
        wanted = [words[0].strip('"')] + [int(word) for word in words[1:]]
        same("signal", run.modem.status("signal"), tuple(wanted))
    else:
        name = words[2].strip('"') if len(words) > 2 else None
        same("operator", run.modem.status("operator"), name)


def clock(run):
    case = run.case
    run.start()
    if case.send.startswith(b"AT+CCLK="):
        run.modem.clock((2026, 11, 22, 0, 8, 0, 0, 0))
    elif case.send.startswith(b"AT+CCLK?"):
        text = case.lines[0].split(b'"')[1]
        zone = int(text[-3:])
        hour = int(text[9:11]) - zone // 4
        year = int(text[:2]) + (1900 if text[:2] == b"80" else 2000)  # GPS epoch: not set
        wanted = (year, int(text[3:5]), int(text[6:8]), hour, int(text[12:14]))
        got = run.modem.clock()
        same("clock", got[:3] + got[4:6], wanted)


def network_time(run):
    case = run.case
    run.start()
    if case.send.startswith(b"AT+CTZU="):
        run.modem.network_time(follow=case.parameters[0] == "1")
        return
    text = case.lines[0].split(b'"')[1].decode()
    got = run.modem.network_time()
    if not text:
        same("network time", got, None)
        return
    same("given", got is not None, True)
    wanted = [int(word) for word in text[:19].replace("/", ",").replace(":", ",").split(",")]
    same("network time", list(got[:3] + got[4:7]), wanted)


def set_baudrate(run):
    """The module answers at the new rate once its OK has left at the old one."""
    baudrate = int(run.case.parameters[0])
    run.start(baudrate=115200)
    run.modem.set_baudrate(baudrate)
    same("rate of the UART", run.module.baudrate, baudrate)


def flow_control(run):
    run.start()
    run.modem.flow_control(run.case.parameters[0] == "2")


def sleep(run):
    run.start()
    run.modem.sleep(run.case.parameters[0] == "1")


def power_saving(run):
    run.start()
    if run.case.parameters[0] == "0":
        run.modem.power_saving(None)
    else:
        run.modem.power_saving(tau_s=40 * 60, active_s=30)


_EDRX_S = {"0101": 81.92, "0010": 20.48}


def edrx(run):
    run.start()
    words = run.case.parameters
    if words[0] == "0":
        run.modem.edrx(None)
    else:
        run.modem.edrx(_EDRX_S[words[2]], act=int(words[1]))


def functionality(run):
    run.start()
    run.modem.functionality(int(run.case.parameters[0]))


def ssl_sockets(run):
    run.start()
    wanted = []
    for line in run.case.lines:
        words = line[len(b"+QSSLSTATE: ") :].decode().split(",")
        wanted.append([int(word) if word.isdigit() else word.strip('"') for word in words])
    same("connections", [list(fields) for fields in run.modem.ssl_sockets()], wanted)


def diagnose(run):
    """The finding that the row's answer is about."""
    case = run.case
    run.start()
    if b"QFLST" in case.send:
        run.module.replies = [(b"AT+QFLST=", [case.answer])]
        run.context().load_verify_locations(cafile="cacert.pem")
        case.send = b'AT+QFLST="*"\r'
    elif b"QIDNSCFG" in case.send:
        active = b'\r\n+QIACT: 1,1,1,"10.0.0.1"\r\n' + OK
        run.module.replies = [(b"AT+QIACT?", [active])]
    findings = run.modem.diagnose()
    what, ok, seen = {
        b"AT+QIACT?\r": ("PDP context", bool(case.lines), "100.142.162.0"),
        b"AT+QIDNSCFG=1\r": ("DNS servers", True, "8.8.8.8"),
        b'AT+QFLST="*"\r': ("CA certificate of context 1", True, "cacert.pem"),
    }[case.send]
    found = next((finding for finding in findings if finding[0] == what), None)
    same("found", found is not None, True)
    same(what, found[1], ok)
    same("evidence", seen in found[2], ok)
    same("advice", bool(found[3]), not ok)


def crypt(run):
    case = run.case
    run.start()
    words = case.parameters
    wanted = bytes_of(case.lines[0].split(b",")[1])
    if words[0] == "MD5":
        same("md5", run.modem.crypt.md5(words[1].encode()), wanted)
        return
    call = run.modem.crypt.encrypt if words[3] == "1" else run.modem.crypt.decrypt
    same("result", call(words[4].encode(), bytes_of(words[1].encode())), wanted)


def bytes_of(digits):
    """The bytes that hex digits, quoted or not, write."""
    return unhexlify(digits.strip(b'"'))


def power_off(run):
    case = run.case
    module = run.module
    if case.id.startswith("pwrkey"):
        run.start(pwrkey=Pin(0, lambda level: None if level else module.play()))
        module.replies = [(b"AT+QPOWD", [ERROR])]
    else:
        run.start()
        if case.form == "urc":
            module.replies = [(b"AT+QPOWD=1", [OK, ROW])]
        else:
            module.replies = [(b"AT+QPOWD=1", [ROW, b"\r\nPOWERED DOWN\r\n"])]
    begun = module.clock.now
    run.modem.power_off()
    same("gave up", module.clock.now - begun > 60000, not case.answer)
    same("ready", run.modem.active(), False)


def reset(run):
    run.start()
    if run.case.form == "urc":
        run.module.replies = [(b"AT+CFUN=1,1", [OK, ROW])]
    run.modem.reset()
    same("ready", run.modem.active(), True)


# -- Files ---------------------------------------------------------------------------------------


def upload(run):
    case = run.case
    run.start()
    files = run.modem.files
    if case.send.startswith(b"AT+QFLST="):
        _hold(run.module, b"1234567890")
        name = case.parameters[0]
        sent = files.upload(name, b"1234567890")
        same("sent", sent, case.refused)
        return
    if case.send.startswith(b"AT+QFUPL="):
        words = case.parameters
        size = int(words[1])
        data = _Promise(size) if size > 10000 else b"ab" * (size // 2) + b"c" * (size % 2)
        run.ends(lambda: files.upload(words[0], data, ack=len(words) > 3))
        return
    if "acknowledged" in case.id:
        files.upload("ca.pem", b"ab" * 1500, ack=True)
        same("bytes", b"".join(run.module.data), b"ab" * 1500)
        return
    files.upload("ca.pem", case.send)
    same("bytes", run.module.data, [case.send])


class _Promise:
    """A stream that says it is `size` long, and gives nothing."""

    def __init__(self, size):
        self.size = size

    def seek(self, offset, whence=0):
        return self.size

    def read(self, n):
        return b""


def _hold(module, data):
    """Let the module answer the commands that read a file with `data`."""
    module.replies = [
        (b"AT+QFOPEN=", [b"\r\n+QFOPEN: 1\r\n" + OK]),
        (b"AT+QFREAD=", [b"\r\nCONNECT %d\r\n" % len(data) + data + OK]),
    ]


def read_file(run):
    case = run.case
    run.start()
    if case.send.startswith(b"AT+QFOPEN="):
        _hold(run.module, b"1234567890")
        name = case.parameters[0]
    else:
        _hold(run.module, b"1234567890")
        name = "ca.pem"
    stream = io.BytesIO()
    size = run.ends(lambda: run.modem.files.read(name, stream))
    if not case.refused:
        same("size", size, 10)
        same("content", stream.getvalue(), b"1234567890")
        same("closed", b"AT+QFCLOSE=1" in run.module.lines, True)


def list_files(run):
    run.start()
    wanted = []
    for line in run.case.lines:
        _, name, size = line.decode().split('"')
        wanted.append((name[4:] if name.startswith("UFS:") else name, int(size[1:])))
    same("files", run.modem.files.list(), wanted)


def remove(run):
    run.start()
    name = run.case.parameters[0]
    run.ends(lambda: run.modem.files.remove(name))


def free(run):
    run.start()
    first = run.case.lines[0].split(b",")[0]
    same("free", run.modem.files.free(), int(first[first.find(b" ") + 1 :]))


# -- SSLContext ----------------------------------------------------------------------------------


def _open_words(case):
    """The parameters of the AT+QSSLOPEN that the row is, or is about."""
    asks = case.send == b"AT+QIGETERROR\r"  # then the setup is what some other call did wrong
    sent_so_far = [] if asks else list(case.seen)
    sent_so_far.append(case.send)
    for sent in reversed(sent_so_far):
        if sent.startswith(b"AT+QSSLOPEN="):
            words = [word.strip().strip('"') for word in sent[12:-1].decode().split(",")]
            if len(words) < 6:
                words.append("0")
            return words
    return ["1", "1", "4", "220.180.239.212", "8010", "0"]


_ID_IN_USE = 563


def connect(run):
    """Open as the row says; its answer is that of AT+QSSLOPEN, its URC, or comes later."""
    case = run.case
    module = run.module
    words = _open_words(case)
    pdp_ctx_id, ssl_ctx_id, client_id, host, port, mode = words
    code = None
    wanted = case.refused
    if case.form == "urc":
        module.replies = [(b"AT+QSSLOPEN=", [OK, ROW])]
        code = int(case.texts[0].split(b",")[1])
        wanted = code != 0
    elif case.texts[0] == b"OK" and len(case.texts) > 1:  # the failure comes as a URC
        code = int(case.final.split(b",")[1])
        wanted = True
    elif case.send == b"AT+QIGETERROR\r":
        module.replies = [(b"AT+QSSLOPEN=", [ERROR])]
        module.times = 1000  # another ID may be tried
        code = int(case.lines[0].split(b",")[0][13:])
        wanted = True
    elif case.send.startswith(b"AT+QSSLCLOSE="):
        module.replies = [(b"AT+QSSLOPEN=", [OK])]
        wanted = True
    elif case.final == b"OK":
        opened = b"\r\n+QSSLOPEN: " + client_id.encode() + b",0\r\n"
        module.replies = [(b"AT+QSSLOPEN=", [ROW, opened])]
    run.start(pdp_ctx_id=int(pdp_ctx_id))
    run.occupy(int(client_id))
    context = run.context(int(ssl_ctx_id))
    if code == _ID_IN_USE and case.send != b"AT+QIGETERROR\r":
        socket = context.connect(host, int(port), mode=int(mode))
        same("the same ID", socket.client_id == int(client_id), False)
        same("ID freed", b"AT+QSSLCLOSE=" + client_id.encode() in module.lines, True)
        return
    if wanted:
        error = run.fails(lambda: context.connect(host, int(port), mode=int(mode)))
        if code is not None:
            same("code", error.code, code)
        same("ID freed", b"AT+QSSLCLOSE=" + client_id.encode() in module.lines, True)
        return
    socket = context.connect(host, int(port), mode=int(mode))
    same("client_id", socket.client_id, int(client_id))
    same("mode", socket.mode, int(mode))


def set_item(run):
    """Set one AT+QSSLCFG item through its property; the row is what the next connect() sends."""
    case = run.case
    if case.form == "urc":
        connect(run)
        return
    item, ssl_ctx_id, value = case.parameters
    run.start()
    context = run.context(int(ssl_ctx_id))
    _SETTERS[item](run.driver, context, value)
    run.ends(lambda: context.connect(_HOST, _PORT))


def _seclevel(driver, context, value):
    context.verify_mode = driver.CERT_NONE if value == "0" else driver.CERT_REQUIRED
    if value != "0":
        context.load_verify_locations(cafile="cacert.pem")
    if value == "2":
        context.load_cert_chain("client.pem", "client.key")


def _certificates(driver, context, value):
    _seclevel(driver, context, "2")


def _suite(driver, context, value):
    from bg95.visitors import suites

    code = int(value[2:], 16)
    context.set_ciphers(
        suites.name(code) if suites.is_weak(code) else code
    )  # a weak one by name only


def _dtls_version(driver, context, value):
    context.dtls = True  # without it the version is not sent
    context.dtls_version = int(value)


def _setter(name, of=int):
    return lambda driver, context, value: setattr(context, name, of(value))


_SETTERS = {
    "sslversion": _setter("version"),
    "ciphersuite": _suite,
    "cacert": _certificates,
    "clientcert": _certificates,
    "clientkey": _certificates,
    "seclevel": _seclevel,
    "session": _setter("session_resumption", lambda value: value == "1"),
    "sni": _setter("sni", lambda value: value == "1"),
    "checkhost": _setter("check_hostname", lambda value: value == "1"),
    "ignorelocaltime": _setter("check_validity", lambda value: value == "0"),
    "negotiatetime": _setter("negotiate_timeout"),
    "renegotiation": _setter("renegotiation", lambda value: value == "1"),
    "dtls": _setter("dtls", lambda value: value == "1"),
    "dtlsversion": _dtls_version,
}


def read_back(run):
    case = run.case
    item, ssl_ctx_id = case.parameters
    run.start()
    got = run.context(int(ssl_ctx_id)).read_back()
    value = case.lines[0].split(b",")[-1].decode()
    if item == "ciphersuite":
        wanted = int(value[2:], 16)
    elif value.isdigit():
        wanted = int(value)
    else:
        wanted = value.strip('"')
    same(item, got[item], wanted)


def psk(run):
    run.start()
    context = run.context(0)
    context.psk = ("Client_identity", "1a2b3c4d")
    context.connect(_HOST, _PORT)
    same("file", run.module.data, [b"Client_identity&1a2b3c4d"])


# -- SSLSocket -----------------------------------------------------------------------------------


def read(run):
    """Read what the row's answer brings, or what its URC announces."""
    case = run.case
    module = run.module
    pushed = "push" in case.id
    transparent = "transparent" in case.id or "escape" in case.id
    socket = run.open(mode=1 if pushed else 2 if transparent else 0)
    data = case.event[len(b"peer sends ") :] if case.event.startswith(b"peer sends ") else b""
    if case.form == "urc":
        if not (pushed or transparent):
            module.unread[b"4"] = data
        module.play()
    elif case.texts[0].startswith(b"+QSSLRECV: ") and case.texts[0] != b"+QSSLRECV: 0":
        header = case.texts[0]
        count = int(header[11:])
        start = case.answer.find(header) + len(header) + 2
        data = case.answer[start : start + count]
    if data:
        same("data", socket.read(len(data)), data)
        if case.form == "urc":
            run.pump()
    elif case.refused and case.form != "urc":
        module.times = 2  # it is asked once more
        run.fails(lambda: socket.read(1), run.driver.DisconnectedError)
    elif b"pdpdeact" in case.answer:
        run.pump(100)
        run.fails(lambda: socket.read(1), run.driver.DisconnectedError)
    elif case.form == "urc":
        same("end of stream", socket.read(1), b"")
    else:
        error = run.fails(lambda: socket.read(1))
        same("kind", isinstance(error, run.driver.TimeoutError), True)


def write(run):
    case = run.case
    module = run.module
    if case.form == "data" and "qsslsend" not in case.id:
        socket = run.open(mode=2)
        socket.write(case.send)
        module.play()
        run.pump()
        same("data", module.sent_raw, case.send)
        return
    socket = run.open()
    if case.form == "write":
        data = b"x" * int(case.parameters[1])
        socket.write(data)
        socket.flush()
    else:
        data = case.send
        if case.refused:
            run.fails(lambda: socket.sendall(data), run.driver.DisconnectedError)
            return
        socket.sendall(data)
    same("data", module.data, [data] * (2 if case.final == b"SEND FAIL" else 1))


def send_text(run):
    socket = run.open()
    text = run.case.send[:-1] if run.case.form == "data" else b"Test data from SSL"
    socket.send_text(text)
    same("data", run.module.data, [text + b"\x1a"])


def close(run):
    socket = run.open()
    if run.case.id.startswith("closed"):
        run.module.say(b'\r\n+QSSLURC: "closed",4\r\n')
        run.pump(100)
    socket.close()
    same("ID free", run.modem.table[4], None)


def pending(run):
    socket = run.open()
    words = run.case.lines[0][11:].split(b",")
    same("pending", socket.pending(), tuple([int(word) for word in words]))


def module_leaves(run):
    """DTR rose while AT&D1 is set."""
    run.module.leave_data_mode()
    run.module.play()


def mode(run):
    """Switch the mode of an open socket: to another, out of transparent, and back."""
    case = run.case
    if case.send == b"AT&D1\r":
        run.module.times = 1
        run.make(dtr=Pin(1))
        run.modem.active(True)
        return
    if case.send.startswith(b"AT+QISWTMD="):
        wanted = int(case.parameters[1])
        socket = run.open(mode=1 if wanted == 0 else 0)
        socket.mode = wanted
        same("mode", socket.mode, wanted)
        return
    if case.form == "urc":  # DTR: the module leaves as soon as it rises
        run.start(dtr=Pin(0, lambda level: module_leaves(run) if level else None))
    socket = run.open(mode=2)
    if case.send == b"+++" or case.form == "urc":
        socket.mode = 0
        same("mode", socket.mode, 0)
        return
    # What reads like the module's last word: the driver leaves to find out, and comes back with ATO.
    run.module.say(b"\r\nNO CARRIER\r\n")
    same("data", socket.read(14), b"\r\nNO CARRIER\r\n")
    run.pump(5000)
    same("mode", socket.mode, 2)


CALLS = {
    "Modem.command": command,
    "Modem.active": active,
    "Modem.on_urc": on_urc,
    "Modem.connect": connect_modem,
    "Modem.disconnect": disconnect,
    "Modem.isconnected": isconnected,
    "Modem.ipconfig": ipconfig,
    "Modem.status": status,
    "Modem.clock": clock,
    "Modem.network_time": network_time,
    "Modem.set_baudrate": set_baudrate,
    "Modem.flow_control": flow_control,
    "Modem.sleep": sleep,
    "Modem.power_saving": power_saving,
    "Modem.edrx": edrx,
    "Modem.functionality": functionality,
    "Modem.ssl_sockets": ssl_sockets,
    "Modem.diagnose": diagnose,
    "Modem.crypt.encrypt": crypt,
    "Modem.crypt.decrypt": crypt,
    "Modem.crypt.md5": crypt,
    "Modem.power_off": power_off,
    "Modem.reset": reset,
    "Modem.files.upload": upload,
    "Modem.files.read": read_file,
    "Modem.files.list": list_files,
    "Modem.files.remove": remove,
    "Modem.files.free": free,
    "SSLContext.connect": connect,
    "SSLContext.read_back": read_back,
    "SSLContext.psk": psk,
    "SSLSocket.read": read,
    "SSLSocket.write": write,
    "SSLSocket.send_text": send_text,
    "SSLSocket.close": close,
    "SSLSocket.pending": pending,
    "SSLSocket.mode": mode,
}
for _name in (
    "version",
    "set_ciphers",
    "load_verify_locations",
    "load_cert_chain",
    "verify_mode",
    "session_resumption",
    "sni",
    "check_hostname",
    "check_validity",
    "negotiate_timeout",
    "renegotiation",
    "dtls",
    "dtls_version",
):
    CALLS["SSLContext." + _name] = set_item
