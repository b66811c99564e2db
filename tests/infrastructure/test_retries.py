"""How long a workflow tries again: a burst of events and an hour's outage must end no remediation."""

from __future__ import annotations

import heapq
import random

import pytest

from stacks.state_machine import AWS_BUSY, SLACK_DOWN, Retry

_BURST = 2000


def _exhausted(retry: Retry, steps: int, *, a_second: float) -> int:
    """How many of so many steps, begun within a second, run out of tries at so much room a second."""
    chance = random.Random(1)  # noqa: S311
    tries = [(chance.random(), 0) for _ in range(steps)]
    heapq.heapify(tries)
    room, filled, exhausted = 1.0, 0.0, 0
    while tries:
        now, tried = heapq.heappop(tries)
        room, filled = min(max(a_second, 1.0), room + (now - filled) * a_second), now
        if room >= 1:
            room -= 1
        elif tried == retry.max_attempts:
            exhausted += 1
        else:
            heapq.heappush(tries, (now + _pause(retry, tried, chance), tried + 1))
    return exhausted


def _pause(retry: Retry, tried: int, chance: random.Random) -> float:
    longest = min(retry.interval_seconds * retry.backoff_rate**tried, retry.max_delay_seconds)
    return chance.uniform(0, longest) if retry.jitter else longest


def test_a_burst_finds_room_in_sagemakers_quota() -> None:
    assert _exhausted(AWS_BUSY, _BURST, a_second=5) == 0


def test_a_burst_finds_room_in_slacks_channel() -> None:
    assert _exhausted(SLACK_DOWN, _BURST, a_second=1) == 0


@pytest.mark.parametrize(("retry", "minutes"), [(AWS_BUSY, 30), (SLACK_DOWN, 60)])
def test_an_outage_is_outlasted(retry: Retry, minutes: float) -> None:
    chance = random.Random(1)  # noqa: S311
    waits = [sum(_pause(retry, tried, chance) for tried in range(retry.max_attempts)) for _ in range(2000)]
    assert min(waits) > 60 * minutes
