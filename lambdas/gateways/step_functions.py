"""Step Functions: starts executions, and wakes one that waits, by its secret task token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.gateways import aws
from lambdas.gateways.aws import error_code, translated

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# The workflow has gone on or ended. The record that it reads has the decision all the same.
_NOT_WAITING = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})

_ALREADY_STARTED = "ExecutionAlreadyExists"


class StepFunctions:
    def __init__(self, client: SFNClient | None = None) -> None:
        self._client = client or aws.client("stepfunctions")

    def wake(self, task_token: str) -> bool:
        """Wake a workflow that waits; it reads from the record why. False if it was no longer waiting."""
        with translated("Step Functions"):
            try:
                self._client.send_task_success(taskToken=task_token, output="{}")
            except ClientError as error:
                if error_code(error) in _NOT_WAITING:
                    return False
                raise
        return True

    def start(self, machine_arn: str, name: str, machine_input: Mapping[str, Any]) -> None:
        """Start an execution, once. An execution of that name may be running or have ended."""
        with translated("Step Functions"):
            try:
                self._client.start_execution(
                    stateMachineArn=machine_arn, name=name, input=json.dumps(machine_input, sort_keys=True)
                )
            except ClientError as error:
                if error_code(error) != _ALREADY_STARTED:
                    raise


@cache
def step_functions() -> StepFunctions:
    return StepFunctions()
