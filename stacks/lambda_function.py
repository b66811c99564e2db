"""One Lambda function, with a role, a log group and an alias of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.acknowledgements import acknowledge, acknowledge_policy
from stacks.lambda_asset import RUNTIME
from stacks.log_groups import LogGroups

_ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}


class LambdaFunction(Construct):
    """The function of ``lambdas/handlers/<name in snake case>.py``.

    Everything invokes it through its alias, so that versions, provisioned concurrency or SnapStart can be
    turned on without moving a caller.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        description: str,
        code: lambda_.Code,
        architecture: str,
        memory_mb: int,
        timeout: cdk.Duration,
        environment: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement],
        wildcards: Mapping[str, str],
        log_groups: LogGroups,
    ) -> None:
        """`wildcards` has the reason for each resource pattern that a statement may name."""
        super().__init__(scope, name)
        self.name = name
        self.timeout = timeout
        log_group = log_groups.create(self, "Logs")
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.function = lambda_.Function(
            self,
            "Function",
            description=description,
            runtime=RUNTIME,
            architecture=_ARCHITECTURES[architecture],
            code=code,
            handler=f"lambdas.handlers.{_snake_case(name)}.handler",
            memory_size=memory_mb,
            timeout=timeout,
            role=self.role,
            log_group=log_group,
            tracing=lambda_.Tracing.ACTIVE,
            environment=environment,
        )
        log_group.grant_write(self.role)
        for statement in statements:
            self.role.add_to_policy(statement)
        self.alias = self.function.add_alias("live")
        # "*" is there in any case, for X-Ray
        named = {"*", *(resource for statement in statements for resource in statement.resources)}
        acknowledge_policy(
            self.role, {pattern: why for pattern, why in wildcards.items() if pattern in named}
        )
        self._acknowledge()

    def _acknowledge(self) -> None:
        acknowledge(
            self.function,
            "LambdaInsideVPC",
            "CKV_AWS_117",
            reason="It calls AWS's APIs and Slack, nothing in a VPC, and is invoked through Lambda alone.",
        )
        acknowledge(
            self.function,
            "LambdaConcurrency",
            "CKV_AWS_115",
            reason="Clicks are throttled by the API and steps by the workflow; a reservation would take from "
            "what the account's other functions share.",
        )
        acknowledge(
            self.function,
            "LambdaDLQ",
            "CKV_AWS_116",
            reason="Its caller waits for its answer; what EventBridge hands over has a failure destination.",
        )
        acknowledge(
            self.function,
            "CKV_AWS_173",
            reason="No secret is in its environment, which Lambda encrypts under the account's own key.",
        )


def _snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
