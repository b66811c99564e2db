"""How long a workflow retries: a burst of events and an hour's outage must end no remediation."""

from __future__ import annotations

import heapq
import random
from typing import Any

import pytest

from stacks.workflow_definition import read_definition, states

MACHINES = ("remediation", "backout", "retirement", "sweep", "digest")
_BURST = 2000

Retrier = dict[str, Any]


def _retriers(machine: str) -> list[tuple[str, Retrier]]:
    """Each retrier of a machine, with the name of its state."""
    return [
        (name, retrier)
        for name, state in states(read_definition(machine))
        for retrier in state.get("Retry", [])
    ]


def _of(word: str) -> Retrier:
    """The retrier of an error name in the remediation; all states have the same."""
    found = [retrier for _, retrier in _retriers("remediation") if word in retrier["ErrorEquals"]]
    assert found
    assert all(one == found[0] for one in found)
    return found[0]


AWS_BUSY, SLACK_DOWN = _of("Throttled"), _of("SlackUnavailable")


def _exhausted(retrier: Retrier, steps: int, *, a_second: float) -> int:
    """How many of so many steps, begun within a second, run out of attempts at so much room a second."""
    chance = random.Random(1)  # noqa: S311
    attempts = [(chance.random(), 0) for _ in range(steps)]
    heapq.heapify(attempts)
    room, filled, exhausted = 1.0, 0.0, 0
    while attempts:
        now, tried = heapq.heappop(attempts)
        room, filled = min(max(a_second, 1.0), room + (now - filled) * a_second), now
        if room >= 1:
            room -= 1
        elif tried == retrier["MaxAttempts"]:
            exhausted += 1
        else:
            heapq.heappush(attempts, (now + _pause(retrier, tried, chance), tried + 1))
    return exhausted


def _pause(retrier: Retrier, tried: int, chance: random.Random) -> float:
    longest = min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** tried, retrier["MaxDelaySeconds"])
    return chance.uniform(0, longest) if retrier.get("JitterStrategy") == "FULL" else longest


def test_a_burst_finds_room_in_sagemakers_quota() -> None:
    assert _exhausted(AWS_BUSY, _BURST, a_second=5) == 0


def test_a_burst_finds_room_in_slacks_channel() -> None:
    assert _exhausted(SLACK_DOWN, _BURST, a_second=1) == 0


@pytest.mark.parametrize(("retrier", "minutes"), [(AWS_BUSY, 30), (SLACK_DOWN, 60)])
def test_an_outage_is_outlasted(retrier: Retrier, minutes: float) -> None:
    chance = random.Random(1)  # noqa: S311
    waits = [
        sum(_pause(retrier, tried, chance) for tried in range(retrier["MaxAttempts"])) for _ in range(2000)
    ]
    assert min(waits) > 60 * minutes


@pytest.mark.parametrize("machine", MACHINES)
def test_an_error_is_retried_alike_in_every_machine(machine: str) -> None:
    """YAML's anchors end with their file. Two steps of the sweep, which back off by themselves, differ."""
    words = {word: retrier for _, retrier in _retriers("remediation") for word in retrier["ErrorEquals"]}
    by_themselves = {"ListEndpoints", "AssessEndpoints"}
    for state, retrier in _retriers(machine):
        if state in by_themselves and "Throttled" in retrier["ErrorEquals"]:
            continue
        assert [words[word] for word in retrier["ErrorEquals"]] == [retrier] * len(retrier["ErrorEquals"])
