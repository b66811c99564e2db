"""`sealpoint uninstall`: end what runs, then remove the stack.

Step Functions deletes a state machine only when its executions have ended:
https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError, WaiterError
from rich.console import Console

from lambdas.domain.errors import SealpointRemoved
from lambdas.domain.record import Run
from lambdas.gateways.aws import error_code
from ops import terminal
from ops.deployment import Deployment, deployments
from ops.errors import CommandFailed
from ops.options import Profile, Regions, Stack, epilog
from ops.text import counted

PERMISSIONS = (
    "cloudformation:DeleteStack",
    "cloudformation:DescribeStacks",
    "dynamodb:GetItem",
    "events:DisableRule",
    "iam:PassRole",
    "scheduler:DeleteSchedule",
    "scheduler:GetSchedule",
    "scheduler:ListSchedules",
    "scheduler:UpdateSchedule",
    "states:ListExecutions",
    "states:StopExecution",
)
EPILOG = epilog(
    examples=(
        ("uninstall", "every region of sealpoint.yaml; asks first"),
        ("uninstall --region eu-west-1 --yes", "one region, without asking"),
    ),
    exit_codes="0 if nothing is deployed any more; 1 if you didn't confirm; 2 if it could not be removed",
    permissions=PERMISSIONS,
)

_STARTING_RULES = ("EndpointChanged", "EndpointChangedByService")
# What starts others comes first. A digest's card shows what became of the remediations, so it comes last.
_MACHINES = ("sweep", "remediation", "backout", "retirement")
_DIGESTS = ("digest",)
_CLOSED_BY_RULES = ("remediation", "backout")
# EventBridge and Lambda take seconds, and minutes with two more tries.
_CLOSE_WITHIN_SECONDS = 15 * 60
_LOOK_EVERY_SECONDS = 5.0
# A closing function updates the card after the record.
_CARDS_SECONDS = 30.0
_GONE = ("NotFound", "DoesNotExist")
# What UpdateSchedule takes of GetSchedule's answer: everything that it leaves out is reset.
_OF_A_SCHEDULE = (
    "Name", "GroupName", "Description", "ScheduleExpression", "ScheduleExpressionTimezone", "StartDate",
    "EndDate", "FlexibleTimeWindow", "KmsKeyArn", "Target", "ActionAfterCompletion",
)  # fmt: skip


class NotRemoved(CommandFailed):
    """Something still runs or isn't closed, or CloudFormation could not delete the stack."""


@dataclass(frozen=True, slots=True)
class Running:
    """What runs, or is to be started later.

    Attributes
    ----------
    executions
        The ARNs of the running executions, by their workflow.
    updating
        The endpoints that are being updated at this moment.
    planned
        The names of the schedules that would start retirements.
    """

    executions: Mapping[str, Sequence[str]]
    updating: Sequence[str] = ()
    planned: Sequence[str] = field(default=())


def command(
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask for confirmation.")] = False,
    regions: Regions = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """End what runs, then remove the stacks. Records, keys and Slack's credentials stay."""
    console = terminal.output()
    found = [one for one in deployments(regions, stack, profile) if one.is_deployed]
    if not found:
        console.print("Sealpoint is not deployed there.")
        return 0
    for deployment in found:
        _show(deployment, running(deployment), console)
    if not yes and not terminal.confirmed("Remove Sealpoint?", console):
        console.print("Nothing was changed.")
        return 1
    for deployment in found:
        _remove(deployment, console)
    return 0


def _show(deployment: Deployment, what: Running, console: Console) -> None:
    name, region = terminal.shown(deployment.stack_name), deployment.region
    runs = [counted(len(arns), workflow) for workflow, arns in what.executions.items() if arns]
    console.print(f"[bold]{name}[/] in {region} runs {', '.join(runs) or 'nothing'}.", soft_wrap=True)
    if what.updating:
        console.print(
            f"  Being updated at this moment: {terminal.shown(', '.join(what.updating))}. SageMaker "
            "completes each update or rolls it back, and nobody watches it. Wait for the end if you want to "
            "keep the way back.",
            style="yellow",
            soft_wrap=True,
        )
    if what.planned:
        console.print(
            f"  Old configs that would be deleted later: {len(what.planned)}. They stay, unless a new "
            "deployment adopts the records.",
            soft_wrap=True,
        )


def _remove(deployment: Deployment, console: Console) -> None:
    """Remove one deployment. Safe to run again at every step.

    Raises
    ------
    NotRemoved
    """
    kept = dict(deployment.outputs)
    region = deployment.region
    console.print(f"{region}: switching off what starts something …")
    _switch_off(deployment)
    console.print(f"{region}: stopping what runs, and waiting for its records and cards …")
    stopped = [*_stop(deployment, _MACHINES)]
    _wait(lambda: _open(deployment, stopped), "Not closed yet: {}. The records and cards of what was stopped")
    if stopped:
        sleep(_CARDS_SECONDS)
    digests = [name for _, name in _stop(deployment, _DIGESTS)]
    _wait(lambda: _unshown(deployment, digests), "Not brought up to date yet: digests {}. Their cards")
    console.print(f"{region}: removing {terminal.shown(deployment.stack_name)} …")
    _delete_stack(deployment)
    console.print(f"{region}: removed.", style="green")
    console.print(adoption(region, kept), markup=False, soft_wrap=True)


def running(deployment: Deployment) -> Running:
    """What a removal would end."""
    executions = {name: _running(deployment, name) for name in (*_MACHINES, *_DIGESTS)}
    records = (
        _record(deployment, workflow, _name(arn))
        for workflow in _CLOSED_BY_RULES
        for arn in executions[workflow]
    )
    updating = [
        one["endpointName"]
        for one in records
        if one and "updateRequestedAt" in one and "updateOutcome" not in one
    ]
    return Running(executions, updating, _planned(deployment))


def adoption(region: str, outputs: Mapping[str, str]) -> str:
    """What stays, as the settings with which a new deployment adopts it."""
    return f"""
These stay, and cost as long as they do. For a new deployment that goes on with them, sealpoint.yaml needs:

adopt:
  {region}:
    recordsTable: {outputs["RecordsTableName"]}
    slackTokenSecret: {outputs["SlackTokenSecretArn"]}
    slackSigningSecret: {outputs["SlackSigningSecretArn"]}
    operationsKey: {outputs["OperationsKeyArn"]}
kmsKeyArns:
  {region}: {outputs["KmsKeyArn"]}
"""


# -- what starts something


def _switch_off(deployment: Deployment) -> None:
    """Let nothing start. The rules that close what is stopped stay on."""
    events = deployment.client("events")
    for part in deployment.output("EventRuleNames").split(","):
        which, _, name = part.rpartition("=")
        if which in _STARTING_RULES:
            with _unless_gone():
                events.disable_rule(Name=name)
    scheduler = deployment.client("scheduler")
    if sweep := deployment.outputs.get("SweepScheduleName"):
        with _unless_gone():
            found = scheduler.get_schedule(Name=sweep)
            as_it_is = {name: value for name in _OF_A_SCHEDULE if (value := found.get(name)) is not None}
            scheduler.update_schedule(**as_it_is, State="DISABLED")
    group = deployment.output("RetirementScheduleGroupName")
    for name in _planned(deployment):
        with _unless_gone():  # one that has just been fired is
            scheduler.delete_schedule(GroupName=group, Name=name)


def _planned(deployment: Deployment) -> list[str]:
    pages = deployment.client("scheduler").get_paginator("list_schedules")
    group, found = deployment.output("RetirementScheduleGroupName"), list[str]()
    with _unless_gone():
        found += [one["Name"] for page in pages.paginate(GroupName=group) for one in page["Schedules"]]
    return found


# -- what runs


def _running(deployment: Deployment, workflow: str) -> list[str]:
    arn = deployment.output(f"{workflow.capitalize()}StateMachineArn")
    pages = deployment.client("stepfunctions").get_paginator("list_executions")
    found = list[str]()
    with _unless_gone():
        for page in pages.paginate(stateMachineArn=arn, statusFilter="RUNNING"):
            found += [one["executionArn"] for one in page["executions"]]
    return found


def _stop(deployment: Deployment, workflows: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Stop what runs, until nothing does: an execution may have been about to start another.

    Yields
    ------
    tuple[str, str]
        The workflow and the name of each execution that a rule has a function close, or bring up to date.
    """
    cause = f"Sealpoint is being removed from this account and region by {deployment.caller_arn}."
    client, give_up = deployment.client("stepfunctions"), time.monotonic() + _CLOSE_WITHIN_SECONDS
    while found := [(name, arn) for name in workflows for arn in _running(deployment, name)]:
        if time.monotonic() > give_up:
            raise NotRemoved(f"Still running: {', '.join(arn for _, arn in found)}. Run this again.")
        for workflow, arn in found:
            with _unless_gone():
                client.stop_execution(executionArn=arn, error=SealpointRemoved.__name__, cause=cause)
            if workflow in (*_CLOSED_BY_RULES, *_DIGESTS):
                yield workflow, _name(arn)
        sleep(_LOOK_EVERY_SECONDS)


def _open(deployment: Deployment, stopped: Sequence[tuple[str, str]]) -> list[str]:
    """Which of the stopped remediations and backouts have no outcome yet."""
    records = ((one[1], _record(deployment, *one)) for one in dict.fromkeys(stopped))
    return [name for name, record in records if record is None or "outcome" not in record]


def _record(deployment: Deployment, workflow: str, name: str) -> Run | None:
    """The record of a remediation or a backout."""
    records = deployment.records
    return records.find_backout(name) if workflow == "backout" else records.find_remediation(name)


def _unshown(deployment: Deployment, ids: Sequence[str]) -> list[str]:
    """Which of the stopped digests have a card that doesn't say yet that it is over."""
    found = ((one, deployment.digests.find(one)) for one in dict.fromkeys(ids))
    return [one for one, digest in found if digest is not None and "closedAt" not in digest]


def _wait(left: Callable[[], list[str]], said: str) -> None:
    give_up = time.monotonic() + _CLOSE_WITHIN_SECONDS
    while names := left():
        if time.monotonic() > give_up:
            raise NotRemoved(
                f"{said.format(', '.join(names))} come by EventBridge and CloseRemediation, CloseBackout or "
                "ShowDigest: see their logs and the queue of undelivered events. The stack is not removed. "
                "Run this again, or remove it without them: docs/uninstall.md."
            )
        sleep(_LOOK_EVERY_SECONDS)


def _delete_stack(deployment: Deployment) -> None:
    client, name = deployment.client("cloudformation"), deployment.stack_name
    client.delete_stack(StackName=name)
    try:
        client.get_waiter("stack_delete_complete").wait(StackName=name)
    except WaiterError as error:
        reason: Any = error.last_response.get("Stacks", [{}])[0].get("StackStatusReason", str(error))
        raise NotRemoved(f"CloudFormation could not delete {name}: {reason}") from error


@contextmanager
def _unless_gone() -> Generator[None]:
    """What an earlier try has removed needs nothing more."""
    try:
        yield
    except ClientError as error:
        if not any(word in error_code(error) for word in _GONE):
            raise


def _name(execution_arn: str) -> str:
    return execution_arn.rpartition(":")[2]


def sleep(seconds: float) -> None:
    """Wait; tests let the local world go on instead."""
    time.sleep(seconds)
