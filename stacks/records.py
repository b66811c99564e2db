"""The records table: the durable evidence of every remediation, and the open questions."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from stacks.acknowledgements import acknowledge

HISTORY_INDEX = "byEndpoint"


class Records(Construct):
    """The table outlives the stack: it is what an auditor asks for later.

    Its key is the account's `aws/dynamodb`: in CloudTrail like any KMS key, but nobody can disable it or
    schedule its deletion, and with it the evidence.
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
            reason="It restores itself to any second of 35 days; an organization's backup plan finds it by "
            "the settings' tags.",
        )
        acknowledge(
            self.table,
            "CKV_AWS_119",
            reason="Under the account's aws/dynamodb nobody can disable the key, and with it the evidence.",
        )
        # only records have both attributes: the history of an endpoint, and of all of them
        self.table.add_global_secondary_index(
            index_name=HISTORY_INDEX,
            partition_key=dynamodb.Attribute(name="endpointName", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="startedAt", type=dynamodb.AttributeType.STRING),
        )
