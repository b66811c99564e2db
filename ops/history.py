"""`sealpoint history`: what was done, as a table, JSON, CSV, or a report to print for an auditor."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from typing import Annotated, Any, Literal

import typer

from lambdas.domain.record import Remediation, from_iso, in_order, iso
from lambdas.domain.vocabulary import Outcome
from ops import clock, pages, terminal
from ops.deployment import Deployment
from ops.evidence import Evidence, decider, evidence, is_backout, is_open, records, voters
from ops.listing import Column, Listing
from ops.options import Profile, Region, Stack, epilog
from ops.spreadsheet import harmless
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

_TITLE = "Sealpoint: encryption of SageMaker endpoints"
_COLUMNS = (
    "remediationId", "kind", "endpointName", "accountId", "region", "startedAt", "triggeredBy", "eventName",
    "eventTime", "sourceConfigName", "keyArn", "decision", "decidedBy", "decidedByName", "decidedAt",
    "decisionReason", "approvals", "refusedAttempts", "twinConfigName", "updateRequestedAt", "outcome",
    "reason", "closedAt",
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
    listed = evidence(deployment, found, snapshots=wanted in ("json", "report"))
    match wanted:
        case "json":
            sys.stdout.write(as_json(listed) + "\n")
        case "csv":
            sys.stdout.write(as_csv(listed))
        case "report":
            table = deployment.output("RecordsTableName")
            where = f"account {deployment.account_id}, {deployment.region}, table {table}"
            sys.stdout.write(as_report(listed, made_at=iso(clock.now()), where=where))
        case "table" if listed:
            terminal.output().print(as_table(listed))
        case "table":
            of = f" for {endpoint}" if endpoint else ""
            which = " that fits" if only_open or since or until else ""
            nothing = f"Nothing{which} is on record{of} in {deployment.region}."
            terminal.output().print(terminal.shown(nothing), soft_wrap=True)
    return 0


def is_within(moment: str, since: str | None, until: str | None) -> bool:
    """Whether a moment is neither before `since` nor after `until`, each a day or a moment."""
    return (since is None or moment[: len(since)] >= since) and (
        until is None or moment[: len(until)] <= until
    )


def as_table(history: Sequence[Evidence]) -> Listing:
    """Newest first. The region only if there are several, the kind only for backouts."""
    several = len({one.record["trigger"]["region"] for one in history}) > 1
    columns = (
        Column("Id"), Column("Endpoint"), Column("Outcome"), Column("Region"), Column("Kind"),
        Column("Started (UTC)", "started"), Column("Decided by", "decided by"), Column("Reason"),
    )  # fmt: skip
    rows: list[tuple[str, ...]] = []
    for record in (one.record for one in history):
        outcome = _outcome(record)
        cells = (
            record["trigger"]["region"] if several else "",
            "backout" if is_backout(record) else "",
            _moment(record["startedAt"]),
            decider(record),
            why(record),
        )
        rows.append(
            (
                terminal.shown(record["remediationId"]),
                f"[bold]{terminal.shown(record['endpointName'])}[/]",
                f"[{_STYLES.get(outcome, 'default')}]{terminal.shown(outcome)}[/]",
                *map(terminal.shown, cells),
            )
        )
    return Listing(columns, rows, first=3)


def why(record: Remediation) -> str:
    """The reason that a person gave, or else why it ended so."""
    given = " ".join(record.get("decisionReason", "").split())
    return f"“{given}”" if given else from_slack(record.get("reason", ""))


def as_json(history: Iterable[Evidence]) -> str:
    """Everything on record, unchanged."""
    listed = [{"record": one.record, "snapshot": one.snapshot, "approval": one.approval} for one in history]
    return json.dumps({"remediations": listed}, indent=2)


def as_csv(history: Iterable[Evidence]) -> str:
    """A header, and one line for each remediation."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore")
    writer.writeheader()
    for one in history:
        record, trigger = one.record, one.record["trigger"]
        row: dict[str, Any] = {
            **record,
            "kind": _kind(record),
            "accountId": trigger["accountId"],
            "region": trigger["region"],
            "triggeredBy": trigger["principalArn"],
            "eventName": trigger["eventName"],
            "eventTime": trigger["eventTime"],
            "decidedByName": decider(record),
            "approvals": "; ".join(voters((one.approval or {}).get("approvals", ()))),
            "refusedAttempts": "; ".join(_attempts(one)),
        }
        writer.writerow({column: harmless(str(row.get(column, ""))) for column in _COLUMNS})
    return text.getvalue()


def _attempts(evidence: Evidence) -> Iterator[str]:
    """The attempts to decide that were refused: when, who and why."""
    attempts = (evidence.approval or {}).get("attempts", ())
    for attempt, who in zip(attempts, voters(attempts), strict=True):
        yield f"{attempt['at']} {who}: {from_slack(attempt.get('what', ''))}"


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
        " ".join((record.get("decision", ""), decider(record), _moment(record.get("decidedAt", "")))).strip(),
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
    return "backout" if is_backout(record) else "remediation"


def _moment(text: str) -> str:
    """`2026-11-23 09:00:05` of `2026-11-23T09:00:05Z`."""
    return text.replace("T", " ").removesuffix("Z")
