"""The records table: the durable evidence of every remediation, and the open approval requests."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from stacks.acknowledgements import acknowledge

HISTORY_INDEX = "byEndpointId"


class Records(Construct):
    """The table outlives the stack: it is what an auditor asks for later.

    It is encrypted with the account's `aws/dynamodb`, whose use CloudTrail records as that of any KMS key.
    Nobody can disable that key or schedule its deletion, which would make the evidence unreadable.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute="expiresAt",
            deletion_protection=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        acknowledge(
            self.table,
            "DynamoDBInBackupPlan",
            reason="It can be restored to any second of the last 35 days; an organization's backup plan "
            "finds it by the settings' tags.",
        )
        acknowledge(
            self.table,
            "CKV_AWS_119",
            reason="Nobody can disable the account's aws/dynamodb key and so make the evidence unreadable.",
        )
        # only records have both attributes: the history of an endpoint, and of all of them
        self.table.add_global_secondary_index(
            index_name=HISTORY_INDEX,
            partition_key=dynamodb.Attribute(name="endpointId", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="startedAt", type=dynamodb.AttributeType.STRING),
        )
