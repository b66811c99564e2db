"""One clock for the whole local world: it runs at any speed, or stands still until it is driven."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

_POLL_SECONDS = 0.005  # how often a waiter on a driven clock looks again, in real time
_FAR_FUTURE_SECONDS = 10 * 365 * 86_400  # the interpreter's "no time-out": not a timer anyone waits for


class Clock:
    """Simulated time.

    Parameters
    ----------
    speed
        Simulated seconds per real second. 1 is real time; 0 stands still until `advance` is called.
    start
        Unix time at which the simulation starts; the real time by default.
    """

    def __init__(self, speed: float = 1.0, start: float | None = None) -> None:
        self._speed = speed
        self._lock = threading.Lock()
        self._real_origin = time.monotonic()
        self._origin = time.time() if start is None else start
        self._timers: dict[object, float] = {}
        self._pauses = 0
        self._speed_when_running = speed

    def now(self) -> float:
        """Unix time in the simulation, in seconds."""
        with self._lock:
            return self._now()

    def _now(self) -> float:
        return self._origin + (time.monotonic() - self._real_origin) * self._speed

    @contextmanager
    def paused(self) -> Generator[None]:
        """Let no simulated time pass meanwhile: what computes here takes no time in the simulation."""
        self._pause(1)
        try:
            yield
        finally:
            self._pause(-1)

    def _pause(self, change: int) -> None:
        with self._lock:
            now = self._now()
            self._pauses += change
            self._origin, self._real_origin = now, time.monotonic()
            self._speed = 0.0 if self._pauses else self._speed_when_running

    def advance(self, seconds: float) -> None:
        """Jump forwards; whoever waited for a moment that is now past wakes up."""
        with self._lock:
            self._origin += seconds

    def sleep(self, seconds: float) -> None:
        self.wait(threading.Event(), seconds)

    def wait(self, event: threading.Event, seconds: float | None = None) -> bool:
        """Wait until `event` is set or `seconds` of simulated time have passed; True if it was set."""
        if seconds is None:
            return event.wait()
        timer = object()
        with self._lock:
            deadline = self._now() + seconds
            if seconds < _FAR_FUTURE_SECONDS:
                self._timers[timer] = deadline
        try:
            while not event.is_set():
                remaining = deadline - self.now()
                if remaining <= 0:
                    break
                real = remaining / self._speed if self._speed else _POLL_SECONDS
                # the base class's method: the event's own may be waiting on this very clock
                threading.Event.wait(event, min(real, _POLL_SECONDS))
            return event.is_set()
        finally:
            with self._lock:
                self._timers.pop(timer, None)

    def timers(self) -> list[float]:
        """The moments (Unix time) that someone is waiting for, soonest first."""
        with self._lock:
            return sorted(self._timers.values())

    def advance_to_next_timer(self) -> bool:
        """Jump to the soonest moment waited for; False if nobody is waiting."""
        with self._lock:
            if not self._timers:
                return False
            self._origin += max(0.0, min(self._timers.values()) - self._now())
            return True
