"""When an old config is retired, and what its schedule and its executions are called."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta

from lambdas.domain.record import Remediation, from_iso, required_fact

# A schedule for a moment that has passed may be refused. Clocks differ a little.
_AT_ONCE = timedelta(minutes=1)
# Scheduler tries for a day.
_OVERDUE = timedelta(days=1)
# https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
_LONGEST_NAME = 64
_NOT_IN_NAMES = re.compile(r"[^0-9A-Za-z_.-]")


def due_at(remediation: Remediation) -> datetime:
    """The end of the time for backing out; of the remediation itself, if there is no such time."""
    return from_iso(remediation.get("backoutUntil") or required_fact(remediation, "closedAt"))


def is_due(moment: datetime, now: datetime) -> bool:
    return moment <= now + _AT_ONCE


def overdue_before(now: datetime) -> datetime:
    """What was due before this moment should have been started by its schedule."""
    return now - _OVERDUE


def schedule_name(remediation_id: str) -> str:
    """The name of a remediation's schedule: its id, or what fits of it and a hash.

    EventBridge's names for executions, which the ids are, have 73 characters.
    """
    if len(remediation_id) <= _LONGEST_NAME and not _NOT_IN_NAMES.search(remediation_id):
        return remediation_id
    suffix = f"-{hashlib.sha256(remediation_id.encode()).hexdigest()[:12]}"
    return _NOT_IN_NAMES.sub("_", remediation_id)[: _LONGEST_NAME - len(suffix)] + suffix


def later_execution(remediation_id: str, now: datetime) -> str:
    """The name of an execution that a sweep starts: one a day, since an earlier one may have failed."""
    return f"{schedule_name(remediation_id)}-{now:%Y%m%d}"
