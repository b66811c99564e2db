"""`sealpoint doctor`: checks everything Sealpoint depends on, and says how to fix what's broken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console

from ops import terminal
from ops.deployment import Deployment, deployments
from ops.doctor import aws, logs, slack, trails
from ops.doctor.results import CheckResult, guarded
from ops.options import Profile, Regions, Stack, epilog
from ops.text import counted

# What the caller has to be allowed, and nothing else.
PERMISSIONS = (
    "cloudformation:DescribeStacks",
    "cloudtrail:DescribeTrails",
    "cloudtrail:GetEventSelectors",
    "cloudtrail:GetTrailStatus",
    "cloudwatch:DescribeAlarms",
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:Scan",
    "events:DescribeRule",
    "events:ListTargetsByRule",
    "kms:DescribeKey",
    "logs:FilterLogEvents",
    "scheduler:GetSchedule",
    "secretsmanager:GetSecretValue",
    "sns:ListSubscriptionsByTopic",
    "sqs:GetQueueAttributes",
    "states:DescribeStateMachine",
    "states:ListExecutions",
)
EPILOG = epilog(
    examples=(("doctor", "every region of sealpoint.yaml"), ("doctor --region eu-west-1", "one region")),
    exit_codes="0 if everything works; 1 if something needs fixing; 2 if Sealpoint was found in no region",
    permissions=PERMISSIONS,
)


def command(regions: Regions = None, stack: Stack = None, profile: Profile = None) -> int:
    """Check everything Sealpoint depends on, and say how to fix what's broken."""
    console, examined = terminal.output(), deployments(regions, stack, profile)
    examined[0].credentials()  # without credentials, there is nothing to check
    broken: dict[str, list[CheckResult]] = {}
    is_found = False
    for deployment in examined:
        console.print(f"[bold]{terminal.shown(deployment.stack_name)}[/] in {deployment.region}")
        stack_check, problems = _examine(deployment, console)
        is_found = is_found or stack_check.ok
        if problems:
            broken[deployment.region] = problems
    _show_fixes(broken, console)
    return 2 if not is_found else 1 if broken else 0


def _examine(deployment: Deployment, console: Console) -> tuple[CheckResult, list[CheckResult]]:
    """Show each result as soon as there is one. Returns that of the stack, and those that need fixing."""
    stack = aws.stack(deployment)
    _show(stack, console)
    problems = [] if stack.ok else [stack]
    for result in _checks(deployment, is_deployed=stack.ok):
        _show(result, console)
        if not result.ok:
            problems.append(result)
    return stack, problems


def _checks(deployment: Deployment, *, is_deployed: bool) -> Iterator[CheckResult]:
    yield from guarded("Management events", "cloudtrail", trails.management_events(deployment))
    if is_deployed:
        yield from aws.parts(deployment)
        yield from slack.examine(deployment)
        yield from guarded("Logs", "logs", logs.arrive(deployment))


def _show(result: CheckResult, console: Console, where: str = "") -> None:
    mark, style = ("✓", "green") if result.ok else ("✗", "bold red")
    line = terminal.shown(f"{where}{result.subject}: {result.detail}")
    console.print(f"[{style}]{mark}[/] {line}", soft_wrap=True)


def _show_fixes(broken: Mapping[str, Sequence[CheckResult]], console: Console) -> None:
    """Everything that needs fixing once more, with how to fix it: last, so that it is seen."""
    if not broken:
        console.print("Everything works.", style="bold")
        return
    counts = (f"{counted(len(problems), 'problem')} in {region}" for region, problems in broken.items())
    console.print(f"\n{', '.join(counts)}", style="bold", soft_wrap=True)
    for region, problems in broken.items():
        for problem in problems:
            _show(problem, console, f"{region}, " if len(broken) > 1 else "")
            console.print(f"    [yellow]{terminal.shown(problem.fix)}[/]", soft_wrap=True)
