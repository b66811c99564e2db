"""When a sweep begins."""

from __future__ import annotations

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
