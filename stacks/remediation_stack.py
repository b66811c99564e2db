"""One region's deployment: what there is, and how the parts are joined."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.approvals_api import ApprovalsApi
from stacks.dashboard import Dashboard
from stacks.encryption_key import EncryptionKey
from stacks.functions import Functions
from stacks.log_groups import LogGroups
from stacks.monitoring import Monitoring
from stacks.operations_key import OperationsKey
from stacks.records import Records
from stacks.retirements import Retirements
from stacks.settings import Settings
from stacks.slack_secrets import SlackSecrets
from stacks.sweep_schedule import SweepSchedule
from stacks.trigger import Trigger
from stacks.undelivered import Undelivered
from stacks.unfinished import Unfinished
from stacks.workflow import Workflow

_WORKFLOWS = ("remediation", "backout", "retirement", "sweep", "digest")


class RemediationStack(cdk.Stack):
    """Sealpoint in one region."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, **options: Any) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Sealpoint: encrypts SageMaker endpoints, with approval in Slack",
            **options,
        )
        self._govern(settings)

        # what holds something
        adopted = settings.adopted(self.region)
        records = Records(self, "Records", adopted=adopted.records_table)
        operations = OperationsKey(self, "Operations", adopted=adopted.operations_key)
        slack = SlackSecrets(self, "Slack", operations_key=operations.key, adopted=adopted)
        users_key_arn = settings.kms_key_arns.get(self.region)
        encryption = EncryptionKey(self, "Encryption", existing_key_arn=users_key_arn)
        undelivered = Undelivered(self, "Undelivered").queue
        retirements = Retirements(self, "Retirements", undelivered=undelivered)
        log_groups = LogGroups(settings.log_retention_days, operations.key)

        # what does the work, and in which order
        functions = Functions(
            self,
            "Functions",
            settings=settings,
            records=records.table,
            encryption=encryption,
            slack=slack,
            retirements=retirements,
            log_groups=log_groups,
        ).by_name
        machines = {
            name: Workflow(
                self, name.capitalize(), workflow=name, functions=functions, log_groups=log_groups
            ).state_machine
            for name in _WORKFLOWS
        }

        # what starts it
        trigger = Trigger(
            self,
            "Trigger",
            state_machine=machines["remediation"],
            own_role_arn=functions["UpdateEndpoint"].role.role_arn,
            undelivered=undelivered,
        )
        schedule = ""
        if settings.sweep_schedule:
            schedule = SweepSchedule(
                self,
                "SweepSchedule",
                sweep=machines["sweep"],
                expression=settings.sweep_schedule,
                undelivered=undelivered,
            ).schedule_name
        api = ApprovalsApi(
            self,
            "Approvals",
            log_groups=log_groups,
            interactions=functions["SlackInteractions"],
            decisions=functions["Decisions"],
        )

        # what ends it if its own last step didn't
        unfinished = [
            Unfinished(
                self,
                name,
                state_machine=machines[workflow],
                closed_by=functions[function],
                name_as=name_as,
                undelivered=undelivered,
            )
            for name, workflow, function, name_as in (
                ("ExecutionEndedUnclosed", "remediation", "CloseRemediation", "remediationId"),
                # the step that deletes a twin which nothing came to use was never reached, or didn't succeed
                ("TwinLeftBehind", "remediation", "DeleteUnusedTwin", "remediationId"),
                ("BackoutEndedUnclosed", "backout", "CloseBackout", "backoutId"),
                ("SweepEndedUnclosed", "sweep", "CloseSweep", "sweepId"),
                ("DigestEndedUnclosed", "digest", "ShowDigest", "digestId"),
            )
        ]

        # what watches it
        watched = {"state_machines": machines, "undelivered": undelivered, "api": api.api}
        monitoring = Monitoring(
            self,
            "Monitoring",
            **watched,
            functions=functions,
            operations_key=operations.key,
            settings=settings,
        )
        Dashboard(
            self,
            "Dashboard",
            **watched,
            functions=list(functions.values()),
            monitoring=monitoring,
            runbook_pages=settings.runbook_pages,
        )

        rules = {rule.node.id: rule for rule in trigger.rules} | {one.node.id: one.rule for one in unfinished}
        self._output(
            RemediationStateMachineArn=machines["remediation"].state_machine_arn,
            BackoutStateMachineArn=machines["backout"].state_machine_arn,
            RetirementStateMachineArn=machines["retirement"].state_machine_arn,
            SweepStateMachineArn=machines["sweep"].state_machine_arn,
            DigestStateMachineArn=machines["digest"].state_machine_arn,
            SweepScheduleName=schedule,
            RetirementScheduleGroupName=retirements.group_name,
            # each rule's id here, with which `sealpoint doctor` says what stops working without it
            EventRuleNames=",".join(f"{name}={rule.rule_name}" for name, rule in rules.items()),
            UndeliveredQueueUrl=undelivered.queue_url,
            SlackInteractionsUrl=api.interactions_url,
            DecisionsUrl=api.decisions_url,
            BackoutsUrl=api.backouts_url,
            # of the function that answers Slack: `sealpoint doctor` makes it write a line, and looks for that
            InteractionsLogGroupName=functions["SlackInteractions"].log_group.log_group_name,
            SlackChannels=",".join(settings.decisions.channels),
            SlackUserGroups=",".join(settings.decisions.groups),
            SlackTokenSecretArn=slack.bot_token.secret_arn,
            SlackSigningSecretArn=slack.signing_secret.secret_arn,
            RecordsTableName=records.table.table_name,
            OperationsKeyArn=operations.key.key_arn,
            KmsKeyArn=encryption.key.key_arn,
            # the one role that may write a config without a key, which a guardrail has to let through
            RestoreConfigRoleArn=functions["RestoreConfig"].role.role_arn,
            AlarmTopicArn=monitoring.topic.topic_arn,
        )

    def _govern(self, settings: Settings) -> None:
        """Apply what an organization asks of its deployments: tags, and a bound for every role."""
        for name, value in settings.tags.items():
            cdk.Tags.of(self).add(name, value)
        if boundary := settings.permissions_boundary:
            policy = iam.ManagedPolicy
            imported = (
                policy.from_managed_policy_arn
                if boundary.startswith("arn:")
                else policy.from_managed_policy_name
            )
            iam.PermissionsBoundary.of(self).apply(imported(self, "PermissionsBoundary", boundary))

    def _output(self, **values: str) -> None:
        for name, value in values.items():
            if value:  # CloudFormation refuses an empty output
                cdk.CfnOutput(self, name, value=value)
