"""Follows a remediation or a backout live, by its record, until it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.markup import escape

from lambdas.domain.errors import ServiceUnavailable, Throttled
from lambdas.domain.record import Remediation
from ops.deployment import Deployment

LOOK_EVERY_SECONDS = 5.0


def until_ended(
    deployment: Deployment,
    remediation_id: str,
    console: Console,
    *,
    on_look: Callable[[Remediation], None] | None = None,
    sleep: Callable[[float], None] | None = None,
) -> Remediation:
    """Print the timeline as it grows; returns the record once it has an outcome.

    Parameters
    ----------
    on_look
        Is handed the record each time that it was read.
    """
    shown = 0
    while True:
        try:
            record = deployment.records.find_remediation(remediation_id)
        except (Throttled, ServiceUnavailable):
            record = None  # it goes on without us; so do we
        if record is not None:
            timeline = record.get("timeline", [])
            for entry in timeline[shown:]:
                by = f" · {entry['by']}" if "by" in entry else ""
                console.print(f"[dim]{entry['at']}[/] {escape(entry['what'] + by)}", soft_wrap=True)
            shown = max(shown, len(timeline))
            if on_look:
                on_look(record)
            if "outcome" in record:
                return record
        (sleep or time.sleep)(LOOK_EVERY_SECONDS)


def say_how_it_ended(record: Remediation, console: Console, *, well: bool) -> None:
    words = f"{record.get('outcome', '')} {record.get('reason', '')}".strip()
    console.print(
        f"{'✓' if well else '✗'} {escape(words)}", style="bold green" if well else "bold red", soft_wrap=True
    )
