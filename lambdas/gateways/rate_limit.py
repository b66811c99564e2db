"""Calls at a pace: AWS's quotas are the account's, and its own deployments come first (DESIGN §4.16)."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from typing import Literal, TypeVar

from lambdas.domain.errors import ServiceUnavailable, Throttled

PacedCall = Literal["ListEndpoints", "DescribeEndpoint", "DescribeEndpointConfig"]

# Calls a second, for an account and region. They can't be raised.
# https://docs.aws.amazon.com/general/latest/gr/sagemaker.html
QUOTAS: Mapping[PacedCall, float] = {
    "ListEndpoints": 2,
    "DescribeEndpoint": 5,
    "DescribeEndpointConfig": 5,
}
# Turns that passed while everyone was busy are made up for, this many seconds of them: AWS's token buckets
# hold a second's worth.
_MADE_UP_FOR_SECONDS = 0.5
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 30.0
_TRIES, _TRIES_UNREACHED = 8, 3
_T = TypeVar("_T")


class Pace:
    """Lets calls through at a rate, evenly but for turns that were missed; safe to share between threads.

    Parameters
    ----------
    rate
        Calls a second; None for as many as come.
    """

    def __init__(
        self,
        rate: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.rate = rate
        self._interval = 1 / rate if rate else 0.0
        self._clock = clock
        self._sleep = sleep or time.sleep
        self._next = clock()
        self._pause = _FIRST_PAUSE_SECONDS
        self._lock = threading.Lock()
        self.throttled = 0

    def call(self, do: Callable[[], _T]) -> _T:
        """Do it when its turn comes; after a throttle, everyone's turn comes later.

        Raises
        ------
        Throttled, ServiceUnavailable
            It was so eight, or three, times in a row.
        """
        for tries in itertools.count(1):
            self._await_turn()
            try:
                answer = do()
            except (Throttled, ServiceUnavailable) as error:
                is_throttle = isinstance(error, Throttled)
                if tries >= (_TRIES if is_throttle else _TRIES_UNREACHED):
                    raise
                self._back_off(throttled=is_throttle)
            else:
                self._pause = _FIRST_PAUSE_SECONDS
                return answer
        raise AssertionError  # the count has no end

    def _await_turn(self) -> None:
        with self._lock:
            now = self._clock()
            turn = max(now - _MADE_UP_FOR_SECONDS, self._next)
            self._next = turn + self._interval
        if turn > now:
            self._sleep(turn - now)

    def _back_off(self, *, throttled: bool) -> None:
        """Someone else needs the quota, or the service a rest: wait longer each time, whoever asks next."""
        with self._lock:
            self.throttled += throttled
            self._next = max(self._next, self._clock() + self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)


class Paces:
    """One pace for each paced call of a region, at a share of its quota; no share: as fast as calls come."""

    def __init__(self, share: float | None) -> None:
        self._paces = {call: Pace(quota * share if share else None) for call, quota in QUOTAS.items()}

    def __getitem__(self, call: PacedCall) -> Pace:
        return self._paces[call]

    @property
    def throttled(self) -> int:
        return sum(pace.throttled for pace in self._paces.values())
