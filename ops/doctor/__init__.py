"""`ops doctor`: does everything that Sealpoint needs work, region by region? If not, how to mend it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape

from ops.deployment import Deployment
from ops.doctor import aws, slack, trails
from ops.doctor.findings import Finding, told

# What the caller has to be allowed, and nothing else.
PERMISSIONS = (
    "cloudformation:DescribeStacks",
    "cloudtrail:DescribeTrails",
    "cloudtrail:GetEventSelectors",
    "cloudtrail:GetTrailStatus",
    "events:DescribeRule",
    "events:ListTargetsByRule",
    "kms:DescribeKey",
    "secretsmanager:GetSecretValue",
    "sns:ListSubscriptionsByTopic",
    "sqs:GetQueueAttributes",
    "states:DescribeStateMachine",
)


def run(deployments: Sequence[Deployment], console: Console, slack_url: str = "") -> int:
    """The command.

    Parameters
    ----------
    slack_url
        The Web API's base address, if not Slack's own.

    Returns
    -------
    int
        0: all is well, 1: something is to be mended, 2: Sealpoint was found in no region.
    """
    deployments[0].credentials()  # without any, there is nothing to examine
    to_mend: dict[str, int] = {}
    found = 0
    for deployment in deployments:
        console.print(f"[bold]{escape(deployment.stack_name)}[/] in {escape(deployment.region)}")
        stack = aws.stack(deployment)
        found += stack.ok
        _show(stack, console)
        findings = [stack]
        for finding in _examine(deployment, slack_url, is_deployed=stack.ok):
            _show(finding, console)
            findings.append(finding)
        if wrong := sum(not finding.ok for finding in findings):
            to_mend[deployment.region] = wrong
    counts = ", ".join(f"{count} in {region}" for region, count in to_mend.items())
    console.print(f"To mend: {counts}." if counts else "All is well.", style="bold", soft_wrap=True)
    return 2 if not found else 1 if to_mend else 0


def _examine(deployment: Deployment, slack_url: str, *, is_deployed: bool) -> Iterator[Finding]:
    """Each finding as soon as it is made."""
    yield from told("Management events", "cloudtrail", trails.management_events(deployment))
    if is_deployed:
        yield from aws.parts(deployment)
        yield from slack.examine(deployment, slack_url)


def _show(finding: Finding, console: Console) -> None:
    mark, style = ("✓", "green") if finding.ok else ("✗", "bold red")
    console.print(f"[{style}]{mark}[/] {escape(finding.what)}: {escape(finding.says)}", soft_wrap=True)
    if not finding.ok:
        console.print(f"    [yellow]{escape(finding.mend)}[/]", soft_wrap=True)
