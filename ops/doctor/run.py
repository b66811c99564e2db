"""`sealpoint doctor`: checks everything Sealpoint depends on, and says how to fix what's broken."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

from ops import terminal
from ops.deployment import Deployment, deployments
from ops.doctor import aws, slack, trails
from ops.doctor.results import CheckResult, guarded
from ops.options import Profile, Regions, Stack

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
EPILOG = (
    "Exit codes: 0 if everything works; 1 if something needs fixing; 2 if Sealpoint was found in no region. "
    f"Required permissions: {', '.join(PERMISSIONS)}."
)


def command(regions: Regions = None, stack: Stack = None, profile: Profile = None) -> int:
    """Check everything Sealpoint depends on, and say how to fix what's broken."""
    console, examined = terminal.output(), deployments(regions, stack, profile)
    examined[0].credentials()  # without credentials, there is nothing to check
    to_fix: dict[str, int] = {}
    is_found = False
    for deployment in examined:
        console.print(f"[bold]{escape(deployment.stack_name)}[/] in {escape(deployment.region)}")
        is_deployed, broken = _examine(deployment, console)
        is_found = is_found or is_deployed
        if broken:
            to_fix[deployment.region] = broken
    counts = ", ".join(f"{count} in {region}" for region, count in to_fix.items())
    console.print(f"To fix: {counts}." if counts else "Everything works.", style="bold", soft_wrap=True)
    return 2 if not is_found else 1 if to_fix else 0


def _examine(deployment: Deployment, console: Console) -> tuple[bool, int]:
    """Show each result as soon as there is one. Returns whether the stack exists, and how much is broken."""
    stack = aws.stack(deployment)
    results = [stack]
    _show(stack, console)
    for result in _checks(deployment, is_deployed=stack.ok):
        results.append(result)
        _show(result, console)
    return stack.ok, sum(not result.ok for result in results)


def _checks(deployment: Deployment, *, is_deployed: bool) -> Iterator[CheckResult]:
    yield from guarded("Management events", "cloudtrail", trails.management_events(deployment))
    if is_deployed:
        yield from aws.parts(deployment)
        yield from slack.examine(deployment)


def _show(result: CheckResult, console: Console) -> None:
    mark, style = ("✓", "green") if result.ok else ("✗", "bold red")
    console.print(f"[{style}]{mark}[/] {escape(result.subject)}: {escape(result.detail)}", soft_wrap=True)
    if not result.ok:
        console.print(f"    [yellow]{escape(result.fix)}[/]", soft_wrap=True)
