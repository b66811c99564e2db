"""One clock for the whole local world: it runs at any speed, or stands still until it is driven."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

_POLL_SECONDS = 0.005  # how often a waiter polls a running clock, whose speed may change meanwhile
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
        self._waiters: dict[threading.Event, _Waiter] = {}
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

    def run(self, speed: float) -> None:
        """Go on at another speed, from the moment that it is now."""
        with self._lock:
            self._origin, self._real_origin = self._now(), time.monotonic()
            self._speed_when_running = speed
            self._speed = 0.0 if self._pauses else speed
            for wake in self._waiters:
                wake.set()

    def advance(self, seconds: float) -> None:
        """Jump forwards; those who waited for a moment that is now past wake up."""
        with self._lock:
            self._origin += seconds
            self._wake_those_due()

    def sleep(self, seconds: float) -> None:
        self.wait(ClockEvent(self), seconds)

    def wait(self, event: ClockEvent, seconds: float) -> bool:
        """Wait until `event` is set or `seconds` of simulated time have passed; True if it was set."""
        wake = threading.Event()
        with self._lock:
            waiter = _Waiter(self._now() + seconds, event, is_timer=seconds < _FAR_FUTURE_SECONDS)
            self._waiters[wake] = waiter
        event.wakes.add(wake)
        try:
            while not event.is_set():
                with self._lock:
                    remaining = waiter.deadline - self._now()
                    speed, driven = self._speed, not self._speed_when_running
                if remaining <= 0:
                    break
                # a driven clock wakes its waiters when it is advanced
                wake.wait(
                    None if driven else min(remaining / speed, _POLL_SECONDS) if speed else _POLL_SECONDS
                )
                wake.clear()
            return event.is_set()
        finally:
            event.wakes.discard(wake)
            with self._lock:
                del self._waiters[wake]

    def timers(self) -> list[float]:
        """The moments (Unix time) that someone is waiting for, soonest first."""
        with self._lock:
            return sorted(self._timers())

    def advance_to_next_timer(self) -> bool:
        """Jump to the soonest moment waited for; False if nobody is waiting."""
        with self._lock:
            soonest = min(self._timers(), default=None)
            if soonest is None:
                return False
            self._origin += max(0.0, soonest - self._now())
            self._wake_those_due()
            return True

    def is_anyone_waking(self) -> bool:
        """Whether someone's wait is over who has not come back from it yet."""
        with self._lock:
            now = self._now()
            return any(waiter.deadline <= now or waiter.event.is_set() for waiter in self._waiters.values())

    def _timers(self) -> list[float]:
        return [waiter.deadline for waiter in self._waiters.values() if waiter.is_timer]

    def _wake_those_due(self) -> None:
        now = self._now()
        for wake, waiter in self._waiters.items():
            if waiter.deadline <= now:
                wake.set()


class ClockEvent(threading.Event):
    """An event whose waits time out in a clock's time."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.wakes: set[threading.Event] = set()  # of those who wait

    def set(self) -> None:
        super().set()
        for wake in tuple(self.wakes):
            wake.set()

    def wait(self, timeout: float | None = None) -> bool:
        return self._clock.wait(self, float("inf") if timeout is None else timeout)


@dataclass(frozen=True, slots=True)
class _Waiter:
    """Someone who waits for an event, until a moment; `is_timer`: the moment is one to jump to."""

    deadline: float
    event: ClockEvent
    is_timer: bool
