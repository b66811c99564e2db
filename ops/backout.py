"""`ops backout ENDPOINT`: return an encrypted endpoint to its earlier config, and follow it there."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape

from lambdas.domain import backout
from lambdas.domain.approval.decision import RulingKind
from lambdas.domain.record import Remediation, happened
from lambdas.domain.vocabulary import Outcome
from ops import follow
from ops.deployment import Deployment


class NothingToBackOutOf(Exception):
    """No remediation of the endpoint can be undone; the message says why."""


def find(deployment: Deployment, endpoint_name: str) -> Remediation:
    """The remediation that encrypted the endpoint last.

    Raises
    ------
    NothingToBackOutOf
    """
    endpoint_name = deployment.endpoint_as_named(endpoint_name)
    history = deployment.records.history(endpoint_name)
    encrypted = [record for record in history if record.get("outcome") == Outcome.ENCRYPTED]
    if not encrypted:
        raise NothingToBackOutOf(
            f"No remediation that encrypted the endpoint {endpoint_name} is on record in {deployment.region}."
        )
    remediation = deployment.records.remediation(encrypted[0]["remediationId"])
    ruling = backout.judge_state(remediation)
    if ruling.kind is RulingKind.REFUSE:
        raise NothingToBackOutOf(ruling.explanation)
    return remediation


def request(deployment: Deployment, remediation: Remediation, now: datetime) -> str:
    """Request the backout, or join the one that is under way; returns its id.

    The same records and the same state machine as the card's button; IAM, not Slack, says who may.
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


def run(deployment: Deployment, endpoint_name: str, console: Console, *, confirmed: bool) -> int:
    """The command; returns its exit code: 0 if the endpoint is on its earlier config."""
    remediation = find(deployment, endpoint_name)
    source, twin = remediation.get("sourceConfigName", ""), remediation.get("twinConfigName", "")
    console.print(
        f"[bold]{escape(remediation['endpointName'])}[/] would return from {escape(twin)} to "
        f"{escape(source)}, which names no KMS key. It stays in service throughout, and is exempt from being "
        "asked about for a while.",
        soft_wrap=True,
    )
    if not confirmed and console.input("Back out? \\[y/N] ").strip().lower() not in ("y", "yes"):
        console.print("Nothing was changed.")
        return 1
    backout_id = request(deployment, remediation, datetime.now(UTC))
    console.print(f"Backout {backout_id} is under way; stopping this command does not stop it.")
    record = follow.until_ended(deployment, backout_id, console)
    back = record.get("outcome") == Outcome.BACKED_OUT
    follow.say_how_it_ended(record, console, well=back)
    return 0 if back else 1
