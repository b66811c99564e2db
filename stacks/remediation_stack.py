"""One region's deployment: what there is, and how the parts are joined."""

# pyright: reportArgumentType=false
# jsii's classes don't match jsii's own protocols by pyright's rules (their parameter names differ); what is
# passed where is checked by jsii itself, on every synthesis.

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.aftermath import Backout, Retirement
from stacks.approvals_api import ApprovalsApi
from stacks.dashboard import Dashboard
from stacks.encryption_key import EncryptionKey
from stacks.functions import Functions, WorkflowArns
from stacks.log_groups import LogGroups
from stacks.monitoring import Monitoring
from stacks.operations_key import OperationsKey
from stacks.records import Records
from stacks.settings import Settings
from stacks.slack_secret import SlackSecret
from stacks.sweep import DigestWatch, Sweep, SweepSchedule
from stacks.trigger import Trigger
from stacks.workflow import Workflow

_MACHINES = ("remediation", "backout", "retirement", "sweep", "digest")


class RemediationStack(cdk.Stack):
    """Sealpoint in one region."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, **options: Any) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Sealpoint: encrypts SageMaker endpoints, with approval in Slack",
            **options,
        )
        for name, value in settings.tags.items():
            cdk.Tags.of(self).add(name, value)
        if settings.permissions_boundary:
            iam.PermissionsBoundary.of(self).apply(self._managed_policy(settings.permissions_boundary))
        # The functions answer and start state machines, which invoke the functions: the names are fixed
        # beforehand, so that neither has to exist before the other.
        names = {part: f"{self.stack_name}-{part}" for part in _MACHINES}
        workflow_arns = WorkflowArns(
            **{
                part: self.format_arn(
                    service="states",
                    resource="stateMachine",
                    resource_name=name,
                    arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                )
                for part, name in names.items()
            }
        )

        records = Records(self, "Records")
        operations = OperationsKey(self, "Operations")
        log_groups = LogGroups(settings.log_retention_days, operations.key)
        slack = SlackSecret(self, "Slack", operations_key=operations.key)
        encryption = EncryptionKey(
            self, "Encryption", existing_key_arn=settings.kms_key_arns.get(self.region)
        )
        functions = Functions(
            self,
            "Functions",
            settings=settings,
            records=records.table,
            encryption=encryption,
            slack_secret=slack,
            log_groups=log_groups,
            workflow_arns=workflow_arns,
        )
        parts = {"log_groups": log_groups, "functions": functions}
        workflow = Workflow(self, "Workflow", **parts, name=names["remediation"])
        backout = Backout(self, "Backout", **parts, name=names["backout"])
        retirement = Retirement(self, "Retirement", **parts, name=names["retirement"])
        sweep = Sweep(self, "Sweep", **parts, name=names["sweep"])
        digest = DigestWatch(self, "Digest", **parts, name=names["digest"])
        trigger = Trigger(
            self,
            "Trigger",
            state_machine=workflow.state_machine,
            own_role_arn=functions.update_endpoint.role.role_arn,
            close_remediation=functions.close_remediation,
        )
        # the step that deletes a twin which nothing came to use was never reached, or didn't succeed
        trigger.close_what_ended_unclosed(
            "TwinLeftBehind", workflow.state_machine, functions.delete_unused_twin
        )
        trigger.close_what_ended_unclosed(
            "BackoutEndedUnclosed", backout.state_machine, functions.close_backout
        )
        trigger.close_what_ended_unclosed(
            "SweepEndedUnclosed", sweep.state_machine, functions.close_sweep, called="sweepId"
        )
        if settings.sweep_schedule:
            SweepSchedule(
                self,
                "SweepSchedule",
                sweep=sweep.state_machine,
                expression=settings.sweep_schedule,
                undelivered=trigger.undelivered,
            )
        approvals = ApprovalsApi(
            self,
            "Approvals",
            log_groups=log_groups,
            interactions=functions.slack_interactions,
            decisions=functions.decisions,
        )
        watched = {
            "state_machines": {
                "Remediation": workflow.state_machine,
                "Backout": backout.state_machine,
                "Retirement": retirement.state_machine,
                "Sweep": sweep.state_machine,
                "Digest": digest.state_machine,
            },
            "undelivered": trigger.undelivered,
            "api": approvals.api,
        }
        monitoring = Monitoring(
            self,
            "Monitoring",
            **watched,
            functions=functions,
            operations_key=operations.key,
            emails=settings.alarm_emails,
        )
        Dashboard(self, "Dashboard", **watched, functions=functions.all, alarms=monitoring.alarms)

        for name, value in {
            "RemediationStateMachineArn": workflow.state_machine.state_machine_arn,
            "BackoutStateMachineArn": backout.state_machine.state_machine_arn,
            "RetirementStateMachineArn": retirement.state_machine.state_machine_arn,
            "SweepStateMachineArn": sweep.state_machine.state_machine_arn,
            "EventRuleNames": ",".join(trigger.rule_names),
            "UndeliveredQueueUrl": trigger.undelivered.queue_url,
            "SlackInteractionsUrl": approvals.interactions_url,
            "DecisionsUrl": approvals.decisions_url,
            "SlackChannels": ",".join(settings.decisions.channels),
            "RecordsTableName": records.table.table_name,
            "SlackSecretArn": slack.secret.secret_arn,
            # the one role that may write a config without a key, which a guardrail has to let through
            "RestoreConfigRoleArn": functions.restore_config.role.role_arn,
            "KmsKeyArn": encryption.key.key_arn,
            "AlarmTopicArn": monitoring.topic.topic_arn,
            "SlackUserGroups": ",".join(settings.decisions.groups),
        }.items():
            if value:  # CloudFormation takes no empty output
                cdk.CfnOutput(self, name, value=value)

    def _managed_policy(self, name_or_arn: str) -> iam.IManagedPolicy:
        if name_or_arn.startswith("arn:"):
            return iam.ManagedPolicy.from_managed_policy_arn(self, "PermissionsBoundary", name_or_arn)
        return iam.ManagedPolicy.from_managed_policy_name(self, "PermissionsBoundary", name_or_arn)
