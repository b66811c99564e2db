"""A rate limit for calls: AWS's quotas are per account, and the account's own deployments come first."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from typing import Literal, TypeVar

from lambdas.domain.errors import ServiceUnavailable, Throttled

LimitedCall = Literal["ListEndpoints", "DescribeEndpoint", "DescribeEndpointConfig"]

# Calls a second, for an account and region. They can't be raised.
# https://docs.aws.amazon.com/general/latest/gr/sagemaker.html
QUOTAS: Mapping[LimitedCall, float] = {
    "ListEndpoints": 2,
    "DescribeEndpoint": 5,
    "DescribeEndpointConfig": 5,
}
# Allow bursts of at most this many seconds of unused rate; AWS's own token buckets hold one second's worth.
_BURST_SECONDS = 0.5
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 30.0
_TRIES, _TRIES_UNREACHED = 8, 3
_T = TypeVar("_T")


class RateLimiter:
    """Spaces calls evenly, with a small burst after idle time. Safe to share between threads.

    Parameters
    ----------
    rate
        Calls a second; None for no limit.
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
        """Call when the rate allows it. After a throttle, all callers wait longer.

        Raises
        ------
        Throttled, ServiceUnavailable
            Eight throttles, or three failures, occurred in a row.
        """
        for tries in itertools.count(1):
            self._wait()
            try:
                result = do()
            except (Throttled, ServiceUnavailable) as error:
                is_throttle = isinstance(error, Throttled)
                if tries >= (_TRIES if is_throttle else _TRIES_UNREACHED):
                    raise
                self._back_off(throttled=is_throttle)
            else:
                self._pause = _FIRST_PAUSE_SECONDS
                return result
        raise AssertionError  # the count has no end

    def _wait(self) -> None:
        with self._lock:
            now = self._clock()
            at = max(now - _BURST_SECONDS, self._next)
            self._next = at + self._interval
        if at > now:
            self._sleep(at - now)

    def _back_off(self, *, throttled: bool) -> None:
        """Delay the next call of any thread, and longer each time."""
        with self._lock:
            self.throttled += throttled
            self._next = max(self._next, self._clock() + self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)


class RateLimiters:
    """A rate limiter for each limited call of a region, at a share of its quota. No share, no limit."""

    def __init__(self, share: float | None) -> None:
        self._limits = {call: RateLimiter(quota * share if share else None) for call, quota in QUOTAS.items()}

    def __getitem__(self, call: LimitedCall) -> RateLimiter:
        return self._limits[call]

    @property
    def throttled(self) -> int:
        return sum(limit.throttled for limit in self._limits.values())
