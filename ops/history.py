"""`sealpoint history`: what was done, as a table, JSON, CSV, or a report to print for an auditor."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.table import Table

from lambdas.domain.record import Approval, Remediation, iso
from ops import terminal
from ops.deployment import Deployment
from ops.history_report import as_report, moment
from ops.options import Region, Stack
from ops.spreadsheet import harmless

Format = Literal["table", "json", "csv", "report"]

_COLUMNS = (
    "remediationId", "kind", "endpointName", "accountId", "region", "startedAt", "triggeredBy", "eventName",
    "eventTime", "sourceConfigName", "keyArn", "decision", "decidedBy", "decidedAt", "decisionReason",
    "twinConfigName", "updateRequestedAt", "outcome", "reason", "closedAt",
)  # fmt: skip
_STYLES = {"ENCRYPTED": "green", "ALREADY_ENCRYPTED": "green", "FAILED": "red", "ROLLED_BACK": "yellow"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """The record of a remediation or a backout, and what was kept of the original for it.

    `snapshot` has ``config``, ``endpoint`` and ``tags``. It is empty if nothing was kept. `approval` is the
    question with its votes and refused attempts, without its task token.
    """

    record: Remediation
    snapshot: Mapping[str, Any]
    approval: Mapping[str, Any] | None = None


def command(
    endpoint: Annotated[
        str | None, typer.Argument(metavar="ENDPOINT", help="The endpoint's name. Default: all endpoints.")
    ] = None,
    wanted: Annotated[
        Format, typer.Option("--format", help="`report` is a page to print for an auditor.")
    ] = "table",
    region: Region = None,
    stack: Stack = None,
) -> int:
    """Show what was done to an endpoint, or to all of them."""
    deployment = Deployment(region, stack)
    evidence = [
        Evidence(
            record,
            deployment.records.snapshot(record["remediationId"]),
            _without_token(deployment.records.approval(record.get("approvalId", ""))),
        )
        for record in records(deployment, endpoint)
    ]
    where = (
        f"account {deployment.account_id}, {deployment.region}, table {deployment.output('RecordsTableName')}"
    )
    match wanted:
        case "json":
            sys.stdout.write(as_json(evidence) + "\n")
        case "csv":
            sys.stdout.write(as_csv(evidence))
        case "report":
            digest = hashlib.sha256(f"{as_json(evidence)}\n".encode()).hexdigest()
            made_at = iso(datetime.now(UTC))
            sys.stdout.write(as_report(evidence, made_at=made_at, where=where, json_sha256=digest))
        case "table":
            terminal.output().print(as_table(evidence))
    return 0


def records(deployment: Deployment, endpoint: str | None) -> list[Remediation]:
    """The records of an endpoint, or of all of them, newest first.

    SageMaker's names are unique whatever their case, so the records under the name as it was typed belong to
    the endpoint as well as those under its own spelling.
    """
    if endpoint is None:
        return deployment.records.history()
    names = {endpoint, deployment.endpoint_as_named(endpoint)}
    found = [record for name in names for record in deployment.records.history(name)]
    return sorted(found, key=lambda record: record["startedAt"], reverse=True)


def as_table(history: Sequence[Evidence]) -> Table:
    shown = Table("Started (UTC)", "Endpoint", "Region", "Kind", "Outcome", "Decided by", "Reason")
    for evidence in history:
        record = evidence.record
        outcome = _outcome(record)
        shown.add_row(
            escape(moment(record["startedAt"])),
            escape(record["endpointName"]),
            escape(record["trigger"]["region"]),
            _kind(record),
            f"[{_STYLES.get(outcome, 'default')}]{escape(outcome)}[/]",
            escape(_decider(record)),
            escape(record.get("reason", "")),
        )
    return shown


def as_json(history: Iterable[Evidence]) -> str:
    """Everything on record, unchanged."""
    listed = [{"record": one.record, "snapshot": one.snapshot, "approval": one.approval} for one in history]
    return json.dumps({"remediations": listed}, indent=2)


def as_csv(history: Iterable[Evidence]) -> str:
    """A header, and one line for each remediation."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore")
    writer.writeheader()
    for evidence in history:
        record, trigger = evidence.record, evidence.record["trigger"]
        row: dict[str, Any] = {
            **record,
            "kind": _kind(record),
            "accountId": trigger["accountId"],
            "region": trigger["region"],
            "triggeredBy": trigger["principalArn"],
            "eventName": trigger["eventName"],
            "eventTime": trigger["eventTime"],
        }
        writer.writerow({column: harmless(str(row.get(column, ""))) for column in _COLUMNS})
    return text.getvalue()


def _without_token(approval: Approval | None) -> dict[str, Any] | None:
    return approval and {name: value for name, value in approval.items() if name != "taskToken"}


def _outcome(record: Remediation) -> str:
    return record.get("outcome") or "open"


def _kind(record: Remediation) -> str:
    return "backout" if record.get("backsOut") else "remediation"


def _decider(record: Remediation) -> str:
    return record.get("decidedBy") or record.get("requestedBy") or ""
