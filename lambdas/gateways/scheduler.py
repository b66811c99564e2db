"""EventBridge Scheduler: one-time schedules that start an execution."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from lambdas.gateways import aws
from lambdas.gateways.aws import error_code, translated

_EXISTS = "ConflictException"


class Scheduler:
    """The schedules of one group. What can't be started goes to the queue `undelivered_arn`."""

    def __init__(self, group: str, role_arn: str, undelivered_arn: str) -> None:
        self._group = group
        self._role_arn = role_arn
        self._undelivered_arn = undelivered_arn
        self._client = aws.client("scheduler")

    def start_at(
        self, moment: datetime, name: str, machine_arn: str, execution: str, machine_input: Mapping[str, Any]
    ) -> None:
        """Start an execution at a moment, to the second; there may be such a schedule already.

        Scheduler may start it twice. The execution's name makes that once, which the state machine as a
        target of its own kind can't be given: it is a call of StartExecution.
        https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
        """
        call = {
            "StateMachineArn": machine_arn,
            "Name": execution,
            "Input": json.dumps(machine_input, sort_keys=True),
        }
        partition = machine_arn.split(":")[1]
        with translated("EventBridge Scheduler"):
            try:
                self._client.create_schedule(
                    Name=name,
                    GroupName=self._group,
                    ScheduleExpression=f"at({moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
                    ScheduleExpressionTimezone="UTC",
                    FlexibleTimeWindow={"Mode": "OFF"},
                    ActionAfterCompletion="DELETE",
                    Target={
                        "Arn": f"arn:{partition}:scheduler:::aws-sdk:sfn:startExecution",
                        "RoleArn": self._role_arn,
                        "Input": json.dumps(call),
                        "DeadLetterConfig": {"Arn": self._undelivered_arn},
                    },
                )
            except ClientError as error:
                if error_code(error) != _EXISTS:
                    raise


@cache
def scheduler(group: str, role_arn: str, undelivered_arn: str) -> Scheduler:
    return Scheduler(group, role_arn, undelivered_arn)
