"""`sealpoint history`: what was done, as a table, JSON, CSV, or a report to print for an auditor."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.table import Table

from lambdas.domain.record import Approval, Run, TimelineEntry, in_order, iso, run_id
from lambdas.domain.vocabulary import Outcome
from lambdas.gateways.records.records import Records
from ops import pages, terminal
from ops.deployment import Deployment
from ops.options import Region, Stack
from ops.spreadsheet import harmless

Format = Literal["table", "json", "csv", "report"]

_TITLE = "Sealpoint: encryption of SageMaker endpoints"
_COLUMNS = (
    "remediationId", "kind", "endpointName", "accountId", "region", "startedAt", "triggeredBy", "eventName",
    "eventTime", "sourceConfigName", "keyArn", "decision", "decidedBy", "decidedAt", "decisionReason",
    "twinConfigName", "updateRequestedAt", "outcome", "reason", "closedAt",
)  # fmt: skip
_STYLES = {"ENCRYPTED": "green", "ALREADY_ENCRYPTED": "green", "FAILED": "red", "ROLLED_BACK": "yellow"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """The record of a remediation or a backout, with all that people decided and what was kept.

    `approval` has votes, refused attempts, break-glass reasons, requested backouts; None if there was none.
    `kept` has ``config``, ``endpoint`` and ``tags`` as they were found; it is empty if nothing was kept.
    """

    record: Run
    approval: Approval | None
    kept: Mapping[str, Any]


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
    evidence = [_evidence(deployment.records, record) for record in records(deployment, endpoint)]
    where = (
        f"account {deployment.account_id}, {deployment.region}, table {deployment.output('RecordsTableName')}"
    )
    match wanted:
        case "json":
            sys.stdout.write(as_json(evidence) + "\n")
        case "csv":
            sys.stdout.write(as_csv(evidence))
        case "report":
            sys.stdout.write(as_report(evidence, made_at=iso(datetime.now(UTC)), where=where))
        case "table":
            terminal.output().print(as_table(evidence))
    return 0


def _evidence(table: Records, record: Run) -> Evidence:
    if "backoutId" in record:
        return Evidence(record, None, {})
    approval = table.approval(record.get("approvalId", ""))
    return Evidence(record, approval, table.evidence(record["remediationId"]).bodies)


def records(deployment: Deployment, endpoint: str | None) -> list[Run]:
    """The records of an endpoint, or of all of them, newest first.

    SageMaker's names are unique whatever their case, so the records under the name as it was typed belong to
    the endpoint as well as those under its own spelling.
    """
    if endpoint is None:
        return deployment.records.history()
    names = {endpoint, deployment.endpoint_as_named(endpoint)}
    found = [record for name in names for record in deployment.records.history(deployment.endpoint_id(name))]
    return sorted(found, key=lambda record: record["startedAt"], reverse=True)


def as_table(history: Sequence[Evidence]) -> Table:
    shown = Table("Started (UTC)", "Endpoint", "Region", "Kind", "Outcome", "Decided by", "Reason")
    for evidence in history:
        record = evidence.record
        outcome = _outcome(record)
        shown.add_row(
            escape(_moment(record["startedAt"])),
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
    listed = [{"record": one.record, "approval": one.approval, "evidence": one.kept} for one in history]
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
            "remediationId": run_id(record),
            "kind": _kind(record),
            "accountId": trigger["accountId"],
            "region": trigger["region"],
            "triggeredBy": trigger["principalArn"],
            "eventName": trigger["eventName"],
            "eventTime": trigger["eventTime"],
        }
        writer.writerow({column: harmless(str(row.get(column, ""))) for column in _COLUMNS})
    return text.getvalue()


def as_report(history: Sequence[Evidence], *, made_at: str, where: str) -> str:
    """An HTML page to print or to file, which needs no other file."""
    counted = Counter(_outcome(evidence.record) for evidence in history)
    return pages.render(
        "history.html.j2",
        title=_TITLE,
        where=[where, f"made {_moment(made_at)} UTC"],
        counts=sorted(counted.items()),
        remediations=[_section(evidence) for evidence in history],
    )


def _section(evidence: Evidence) -> dict[str, Any]:
    record, outcome = evidence.record, _outcome(evidence.record)
    surfaces = [
        (key["surface"].replace("-", " "), key["now"] or "no KMS key", key["after"] or "no KMS key")
        for key in record.get("surfaceKeys", [])
    ]
    timeline = [
        (_moment(entry["at"]), entry["what"], entry.get("by", ""))
        for entry in in_order([*record.get("timeline", []), *_attempts(evidence.approval)])
    ]
    return {
        "endpoint": record["endpointName"],
        "outcome": outcome,
        "facts": list(_facts(record, evidence.approval)),
        "surfaces": surfaces,
        "after": "after" if outcome == Outcome.ENCRYPTED else "planned",
        "timeline": timeline,
        "evidence": [(title, _pretty(body)) for title, body in _kept(evidence.kept)],
    }


def _facts(record: Run, approval: Approval | None) -> Iterator[tuple[str, str]]:
    trigger = record["trigger"]
    yield "Kind", _kind(record)
    yield "Id", run_id(record)
    yield "Undoes", str(record.get("backsOut", ""))
    yield "Account, region", f"{trigger['accountId']}, {trigger['region']}"
    yield "Started", _moment(record["startedAt"])
    yield (
        "Trigger",
        " ".join((trigger["eventName"] or trigger["kind"], _moment(trigger["eventTime"]))).strip(),
    )
    yield "Triggered by", trigger["principalArn"]
    yield "Original config", record.get("sourceConfigName", "")
    yield "Encrypted config", record.get("twinConfigName", "")
    yield "Key", str(record.get("keyArn", ""))
    decided = (str(record.get("decision", "")), _decider(record), _moment(str(record.get("decidedAt", ""))))
    yield "Decision", " ".join(decided).strip()
    yield "Reason given", str(record.get("decisionReason") or record.get("requestedReason") or "")
    if approval and (by := approval.get("breakGlassBy")):
        yield "Break-glass", f"{by}: {approval.get('breakGlassReason', '')}"
    if record.get("evidenceSha256"):
        yield "SHA-256 of the evidence", str(record.get("evidenceSha256"))
    yield "Outcome", " ".join((_outcome(record), record.get("reason", ""))).strip()
    yield "Ended", _moment(record.get("closedAt", ""))
    if approval and (backout := approval.get("backout")):
        yield "Backout requested", f"{backout['by']} {_moment(backout['at'])} {backout['reason']}".strip()
    yield "Original config deleted", _moment(str(record.get("sourceRetiredAt", "")))
    yield "Notes", " ".join([] if "backoutId" in record else record.get("notes", []))


def _kept(bodies: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    titles = {
        "config": "The original configuration",
        "tags": "Its tags",
        "endpoint": "The endpoint as it was running",
    }
    yield from ((title, bodies[name]) for name, title in titles.items() if name in bodies)


def _pretty(body: Any) -> str:
    return json.dumps(body, indent=2, sort_keys=True)


def _attempts(approval: Approval | None) -> Iterator[TimelineEntry]:
    """Refused attempts to decide, as entries of the timeline; votes are among the record's own."""
    if approval is None:
        return
    for attempt in approval.get("attempts", []):
        yield {"at": attempt["at"], "what": f"Refused: {attempt.get('what', '')}", "by": attempt["by"]}


def _outcome(record: Run) -> str:
    return record.get("outcome") or "open"


def _kind(record: Run) -> str:
    return "backout" if "backoutId" in record else "remediation"


def _decider(record: Run) -> str:
    return str(record.get("decidedBy") or record.get("requestedBy") or "")


def _moment(text: str) -> str:
    """`2026-11-23 09:00:05` of `2026-11-23T09:00:05Z`."""
    return text.replace("T", " ").removesuffix("Z")
