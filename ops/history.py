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

from lambdas.domain.record import Remediation, in_order, iso
from lambdas.domain.vocabulary import Outcome
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
    """The record of a remediation or a backout, and what was kept of the original for it.

    `snapshot` has ``config``, ``endpoint`` and ``tags``. It is empty if nothing was kept.
    """

    record: Remediation
    snapshot: Mapping[str, Any]


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
        Evidence(record, deployment.records.snapshot(record["remediationId"]))
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
            sys.stdout.write(as_report(evidence, made_at=iso(datetime.now(UTC)), where=where))
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
    listed = [{"record": one.record, "snapshot": one.snapshot} for one in history]
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
        for entry in in_order(record.get("timeline", []))
    ]
    return {
        "endpoint": record["endpointName"],
        "outcome": outcome,
        "facts": list(_facts(record)),
        "surfaces": surfaces,
        "after": "after" if outcome == Outcome.ENCRYPTED else "planned",
        "timeline": timeline,
        "evidence": [(title, _pretty(body)) for title, body in _kept(evidence.snapshot)],
    }


def _facts(record: Remediation) -> Iterator[tuple[str, str]]:
    trigger = record["trigger"]
    yield "Kind", _kind(record)
    yield "Id", record["remediationId"]
    yield "Undoes", record.get("backsOut", "")
    yield "Account, region", f"{trigger['accountId']}, {trigger['region']}"
    yield "Started", _moment(record["startedAt"])
    yield (
        "Trigger",
        " ".join((trigger["eventName"] or trigger["kind"], _moment(trigger["eventTime"]))).strip(),
    )
    yield "Triggered by", trigger["principalArn"]
    yield "Original config", record.get("sourceConfigName", "")
    yield "Encrypted config", record.get("twinConfigName", "")
    yield "Key", record.get("keyArn", "")
    yield (
        "Decision",
        " ".join(
            (record.get("decision", ""), _decider(record), _moment(record.get("decidedAt", "")))
        ).strip(),
    )
    yield "Reason given", record.get("decisionReason", "")
    yield "Outcome", " ".join((_outcome(record), record.get("reason", ""))).strip()
    yield "Ended", _moment(record.get("closedAt", ""))
    yield (
        "Backed out",
        " ".join((record.get("backoutOutcome", ""), _moment(record.get("backoutRequestedAt", "")))).strip(),
    )
    yield "Original config deleted", _moment(record.get("sourceRetiredAt", ""))
    yield "Notes", " ".join(record.get("notes", []))


def _kept(snapshot: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    titles = {
        "config": "The original configuration",
        "tags": "Its tags",
        "endpoint": "The endpoint as it was running",
    }
    yield from ((title, snapshot[name]) for name, title in titles.items() if name in snapshot)


def _pretty(body: Any) -> str:
    return json.dumps(body, indent=2, sort_keys=True)


def _outcome(record: Remediation) -> str:
    return record.get("outcome") or "open"


def _kind(record: Remediation) -> str:
    return "backout" if record.get("backsOut") else "remediation"


def _decider(record: Remediation) -> str:
    return record.get("decidedBy") or record.get("requestedBy") or ""


def _moment(text: str) -> str:
    """`2026-11-23 09:00:05` of `2026-11-23T09:00:05Z`."""
    return text.replace("T", " ").removesuffix("Z")
