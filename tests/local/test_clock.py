"""The driven clock: whoever waits wakes when a moment has come, or what they wait for has happened."""

from __future__ import annotations

import threading
import time

import pytest

from local.clock import Clock, ClockEvent


def _until(clock: Clock, waiters: int) -> None:
    give_up = time.monotonic() + 20
    while len(clock.timers()) < waiters:
        assert time.monotonic() < give_up
        time.sleep(0.001)


@pytest.fixture
def clock() -> Clock:
    return Clock(speed=0, start=1000)


def test_those_who_are_due_wake_and_the_others_wait_on(clock: Clock) -> None:
    woken: list[int] = []

    def sleep(seconds: int) -> None:
        clock.sleep(seconds)
        woken.append(seconds)

    threads = [threading.Thread(target=sleep, args=(seconds,), daemon=True) for seconds in (10, 20, 30)]
    for thread in threads:
        thread.start()
    _until(clock, 3)
    clock.advance(20)
    for thread in threads[:2]:
        thread.join(20)
    assert sorted(woken) == [10, 20]
    assert clock.timers() == [1030]
    assert not clock.is_anyone_waking()
    clock.advance(10)
    threads[2].join(20)
    assert clock.timers() == []


def test_an_event_wakes_who_waits_for_it(clock: Clock) -> None:
    event = ClockEvent(clock)
    heard: list[bool] = []
    thread = threading.Thread(target=lambda: heard.append(event.wait(60)), daemon=True)
    thread.start()
    _until(clock, 1)
    event.set()
    thread.join(20)
    assert heard == [True]


def test_a_wait_that_is_over_shows_until_its_waiter_is_back(clock: Clock) -> None:
    """The world is not still meanwhile."""
    thread = threading.Thread(target=lambda: clock.sleep(10), daemon=True)
    thread.start()
    _until(clock, 1)
    assert not clock.is_anyone_waking()
    clock.advance_to_next_timer()
    thread.join(20)
    assert clock.now() == 1010
    assert not clock.is_anyone_waking()


def test_a_running_clock_wakes_by_itself() -> None:
    clock = Clock(speed=1000)
    began = clock.now()
    clock.sleep(30)
    assert clock.now() - began >= 30


def test_a_wait_without_an_end_is_no_moment_to_jump_to(clock: Clock) -> None:
    event = ClockEvent(clock)
    thread = threading.Thread(target=event.wait, daemon=True)
    thread.start()
    assert not clock.advance_to_next_timer()
    event.set()
    thread.join(20)


def test_a_clock_that_stood_still_can_be_set_going() -> None:
    clock, passed = Clock(speed=0, start=1000.0), threading.Event()

    def sleep() -> None:
        clock.sleep(3600)
        passed.set()

    sleeper = threading.Thread(target=sleep, daemon=True)
    sleeper.start()
    while not clock.timers():
        pass
    assert not passed.is_set()
    clock.run(1_000_000)

    assert passed.wait(10)
    assert clock.now() >= 4600
