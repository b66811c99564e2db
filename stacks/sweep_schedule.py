"""When a sweep begins."""

from __future__ import annotations

import math
import re

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.acknowledgements import acknowledge_policy

# The exact start time doesn't matter; spreading regions avoids a burst.
_FLEXIBLE_WINDOW = cdk.Duration.minutes(15)
_RETRY_FOR = cdk.Duration.hours(6)
_RETRIES = 20
_LONGEST_ALARM_DAYS = 7  # CloudWatch: an alarm's period times its evaluation periods


def days_until_overdue(expression: str) -> int | None:
    """After how many days without a completed sweep something is wrong.

    It is twice the interval, and at least two days: a start may be delayed. None where no alarm can say so:
    without a schedule, or where sweeps are farther apart than CloudWatch looks back.
    """
    if rate := re.match(r"rate\((\d+) (hour|day)", expression):
        days = int(rate[1]) / (24 if rate[2] == "hour" else 1)
        overdue = max(2, math.ceil(2 * days))
        return overdue if overdue <= _LONGEST_ALARM_DAYS else None
    if not expression:
        return None
    _, _, day_of_month, month, day_of_week, _ = expression.removeprefix("cron(").removesuffix(")").split()
    if day_of_month not in "*?" or month != "*":
        return None
    if day_of_week in "*?":
        return 2
    # two or more days a week are at most six days apart
    return _LONGEST_ALARM_DAYS if re.search(r"[-,]", day_of_week) else None


class SweepSchedule(Construct):
    """The schedule that starts the sweep's state machine."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        sweep: sfn.StateMachine,
        expression: str,
        undelivered: sqs.Queue,
    ) -> None:
        """`expression` is EventBridge Scheduler's: ``rate(1 day)``, ``cron(0 6 * * ? *)``, in UTC."""
        super().__init__(scope, construct_id)
        from_this_account = {"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}}
        principal = iam.ServicePrincipal("scheduler.amazonaws.com", conditions=from_this_account)
        role = iam.Role(self, "Role", assumed_by=principal)
        schedule = scheduler.Schedule(
            self,
            "Schedule",
            description="Begins a sweep over every endpoint",
            schedule=scheduler.ScheduleExpression.expression(expression),
            time_window=scheduler.TimeWindow.flexible(_FLEXIBLE_WINDOW),
            target=targets.StepFunctionsStartExecution(
                sweep,
                role=role,
                input=scheduler.ScheduleTargetInput.from_object({}),
                dead_letter_queue=undelivered,
                retry_attempts=_RETRIES,
                max_event_age=_RETRY_FOR,
            ),
        )
        self.schedule_name = schedule.schedule_name
        acknowledge_policy(role, {})
