"""`sealpoint backout ENDPOINT`: return an encrypted endpoint to its earlier config, and follow it there."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from lambdas.domain.record import Remediation
from lambdas.domain.vocabulary import Outcome
from ops import decide, follow, terminal
from ops.deployment import Deployment
from ops.errors import CommandFailed
from ops.options import Endpoint, Profile, Region, Stack, epilog

PERMISSIONS = (
    "cloudformation:DescribeStacks",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "execute-api:Invoke",
    "sagemaker:DescribeEndpoint",
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
    *,
    reason: Annotated[str, typer.Option(help="Why. The reason is recorded.")] = "",
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
    backout_id = request(deployment, remediation, reason)
    console.print(f"Backout {backout_id} has started. Stopping this command doesn't stop it.", soft_wrap=True)
    record = follow.until_ended(lambda: deployment.records.find_backout(backout_id), console)
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
    for record in deployment.records.history(deployment.endpoint_id(endpoint_name)):
        if "backoutId" not in record and record.get("outcome") == Outcome.ENCRYPTED:
            return deployment.records.remediation(record["remediationId"])
    raise NothingToBackOut(
        f"No remediation that encrypted the endpoint {endpoint_name} is on record in {deployment.region}."
    )


def request(deployment: Deployment, remediation: Remediation, reason: str) -> str:
    """Request the backout under IAM, or join the one in progress. Returns its id. Raises `NotDecided`."""
    body = {"remediationId": remediation["remediationId"], "reason": reason}
    return str(decide.post(deployment, "BackoutsUrl", body).get("backout", ""))


def _is_confirmed(remediation: Remediation, console: Console) -> bool:
    source, twin = remediation.get("sourceConfigName", ""), remediation.get("twinConfigName", "")
    console.print(
        f"[bold]{terminal.shown(remediation['endpointName'])}[/] will return from {terminal.shown(twin)} to "
        f"{terminal.shown(source)}, which names no KMS key. The endpoint stays in service throughout. "
        "Sealpoint won't ask about it again for a while.",
        soft_wrap=True,
    )
    return terminal.confirmed("Back out?", console)
