"""The state machines' names and ARNs, fixed before the machines exist.

The functions start and resume state machines, which invoke the functions: neither can wait for the other.
"""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct


def workflow_name(scope: Construct, workflow: str) -> str:
    return f"{cdk.Stack.of(scope).stack_name}-{workflow}"


def workflow_arn(scope: Construct, workflow: str) -> str:
    return _arn(scope, "stateMachine", workflow)


def execution_arn(scope: Construct, workflow: str) -> str:
    """What the ARNs of a state machine's executions begin with."""
    return _arn(scope, "execution", workflow)


def _arn(scope: Construct, resource: str, workflow: str) -> str:
    return cdk.Stack.of(scope).format_arn(
        service="states",
        resource=resource,
        resource_name=workflow_name(scope, workflow),
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
