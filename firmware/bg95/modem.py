"""Modem: the module as a network interface (after MicroPython's AbstractNIC). The facade over all services.

What waits is written as a flow (a generator that yields while it waits). `run()` drives a flow to its end by
polling; `bg95.aio` drives the same flows from asyncio.
"""

from time import sleep_ms

from micropython import RingIO, const

from . import network, power
from .at import AT
from .clients import Clients
from .errors import ENOBUFS, ModemError
from .files import Files
from .limits import (
    BAUDS,
    CFUN_MS,
    CLIENTS,
    CONTEXTS,
    FAST_BAUDS,
    LONGEST_MS,
    able,
    flag,
    optional,
    ranged,
    typed,
)

try:
    from machine import idle
except ImportError:

    def idle():
        """Give way until the next millisecond."""
        sleep_ms(1)


_URC_BYTES = const(512)


class Modem:
    """A BG95/BG77/BG600L on a UART.

    uart: machine.UART (or any object with its any, readinto, write; init where `baudrate` is given); give it an
    rxbuf of 4096. pwrkey, status, dtr: machine.Pin or None; pwrkey.value(1) presses the key, status.value() is 1
    while the module runs, dtr.value(0) is the working level. baudrate: the UART's rate, for finding a module that
    was left at another one. sockets: how many can be open at a time, 1-12; each takes about 3 KiB of heap, now.
    pdp_ctx_id: PDP context for connect(), 1-16. Sends nothing.

    What blocks allocates, and raises ModemError where the module refuses or does not answer; ValueError comes before
    anything is sent.
    """

    def __init__(
        self, uart, *, pwrkey=None, status=None, dtr=None, baudrate=None, sockets=4, pdp_ctx_id=1
    ):
        self.baudrate = optional("baudrate", baudrate, 300, 4000000)
        able("uart", uart, "any", "readinto", "write", *(["init"] if baudrate else []))
        for what, pin in (("pwrkey", pwrkey), ("status", status), ("dtr", dtr)):
            if pin is not None:
                able(what, pin, "value")
        self.uart = uart
        self.pwrkey = pwrkey
        self.status_pin = status
        self.dtr = dtr
        self.pdp_ctx_id = ranged("pdp_ctx_id", pdp_ctx_id, 1, 16)
        self.model = self.revision = ""
        self.epoch = 0  # starts of the module so far: what was set in an earlier one is gone
        self.is_ready = False  # set up since its last start
        self._starting = False  # a task is at it
        self.boot = 0  # 1 RDY seen, 2 APP RDY seen
        self.down = False  # POWERED DOWN seen
        self.lost_pdp = 0  # bit n: the network took PDP context n away
        self.denials = 0
        self.pin_refused = None  # in this start: entered again, it could lock the SIM
        self.clock_ok = -1  # epoch in which the module's clock was found set
        self.first_year = 1980  # that two digits of AT+CCLK can mean
        self.idle = idle  # called while a blocking call has nothing to do
        self._at = AT(uart)
        # Pieces in which a socket fills a caller's buffer behind its start without making slices.
        self._chunks = tuple([bytearray(n) for n in (256, 64, 16, 4, 1)])
        urcs = self._at.urcs
        self.sockets = Clients(self, ranged("sockets", sockets, 1, CLIENTS))
        urcs.append((b"RDY", self._on_restart))
        urcs.append((b"APP RDY", self._on_app_ready))
        urcs.append((b"POWERED DOWN", self._on_down))
        urcs.append((b"NORMAL POWER DOWN", self._on_down))
        urcs.append((b"PSM POWER DOWN", self._on_down))
        urcs.append((b"POWER DOWN", self._on_down))
        urcs.append((b'+QIURC: "pdpdeact",', self._on_pdp_lost))
        urcs.append((b"+CPIN: NOT READY", self.sockets.pdp_lost))  # the network need not say so
        for prefix in (
            b"NO CARRIER",  # transparent.py has acted on it
            b"+CPIN:",
            b"+CFUN:",
            b"+QIND:",
            b"+QUSIM:",
            b"+CREG:",
            b"+CGREG:",
            b"+CEREG:",
            b"+QIURC:",
        ):
            urcs.append((prefix, self._ignore))
        self.files = Files(self)
        self.contexts = [
            None
        ] * CONTEXTS  # the SSLContext of each ID: they are set up anew after a restart
        self.jobs = []  # flows that poll() drives, see job.py
        self.inside = 0  # calls of the driver under way: the background poll stands back
        self._background = None
        self._handlers = []
        self._urcs = None  # lines for on_urc() handlers, made with the first of them
        self._steps = self.sockets.step
        self._polls = self._at.poll

    def __repr__(self):
        return "<Modem %s %s>" % (self.model or "not identified", self.revision)

    # -- moving on -------------------------------------------------------------------------------

    def poll(self):
        """Do what can be done now: move bytes, handle answers and URCs, start what sockets need.

        Never blocks, never allocates (but for what jobs do, and one bytes object for each URC a handler of
        on_urc() is given).
        """
        self.inside += 1
        try:
            self._polls()
            self._steps()
            i = 0
            while i < len(self.jobs):  # the oldest first: what was cancelled is cleared up
                job = self.jobs[i]
                job.step()
                if not job.done:
                    i += 1
            if self._urcs is not None and self._urcs.any():
                self._deliver()
        finally:
            self.inside -= 1

    def run(self, flow):
        """Drive a flow to its end and return its result. Blocks.

        Every blocking call of the driver ends in `return run(flow)` and does nothing after it: this is what
        bg95.aio relies on, which awaits the flow instead.
        """
        self.inside += 1
        try:
            if self.jobs:
                self.poll()  # first what was cancelled is cleared up
            while True:
                next(flow)
                self.poll()
                self.rest()
        except StopIteration as e:
            return e.value
        finally:
            flow.close()
            self.inside -= 1

    def rest(self, socket=None):
        """idle(), for a blocking call: of `socket`, or of a flow. Raises ModemError where what it waits for cannot come
        before the application does something about another socket.
        """
        owner = self._at.raw_owner
        if self._at.framer.stalled and (owner is None or owner._leaving):
            raise ModemError(
                "unread data fills its socket's buffer, and nothing else can pass: read it first",
                errno=ENOBUFS,
            )
        if owner is not None and socket is not None and socket is not owner:
            self._at.refuse()
        self.idle()

    def background(self, timer):
        """Poll every 10 ms from `timer` (a machine.Timer), too, whenever no call of the driver is under way: what was
        written leaves, and the UART's buffer is emptied, while the program sleeps or computes. None stops it.
        """
        if timer is not None:
            able("timer", timer, "init", "deinit")
        from .background import Background

        if self._background is not None:
            self._background.stop()
        self._background = None if timer is None else Background(self, timer)

    def ready(self):
        """Flow: the module is set up; sets it up again where it restarted."""
        while self._starting:  # for another task: two would press PWRKEY twice
            yield
        if not self.is_ready or self._at.echoes:
            yield from self._active(True)

    # -- URCs --------------------------------------------------------------------------------------

    def _ignore(self):
        pass

    def _on_restart(self):
        self.boot = 1
        self.down = False
        self.lost_pdp = 0
        self.pin_refused = None
        self.is_ready = False
        self._at.restarted()
        self.sockets.fail_all("the module restarted")

    def _on_app_ready(self):
        if self.boot == 2:
            self._on_restart()  # its RDY got lost
        self.boot = 2

    def _on_down(self):
        self.down = True
        self.is_ready = False
        self._at.restarted()
        self.sockets.fail_all("the module was switched off")

    def _on_pdp_lost(self):
        pdp_ctx_id = self._at.framer.next_int()
        if 1 <= pdp_ctx_id <= 16:
            self.lost_pdp |= 1 << pdp_ctx_id
            self.sockets.pdp_lost(pdp_ctx_id)

    def on_urc(self, prefix, handler):
        """Call handler(line: bytes) for each URC that starts with `prefix` (bytes or str), after the driver's own
        work on it; inside a command's answer, such a line is a URC unless it starts as that command's own ("+CSQ:" of
        AT+CSQ). Runs at the end of poll(), so it may call nothing that blocks; up to 512 bytes of URCs wait for it,
        more are counted as unknown. handler None removes.
        """
        prefix = typed("prefix", prefix, (str, bytes), "str or bytes")
        prefix = prefix.encode() if isinstance(prefix, str) else prefix
        if handler is not None and not callable(handler):
            raise TypeError("handler: a function of one argument, not %r" % (handler,))
        self._handlers = [(p, h) for p, h in self._handlers if p != prefix]
        if handler is not None:
            self._handlers.append((prefix, handler))
            if self._urcs is None:
                self._urcs = RingIO(_URC_BYTES)
                self._at.tap = self._tap  # pyright: ignore[reportAttributeAccessIssue]

    def _tap(self, unsure):
        """Keep the framer's line for _deliver(); whether a handler wants it. unsure: to the driver it may as well be an
        answer. No allocation.
        """
        f = self._at.framer
        for prefix, _ in self._handlers:
            if f.starts(prefix) and (prefix or not unsure):
                n = f.end - f.start
                if self._urcs.any() + n + 1 < _URC_BYTES - 1:
                    self._urcs.write(f.buf, f.start, n)  # pyright: ignore[reportCallIssue]
                    self._urcs.write(b"\n")
                else:
                    self._at.unknown += 1
                return True
        return False

    def _deliver(self):
        while self._urcs.any():
            line = self._urcs.readline()[:-1]
            for prefix, handler in self._handlers:
                if line.startswith(prefix):
                    handler(line)

    # -- the interface -------------------------------------------------------------------------------

    def active(self, on=None):
        """active(True): switch the module on if need be, get in step with it, set it up and identify it; leaves an
        open transparent connection alone. active(False): power_off(). active(): whether it is set up, at once.
        Blocks: 0.1 s, or as long as a boot takes (up to 36 s, AT 12.1; HW 3.7).
        """
        if on is None:
            return self.is_ready
        return self.run(self._active(flag("on", on)))

    def _active(self, on):
        self._starting = on
        try:
            yield from power.start(self) if on else power.stop(self)
        finally:
            self._starting = False
        return self.is_ready

    def connect(
        self,
        apn,
        user="",
        password="",
        *,
        auth=None,
        pin=None,
        ip_version=1,
        pdp_ctx_id=None,
        timeout_ms=None,
    ):
        """Register and activate the PDP context. Blocks: up to 150 s each (TCP/IP 2.1.3), or `timeout_ms` for the
        registration. A context that is active with the same settings stays as it is; with `apn` "", any does.

        apn, user, password: str; auth: 0 none, 1 PAP, 2 CHAP, 3 either (default: PAP where there is a user or a
        password);
        pin: of the SIM, if it asks; ip_version: 1 IPv4, 2 IPv6, 3 both; pdp_ctx_id: another context than the
        modem's own, 1-16 (at most three can be active). Raises NetworkError, ValueError.
        """
        ctx = self._pdp(pdp_ctx_id)
        optional("timeout_ms", timeout_ms, 0, LONGEST_MS)
        return self.run(
            network.connect(self, ctx, apn, user, password, auth, pin, ip_version, timeout_ms)
        )

    def _pdp(self, pdp_ctx_id):
        """The PDP context that is meant; None: the modem's own."""
        return self.pdp_ctx_id if pdp_ctx_id is None else ranged("pdp_ctx_id", pdp_ctx_id, 1, 16)

    def disconnect(self, pdp_ctx_id=None):
        """Deactivate the PDP context (AT+QIDEACT); closes its connections. Blocks up to 40 s."""
        return self.run(network.deactivate(self, self._pdp(pdp_ctx_id)))

    def isconnected(self, pdp_ctx_id=None):
        """Whether the PDP context is active. Asks the module (AT+QIACT?). Blocks."""
        return self.run(self._isconnected(self._pdp(pdp_ctx_id)))

    def _isconnected(self, ctx):
        return self.is_ready and (yield from network.address(self, ctx)) is not None

    def ipconfig(self, param=None, *, dns=None):
        """What the PDP context has: "addr4" its IP address (str or None), "dns" both DNS servers. Blocks.

        ipconfig(dns=("8.8.8.8", "1.1.1.1")) sets the servers (AT+QIDNSCFG), once the context is active.
        """
        if param == "addr4":
            return self.run(network.address(self, self.pdp_ctx_id))
        from . import status

        if dns is not None:
            return self.run(status.set_dns(self, self.pdp_ctx_id, dns))
        if param == "dns":
            return self.run(status.dns(self, self.pdp_ctx_id))
        raise ValueError("ipconfig: addr4 or dns, not %r" % (param,))

    def status(self, param=None):
        """status(): whether registered. "rssi": int in dBm, or None; "operator": name or None. Blocks.

        "signal": AT+QCSQ's ("eMTC", RSSI in dBm, RSRP in dBm, SINR in 0.2 dB above -20 dB, RSRQ in dB), fewer on
        other networks, ("NOSERVICE",) without one (AT 6.6).
        """
        from . import status

        return self.run(status.status(self, param))

    def config(self, param):
        """ "model", "revision". No blocking."""
        if param == "model":
            return self.model
        if param == "revision":
            return self.revision
        raise ValueError("config: model or revision, not %r" % (param,))

    def command(self, command, timeout_ms=None):
        """Send any AT command; returns the lines of its answer (list of str), without the final OK.

        For the REPL: `modem.command("AT+CSQ")`. Blocks up to `timeout_ms`, or (None) until
        other commands are done and then up to 3 s. Raises ModemError where the module refuses,
        ValueError for control characters and for commands that move data, see command.py.
        """
        from .command import any_command, checked

        optional("timeout_ms", timeout_ms, 0, LONGEST_MS)
        return self.run(any_command(self, checked(command), timeout_ms))

    def trace(self, stream):
        """Write what goes over the UART to `stream`.write(str), secrets masked; None stops it. Allocates. Lines during
        which the stream raises are lost, and counted in the next one.
        """
        if stream is None:
            self._at.trace = None
        else:
            from .trace import Trace

            self._at.trace = Trace(stream)  # pyright: ignore[reportAttributeAccessIssue]

    def ssl_sockets(self):
        """AT+QSSLSTATE: the connections the module knows, each a named tuple of 11 fields (SSL 2.3.6). Blocks."""
        return self.run(self.sockets.states())

    def clock(self, t=None):
        """The module's clock (AT+CCLK) as machine.RTC's 8-tuple in UTC; with an 8-tuple, sets it. Blocks."""
        if t is None:
            return self.run(power.clock(self))
        return self.run(power.set_clock(self, t))

    def set_baudrate(self, baudrate, *, save=False):
        """Change the rate of module and UART (AT+IPR); both are back at the old one where the module does not
        answer at the new. baudrate: one of limits.BAUDS or FAST_BAUDS, 9600 to 4000000; save: keep it over a
        restart (AT&W). Blocks. Raises ValueError, ModemError. The constructor's `baudrate` has to be given.
        """
        if ranged("baudrate", baudrate, 0, 4000000) not in BAUDS + FAST_BAUDS or not self.baudrate:
            raise ValueError(
                "baudrate: one of %s, and Modem(..., baudrate=) has to say the present one"
                % (BAUDS + FAST_BAUDS,)
            )
        from . import baud

        return self.run(baud.change(self, baudrate, flag("save", save)))

    def flow_control(self, on):
        """Use RTS and CTS (AT+IFC=2,2); the UART has to be made with its rts, cts and flow. Blocks."""
        return self.run(self._at.run(b"AT+IFC=2,2" if flag("on", on) else b"AT+IFC=0,0"))

    def sleep(self, on):
        """Let the module sleep while DTR is high (AT+QSCLK), or wake it. The link stays registered. Blocks."""
        from . import lowpower

        return self.run(lowpower.sleep(self, flag("on", on)))

    def power_saving(self, tau_s, active_s=10):
        """Ask the network for PSM (AT+CPSMS): off between periodic updates every `tau_s` seconds, reachable for
        `active_s` after each use. tau_s None: off. The module keeps it over a restart (AT 6.7); everything else is set
        up anew after each PSM cycle. Blocks.
        """
        from . import lowpower

        return self.run(lowpower.power_saving(self, tau_s, active_s))

    def edrx(self, cycle_s, act=4):
        """Ask for eDRX (AT+CEDRXS) with a cycle of at least `cycle_s` seconds (5.12 to 10485.76); None: off.
        act: 4 Cat M1, 5 Cat NB. The module keeps it over a restart (AT 6.11). Blocks.
        """
        from . import lowpower

        return self.run(lowpower.edrx(self, cycle_s, act))

    def functionality(self, level):
        """AT+CFUN (AT 2.19): 0 minimum, 1 full, 4 radio off, which closes every connection. Blocks up to 15 s."""
        return self.run(self._at.run(b"AT+CFUN=%d" % ranged("level", level, 0, 4), CFUN_MS))

    def network_time(self, follow=None):
        """The network's time in UTC as an 8-tuple, None where it gave none (AT+QLTS=1). follow True or False: keep
        the module's time zone by it (AT+CTZU). Blocks.
        """
        if follow is not None:
            flag("follow", follow)
        return self.run(power.network_time(self, follow))

    @property
    def crypt(self):
        """AES and MD5 of the module, see crypt.py."""
        from .crypt import Crypt

        return Crypt(self)

    def diagnose(self):
        """Chapter 4 of the SSL note as a list of findings (what, ok, seen, advice). Blocks for seconds."""
        from . import diagnose

        return self.run(diagnose.diagnose(self))

    def clock_set(self):
        """Flow: the module's clock is right, or ModemError says how to set it."""
        return power.ensure_clock(self)

    def reset(self):
        """Restart the module (AT+CFUN=1,1, or PWRKEY) and set it up again. Open sockets fail. Blocks ~10 s."""
        return self.run(power.reset(self))

    def power_off(self):
        """Switch the module off (AT+QPOWD, or PWRKEY where it does not answer); afterwards VBAT may be cut. Open
        sockets fail. Blocks up to 66 s (AT 2.11). Harmless where it is off.
        """
        return self.run(power.stop(self))
