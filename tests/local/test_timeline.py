"""How the demo tells what happened."""

from __future__ import annotations

import pytest
from rich.console import Console

from local.clock import Clock
from local.timeline import Timeline, duration


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59.4, "59 s"), (250, "4 min"), (28_800, "8 h"), (86_700, "24 h 5 min")],
)
def test_times_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def _shown(timeline: Timeline) -> list[str]:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(timeline.table(running=False))
    return [line.rstrip() for line in captured.get().splitlines()]


def test_polls_are_counted_and_reminders_have_rows_of_their_own() -> None:
    clock = Clock(speed=0)
    timeline = Timeline(clock)
    states = ["Ask"]
    timeline.see(states)
    for _ in range(3):
        clock.advance(60)
        states.append("Poll")
        timeline.see(states)
    for _ in range(2):
        clock.advance(8 * 3600)
        states.append("Remind")
        timeline.see(states)
    head, *rows = [line.split("  ")[0] for line in _shown(timeline)]
    assert head == "The workflow"
    assert rows == ["✓ Ask", "✓ Poll × 3", "✓ Remind", "✓ Remind"]
    assert "8 h 3 min" in _shown(timeline)[3]


def test_a_click_comes_before_what_it_led_to() -> None:
    clock = Clock(speed=0)
    timeline = Timeline(clock)
    timeline.see(["Ask"])
    clicked = clock.now() + 5
    clock.advance(10)
    timeline.see(["Ask", "Approved?"])
    timeline.remark("Ada clicks", clicked)
    assert [line.split("  ")[0] for line in _shown(timeline)][1:] == ["✓ Ask", "· Ada clicks", "✓ Approved?"]
