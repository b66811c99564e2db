"""The KMS key of what Sealpoint itself keeps: logs, alarm notifications, Slack's credentials.

It is not the key that endpoints get: other people's roles use that one, and none uses this one.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.acknowledgements import acknowledge
from stacks.encryption_key import via_service

_LOGS_ACTIONS = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]


class OperationsKey(Construct):
    def __init__(self, scope: Construct, construct_id: str, *, adopted: str) -> None:
        """`adopted` is the ARN of an earlier deployment's key, which has the same policy, or empty."""
        super().__init__(scope, construct_id)
        self.key = kms.Key.from_key_arn(self, "Adopted", adopted) if adopted else self._create()

    def _create(self) -> kms.Key:
        stack = cdk.Stack.of(self)
        key = kms.Key(
            self,
            "Key",
            description=f"The logs, alarm notifications and Slack credentials of {stack.stack_name}",
            enable_key_rotation=True,
            # Slack's credentials outlive the stack, and can't be read without it
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,  # not if its creation fails
        )
        log_groups = stack.format_arn(
            service="logs",
            resource="log-group",
            resource_name="*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        of_log_groups = {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_groups}}
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        _allow(
            key,
            "LogsAreWrittenAndRead",
            f"logs.{stack.region}.{stack.url_suffix}",
            _LOGS_ACTIONS,
            of_log_groups,
        )
        # Logs may ask the same of whoever writes or reads, in their name: the functions, API Gateway's and
        # Step Functions' deliveries, people. The same page says so, under "Set permissions on the calling
        # IAM principal". Their own policies allow no key, so this one allows their way.
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AccountWritesAndReadsLogs",
                principals=[iam.AnyPrincipal()],
                actions=_LOGS_ACTIONS,
                resources=["*"],
                conditions={
                    "StringEquals": {
                        "kms:CallerAccount": cdk.Aws.ACCOUNT_ID,
                        "kms:ViaService": via_service(self, "logs"),
                    },
                    **of_log_groups,
                },
            )
        )
        acknowledge(
            key,
            "CKV_AWS_33",
            reason="Its conditions allow this account alone, through CloudWatch Logs, for its log groups.",
        )
        # CloudWatch can't publish to a topic under the AWS-managed key
        _allow(
            key,
            "AlarmsAreSent",
            "cloudwatch.amazonaws.com",
            ["kms:Decrypt", "kms:GenerateDataKey*"],
            {"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}},
        )
        return key


def _allow(
    key: kms.Key, sid: str, service: str, actions: list[str], conditions: dict[str, dict[str, str]]
) -> None:
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid=sid,
            principals=[iam.ServicePrincipal(service)],
            actions=actions,
            resources=["*"],  # in a key policy: this key
            conditions=conditions,
        )
    )
