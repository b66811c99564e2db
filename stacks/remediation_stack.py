"""One region's deployment: what there is, and how the parts are joined."""

# pyright: reportArgumentType=false
# jsii's classes don't match jsii's own protocols by pyright's rules (their parameter names differ); what is
# passed where is checked by jsii itself, on every synthesis.

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from stacks.approvals_api import ApprovalsApi, SlackSecret
from stacks.encryption_key import EncryptionKey
from stacks.functions import Functions
from stacks.monitoring import Monitoring
from stacks.records import Records
from stacks.settings import Settings
from stacks.trigger import Trigger
from stacks.workflow import Workflow


class RemediationStack(cdk.Stack):
    """Sealpoint in one region."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, **options: Any) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Sealpoint: encrypts SageMaker endpoints, with approval in Slack",
            **options,
        )
        # The functions answer the state machine, and the state machine invokes the functions: its name is
        # fixed beforehand, so that neither has to exist before the other.
        workflow_name = f"{self.stack_name}-remediation"
        workflow_arn = self.format_arn(
            service="states",
            resource="stateMachine",
            resource_name=workflow_name,
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )

        records = Records(self, "Records")
        slack = SlackSecret(self, "Slack")
        encryption = EncryptionKey(
            self, "Encryption", existing_key_arn=settings.kms_key_arns.get(self.region)
        )
        functions = Functions(
            self,
            "Functions",
            settings=settings,
            records=records.table,
            encryption=encryption,
            slack_secret=slack.secret,
            workflow_arn=workflow_arn,
        )
        workflow = Workflow(self, "Workflow", settings=settings, functions=functions, name=workflow_name)
        trigger = Trigger(
            self,
            "Trigger",
            state_machine=workflow.state_machine,
            own_role_arn=functions.update_endpoint.role.role_arn,
            close_remediation=functions.close_remediation,
        )
        approvals = ApprovalsApi(
            self, "Approvals", settings=settings, interactions=functions.slack_interactions
        )
        monitoring = Monitoring(
            self,
            "Monitoring",
            state_machine=workflow.state_machine,
            functions=functions,
            undelivered=trigger.undelivered,
            api=approvals.api,
        )

        for name, value in {
            "RemediationStateMachineArn": workflow.state_machine.state_machine_arn,
            "SlackInteractionsUrl": approvals.url,
            "RecordsTableName": records.table.table_name,
            "SlackSecretArn": slack.secret.secret_arn,
            "KmsKeyArn": encryption.key.key_arn,
            "AlarmTopicArn": monitoring.topic.topic_arn,
        }.items():
            cdk.CfnOutput(self, name, value=value)
