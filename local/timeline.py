"""What an execution went through, as the demo shows it: each state with its times, and what people did."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.markup import escape
from rich.table import Table

from local.clock import Clock
from local.slack import Message, SlackStandIn
from local.slack.interactivity import Interaction

_APART_SECONDS = 1800.0  # a state that comes again later than that (a reminder, not a poll) has its own row
_REFUSAL_LENGTH = 90  # characters
_SECONDS, _MINUTES = 60, 60


@dataclass(slots=True)
class Row:
    """A state (or, with `entered` 0, a remark): when it first appeared, and how often it was entered."""

    text: str
    simulated: float
    real: float
    entered: int = 1
    again: float = 0.0  # when it was entered last


class Timeline:
    """Collects rows; safe to use from the thread that draws and the one that acts.

    Parameters
    ----------
    clock
        The simulated clock. Both clocks start with the first row.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started: tuple[float, float] | None = None
        self._states_shown = 0
        self._current: Row | None = None
        self._rows: list[Row] = []
        self._lock = threading.Lock()

    def remark(self, text: str, at: float | None = None) -> None:
        """Something that happened outside the workflow: now, or at a moment of the simulated clock."""
        with self._lock:
            self._add(text, entered=0, at=at)

    def see(self, states: Sequence[str]) -> None:
        """The states entered so far, in order; the new ones are added now."""
        with self._lock:
            for state in states[self._states_shown :]:
                self._current = self._again(state) or self._add(state)
            self._states_shown = max(self._states_shown, len(states))

    def table(self, *, running: bool) -> Table:
        table = Table(box=None, pad_edge=False)
        table.add_column("The workflow")
        table.add_column("simulated", justify="right", no_wrap=True)
        table.add_column("real", justify="right", style="dim", no_wrap=True)
        with self._lock:
            for row in self._rows:
                table.add_row(self._label(row, running=running), duration(row.simulated), f"{row.real:.1f} s")
        return table

    def _again(self, state: str) -> Row | None:
        """The row of a state that was entered a moment ago already, with this time counted."""
        now = self._clock.now()
        for row in reversed(self._rows):
            if row.entered and row.text == state and now - row.again < _APART_SECONDS:
                row.entered += 1
                row.again = now
                return row
        return None

    def _label(self, row: Row, *, running: bool) -> str:
        if not row.entered:
            return f"[dim]· {escape(row.text)}[/]"
        mark = "[yellow]▶[/]" if running and row is self._current else "[green]✓[/]"
        times = f" [dim]× {row.entered}[/]" if row.entered > 1 else ""
        return f"{mark} {escape(row.text)}{times}"

    def _add(self, text: str, entered: int = 1, at: float | None = None) -> Row:
        now = self._clock.now(), time.monotonic()
        self._started = self._started or now
        simulated, real = (moment - start for moment, start in zip(now, self._started, strict=True))
        if at is not None:
            simulated = min(simulated, at - self._started[0])
        row = Row(text, simulated, real, entered, again=now[0])
        later = sum(1 for other in self._rows if other.simulated > simulated)
        if later:
            row.real = min(real, self._rows[-later].real)
        self._rows.insert(len(self._rows) - later, row)
        return row


def duration(seconds: float) -> str:
    """A length of time, as people say it.

    >>> duration(42), duration(250), duration(86_700)
    ('42 s', '4 min', '24 h 5 min')
    """
    if seconds < _SECONDS:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / _SECONDS), _MINUTES)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


@dataclass(frozen=True, slots=True)
class Happening:
    """Something to say, and when it happened by the simulated clock."""

    text: str
    at: float


class Happenings:
    """What people do on the page, what only they are told, and reminders: each said once, as a line."""

    def __init__(self, slack: SlackStandIn, channel: str) -> None:
        self._slack = slack
        self._channel = channel
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        self._names = {user.id: user.name for user in slack.users}

    def news(self) -> list[Happening]:
        """What is new since this was last asked, oldest first."""
        with self._lock:
            found = {**dict(self._deeds()), **dict(self._private()), **dict(self._reminders())}
            fresh = [happened for key, happened in found.items() if key not in self._seen]
            self._seen |= found.keys()
            return sorted(fresh, key=lambda happened: happened.at)

    def _deeds(self) -> Iterator[tuple[str, Happening]]:
        for number, interaction in enumerate(self._slack.interactions):
            yield f"deed {number}", Happening(_deed(interaction, self._names), interaction.at)

    def _private(self) -> Iterator[tuple[str, Happening]]:
        for user, name in self._names.items():
            for shown in self._slack.ephemerals(user):
                text = " ".join(re.sub(r"<@(\w+)>", self._mention, shown.text).split())
                clipped = text if len(text) <= _REFUSAL_LENGTH else f"{text[: _REFUSAL_LENGTH - 1]}…"
                yield f"{user} {shown.ts}", Happening(f"Slack, to {name} alone: {clipped}", float(shown.ts))

    def _mention(self, match: re.Match[str]) -> str:
        return self._names.get(match[1], match[1])

    def _reminders(self) -> Iterator[tuple[str, Happening]]:
        for message in self._slack.messages(self._channel):
            if message.thread_ts and (said := _reminder(message)):
                yield message.ts, Happening(said, float(message.ts))


def _deed(interaction: Interaction, names: Mapping[str, str]) -> str:
    payload: Mapping[str, Any] = interaction.payload
    name = names.get(payload["user"]["id"], payload["user"]["id"])
    if payload["type"] == "view_submission":
        return f"{name} submits “{_plain(payload['view']['submit'])}”"
    action = payload["actions"][0]
    return f"{name} clicks “{_plain(action.get('text')) or action['action_id']}”"


def _plain(text: Mapping[str, Any] | None) -> str:
    return re.sub(r":[a-z_]+:\s*", "", (text or {}).get("text", ""))


def _reminder(message: Message) -> str:
    written = json.dumps(message.blocks)
    if ":bell:" not in written:
        return ""
    return f"Slack: {'the last' if 'Last reminder' in written else 'a'} reminder, in the card's thread"
