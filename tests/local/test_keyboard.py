"""When a demo clicks for people, and when it leaves them the time that they need."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from local.keyboard import Keyboard, Patience
from local.slack import SlackServer, SlackStandIn


class _Keys(Keyboard):
    def __init__(self, *, is_there: bool) -> None:
        super().__init__(used=False)
        self.is_there = is_there
        self.pressed = False

    def entered(self, seconds: float = 0.0) -> bool:
        return self.pressed or seconds < 0


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets real time pass."""
    now = [time.monotonic()]
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    def later(seconds: float) -> None:
        now[0] += seconds

    return later


def _look(slack: SlackStandIn) -> None:
    slack.attention.see()


def test_at_a_terminal_the_time_begins_with_the_first_view(
    slack: SlackStandIn, later: Callable[[float], None]
) -> None:
    patience = Patience(slack, _Keys(is_there=True))
    later(3600)
    assert not patience.is_over()
    _look(slack)
    later(29)
    assert not patience.is_over()
    later(1)
    assert patience.is_over()
    assert patience.reason == "No click in 30 s"


def test_without_a_terminal_it_begins_at_once(slack: SlackStandIn, later: Callable[[float], None]) -> None:
    patience = Patience(slack, _Keys(is_there=False))
    later(29)
    assert not patience.is_over()
    later(1)
    assert patience.is_over()


def test_it_never_runs_while_a_dialog_is_open(slack: SlackStandIn, later: Callable[[float], None]) -> None:
    patience = Patience(slack, _Keys(is_there=True))
    _look(slack)
    later(20)
    slack.attention.act(in_dialog=True, at=1)
    for _ in range(20):
        later(20)
        _look(slack)
        assert not patience.is_over()
    slack.attention.act(in_dialog=False, at=2)
    later(29)
    assert not patience.is_over()
    later(1)
    assert patience.is_over()


def test_a_page_that_was_closed_holds_nobody_up(slack: SlackStandIn, later: Callable[[float], None]) -> None:
    patience = Patience(slack, _Keys(is_there=True))
    slack.attention.act(in_dialog=True, at=1)
    later(61)
    assert patience.is_over()


def test_enter_ends_it_at_once(slack: SlackStandIn) -> None:
    keys = _Keys(is_there=True)
    patience = Patience(slack, keys)
    assert not patience.is_over()
    keys.pressed = True
    assert patience.is_over()
    assert patience.reason == "Enter"


def test_the_page_says_that_someone_is_there(slack: SlackStandIn, server: SlackServer) -> None:
    def post(body: Any) -> int:
        return requests.post(f"{server.url}/page/api/attend", json=body, timeout=10).status_code

    assert slack.attention.idle_seconds is None
    assert post({"user": "U0ADA", "dialog": True, "at": 2}) == 200
    assert slack.attention.idle_seconds == 0.0
    assert post({"user": "U0ADA", "dialog": False, "at": 1}) == 200
    assert slack.attention.idle_seconds == 0.0, "that is from before the dialog"
    assert post({"user": "U0ADA", "dialog": False, "at": 3}) == 200
    assert (slack.attention.idle_seconds or 0.0) > 0.0
    requests.get(f"{server.url}/page/api/state", timeout=10)
    assert slack.attention.idle_seconds is not None
