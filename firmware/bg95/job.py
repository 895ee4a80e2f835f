"""Job: a flow that poll() drives, beside whatever else the program does: every blocking call, what a
non-blocking socket opens or closes, and all of bg95.aio.
"""

import io
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from . import visit

_POLL = const(3)  # ioctl: MP_STREAM_POLL


class Job(io.IOBase):
    """Every Modem.poll() takes `flow` a step further. Readable, for select.poll and asyncio, once it has ended.

    poll() allocates what the flow does while there is one. A job that nobody asks keeps its error to itself.
    """

    def __init__(self, modem, flow):
        self._modem = modem
        self._flow = flow
        self.value = None
        self._error = None
        self.done = False
        visit.flows += 1
        modem.jobs.append(self)

    def step(self):
        """Called by poll()."""
        try:
            next(self._flow)  # pyright: ignore[reportArgumentType]
        except StopIteration as e:
            self._end(e.value, None)
        except Exception as e:
            self._end(None, e)
        except BaseException:  # Ctrl-C: whoever is on the stack hears it
            self.cancel()
            raise

    def _end(self, value, error):
        self.value = value
        self._error = error
        self.done = True
        self._flow = None
        self._modem.jobs.remove(self)
        visit.flows -= 1
        visit.leave(self._modem)

    def cancel(self):
        """Stop the flow where it is, which leaves the AT engine usable. Harmless once it has ended."""
        if not self.done:
            self._flow.close()
            self._end(None, None)

    def ended(self, ms):
        """Flow: wait for its end, for at most `ms`."""
        deadline = ticks_add(ticks_ms(), ms)
        while not self.done and ticks_diff(ticks_ms(), deadline) < 0:
            yield

    def result(self):
        """What the flow returned or raised."""
        if self._error is not None:
            raise self._error
        return self.value

    def ioctl(self, request, arg):
        """For select.poll and asyncio."""
        if request != _POLL:
            return -22  # EINVAL
        self._modem.poll()
        return arg if self.done else 0
