"""`sealpoint remediate ENDPOINT`: start the workflow by hand, and follow it to its end."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from lambdas.domain.errors import RequestRefused
from lambdas.domain.record import Remediation, iso
from lambdas.domain.vocabulary import Outcome
from lambdas.gateways.sagemaker import SageMaker
from ops import follow, terminal
from ops.deployment import Deployment
from ops.errors import CommandFailed
from ops.options import Endpoint, Profile, Region, Stack, epilog

PERMISSIONS = (
    "cloudformation:DescribeStacks",
    "dynamodb:GetItem",
    "sagemaker:DescribeEndpoint",
    "states:StartExecution",
)
EPILOG = epilog(
    examples=(
        ("remediate patient-risk", "asks for a decision, and follows it to its end"),
        ("remediate patient-risk --no-follow", "only starts it"),
    ),
    exit_codes="0 if the endpoint is encrypted now, was encrypted already or is exempt; 1 if the remediation "
    "ended otherwise; 2 if it could not be started",
    permissions=PERMISSIONS,
)
_SUCCESS = frozenset({Outcome.ENCRYPTED, Outcome.ALREADY_ENCRYPTED, Outcome.EXEMPT})


class NoSuchEndpoint(CommandFailed):
    """There is nothing to remediate."""


def command(
    endpoint: Endpoint,
    no_follow: Annotated[bool, typer.Option("--no-follow", help="Only start the workflow.")] = False,
    region: Region = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Start the workflow for an endpoint by hand, and follow it."""
    deployment, console = Deployment(region, stack, profile), terminal.output()
    remediation_id = start(deployment, _as_created(deployment, endpoint), datetime.now(UTC))
    console.print(
        f"Remediation {remediation_id} has started. Stopping this command doesn't stop it.", soft_wrap=True
    )
    if no_follow:
        return 0
    pointer = _ApprovalPointer(deployment, console)
    record = follow.until_ended(
        lambda: deployment.records.find_remediation(remediation_id), console, on_record=pointer.show
    )
    succeeded = record.get("outcome") in _SUCCESS
    follow.print_outcome(record, console, succeeded=succeeded)
    if record.get("outcome") == Outcome.ENCRYPTED:
        moved = f"It moved from {record.get('sourceConfigName')} to {record.get('twinConfigName')}."
        console.print(terminal.shown(moved), soft_wrap=True)
    return 0 if succeeded else 1


def start(deployment: Deployment, endpoint_name: str, now: datetime) -> str:
    """Start the workflow in the caller's name, so that the caller can't approve it too. Returns its id."""
    remediation_id = str(uuid.uuid4())
    trigger = {
        "kind": "manual", "eventId": "", "eventName": "", "eventTime": iso(now),
        "principalArn": deployment.caller_arn, "accountId": deployment.account_id,
        "region": deployment.region,
    }  # fmt: skip
    machine = deployment.output("RemediationStateMachineArn")
    deployment.step_functions.start(
        machine, remediation_id, {"endpointName": endpoint_name, "trigger": trigger}
    )
    return remediation_id


def _as_created(deployment: Deployment, endpoint_name: str) -> str:
    """The endpoint's name in its own case, or as typed if the caller may not describe the endpoint.

    Raises
    ------
    NoSuchEndpoint
    """
    try:
        found = SageMaker(deployment.client("sagemaker")).describe_endpoint(endpoint_name)
    except RequestRefused:
        return endpoint_name  # a caller who may not describe it may still start the workflow, which can
    if found is None:
        raise NoSuchEndpoint(
            f"There is no endpoint {endpoint_name} in {deployment.region}, account {deployment.account_id}."
        )
    return str(found["EndpointName"])


class _ApprovalPointer:
    """Prints once where the approval can be given."""

    def __init__(self, deployment: Deployment, console: Console) -> None:
        self._deployment = deployment
        self._console = console
        self._is_shown = False

    def show(self, record: Remediation) -> None:
        if self._is_shown or "decision" in record or "outcome" in record:
            return
        approval = self._deployment.records.approval(record.get("approvalId", ""))
        if approval is None or not (link := approval.get("permalink")):
            return
        self._is_shown = True
        remediation_id = record["remediationId"]
        self._console.print(f"Awaiting approval: {terminal.shown(link)}", soft_wrap=True)
        self._console.print(
            f"On the command line: sealpoint approve {remediation_id}, "
            f"or sealpoint deny {remediation_id} --reason …",
            soft_wrap=True,
        )
