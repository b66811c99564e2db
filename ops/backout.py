"""`sealpoint backout ENDPOINT`: return an encrypted endpoint to its earlier config, and follow it there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from lambdas.domain import backout
from lambdas.domain.approval.decision import RulingKind
from lambdas.domain.record import Remediation, happened
from lambdas.domain.vocabulary import Outcome
from ops import follow, terminal
from ops.deployment import Deployment
from ops.errors import CommandFailed
from ops.options import Endpoint, Profile, Region, Stack, epilog
from ops.text import from_slack

PERMISSIONS = (
    "cloudformation:DescribeStacks",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "sagemaker:DescribeEndpoint",
    "states:StartExecution",
)
EPILOG = epilog(
    examples=(
        ("backout patient-risk", "asks first, then follows it"),
        ("backout patient-risk --yes", "doesn't ask"),
    ),
    exit_codes="0 if the endpoint is on its earlier config; 1 if it ended otherwise, or you didn't confirm; "
    "2 if it could not be started",
    permissions=PERMISSIONS,
)


class NothingToBackOut(CommandFailed):
    """No remediation of the endpoint can be undone."""


def command(
    endpoint: Endpoint,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask for confirmation.")] = False,
    region: Region = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Return an encrypted endpoint to its earlier config."""
    deployment, console = Deployment(region, stack, profile), terminal.output()
    remediation = find(deployment, endpoint)
    if not yes and not _is_confirmed(remediation, console):
        console.print("Nothing was changed.")
        return 1
    backout_id = request(deployment, remediation, datetime.now(UTC))
    console.print(f"Backout {backout_id} has started. Stopping this command doesn't stop it.", soft_wrap=True)
    record = follow.until_ended(deployment, backout_id, console)
    succeeded = record.get("outcome") == Outcome.BACKED_OUT
    follow.print_outcome(record, console, succeeded=succeeded)
    return 0 if succeeded else 1


def find(deployment: Deployment, endpoint_name: str) -> Remediation:
    """The remediation that encrypted the endpoint last.

    Raises
    ------
    NothingToBackOut
    """
    endpoint_name = deployment.endpoint_as_named(endpoint_name)
    history = deployment.records.history(endpoint_name)
    encrypted = [record for record in history if record.get("outcome") == Outcome.ENCRYPTED]
    if not encrypted:
        raise NothingToBackOut(
            f"No remediation that encrypted the endpoint {endpoint_name} is on record in {deployment.region}."
        )
    remediation = deployment.records.remediation(encrypted[0]["remediationId"])
    ruling = backout.judge_state(remediation)
    if ruling.kind is RulingKind.REFUSE:
        raise NothingToBackOut(from_slack(ruling.explanation))
    return remediation


def request(deployment: Deployment, remediation: Remediation, now: datetime) -> str:
    """Request the backout, or join the one in progress. Returns its id.

    The records and the state machine are those of the card's button. Here IAM, not Slack, says who may.
    """
    remediation_id = remediation["remediationId"]
    if backout.judge_state(remediation).kind is RulingKind.DECIDE:
        facts = backout.request_facts(deployment.caller_arn, now)
        entry = happened(now, "Backout requested from the command line", deployment.caller_arn)
        earlier = remediation.get("backoutId", "")
        deployment.records.request_backout(remediation_id, facts, entry, instead_of=earlier)
    remediation = deployment.records.remediation(remediation_id)
    backout_id = remediation.get("backoutId", "")
    machine = deployment.output("BackoutStateMachineArn")
    deployment.step_functions.start(machine, backout_id, backout.machine_input(remediation))
    return backout_id


def _is_confirmed(remediation: Remediation, console: Console) -> bool:
    source, twin = remediation.get("sourceConfigName", ""), remediation.get("twinConfigName", "")
    console.print(
        f"[bold]{terminal.shown(remediation['endpointName'])}[/] will return from {terminal.shown(twin)} to "
        f"{terminal.shown(source)}, which names no KMS key. The endpoint stays in service throughout. "
        "Sealpoint won't ask about it again for a while.",
        soft_wrap=True,
    )
    return terminal.confirmed("Back out?", console)
