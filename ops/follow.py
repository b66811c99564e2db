"""Follows a remediation or a backout live, by its record, until it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console

from lambdas.domain.errors import ServiceUnavailable, Throttled
from lambdas.domain.record import Remediation
from ops import terminal
from ops.deployment import Deployment
from ops.evidence import person
from ops.text import from_slack

POLL_EVERY_SECONDS = 5.0


def until_ended(
    deployment: Deployment,
    remediation_id: str,
    console: Console,
    *,
    on_record: Callable[[Remediation], None] | None = None,
    sleep: Callable[[float], None] | None = None,
) -> Remediation:
    """Print the timeline as it grows. Returns the record once it has an outcome.

    Parameters
    ----------
    on_record
        Called with the record after each read.
    """
    shown = 0
    while True:
        try:
            record = deployment.records.find_remediation(remediation_id)
        except (Throttled, ServiceUnavailable):
            record = None  # the workflow goes on whether we can read it or not: poll again
        if record is not None:
            timeline = record.get("timeline", [])
            for entry in timeline[shown:]:
                by = f" · {entry.get('name') or person(entry['by'])}" if "by" in entry else ""
                console.print(
                    f"[dim]{entry['at']}[/] {terminal.shown(from_slack(entry['what']) + by)}", soft_wrap=True
                )
            shown = max(shown, len(timeline))
            if on_record:
                on_record(record)
            if "outcome" in record:
                return record
        (sleep or time.sleep)(POLL_EVERY_SECONDS)


def print_outcome(record: Remediation, console: Console, *, succeeded: bool) -> None:
    mark, style = ("✓", "bold green") if succeeded else ("✗", "bold red")
    words = f"{record.get('outcome', '')} {from_slack(record.get('reason', ''))}".strip()
    console.print(f"{mark} {terminal.shown(words)}", style=style, soft_wrap=True)
