"""Polling from a timer, so that a program that only sleeps or computes neither keeps back what it wrote nor loses
what comes in.

The timer only schedules; the poll itself runs between two steps of the program, and never inside another call of
the driver (Modem.inside), which it would find half way.
"""

from micropython import const, schedule

_TICK_MS = const(
    10
)  # half of the time that small writes wait; rxbuf=4096 holds 44 ms even at 921600 bit/s
_LEFT = const(100)  # ticks without a poll after which no call can be under way: Ctrl-C ended it


class Background:
    """Polls `modem` by `timer` (machine.Timer, or anything with its init and deinit), until stop()."""

    def __init__(self, modem, timer):
        self._modem = modem
        self._timer = timer
        self._due = False
        self._polls = (
            0  # of the modem when looked at last, and ticks since then: a call that waits polls
        )
        self._ticks = 0
        self._poll = self._poll_now  # bound once, since an interrupt handler may not allocate
        timer.init(period=_TICK_MS, callback=self._tick)

    def stop(self):
        """Leave the timer."""
        self._timer.deinit()

    def _tick(self, _):
        """Called by the timer, on some boards as an interrupt."""
        if not self._due:
            self._due = True
            try:
                schedule(self._poll, None)
            except RuntimeError:  # the queue of scheduled calls is full: the next tick tries again
                self._due = False

    def _poll_now(self, _):
        self._due = False
        modem = self._modem
        if not modem.inside:
            modem.poll()
        elif modem.polls != self._polls:
            self._polls = modem.polls
            self._ticks = 0
        else:
            self._ticks += 1
            if self._ticks >= _LEFT:
                modem.inside = 0
