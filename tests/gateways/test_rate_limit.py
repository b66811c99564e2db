from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.errors import RemediationError, ServiceUnavailable, Throttled
from lambdas.gateways.rate_limit import QUOTAS, RateLimiter, RateLimiters


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def limited(rate: float | None, time: Time) -> RateLimiter:
    return RateLimiter(rate, clock=time.clock, sleep=time.sleep)


def failing(error: type[RemediationError], times: int) -> Callable[[], str]:
    left = [error("no")] * times

    def do() -> str:
        if left:
            raise left.pop()
        return "done"

    return do


@given(st.floats(0.1, 50), st.lists(st.floats(0, 3), min_size=2, max_size=40))
def test_no_stretch_of_time_has_more_calls_than_the_rate_and_half_a_second_of_bursts(
    rate: float, pauses: list[float]
) -> None:
    time = Time()
    limiter, made = limited(rate, time), list[float]()
    for pause in pauses:
        time.now += pause
        limiter.call(lambda: made.append(time.now))
    for (first, began), (last, ended) in itertools.combinations(enumerate(made), 2):
        assert last - first <= (ended - began + 0.5) * rate + 1e-6


def test_idle_time_allows_a_small_burst() -> None:
    time = Time()
    limiter = limited(5, time)
    for late in (0, 0, 0.5, 0, 0, 0, 0):
        time.now += late  # nobody was there
        limiter.call(lambda: None)
    assert time.now == pytest.approx(1001.2), "as if nobody had been late"  # pyright: ignore[reportUnknownMemberType]


def test_what_comes_evenly_does_not_wait_longer_than_the_rate() -> None:
    time = Time()
    limiter = limited(5, time)
    for _ in range(11):
        limiter.call(lambda: None)
    assert time.now == pytest.approx(1002)  # pyright: ignore[reportUnknownMemberType]


def test_without_a_rate_nobody_waits() -> None:
    time = Time()
    limiter = limited(None, time)
    for _ in range(1000):
        limiter.call(lambda: None)
    assert time.now == 1000


def test_after_a_throttle_everyone_waits_longer_each_time() -> None:
    time = Time()
    limiter = limited(None, time)
    assert limiter.call(failing(Throttled, 3)) == "done"
    assert time.now == 1000 + 1 + 2 + 4
    assert limiter.throttled == 3
    assert limiter.call(failing(Throttled, 1)) == "done"
    assert time.now == 1000 + 7 + 1, "what succeeds in between ends it"


@pytest.mark.parametrize(("error", "tries"), [(Throttled, 8), (ServiceUnavailable, 3)])
def test_it_gives_up_in_the_end(error: type[RemediationError], tries: int) -> None:
    assert limited(None, Time()).call(failing(error, tries - 1)) == "done"
    with pytest.raises(error):
        limited(None, Time()).call(failing(error, tries))


def test_a_refusal_is_not_tried_again() -> None:
    with pytest.raises(RemediationError):
        limited(None, Time()).call(failing(RemediationError, 1))


def test_a_share_is_of_each_calls_own_quota() -> None:
    limits = RateLimiters(0.5)
    assert {call: limits[call].rate for call in QUOTAS} == {
        "ListEndpoints": 1, "DescribeEndpoint": 2.5, "DescribeEndpointConfig": 2.5,
    }  # fmt: skip
