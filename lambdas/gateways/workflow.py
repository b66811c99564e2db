"""The waiting workflow: answered once, by its task token, which is a secret."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError

from gateways.aws import CLIENT_CONFIG, error_code, translated

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# The workflow has gone on, or ended: the record it reads has the decision all the same.
_NOT_WAITING = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


class Workflow:
    def __init__(self, client: SFNClient | None = None) -> None:
        self._client = client or boto3.client("stepfunctions", config=CLIENT_CONFIG)

    def answer(self, task_token: str, decision: str) -> bool:
        """Tell the workflow what was decided; False if it wasn't waiting any more."""
        with translated("Step Functions"):
            try:
                self._client.send_task_success(
                    taskToken=task_token, output=json.dumps({"decision": decision})
                )
            except ClientError as error:
                if error_code(error) in _NOT_WAITING:
                    return False
                raise
        return True


@cache
def workflow() -> Workflow:
    return Workflow()
