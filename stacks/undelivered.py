"""The queue for what could not be delivered, or failed where nothing retries it."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.acknowledgements import acknowledge

# EventBridge's own limits, for every target whose dead-letter queue this is
RETRIES = 185
RETRY_FOR = cdk.Duration.hours(24)


class Undelivered(Construct):
    """An encrypted queue; an alarm reports whatever is in it."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        acknowledge(self.queue, "AwsSolutions-SQS3", reason="It is the dead-letter queue.")
        acknowledge(
            self.queue,
            "CKV_AWS_27",
            reason="SQS encrypts it with a key of its own; what is in it are names and ids of endpoints.",
        )


@jsii.implements(lambda_.IDestination)
class FailedInvocations:
    """Sends what a function fails on to a queue. CDK's own destination grants more than sending."""

    def __init__(self, queue: sqs.Queue) -> None:
        self._queue = queue

    def bind(
        self, _scope: Construct, function: lambda_.IFunction, *_: Any, **__: Any
    ) -> lambda_.DestinationConfig:
        arn = self._queue.queue_arn
        function.add_to_role_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[arn]))
        return lambda_.DestinationConfig(destination=arn)
