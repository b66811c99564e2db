"""What starts retirements: one-time schedules, which CloseRemediation makes."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.acknowledgements import acknowledge_policy
from stacks.names import workflow_arn


class Retirements(Construct):
    """A group for the schedules, and the one role that they have.

    The group goes with the stack, and its schedules with it.
    """

    def __init__(self, scope: Construct, construct_id: str, *, undelivered: sqs.IQueue) -> None:
        super().__init__(scope, construct_id)
        # Named by CloudFormation: a deleted group stays for a while, and the next deployment makes its own.
        self.group_name = scheduler.CfnScheduleGroup(self, "Group").ref
        self.undelivered = undelivered
        # https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
        ours = {
            "aws:SourceAccount": cdk.Aws.ACCOUNT_ID,
            "aws:SourceArn": self._arn("schedule-group", self.group_name),
        }
        principal = iam.ServicePrincipal("scheduler.amazonaws.com", conditions={"StringEquals": ours})
        self.role = iam.Role(self, "Role", assumed_by=principal)
        for action, resource in (
            ("states:StartExecution", workflow_arn(self, "retirement")),
            ("sqs:SendMessage", undelivered.queue_arn),
        ):
            self.role.add_to_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
        acknowledge_policy(self.role, {})

    @property
    def schedules_arn(self) -> str:
        """What the ARNs of the group's schedules match."""
        return self._arn("schedule", f"{self.group_name}/*")

    def _arn(self, resource: str, name: str) -> str:
        return cdk.Stack.of(self).format_arn(service="scheduler", resource=resource, resource_name=name)
