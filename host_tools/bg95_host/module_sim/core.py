"""A simulated BG95 module, sans I/O: bytes and time in, bytes with due times out.

    module = Module(SimOptions(), net, now=0.0)
    module.feed(b"AT\\r", now=0.0)
    module.advance(now=1.0)                # runs everything that is due until then
    module.take(now=1.0)                   # -> [(due, b"AT\\r\\r\\nOK\\r\\n")]
    module.next_due()                      # when to come back

Nothing here sleeps, reads a clock or opens a socket: adapters do. State that a restart clears is
made by `_boot_state`, what it keeps by `__init__` (spec 3.6).
"""

from __future__ import annotations

import math
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from . import commands
from .at_port import AtPort
from .connection import Connection
from .faults import Faults
from .flash import Flash
from .http import HttpClient
from .mqtt import MqttClient
from .net import Net, ResolveDone
from .network_model import Cell, cell_of
from .options import SimOptions
from .power import Power
from .rtc import GPS_EPOCH, Rtc, naive_utc
from .schedule import Schedule, Timer
from .sockets import TRANSPARENT, Socket
from .state import (
    PDP_TYPES,
    Nonvolatile,
    PdpContext,
    PowerSaving,
    Radio,
    SimCard,
    SslContext,
    TcpipOptions,
)
from .tables import ALL_SUITES
from .tls import TlsError, TlsSession, TlsSettings, is_psk, parse_psk
from .trace import Trace
from .traits import Traits
from .uart import Receiver, Transmitter, garble

OUTPUT_LOW = 2048  # bytes waiting for the UART at which a held-back peer may go on


class Module:
    """One module. Times are seconds on the caller's clock, which must not go backwards."""

    def __init__(
        self,
        options: SimOptions,
        net: Net,
        now: float,
        *,
        host_time: datetime | None = None,
        name: str = "",
    ) -> None:
        """`host_time` is what the clock starts from where `options.clock` is None."""
        self.options = options
        self.net = net
        self.name = name or options.model
        self.now = now
        self.traits = Traits(options.traits)
        self.faults = Faults(options.faults)
        self.opens_since_boot = 0
        self.recv_urcs = 0
        self.counters: Counter[str] = Counter()
        self.rng = random.Random(options.seed)
        self.on_pin: Callable[[str, int], None] | None = None
        self.on_baud: Callable[[int], None] | None = None
        self.pins = {"PWRKEY": 1, "RESET_N": 1, "DTR": 0, "STATUS": 0, "RI": 1, "DCD": 1}
        self._trace = Trace(options.trace, name)
        self._keylog = _open_keylog(options.keylog) if options.keylog else None
        self._schedule = Schedule()
        self._world = Schedule()
        self._ri_timers: list[Timer] = []
        self._time_base = (now, naive_utc(options.clock or host_time or GPS_EPOCH))
        self.flash = Flash(options.files)
        self.nv = Nonvolatile(baud=options.baud, urcport=self.traits.urcport)
        self.card = SimCard(self.traits.sim, self.traits.sim_pin, self.traits.sim_puk)
        self.rtc = Rtc(now)
        self.host_baud = options.baud
        self.rx = Receiver(options.baud, options.pace)
        self.tx = Transmitter(options.baud, options.pace)
        self.tx.item_bytes = self.faults.chunk
        if options.clock is not None:
            self.rtc.set_utc(self._time_base[1], 0, now)
        self.psm = PowerSaving()
        self.pdp: dict[int, PdpContext] = {}
        self._boot_state()
        self.power = Power(self)
        self.faults.arm(self)
        if options.powered:
            self.power.already_on()

    def _boot_state(self) -> None:
        """Everything that a restart sets back (spec 3.6)."""
        self.profile = self.nv.profile.stored()
        self.profile.cmee = self.traits.factory_cmee
        self.radio = Radio(
            self.card.asks_for,
            self.traits.operator,
            self.traits.plmn,
            commands.qcfg.in_force(self),
            bool(self.nv.simdet[0]),
            bool(self.nv.simstat),
        )
        self.indications = dict(self.nv.indications)
        self.pdp = {cid: self._pdp_at_boot(cid) for cid in range(1, 17)}
        self.ssl = {ctx: SslContext() for ctx in range(6)}
        self.tcpip = TcpipOptions()
        self.sockets: dict[int, Socket] = {}
        self.tls_sessions: dict[tuple[Any, ...], Any] = {}
        self.mqtt = {index: MqttClient(self, index) for index in range(6)}
        self.http = HttpClient(self)
        self.traffic_at_boot = self.counters["bytes_out"], self.counters["bytes_in"]
        self.last_transparent: Socket | None = None
        self.last_error = 0
        self.sleep_mode = 0
        self.open_files: dict[int, Any] = {}
        self.next_handle = 1
        self.port = AtPort(self)
        self.wanted_baud = self.nv.baud
        self.set_baud(self.nv.baud)

    def _pdp_at_boot(self, cid: int) -> PdpContext:
        known = self.pdp.get(cid)
        if known is None or not (known.saved or self.traits.qicsgp_survives):
            return PdpContext()
        return replace(known, active=False, dialled=False, lost=False, dns=PdpContext.dns)

    # -- time and bytes ------------------------------------------------------------------------

    def feed(self, data: bytes, now: float) -> None:
        """The host put bytes on the wire at `now`; they arrive one byte time apart."""
        self.advance(now)
        self.count("uart_bytes_in", len(data))
        heard = garble(data, self.host_baud, self.baud, self.rng)
        self.rx.push(self.faults.spoiled(heard, "in"), now)

    def advance(self, now: float) -> None:
        """Run what is due until `now`, in order."""
        while True:
            due, _order, run = min(self._pending(), key=lambda event: event[:2])
            if due > now:
                break
            self.now = max(self.now, due)
            run()
        self.now = max(self.now, now)

    def _pending(self) -> Iterator[tuple[float, int, Callable[[], None]]]:
        """The next event of every kind; at equal times timers come first, input last."""
        yield math.inf, 3, lambda: None
        for order, schedule in enumerate((self._schedule, self._world)):
            due = schedule.next_due()
            if due is not None:
                yield due, order, schedule.run_next
        due = self._next_arrival()
        if due is not None:
            yield due, 2, self._take_input

    def _take_input(self) -> None:
        data = self.rx.take(self._step)
        if self.power.listening and not self._asleep():
            self.port.receive(data)
        self.faults.passed("rx", len(data))

    def _step(self, data: bytes) -> int:
        """How many bytes to take: what the port wants, but no fault's moment is skipped."""
        wanted = self.port.step(data) if self.power.listening else len(data)
        return min(wanted, self.faults.bytes_to_mark("rx", wanted))

    def _asleep(self) -> bool:
        """AT+QSCLK=1 and DTR high: the UART is off until DTR goes low (spec 2.10)."""
        return bool(self.sleep_mode and self.pins["DTR"] and self.traits.sleep_loses_input)

    def _next_arrival(self) -> float | None:
        return self.rx.next_due(self._step)

    def next_due(self) -> float | None:
        """When `advance` or `take` has something to do next; None: nothing without new input."""
        due = min(event[0] for event in self._pending())
        output = self.tx.next_due()
        if output is not None:
            due = min(due, output)
        return None if due == math.inf else due

    def take(self, now: float) -> list[tuple[float, bytes]]:
        """Bytes that have left the module by `now`, as (due time, bytes), oldest first."""
        taken = self.tx.take(now)
        self.faults.passed("tx", sum(len(item) for _due, item in taken))
        if taken and self.tx.backlog < OUTPUT_LOW:
            for socket in self.sockets.values():
                socket.hold_back()
        return taken

    def at(self, due: float, action: Callable[[], None]) -> Timer:
        """Run `action` at a time."""
        return self._schedule.at(due, action)

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Run `action` after some seconds."""
        return self._schedule.at(self.now + seconds, action)

    def world_event(self, seconds: float, action: Callable[[], None]) -> None:
        """Run an event of the world outside; unlike a timer it outlives a restart."""
        self._world.at(self.now + seconds, action)

    def forget_timers(self) -> None:
        """Withdraw every timer: the module lost power."""
        self._schedule.clear()

    def transmit(self, data: bytes) -> None:
        """Bytes for the host."""
        if self.power.listening and data:
            self.count("uart_bytes_out", len(data))
            spoiled = self.faults.spoiled(data, "out")
            self.tx.write(garble(spoiled, self.baud, self.host_baud, self.rng), self.now)

    # -- pins ----------------------------------------------------------------------------------

    def set_pin(self, name: str, level: int, now: float) -> None:
        """An input of the module changed: PWRKEY, RESET_N (low active) or DTR."""
        self.advance(now)
        if name not in ("PWRKEY", "RESET_N", "DTR"):
            raise ValueError(f"{name} is not an input of the module")
        before, self.pins[name] = self.pins[name], level
        if before == level:
            return
        self.trace("pin", text=f"{name}={level}")
        if name == "DTR":
            if level and self.power.listening:
                self.port.dtr_raised()
        else:
            self.power.key_changed(name, level)

    def drive_pin(self, name: str, level: int) -> None:
        """An output of the module changes: STATUS, RI or DCD."""
        if self.pins[name] != level:
            self.pins[name] = level
            self.trace("pin", text=f"{name}={level}")
            if self.on_pin:
                self.on_pin(name, level)

    def set_baud(self, baud: int) -> None:
        """The module's UART changes its rate (spec 2.5)."""
        self.baud = self.rx.baud = self.tx.baud = baud
        if self.on_baud:
            self.on_baud(baud)

    def drive_carrier(self) -> None:
        """DCD, low active: on in data mode, or always under AT&C0 (spec 2.1)."""
        on = self.port.data is not None or self.profile.dcd_mode == 0
        self.drive_pin("DCD", 0 if on else 1)

    # -- reports -------------------------------------------------------------------------------

    def urc(self, text: str, payload: bytes = b"", joint: str = "\r\n") -> None:
        """An unsolicited result code, to the port that AT+QURCCFG names (spec 2.11).

        `joint` stands between the text and the payload, or ends a text without one.
        """
        if self.faults.swallows_urc():
            self.trace("urc", text=text, note="not printed: fault swallow_urc")
            return
        self.count("urcs")
        self._pulse_ri()
        if not self.indications["all"]:
            self.trace("urc", text=text, note="not printed: AT+QINDCFG")
        elif self.nv.urcport != "uart1":
            self.trace("urc", text=text, note=f"printed on {self.nv.urcport}, not on this port")
        elif commands.qcfg.of(self, "urc/delay")[0]:
            _kind, width_ms, pulses = commands.qcfg.of(self, "urc/ri/other")
            end = (2 * pulses - 1) * width_ms / 1000
            self.after(end, lambda: self.port.urc(text, payload, joint))
        else:
            self.port.urc(text, payload, joint)

    def release_ri(self) -> None:
        """RI is idle again (AT+QRIR)."""
        for timer in self._ri_timers:
            timer.cancel()
        self.drive_pin("RI", 1)

    def _pulse_ri(self) -> None:
        """As AT+QCFG="urc/ri/other" sets it: some pulses, as long between them (spec 2.12)."""
        for timer in self._ri_timers:
            timer.cancel()
        kind, width_ms, pulses = commands.qcfg.of(self, "urc/ri/other")
        if kind == "off":
            return
        width = width_ms / 1000
        self.drive_pin("RI", 0)
        self._ri_timers = [
            self.after(edge * width, lambda level=edge % 2: self.drive_pin("RI", level))
            for edge in range(1, 2 * pulses)
        ]

    def trace(self, direction: str, **what: Any) -> None:
        """A line of the trace."""
        self._trace.write(self.now, direction, **what)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        self.counters[name] += by

    def payload(self, way: str, size: int) -> None:
        """Payload came from ("in") or went to ("out") the network."""
        self.count(f"bytes_{way}", size)
        self.faults.passed(way, size)
        self.use_radio()

    # -- network and TLS -----------------------------------------------------------------------

    def register(self) -> None:
        """The network accepts the module; it also tells the time (NITZ)."""
        radio = self.radio
        if radio.registered or radio.functionality != 1 or radio.sim != "READY":
            return
        if self.traits.registration in ("denied", "searching") or self.nv.cops_mode == 2:
            return
        if not commands.qcfg.allows_network(self):
            return
        radio.registered = True
        if self.traits.nitz:
            self.tell_time(self.traits.timezone)
        commands.network.report_registration(self)
        commands.power.ask_for_saving(self)

    def use_radio(self) -> None:
        """Traffic: a radio connection stands until there was none for a while (AT+QCSCON)."""
        self.radio.last_traffic = self.now
        if not self.radio.rrc:
            self._rrc(True)
            self.after(self.traits.rrc_idle_s, self._rrc_idle)

    def _rrc_idle(self) -> None:
        quiet_at = self.radio.last_traffic + self.traits.rrc_idle_s
        if quiet_at > self.now:
            self.at(quiet_at, self._rrc_idle)
        else:
            self._rrc(False)

    def _rrc(self, connected: bool) -> None:
        self.radio.rrc = connected
        if self.radio.reports_rrc:
            self.urc(f"+QCSCON: 1,{int(connected)}")

    def tell_time(self, zone: int) -> None:
        """The network tells the time, and the zone in quarter hours (NITZ)."""
        before = self.rtc.network_time
        self.rtc.synchronise(self.network_time(), zone, self.now)
        if before is None or before[1] != zone:
            commands.clock.report_zone(self)

    def network_time(self) -> datetime:
        """What the network's clock says, naive UTC."""
        start, utc = self._time_base
        return utc + timedelta(seconds=self.now - start)

    @property
    def cell(self) -> Cell:
        """The cell of the network that is there."""
        return cell_of(self.traits.sysmode, self.radio.rssi)

    @staticmethod
    def address(pdp_id: int) -> str:
        """The address that the network gives to a PDP context."""
        return f"100.64.0.{pdp_id}"

    def resolve(self, pdp_id: int, host: str, done: ResolveDone) -> None:
        """Look a name up; `done` is called later, never at once."""
        if host in self.options.resolve:
            address = self.options.resolve[host]
            self.world_event(self.traits.dns_s, lambda: done([address]))
        elif self.pdp[pdp_id].dns[0] in ("", "0.0.0.0"):
            self.world_event(self.traits.dns_s, lambda: done([]))
        else:
            wanted = self.pdp[pdp_id].context_type
            self.net.resolve(host, lambda found: done([a for a in found if _reaches(wanted, a)]))

    def tls_settings(self, socket: Connection) -> TlsSettings:
        """The connection's SSL context, with the files that it names; raises TlsError."""
        assert socket.ssl_ctx_id is not None
        context = self.ssl[socket.ssl_ctx_id]
        read = {
            item: self.flash.get(str(context.values[item]).removeprefix("UFS:"))
            for item in ("cacert", "clientcert", "clientkey")
        }
        return TlsSettings(
            host=socket.host,
            version=context.sslversion,
            suite=context.ciphersuite,
            seclevel=context.seclevel,
            ca=read["cacert"],
            cert=read["clientcert"],
            key=read["clientkey"],
            sni=bool(context.sni),
            checkhost=self.traits.checkhost if context.checkhost else None,
            ignore_validity=bool(context.ignorelocaltime),
            clock=self.rtc.utc(self.now),
            renegotiation=bool(context.renegotiation),
            dtls=bool(context.dtls),
            dtls_version=context.dtlsversion,
            psk=self._psk(socket.ssl_ctx_id, context.ciphersuite),
            resume=self.tls_sessions.get(_session_key(socket)) if context.session else None,
            keylog=self._write_keylog if self._keylog else None,
        )

    def _psk(self, ctx_id: int, suite: int) -> tuple[bytes, bytes] | None:
        """Identity and key of the context's PSK file, where its suite needs or allows one."""
        content = self.flash.get(f"{ctx_id}_server.psk")
        if content is None or not (suite == ALL_SUITES or is_psk(suite)):
            return None
        try:
            return parse_psk(content, self.traits.psk_key)
        except TlsError:
            if is_psk(suite):
                raise
            return None

    def remember_session(self, socket: Connection, tls: TlsSession | None) -> None:
        """Keep a session for resumption, where the context asks for it."""
        if (
            tls is not None
            and socket.ssl_ctx_id is not None
            and self.ssl[socket.ssl_ctx_id].session
        ):
            self.tls_sessions[_session_key(socket)] = tls.session()

    def _write_keylog(self, line: bytes) -> None:
        if self._keylog:
            self._keylog.write(line + b"\n")

    def socket_opened(self, socket: Socket, code: int) -> None:
        """An open ended; modes 0 and 1 report it by URC (spec 1.6.2)."""
        if socket.mode != TRANSPARENT and not self.faults.open_is_silent():
            self.report_open(socket, code)

    def report_open(self, socket: Socket, code: int) -> None:
        """The result of an open as a URC."""
        word = "+QSSLOPEN" if socket.is_ssl else "+QIOPEN"
        self.urc(f"{word}: {socket.client_id},{code}")

    def socket_closed(self, socket: Socket) -> None:
        """A client ID is free again; the last one on an SSL context releases it (spec 1.6.5)."""
        ctx = socket.ssl_ctx_id
        last = all(other.ssl_ctx_id != ctx for other in self.sockets.values())
        if ctx is not None and last and self.traits.close_resets_context:
            self.ssl[ctx] = SslContext()

    def drop_sockets(self) -> None:
        """Abort every connection without a word: power is gone."""
        for connection in self.connections():
            connection.close(0)

    def connections(self) -> list[Connection]:
        """Every connection, whatever hangs on it."""
        clients = [client.connection for client in (*self.mqtt.values(), self.http)]
        return [*self.sockets.values(), *(each for each in clients if each is not None)]

    def pdp_lost(self, pdp_id: int, reason: str) -> None:
        """The network takes a PDP context down; its connections are lost (spec 3.5)."""
        context = self.pdp.get(pdp_id)
        if context is None or not context.up:
            return
        kind = PDP_TYPES[context.context_type]
        event = f'NW DEACT "{kind}","{self.address(pdp_id)}",{pdp_id}'
        if context.dialled:
            context.dialled = False
            self.packet_event(event)
            return
        context.active, context.lost = False, True
        first = self.traits.pdp_loss_order == "pdpdeact_first"
        if first:
            self.urc(f'+QIURC: "pdpdeact",{pdp_id}')
        for connection in self.connections():
            if connection.pdp_id == pdp_id:
                connection.lost(reason)
        if not first:
            self.urc(f'+QIURC: "pdpdeact",{pdp_id}')
        self.packet_event(event)

    def packet_event(self, text: str) -> None:
        """What AT+CGEREP=1 or 2 reports (spec 2.3.1)."""
        if self.profile.cgerep[0]:
            self.urc(f"+CGEV: {text}")

    def lose_network(self) -> None:
        """Not registered any more: PDP contexts go down, the registration URC is printed."""
        if not self.radio.registered:
            return
        self.radio.registered = False
        for pdp_id in self.pdp:
            self.pdp_lost(pdp_id, "the module left the network")
        commands.network.report_registration(self)

    def chosen_sockets(self, client_id: int) -> list[Connection]:
        """The connection with this ID, or all of them for -1."""
        if client_id < 0:
            return self.connections()
        return [self.sockets[client_id]] if client_id in self.sockets else []

    def restart_state(self) -> None:
        """A restart or power-off: volatile state is gone, files and saved settings stay."""
        self.drop_sockets()
        self.opens_since_boot = 0
        self.forget_timers()
        self.drive_pin("RI", 1)
        self.rx.clear()
        self.tx.clear(self.now)
        self._boot_state()
        self.drive_carrier()

    def shut(self) -> None:
        """The simulator ends: release files and links."""
        self.drop_sockets()
        self._trace.close()
        if self._keylog:
            self._keylog.close()


def _open_keylog(path: str | Path) -> IO[bytes]:
    """Append to a file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return os.fdopen(descriptor, "ab", buffering=0)


def _reaches(context_type: int, address: str) -> bool:
    """Whether a PDP context (1 IPv4, 2 IPv6, 3 both) leads to this address (spec 2.6.1)."""
    return bool(context_type & (2 if ":" in address else 1))


def _session_key(socket: Connection) -> tuple[Any, ...]:
    return (socket.ssl_ctx_id, socket.host, socket.port)
