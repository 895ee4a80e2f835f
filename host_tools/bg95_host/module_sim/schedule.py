"""Time inside a module: timers ordered by due time, run by whoever owns the clock.

Nothing here reads a clock. The owner says what time it is (`Module.advance`), so the same module
runs on the wall clock, on an emulated board's simulated time, or on a test's manual clock.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class Timer:
    """One call that is due at a time; `cancel()` withdraws it."""

    __slots__ = ("action", "due")

    def __init__(self, due: float, action: Callable[[], None]) -> None:
        self.due = due
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Withdraw the call. Cancelling twice, or after it ran, is harmless."""
        self.action = None


class Schedule:
    """The timers of one module: earliest first, equal times in the order they were set."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = count()

    def at(self, due: float, action: Callable[[], None]) -> Timer:
        """Run `action` when time reaches `due` (seconds on the owner's clock)."""
        timer = Timer(due, action)
        heapq.heappush(self._heap, (due, next(self._order), timer))
        return timer

    def next_due(self) -> float | None:
        """When the next timer is due, or None."""
        while self._heap and self._heap[0][2].action is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def run_next(self) -> None:
        """Run the earliest timer. Call only when `next_due()` is not None."""
        timer = heapq.heappop(self._heap)[2]
        action, timer.action = timer.action, None
        if action is not None:
            action()

    def clear(self) -> None:
        """Withdraw every timer (a restart)."""
        self._heap.clear()
