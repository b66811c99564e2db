"""Checks that sweeps begin and end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from ops import clock
from ops.deployment import Deployment
from ops.doctor.results import RESTORE, CheckResult

# A start may be delayed, by Scheduler's flexible window and its retries.
_SLACK = timedelta(hours=6)


def schedule(deployment: Deployment) -> Iterator[CheckResult]:
    subject = "Sweep's schedule"
    name = deployment.outputs.get("SweepScheduleName")
    if not name:  # CloudFormation has no empty outputs
        yield CheckResult(subject, "off, as `sweepSchedule` is empty: only events find endpoints")
        return
    found = deployment.client("scheduler").get_schedule(Name=name)
    if found["State"] == "ENABLED":
        yield CheckResult(subject, f"on, {found['ScheduleExpression']}")
    else:
        yield CheckResult(
            subject,
            f"paused ({found['State']}): endpoints that no event announced are not found",
            f"EventBridge Scheduler's console in {deployment.region}, {name}, Enable. Or: {RESTORE}",
        )


def latest(deployment: Deployment) -> Iterator[CheckResult]:
    """How the latest sweep ended, and whether the next one should have begun by now."""
    subject = "Latest sweep"
    arn = deployment.output("SweepStateMachineArn")
    sweeps = deployment.client("stepfunctions").list_executions(stateMachineArn=arn, maxResults=1)
    start = f"aws stepfunctions start-execution --region {deployment.region} --state-machine-arn {arn}"
    for sweep in sweeps["executions"]:  # the newest first
        began, status = _utc(sweep["startDate"]), sweep["status"]
        ago = f"{clock.duration(clock.now() - began)} ago"
        if status in ("FAILED", "TIMED_OUT", "ABORTED"):
            fix = f"docs/runbook/execution-stopped.md says what to look for. Then start one: {start}"
            yield CheckResult(subject, f"{status}, begun {ago}", fix)
        elif _is_overdue(deployment, began):
            yield CheckResult(subject, f"begun {ago}, which is too long ago", f"Start one: {start}")
        else:
            words = "in progress" if status == "RUNNING" else "completed"
            yield CheckResult(subject, f"{words}, begun {ago}")
        return
    if _is_overdue(deployment, None):
        yield CheckResult(
            subject, "there was none, although the schedule is old enough", f"Start one: {start}"
        )
    else:
        yield CheckResult(subject, "there was none yet")


def _is_overdue(deployment: Deployment, began: datetime | None) -> bool:
    """Whether two intervals have passed since the latest sweep, or since the schedule was made.

    Only of rates: how far apart the moments of a cron expression are, it doesn't say.
    """
    name = deployment.outputs.get("SweepScheduleName")
    if not name:
        return False
    try:
        found = deployment.client("scheduler").get_schedule(Name=name)
    except (BotoCoreError, ClientError):
        return False  # the other check says so
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", found["ScheduleExpression"])
    if not rate or found["State"] != "ENABLED":
        return False
    interval = timedelta(**{f"{rate[2]}s": int(rate[1])})
    return clock.now() - (began or _utc(found["CreationDate"])) > 2 * interval + _SLACK


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
