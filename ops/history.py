"""`sealpoint history`: what was done, as a table, JSON, CSV, or a report to print for an auditor."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from typing import Annotated, Any, Literal

import typer

from lambdas.domain.record import Approval, Run, from_iso, iso, run_id
from ops import clock, terminal
from ops.deployment import Deployment
from ops.evidence import Evidence, decider, evidence, is_backout, is_open, person, records, voters
from ops.history_report import as_report, moment
from ops.listing import Column, Listing
from ops.options import Profile, Region, Stack, epilog
from ops.spreadsheet import table
from ops.text import from_slack

Format = Literal["table", "json", "csv", "report"]
PERMISSIONS = (
    "cloudformation:DescribeStacks",
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "sagemaker:DescribeEndpoint",
)

_COLUMNS = (
    "remediationId", "kind", "endpointName", "accountId", "region", "startedAt", "triggeredBy", "eventName",
    "eventTime", "sourceConfigName", "keyArn", "decision", "decidedBy", "decidedByName", "decidedAt",
    "decisionReason", "approvals", "breakGlass", "refusedAttempts", "twinConfigName", "updateRequestedAt",
    "outcome", "reason", "closedAt",
)  # fmt: skip
_STYLES = {"ENCRYPTED": "green", "ALREADY_ENCRYPTED": "green", "FAILED": "red", "ROLLED_BACK": "yellow"}


def _day_or_moment(text: str | None) -> str | None:
    """A day as it is, a moment as records have it. Records are compared with it as text."""
    if text is None:
        return None
    try:
        when = from_iso(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a day (2026-11-23) nor a moment (2026-11-23T09:00Z)."
        ) from None
    return text if len(text) == len("2026-11-23") else iso(when if when.tzinfo else when.replace(tzinfo=UTC))


EPILOG = epilog(
    examples=(
        ("history", "what was done, newest first"),
        ("history patient-risk", "what was done to one endpoint"),
        ("history --open", "what is still in progress"),
        ("history --since 2026-10-01 --until 2026-12-31 --format report > report.html", "a quarter, to file"),
        (
            "history --format json | jq '.remediations[].approval.attempts'",
            "who tried to decide, and may not",
        ),
    ),
    exit_codes="0 when done; 2 if the records could not be read",
    permissions=PERMISSIONS,
)


def command(
    endpoint: Annotated[
        str | None, typer.Argument(metavar="ENDPOINT", help="The endpoint's name. Default: all endpoints.")
    ] = None,
    *,
    only_open: Annotated[bool, typer.Option("--open", help="Only what is still in progress.")] = False,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DAY", callback=_day_or_moment, help="Only what started on this day (UTC) or later."
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="DAY", callback=_day_or_moment, help="Only what started on this day (UTC) or earlier."
        ),
    ] = None,
    wanted: Annotated[
        Format, typer.Option("--format", help="`report` is a page to print for an auditor.")
    ] = "table",
    region: Region = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Show what was done to an endpoint, or to all of them."""
    deployment = Deployment(region, stack, profile)
    found = [
        record
        for record in records(deployment, endpoint)
        if (not only_open or is_open(record)) and is_within(record["startedAt"], since, until)
    ]
    listed = evidence(deployment, found, kept=wanted in ("json", "report"))
    match wanted:
        case "json":
            sys.stdout.write(as_json(listed) + "\n")
        case "csv":
            sys.stdout.write(as_csv(listed))
        case "report":
            table = deployment.output("RecordsTableName")
            where = f"account {deployment.account_id}, {deployment.region}, table {table}"
            page = as_report(
                listed,
                made_at=iso(clock.now()),
                where=where,
                json_sha256=hashlib.sha256(f"{as_json(listed)}\n".encode()).hexdigest(),
                period=_period(since, until),
            )
            sys.stdout.write(page)
        case "table" if listed:
            terminal.output().print(as_table(listed))
        case "table":
            of = f" for {endpoint}" if endpoint else ""
            which = " that fits" if only_open or since or until else ""
            nothing = f"Nothing{which} is on record{of} in {deployment.region}."
            terminal.output().print(terminal.shown(nothing), soft_wrap=True)
    return 0


def _period(since: str | None, until: str | None) -> str:
    """What was asked for, in words; empty if that is everything."""
    words = (f"from {moment(since)}" if since else "", f"to {moment(until)}" if until else "")
    return f"started {' '.join(filter(None, words))}" if since or until else ""


def is_within(when: str, since: str | None, until: str | None) -> bool:
    """Whether a moment is neither before `since` nor after `until`, each a day or a moment."""
    return (since is None or when[: len(since)] >= since) and (until is None or when[: len(until)] <= until)


def as_table(history: Sequence[Evidence]) -> Listing:
    """Newest first. The region only if there are several, the kind only for backouts."""
    several = len({one.record["trigger"]["region"] for one in history}) > 1
    columns = (
        Column("Id"), Column("Endpoint"), Column("Outcome"), Column("Region"), Column("Kind"),
        Column("Started (UTC)", "started"), Column("Decided by", "decided by"), Column("Votes and attempts"),
        Column("Reason"),
    )  # fmt: skip
    rows: list[tuple[str, ...]] = []
    for one in history:
        record, outcome = one.record, _outcome(one.record)
        cells = (
            record["trigger"]["region"] if several else "",
            "backout" if is_backout(record) else "",
            moment(record["startedAt"]),
            decider(record),
            "; ".join(voted(one.approval)),
            why(record),
        )
        rows.append(
            (
                terminal.shown(run_id(record)),
                f"[bold]{terminal.shown(record['endpointName'])}[/]",
                f"[{_STYLES.get(outcome, 'default')}]{terminal.shown(outcome)}[/]",
                *map(terminal.shown, cells),
            )
        )
    return Listing(columns, rows, first=3)


def voted(approval: Approval | None) -> Iterator[str]:
    """Votes before the one that decided, break-glass, and refused attempts, in few words."""
    if approval is None:
        return
    if others := [vote for vote in approval.get("approvals", []) if vote["by"] != approval.get("decidedBy")]:
        yield f"approved by {', '.join(voters(others))}"
    if by := approval.get("breakGlassBy"):
        yield f"break-glass by {person(by)}"
    if attempts := approval.get("attempts"):
        yield f"refused: {', '.join(dict.fromkeys(voters(attempts)))}"


def why(record: Run) -> str:
    """The reason that a person gave, or else why it ended so."""
    given = " ".join(str(record.get("decisionReason") or record.get("requestedReason") or "").split())
    return f"“{given}”" if given else from_slack(record.get("reason", ""))


def as_json(history: Iterable[Evidence]) -> str:
    """Everything on record, unchanged."""
    listed = [{"record": one.record, "approval": one.approval, "evidence": one.kept} for one in history]
    return json.dumps({"remediations": listed}, indent=2)


def as_csv(history: Iterable[Evidence]) -> str:
    """A header, and one line for each remediation."""
    return table(_COLUMNS, map(_row, history))


def _row(one: Evidence) -> dict[str, Any]:
    record, trigger = one.record, one.record["trigger"]
    return {
        **record,
        "remediationId": run_id(record),
        "kind": _kind(record),
        "accountId": trigger["accountId"],
        "region": trigger["region"],
        "triggeredBy": trigger["principalArn"],
        "eventName": trigger["eventName"],
        "eventTime": trigger["eventTime"],
        "decidedByName": decider(record),
        "approvals": "; ".join(voters(one.approval.get("approvals", []) if one.approval else [])),
        "breakGlass": _break_glass(one.approval),
        "refusedAttempts": "; ".join(_attempts(one)),
    }


def _break_glass(approval: Approval | None) -> str:
    by = approval.get("breakGlassBy", "") if approval else ""
    return f"{person(by)}: {approval.get('breakGlassReason', '')}" if approval and by else ""


def _attempts(evidence: Evidence) -> Iterator[str]:
    """The attempts to decide that were refused: when, who and why."""
    attempts = evidence.approval.get("attempts", []) if evidence.approval else []
    for attempt, who in zip(attempts, voters(attempts), strict=True):
        yield f"{attempt['at']} {who}: {from_slack(attempt.get('what', ''))}"


def _outcome(record: Run) -> str:
    return record.get("outcome") or "open"


def _kind(record: Run) -> str:
    return "backout" if is_backout(record) else "remediation"
