"""Follows a remediation or a backout live, by its record, until it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from rich.console import Console

from lambdas.domain.errors import ServiceUnavailable, Throttled
from lambdas.domain.record import Backout, Remediation, Run
from ops import terminal
from ops.evidence import person
from ops.text import from_slack

POLL_EVERY_SECONDS = 5.0
R = TypeVar("R", Remediation, Backout)


def until_ended(
    read: Callable[[], R | None],
    console: Console,
    *,
    on_record: Callable[[R], None] | None = None,
    sleep: Callable[[float], None] | None = None,
) -> R:
    """Print the timeline as it grows. Returns the record once it has an outcome.

    Parameters
    ----------
    read
        Reads the record; None if it has not begun.
    on_record
        Called with the record after each read.
    """
    shown = 0
    while True:
        try:
            record = read()
        except (Throttled, ServiceUnavailable):
            record = None  # the workflow goes on whether we can read it or not: poll again
        if record is not None:
            timeline = record.get("timeline", [])
            for entry in timeline[shown:]:
                by = f" · {entry.get('byName') or person(entry['by'])}" if "by" in entry else ""
                console.print(
                    f"[dim]{entry['at']}[/] {terminal.shown(from_slack(entry['what']) + by)}", soft_wrap=True
                )
            shown = max(shown, len(timeline))
            if on_record:
                on_record(record)
            if "outcome" in record:
                return record
        (sleep or time.sleep)(POLL_EVERY_SECONDS)


def print_outcome(record: Run, console: Console, *, succeeded: bool) -> None:
    mark, style = ("✓", "bold green") if succeeded else ("✗", "bold red")
    words = f"{record.get('outcome', '')} {from_slack(record.get('reason', ''))}".strip()
    console.print(f"{mark} {terminal.shown(words)}", style=style, soft_wrap=True)
