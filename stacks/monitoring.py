"""Alarms about what needs a person, and the topic that they go to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.lambda_function import LambdaFunction
from stacks.metrics import counted

_PERIOD = cdk.Duration.minutes(5)
_SLACK_TIMEOUT_MS = 3000


class Monitoring(Construct):
    """Each alarm is about something that a person has to look into; none fires in a quiet week.

    An alarm's description names its page of the runbook.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        state_machines: Mapping[str, sfn.StateMachine],
        functions: Mapping[str, LambdaFunction],
        undelivered: sqs.Queue,
        api: apigateway.HttpApi,
        operations_key: kms.IKey,
        emails: Sequence[str],
    ) -> None:
        super().__init__(scope, construct_id)
        self.topic = self._topic(operations_key)
        for email in emails:
            self.topic.add_subscription(subscriptions.EmailSubscription(email))
        self.alarms: list[cloudwatch.Alarm] = []

        self._alarm(
            "RemediationFailed",
            "remediation-failed",
            "A remediation ended as FAILED, and its endpoint needs attention",
            counted(self, "RemediationClosed", outcome="FAILED"),
        )
        self._alarm(
            "BackoutFailed",
            "remediation-failed",
            "A backout ended as FAILED, and its endpoint needs attention",
            counted(self, "BackoutClosed", outcome="FAILED"),
        )
        for name, state_machine in state_machines.items():
            self._alarm(
                f"{name.capitalize()}Stopped",
                "execution-stopped",
                f"An execution of the {name} workflow failed, timed out or was aborted",
                _sum(
                    state_machine.metric_failed(),
                    state_machine.metric_timed_out(),
                    state_machine.metric_aborted(),
                ),
            )
        self._alarm(
            "Undelivered",
            "undelivered-events",
            "Events could not be delivered: their endpoints were not checked, or are still claimed",
            undelivered.metric_approximate_number_of_messages_visible(),
        )
        self._alarm(
            "SlackUnreachable",
            "slack-unreachable",
            "Slack has been unreachable for 15 minutes: approval requests and notifications are delayed",
            counted(self, "SlackUnavailable"),
            periods=3,  # the workflow retries within each
        )
        self._alarm(
            "ApprovalAboutToExpire",
            "approval-about-to-expire",
            "An approval request is about to expire without a decision",
            counted(self, "ApprovalAboutToExpire"),
        )
        self._alarm(
            "SweepIncomplete",
            "sweep-incomplete",
            "A sweep could not check every endpoint, so unencrypted endpoints may have been missed",
            counted(self, "SweepIncomplete"),
        )
        # Workflow steps are retried, and end as FAILED (alarm above). This alarm covers the functions that
        # nothing retries, and unexpected errors.
        not_retried = ("SlackInteractions", "Decisions", "CloseRemediation", "CloseBackout", "CloseSweep")
        self._alarm(
            "FunctionErrors",
            "function-errors",
            "A function failed that nothing retries, or one raised an unexpected error",
            _sum(
                *(functions[name].function.metric_errors() for name in not_retried),
                counted(self, "UnexpectedError"),
            ),
        )
        self._alarm(
            "ClicksFailing",
            "clicks-failing",
            "The API answers clicks in Slack with an error",
            api.metric_server_error(),
        )
        self._alarm(
            "ClicksSlow",
            "clicks-failing",
            "A click took longer than the three seconds that Slack waits for an answer",
            api.metric_latency(statistic="Maximum"),
            threshold=_SLACK_TIMEOUT_MS,
        )

    def _alarm(
        self,
        construct_id: str,
        page: str,
        description: str,
        metric: cloudwatch.IMetric,
        *,
        threshold: int = 0,
        periods: int = 1,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            alarm_name=f"{cdk.Stack.of(self).stack_name}-{construct_id}",
            alarm_description=f"{description}. What to do: docs/runbook/{page}.md",
            metric=metric,
            threshold=threshold,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        self.alarms.append(alarm)

    def _topic(self, operations_key: kms.IKey) -> sns.Topic:
        topic = sns.Topic(
            self, "Topic", display_name="Sealpoint alarms", master_key=operations_key, enforce_ssl=True
        )
        # a topic with a policy of its own has lost the default one, which let the account's alarms in
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsPublish",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}},
            )
        )
        return topic


def _sum(*metrics: cloudwatch.IMetric) -> cloudwatch.MathExpression:
    named = {f"m{index}": metric for index, metric in enumerate(metrics)}
    return cloudwatch.MathExpression(expression=" + ".join(named), using_metrics=named, period=_PERIOD)
