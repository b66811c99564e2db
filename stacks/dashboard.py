"""The dashboard: how much is encrypted, what happened to what was found, and current problems."""

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
from stacks.monitoring import Monitoring

_WIDTH = 24
_HALF = _WIDTH // 2
_DAY = cdk.Duration.days(1)
_HOUR = cdk.Duration.hours(1)
_SECONDS_AN_HOUR = 3600
_RECENT_PROBLEMS = [
    "fields @timestamp, remediation_id, message, error_name, error_message, @log",
    "filter level in ['WARNING', 'ERROR', 'CRITICAL']",
    "sort @timestamp desc",
    "limit 50",
]


class Dashboard(Construct):
    """At most 50 metrics, above which CloudWatch bills a dashboard: errors of all functions are one sum."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        state_machines: Mapping[str, sfn.StateMachine],
        functions: Sequence[LambdaFunction],
        undelivered: sqs.Queue,
        api: apigateway.HttpApi,
        monitoring: Monitoring,
        runbook_pages: str,
    ) -> None:
        super().__init__(scope, construct_id)
        remediation = state_machines["remediation"]
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=cdk.Stack.of(self).stack_name,
            default_interval=cdk.Duration.days(14),
            widgets=[
                [self._share(), self._endpoints()],
                [self._numbers()],
                [
                    cloudwatch.AlarmStatusWidget(
                        title="Alarms", alarms=monitoring.alarms, width=_HALF, height=6
                    ),
                    self._links(runbook_pages, state_machines),
                ],
                [
                    _graph("Outcomes per day", self._outcomes(), stacked=True),
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
                    self._time("From the question to the decision, hours", "TimeToDecision"),
                    self._time("From the event to encrypted, hours", "TimeToEncrypted"),
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
                        period=_HOUR,
                    ),
                    _graph(
                        "Slack, delivery and functions",
                        [
                            counted(self, "SlackUnavailable", label="Slack unreachable"),
                            counted(self, "DecisionRefused", label="decisions refused"),
                            undelivered.metric_approximate_number_of_messages_visible(label="undelivered"),
                            monitoring.errors.with_(label="function errors"),
                        ],
                    ),
                ],
                [
                    _graph(
                        "Clicks",
                        [
                            api.metric_count(label="requests", statistic="Sum"),
                            api.metric_client_error(label="refused (4xx)", statistic="Sum"),
                            api.metric_server_error(label="failed (5xx)", statistic="Sum"),
                        ],
                    ),
                    _graph(
                        "Slowest click, seconds (Slack waits for 3)",
                        [
                            _math(
                                "latency / 1000",
                                "slowest",
                                cdk.Duration.minutes(5),
                                latency=api.metric_latency(statistic="Maximum"),
                            )
                        ],
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

    def _share(self) -> cloudwatch.SingleValueWidget:
        """The share of encrypted endpoints, never rounded up: 100 only if it is all of them.

        Of several sweeps in a day, it takes the fewest encrypted and the most listed.
        """
        share = _math(
            "FLOOR(1000 * encrypted / listed) / 10",
            "Encrypted, % of all endpoints",
            _DAY,
            encrypted=counted(self, "EndpointsEncrypted", statistic="Minimum"),
            listed=counted(self, "EndpointsListed", statistic="Maximum"),
        )
        return cloudwatch.SingleValueWidget(
            title="Encrypted endpoints, as of the latest sweep",
            metrics=[share],
            sparkline=True,
            width=_HALF,
            height=6,
        )

    def _endpoints(self) -> cloudwatch.GraphWidget:
        return _graph(
            "Endpoints, as each sweep found them",
            [
                counted(self, f"Endpoints{name}", statistic="Maximum", label=label)
                for name, label in (
                    ("Listed", "all"),
                    ("Encrypted", "encrypted"),
                    ("Exempt", "exempt"),
                    ("Unencrypted", "unencrypted"),
                )
            ],
            period=_DAY,
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

    def _links(
        self, runbook_pages: str, state_machines: Mapping[str, sfn.StateMachine]
    ) -> cloudwatch.TextWidget:
        """Where to go on: the runbook, and the workflows in the console."""
        stack = cdk.Stack.of(self)
        machines = (
            f"- [{name.capitalize()} workflow]({_console(stack.region)}/states/home?region={stack.region}"
            f"#/statemachines/view/{machine.state_machine_arn})"
            for name, machine in state_machines.items()
        )
        index = runbook_pages.replace("{}", "README")
        linked = index.startswith("https://")
        runbook = f"[Runbook]({index})" if linked else f"Runbook: `{index}` in Sealpoint's repository"
        return cloudwatch.TextWidget(
            markdown="\n".join(
                (
                    f"## {stack.stack_name}",
                    f"{runbook}. Each alarm's description links its page.",
                    "",
                    *machines,
                    "",
                    "`sealpoint history` lists every remediation; `sealpoint doctor` checks the setup.",
                )
            ),
            width=_HALF,
            height=6,
        )

    def _outcomes(self) -> list[cloudwatch.Metric]:
        return [
            counted(self, "RemediationClosed", label=outcome, outcome=outcome).with_(period=_DAY)
            for outcome in OUTCOMES
        ]

    def _time(self, title: str, name: str) -> cloudwatch.GraphWidget:
        hours = [
            _math(
                f"{statistic} / {_SECONDS_AN_HOUR}",
                label,
                _DAY,
                **{statistic: counted(self, name, statistic=statistic, label=label)},
            )
            for statistic, label in (("p50", "median"), ("p90", "90th percentile"))
        ]
        return _graph(title, hours, period=_DAY)


def _math(
    expression: str, label: str, period: cdk.Duration, **metrics: cloudwatch.IMetric
) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(expression=expression, label=label, period=period, using_metrics=metrics)


def _graph(
    title: str,
    left: Sequence[cloudwatch.IMetric],
    *,
    stacked: bool = False,
    period: cdk.Duration | None = None,
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title, left=left, stacked=stacked, period=period, width=_HALF, height=6
    )


def _console(region: str) -> str:
    """The console's address. Only the commercial partition has one for each region."""
    if region.startswith("us-gov-"):
        return "https://console.amazonaws-us-gov.com"
    if region.startswith("cn-"):
        return "https://console.amazonaws.cn"
    return f"https://{region}.console.aws.amazon.com"
