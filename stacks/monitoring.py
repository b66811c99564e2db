"""Alarms about what needs a person, and the topic that they go to."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import cast

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
from stacks.settings import Settings
from stacks.sweep_schedule import days_until_overdue

_NOT_RETRIED = ("SlackInteractions", "Decisions", "CloseRemediation", "CloseBackout", "CloseSweep")
_PERIOD = cdk.Duration.minutes(5)
_DAY = cdk.Duration.days(1)
_SLACK_TIMEOUT_MS = 3000
_STORM_PERIOD = cdk.Duration.minutes(15)
_STORM = 20  # questions that a newer change replaced: more than a busy day's deployments
_FORGED_PERIOD = cdk.Duration.minutes(15)
_FORGED_TOLERATED = 4  # `sealpoint doctor` sends one for each region
# Requests that are refused in five minutes: half of what a route takes. Beyond that, it refuses Slack's, too.
_FLOOD = 3000
_LONGEST_WARM_UP = cdk.Duration.days(2)  # CloudWatch's own limit


class Severity(StrEnum):
    """How soon a person has to look; each alarm's description begins with it."""

    PAGE = "Page"  # now: an endpoint may need attention, or decisions are blocked
    TICKET = "Ticket"  # in working hours


class Monitoring(Construct):
    """Each alarm is about something that a person has to look into; none fires in a quiet week.

    An alarm's description says how urgent it is, and links its page of the runbook. Alarms about a condition
    report its end, too. Alarms about a single occurrence don't: CloudWatch returns them to OK minutes later,
    which says nothing about the endpoint, and would resolve an open incident.
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
        settings: Settings,
    ) -> None:
        super().__init__(scope, construct_id)
        self.topic = self._topic(operations_key)
        for email in settings.alarm_emails:
            self.topic.add_subscription(subscriptions.EmailSubscription(email))
        self._runbook_pages = settings.runbook_pages
        self.alarms: list[cloudwatch.Alarm] = []

        self._alarm(
            "RemediationFailed",
            "remediation-failed",
            "A remediation ended as FAILED, and its endpoint needs attention",
            counted(self, "RemediationClosed", outcome="FAILED"),
            Severity.PAGE,
        )
        self._alarm(
            "BackoutFailed",
            "remediation-failed",
            "A backout ended as FAILED, and its endpoint needs attention",
            counted(self, "BackoutClosed", outcome="FAILED"),
            Severity.PAGE,
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
                Severity.PAGE if name in ("remediation", "backout") else Severity.TICKET,
            )
        self._alarm(
            "Undelivered",
            "undelivered-events",
            "Events could not be delivered: endpoints were not checked or are still claimed, or old configs "
            "were not retired",
            undelivered.metric_approximate_number_of_messages_visible(),
            Severity.PAGE,
            reports_its_end=True,
        )
        self._alarm(
            "SlackUnreachable",
            "slack-unreachable",
            "Slack has been unreachable for 15 minutes: approval requests and notifications are delayed",
            counted(self, "SlackUnavailable"),
            Severity.PAGE,
            reports_its_end=True,
            periods=3,  # the workflow retries within each
        )
        self._alarm(
            "ApprovalAboutToExpire",
            "approval-about-to-expire",
            "An approval request is about to expire without a decision",
            counted(self, "ApprovalAboutToExpire"),
            Severity.TICKET,
        )
        self._alarm(
            "CardsPilingUp",
            "cards-piling-up",
            "Endpoints change so often that each new question replaces the one before",
            counted(self, "RemediationClosed", outcome="SUPERSEDED").with_(period=_STORM_PERIOD),
            Severity.TICKET,
            reports_its_end=True,
            threshold=_STORM,
        )
        self._sweeps(settings.sweep_schedule)
        # Workflow steps are retried, and end as FAILED (alarm above). This alarm covers the functions that
        # nothing retries, and unexpected errors.
        self.errors = _sum(
            *(functions[name].function.metric_errors() for name in _NOT_RETRIED),
            counted(self, "UnexpectedError"),
        )
        self._alarm(
            "FunctionErrors",
            "function-errors",
            "A function failed that nothing retries, or one raised an unexpected error",
            self.errors,
            Severity.TICKET,
            reports_its_end=True,
        )
        self._alarm(
            "OutcomeEventLost",
            "outcome-event-lost",
            "An outcome could not be put on the event bus: tickets or the SIEM may lack it",
            counted(self, "OutcomeEventLost"),
            Severity.TICKET,
        )
        self._alarm(
            "ClicksFailing",
            "clicks-failing",
            "The API answers clicks in Slack with an error",
            api.metric_server_error(),
            Severity.PAGE,
            reports_its_end=True,
        )
        self._alarm(
            "ForgedRequests",
            "forged-requests",
            "Someone sends clicks that Slack did not sign, or the stored signing secret is not the app's",
            counted(self, "ForgedRequest").with_(period=_FORGED_PERIOD),
            Severity.TICKET,
            reports_its_end=True,
            threshold=_FORGED_TOLERATED,
        )
        self._alarm(
            "ApiFlooded",
            "forged-requests",
            "The API refuses so many requests that clicks in Slack may be among them",
            api.metric_client_error(),
            Severity.PAGE,
            reports_its_end=True,
            threshold=_FLOOD,
        )
        self._alarm(
            "ClicksSlow",
            "clicks-failing",
            "A click took longer than the three seconds that Slack waits for an answer",
            api.metric_latency(statistic="Maximum"),
            Severity.TICKET,
            reports_its_end=True,
            threshold=_SLACK_TIMEOUT_MS,
        )

    def _sweeps(self, schedule: str) -> None:
        """Alarms about sweeps. A sweep counts zeros, too, and an alarm keeps its state between two sweeps."""
        self._alarm(
            "SweepIncomplete",
            "sweep-incomplete",
            "A sweep could not check every endpoint, so unencrypted endpoints may have been missed",
            counted(self, "SweepIncomplete"),
            Severity.TICKET,
            reports_its_end=True,
            missing=cloudwatch.TreatMissingData.IGNORE,
        )
        # No metric of EventBridge tells a trail that is off from a quiet account: it reports a rule's matches
        # only where there are any (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html).
        self._alarm(
            "EventsMissing",
            "events-missing",
            "A sweep found new endpoints whose creation no CloudTrail event announced",
            counted(self, "EndpointsUnannounced"),
            Severity.TICKET,
            reports_its_end=True,
            missing=cloudwatch.TreatMissingData.IGNORE,
        )
        days = days_until_overdue(schedule)
        if days is None:
            return
        overdue = self._alarm(
            "SweepOverdue",
            "sweep-overdue",
            f"No sweep has been completed for {days} days",
            counted(self, "SweepComplete").with_(period=_DAY),
            Severity.TICKET,
            reports_its_end=True,
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            threshold=1,
            periods=days,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )
        # Otherwise it would fire between the deployment and the first sweep, whose data end the warm-up:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-warm-up.html
        resource = cast("cloudwatch.CfnAlarm", overdue.node.default_child)
        resource.warm_up_configuration = cloudwatch.CfnAlarm.WarmUpConfigurationProperty(
            warm_up_period_duration_in_minutes=_LONGEST_WARM_UP.to_minutes()
        )

    def _alarm(
        self,
        construct_id: str,
        page: str,
        description: str,
        metric: cloudwatch.IMetric,
        severity: Severity,
        *,
        reports_its_end: bool = False,
        comparison: cloudwatch.ComparisonOperator = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        threshold: int = 0,
        periods: int = 1,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            alarm_name=f"{cdk.Stack.of(self).stack_name}-{construct_id}",
            alarm_description=(
                f"{severity}. {description}. What to do: {self._runbook_pages.replace('{}', page)}"
            ),
            metric=metric,
            threshold=threshold,
            comparison_operator=comparison,
            evaluation_periods=periods,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        if reports_its_end:
            alarm.add_ok_action(actions.SnsAction(self.topic))
        self.alarms.append(alarm)
        return alarm

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
