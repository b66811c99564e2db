"""`ops remediate ENDPOINT`: start the workflow by hand, and follow it to its end."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape

from lambdas.domain.errors import RequestRefused
from lambdas.domain.record import Remediation, iso
from lambdas.domain.vocabulary import Outcome
from lambdas.gateways.sagemaker import SageMaker
from ops import follow
from ops.deployment import Deployment

PERMISSIONS = (
    "cloudformation:DescribeStacks",
    "dynamodb:GetItem",
    "sagemaker:DescribeEndpoint",
    "states:StartExecution",
)
_WELL = frozenset({Outcome.ENCRYPTED, Outcome.ALREADY_ENCRYPTED, Outcome.EXEMPT})


class NoSuchEndpoint(Exception):
    """There is nothing to remediate; the message says where it was looked for."""


def run(deployment: Deployment, endpoint_name: str, console: Console, *, to_the_end: bool) -> int:
    """The command.

    Returns
    -------
    int
        0: it is encrypted, was so already, or is exempt (or was only to be started), 1: it ended otherwise.
    """
    _require_endpoint(deployment, endpoint_name)
    remediation_id = start(deployment, endpoint_name, datetime.now(UTC))
    console.print(
        f"Remediation {remediation_id} is under way; stopping this command does not stop it.", soft_wrap=True
    )
    if not to_the_end:
        return 0
    asked = _Question(deployment, console)
    record = follow.until_ended(deployment, remediation_id, console, on_look=asked.tell)
    well = record.get("outcome") in _WELL
    follow.say_how_it_ended(record, console, well=well)
    if record.get("outcome") == Outcome.ENCRYPTED:
        moved = f"It moved from {record.get('sourceConfigName')} to {record.get('twinConfigName')}."
        console.print(escape(moved), soft_wrap=True)
    return 0 if well else 1


def start(deployment: Deployment, endpoint_name: str, now: datetime) -> str:
    """Start the workflow in the caller's name, who then is not the one to approve it; returns its id."""
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


def _require_endpoint(deployment: Deployment, endpoint_name: str) -> None:
    try:
        found = SageMaker(deployment.client("sagemaker")).describe_endpoint(endpoint_name)
    except RequestRefused:
        return  # who may not look may start: the workflow tells
    if found is None:
        raise NoSuchEndpoint(
            f"There is no endpoint {endpoint_name} in {deployment.region}, account {deployment.account_id}."
        )


class _Question:
    """Says once where the question can be answered."""

    def __init__(self, deployment: Deployment, console: Console) -> None:
        self._deployment = deployment
        self._console = console
        self._told = False

    def tell(self, record: Remediation) -> None:
        if self._told or "decision" in record or "outcome" in record:
            return
        approval = self._deployment.records.approval(record.get("approvalId", ""))
        if approval is None or not (link := approval.get("permalink")):
            return
        self._told = True
        self._console.print(f"The question: {escape(link)}", soft_wrap=True)
        remediation_id = record["remediationId"]
        self._console.print(
            f"On the command line: python -m ops approve {remediation_id}, "
            f"or python -m ops deny {remediation_id} --reason …",
            soft_wrap=True,
        )
