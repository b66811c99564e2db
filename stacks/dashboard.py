"""The dashboard: findings and their outcomes, how long people and AWS took, and current problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.lambda_function import LambdaFunction
from stacks.metrics import OUTCOMES, counted

_WIDTH = 24
_DAY = cdk.Duration.days(1)
_RECENT_PROBLEMS = [
    "fields @timestamp, remediation_id, message, error_word, error_message, @log",
    "filter level in ['WARNING', 'ERROR', 'CRITICAL']",
    "sort @timestamp desc",
    "limit 50",
]


class Dashboard(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        state_machines: Mapping[str, sfn.StateMachine],
        functions: Sequence[LambdaFunction],
        undelivered: sqs.Queue,
        api: apigateway.HttpApi,
        alarms: Sequence[cloudwatch.Alarm],
    ) -> None:
        super().__init__(scope, construct_id)
        remediation = state_machines["remediation"]
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=cdk.Stack.of(self).stack_name,
            default_interval=cdk.Duration.days(14),
            widgets=[
                [self._numbers()],
                [
                    cloudwatch.AlarmStatusWidget(title="Alarms", alarms=alarms, width=_WIDTH // 2, height=6),
                    _graph("Outcomes per day", self._outcomes(), stacked=True),
                ],
                [
                    self._time("Time to a decision", "TimeToDecision"),
                    self._time("Time from event to encrypted", "TimeToEncrypted"),
                ],
                [
                    _graph(
                        "Remediations per hour",
                        [
                            remediation.metric_started(label="started"),
                            remediation.metric_succeeded(label="ended"),
                            remediation.metric_failed(label="failed"),
                            remediation.metric_aborted(label="aborted"),
                        ],
                        period=cdk.Duration.hours(1),
                    ),
                    _graph(
                        "Slack and delivery",
                        [
                            counted(self, "SlackUnavailable", label="Slack unreachable"),
                            counted(self, "DecisionRefused", label="decisions refused"),
                            undelivered.metric_approximate_number_of_messages_visible(label="undelivered"),
                        ],
                    ),
                ],
                [
                    _graph(
                        "Clicks and decisions",
                        [
                            api.metric_count(label="requests", statistic="Sum"),
                            api.metric_client_error(label="refused (4xx)", statistic="Sum"),
                            api.metric_server_error(label="failed (5xx)", statistic="Sum"),
                        ],
                        right=[api.metric_latency(label="longest, ms", statistic="Maximum")],
                    ),
                    _graph(
                        "Endpoints counted by each sweep",
                        [
                            counted(self, "EndpointsListed", statistic="Maximum", label="all"),
                            counted(self, "EndpointsUnencrypted", statistic="Maximum", label="unencrypted"),
                        ],
                        period=_DAY,
                    ),
                ],
                [
                    _graph(
                        "Function errors, retries included",
                        [one.function.metric_errors(label=one.name) for one in functions],
                    ),
                    _graph(
                        "Sweeps per day",
                        [
                            counted(self, "SweepComplete", label="complete"),
                            counted(self, "SweepIncomplete", label="incomplete"),
                        ],
                        period=_DAY,
                    ),
                ],
                [
                    cloudwatch.LogQueryWidget(
                        title="Recent warnings and errors",
                        log_group_names=[one.function.log_group.log_group_name for one in functions],
                        query_lines=_RECENT_PROBLEMS,
                        width=_WIDTH,
                        height=8,
                    )
                ],
            ],
        )

    def _numbers(self) -> cloudwatch.SingleValueWidget:
        def outcome(value: str, label: str) -> cloudwatch.Metric:
            return counted(self, "RemediationClosed", label=label, outcome=value)

        return cloudwatch.SingleValueWidget(
            title="In the selected period",
            metrics=[
                counted(self, "UnencryptedEndpointFound", label="Found unencrypted"),
                counted(self, "ApprovalRequested", label="Approval requested"),
                counted(self, "ApprovalDecided", label="Approved", decision="APPROVED"),
                counted(self, "ApprovalDecided", label="Denied", decision="DENIED"),
                outcome("EXPIRED", "Expired"),
                outcome("ENCRYPTED", "Encrypted"),
                outcome("ROLLED_BACK", "Rolled back"),
                outcome("FAILED", "Failed"),
            ],
            set_period_to_time_range=True,
            width=_WIDTH,
            height=3,
        )

    def _outcomes(self) -> list[cloudwatch.Metric]:
        return [
            counted(self, "RemediationClosed", label=outcome, outcome=outcome).with_(period=_DAY)
            for outcome in OUTCOMES
        ]

    def _time(self, title: str, name: str) -> cloudwatch.GraphWidget:
        percentiles = [
            counted(self, name, statistic=statistic, label=label)
            for statistic, label in (("p50", "median"), ("p90", "90th percentile"))
        ]
        return _graph(f"{title}, seconds", percentiles, period=_DAY)


def _graph(
    title: str,
    left: Sequence[cloudwatch.IMetric],
    *,
    right: Sequence[cloudwatch.IMetric] | None = None,
    stacked: bool = False,
    period: cdk.Duration | None = None,
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title, left=left, right=right, stacked=stacked, period=period, width=_WIDTH // 2, height=6
    )
