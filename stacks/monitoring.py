"""Who hears of it when something is stuck: alarms, and the topic they go to."""

# pyright: reportArgumentType=false
# jsii's classes don't match jsii's own protocols by pyright's rules (their parameter names differ); what is
# passed where is checked by jsii itself, on every synthesis.

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.functions import Functions


class Monitoring(Construct):
    """Each alarm is about something that a person has to look at; none fires in a quiet week."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        state_machines: Mapping[str, sfn.StateMachine],
        functions: Functions,
        undelivered: sqs.Queue,
        api: apigateway.HttpApi,
    ) -> None:
        super().__init__(scope, construct_id)
        self.topic = self._topic()
        self._action = actions.SnsAction(self.topic)

        for name, state_machine in state_machines.items():
            what = f"An execution of the {name.lower()} workflow"
            self._alarm(f"{name}ExecutionFailed", f"{what} failed", state_machine.metric_failed())
            self._alarm(f"{name}ExecutionAborted", f"{what} was aborted", state_machine.metric_aborted())
            self._alarm(f"{name}ExecutionTimedOut", f"{what} timed out", state_machine.metric_timed_out())
        self._alarm(
            "RemediationFailed",
            "A remediation or a backout ended as FAILED: its endpoint needs a person",
            cloudwatch.Metric(
                namespace="Sealpoint",
                metric_name="RemediationFailed",
                dimensions_map={"service": "sealpoint"},
                statistic="Sum",
            ),
        )
        self._alarm(
            "Undelivered",
            "Events could not be delivered: their endpoints were not looked at, or not let go",
            undelivered.metric_approximate_number_of_messages_visible(),
        )
        self._alarm("ClicksFailing", "Clicks in Slack get an error from the API", api.metric_server_error())
        self._alarm(
            "SlackInteractionsErrors",
            "The function that takes Slack's clicks fails",
            functions.slack_interactions.function.metric_errors(),
        )
        self._alarm(
            "CloseRemediationErrors",
            "The function that closes remediations fails",
            functions.close_remediation.function.metric_errors(),
        )
        self._alarm(
            "CloseBackoutErrors",
            "The function that closes backouts fails",
            functions.close_backout.function.metric_errors(),
        )

    def _alarm(self, construct_id: str, description: str, metric: cloudwatch.IMetric) -> None:
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            alarm_description=description,
            metric=metric,
            threshold=0,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(self._action)

    def _topic(self) -> sns.Topic:
        """A topic with a key of its own: CloudWatch can't publish to one under the AWS-managed key."""
        cloudwatch_service = iam.ServicePrincipal("cloudwatch.amazonaws.com")
        this_account = {"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}}
        key = kms.Key(
            self,
            "TopicKey",
            description="Sealpoint's alarm notifications on their way",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsPublish",
                principals=[cloudwatch_service],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],  # in a key policy: this key
                conditions=this_account,
            )
        )
        topic = sns.Topic(self, "Topic", display_name="Sealpoint alarms", master_key=key, enforce_ssl=True)
        # a topic with a policy of its own has lost the default one, which let the account's alarms in
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsPublish",
                principals=[cloudwatch_service],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions=this_account,
            )
        )
        return topic
