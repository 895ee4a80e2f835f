"""Hosts simulated modules: one background thread, one asyncio loop, any number of modules."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from .attach import Attachment, open_attachment
from .core import Module
from .net_asyncio import AsyncioNet
from .options import SimOptions
from .view import Snapshot, snapshot

log = logging.getLogger(__name__)

INPUT_HIGH = 4096  # bytes on the wire at which the host is made to wait


class SimModule:
    """One hosted module. Its methods may be called from any thread."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: SimOptions,
        attachment: Attachment,
        name: str,
    ) -> None:
        self._loop = loop
        self._attachment = attachment
        self._timer: asyncio.TimerHandle | None = None
        self._in_pump = False
        self._stopped = False
        self.path = attachment.path
        if attachment.paced:
            options = replace(options, pace=False)
        self._net = AsyncioNet(loop, self._deliver)
        self.module = Module(
            options, self._net, self._now(), host_time=datetime.now(timezone.utc), name=name
        )
        self.module.on_baud = attachment.set_baud
        attachment.start(loop, self._host_wrote, self._host_ready)
        self._pump()

    @staticmethod
    def _now() -> float:
        return time.monotonic()

    # -- for rigs and tests --------------------------------------------------------------------

    @property
    def on_pin(self) -> Callable[[str, int], None] | None:
        """Called with (name, level) from the simulator's thread when STATUS, RI or DCD change."""
        return self.module.on_pin

    @on_pin.setter
    def on_pin(self, callback: Callable[[str, int], None] | None) -> None:
        self.module.on_pin = callback

    def set_pin(self, name: str, level: int) -> None:
        """Drive an input of the module: "PWRKEY" (pressed is 0), "RESET_N" or "DTR"."""
        if name not in ("PWRKEY", "RESET_N", "DTR"):
            raise ValueError(f"{name} is not an input of the module")
        self._post(lambda at: self.module.set_pin(name, level, at))

    def set_host_baud(self, bps: int) -> None:
        """The rate of the host's UART; where it differs from the module's, bytes are garbled."""

        def change(_at: float) -> None:
            self.module.host_baud = bps

        self._post(change)

    def pin(self, name: str) -> int:
        """The level of any pin now."""
        return self.module.pins[name]

    @property
    def counters(self) -> dict[str, int]:
        """What has been counted so far: commands, URCs, TLS bytes, ..."""
        return dict(self.module.counters)

    def _post(self, action: Callable[[float], None]) -> None:
        at = self._now()

        def run() -> None:
            self.module.advance(max(at, self.module.now))
            action(max(at, self.module.now))
            self._pump()

        self._loop.call_soon_threadsafe(run)

    # -- on the loop ---------------------------------------------------------------------------

    def _host_wrote(self, data: bytes) -> None:
        with self._guarded():
            self.module.feed(data, max(self._now(), self.module.now))
        self._pump()

    def _host_ready(self) -> None:
        self._pump()

    def _deliver(self, callback: Callable[..., None], *args: Any) -> None:
        """A network event: bring time up to date, tell the module, move its output."""
        if self._stopped:
            return
        with self._guarded():
            self.module.advance(max(self._now(), self.module.now))
            callback(*args)
        self._pump()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """A defect of ours is logged and counted; the module goes on."""
        try:
            yield
        except Exception:
            log.exception("%s: the simulator broke", self.module.name)
            self.module.count("internal_errors")

    def _pump(self) -> None:
        """Run what is due, hand over what has left the module, come back when more is due."""
        if self._in_pump or self._stopped:
            return
        self._in_pump = True
        with self._guarded():
            now = max(self._now(), self.module.now)
            self.module.advance(now)
            if self._attachment.writable:
                self._hand_over([data for _due, data in self.module.take(now)])
        self._in_pump = False
        self._attachment.hold_host(self.module.rx.backlog >= INPUT_HIGH)
        self._sleep_until_due()

    def _hand_over(self, items: list[bytes]) -> None:
        """One system call, unless the chunk fault wants every item by itself."""
        if items:
            self._attachment.write(items if self.module.tx.item_bytes else [b"".join(items)])

    def _sleep_until_due(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        due = self.module.next_due()
        if due is not None:
            self._timer = self._loop.call_at(
                self._loop.time() + max(0.0, due - self._now()), self._pump
            )

    def stop(self) -> None:
        """Shut the module down (on the loop)."""
        self._stopped = True
        if self._timer:
            self._timer.cancel()
        self._net.shut()
        self.module.shut()
        self._attachment.close()


class SimServer:
    """Runs modules in a background thread.

    sim = SimServer(); sim.start(); module = sim.add_module(SimOptions(), listen="pty"); sim.stop()
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.modules: list[SimModule] = []

    def start(self) -> None:
        """Start the thread. Starting twice is an error."""
        if self._thread is not None:
            raise RuntimeError("the simulator is already running")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="bg95-module-sim", daemon=True
        )
        self._thread.start()

    def add_module(
        self,
        options: SimOptions,
        *,
        fd: int | None = None,
        listen: str | None = None,
        name: str = "",
    ) -> SimModule:
        """Add a module on an open descriptor, or on "pty", "tcp:HOST:PORT" or "serial:DEVICE".

        The descriptor is duplicated; the caller keeps its own. Raises ValueError for a wrong
        option, OSError where the place cannot be opened.
        """
        if (fd is None) == (listen is None):
            raise ValueError("give either fd or listen")
        return self._call(lambda: self._add(options, fd, listen, name))

    def _add(self, options: SimOptions, fd: int | None, listen: str | None, name: str) -> SimModule:
        assert self._loop is not None
        attachment = open_attachment(fd, listen, options.baud)
        try:
            module = SimModule(self._loop, options, attachment, name)
        except BaseException:
            attachment.close()
            raise
        self.modules.append(module)
        return module

    def snapshots(self) -> list[Snapshot]:
        """What every module is doing, as `view.render` shows it."""
        return self._call(lambda: [snapshot(each.module, each.path) for each in self.modules])

    def remove_module(self, module: SimModule) -> None:
        """Stop one module."""

        def remove() -> None:
            if module in self.modules:
                self.modules.remove(module)
                module.stop()

        self._call(remove)

    def _call(self, work: Callable[[], Any]) -> Any:
        if self._loop is None:
            raise RuntimeError("the simulator is not running; call start() first")

        async def run() -> Any:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def stop(self) -> None:
        """Stop every module and the thread. Stopping twice is harmless."""
        if self._loop is None or self._thread is None:
            return
        self._call(self._stop_modules)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    def _stop_modules(self) -> None:
        for module in self.modules:
            module.stop()
        self.modules.clear()

    def __enter__(self) -> SimServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
