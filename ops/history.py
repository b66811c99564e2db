"""What was done, as people read it: a table, JSON, CSV, and a report to print for an auditor."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from rich.markup import escape as markup_escape
from rich.table import Table

from lambdas.domain.record import Remediation, in_order
from lambdas.domain.vocabulary import Outcome
from ops.html import page, table
from ops.spreadsheet import harmless

FORMATS = ("table", "json", "csv", "report")

_TITLE = "Sealpoint: encryption of SageMaker endpoints"
_COLUMNS = (
    "remediationId", "kind", "endpointName", "accountId", "region", "startedAt", "triggeredBy", "eventName",
    "eventTime", "sourceConfigName", "keyArn", "decision", "decidedBy", "decidedAt", "decisionReason",
    "twinConfigName", "updateRequestedAt", "outcome", "reason", "closedAt",
)  # fmt: skip
_STYLES = {"ENCRYPTED": "green", "ALREADY_ENCRYPTED": "green", "FAILED": "red", "ROLLED_BACK": "yellow"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """One remediation's (or backout's) record, and what was kept of the original for it.

    `snapshot` has ``config``, ``endpoint`` and ``tags``; it is empty where nothing was kept.
    """

    record: Remediation
    snapshot: Mapping[str, Any]


def as_table(history: Sequence[Evidence]) -> Table:
    shown = Table("Started (UTC)", "Endpoint", "Region", "What", "Outcome", "Decided by", "Reason")
    for evidence in history:
        record = evidence.record
        outcome = _outcome(record)
        shown.add_row(
            markup_escape(_moment(record["startedAt"])),
            markup_escape(record["endpointName"]),
            markup_escape(record["trigger"]["region"]),
            _kind(record),
            f"[{_STYLES.get(outcome, 'default')}]{markup_escape(outcome)}[/]",
            markup_escape(_decider(record)),
            markup_escape(record.get("reason", "")),
        )
    return shown


def as_json(history: Iterable[Evidence]) -> str:
    """Everything that is on record, as it is on record."""
    listed = [{"record": one.record, "snapshot": one.snapshot} for one in history]
    return json.dumps({"remediations": listed}, indent=2)


def as_csv(history: Iterable[Evidence]) -> str:
    """One line for each remediation, and a header."""
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
    """One HTML page that needs nothing else, to print or to file."""
    counted = Counter(_outcome(evidence.record) for evidence in history)
    summary = table(("Outcome", "Remediations"), sorted((word, str(n)) for word, n in counted.items()))
    parts = "\n".join(_section(evidence) for evidence in history)
    body = f"{summary}\n{parts}" if history else "<p>Nothing is on record.</p>"
    return page(_TITLE, [where, f"made {_moment(made_at)} UTC"], body)


def _section(evidence: Evidence) -> str:
    record, outcome = evidence.record, _outcome(evidence.record)
    facts = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in _facts(record) if value)
    surfaces = [
        (key["surface"].replace("-", " "), key["now"] or "no KMS key", key["after"] or "no KMS key")
        for key in record.get("surfaceKeys", [])
    ]
    after = "after" if outcome == Outcome.ENCRYPTED else "planned"
    timeline = [
        (_moment(entry["at"]), entry["what"], entry.get("by", ""))
        for entry in in_order(record.get("timeline", []))
    ]
    kept = "".join(
        f"<details open><summary>{title}</summary><pre>{_pretty(body)}</pre></details>"
        for title, body in _kept(evidence.snapshot)
    )
    return (
        f'<section>\n<h2>{escape(record["endpointName"])} <span class="{escape(outcome.lower())}">'
        f"{escape(outcome)}</span></h2>\n<dl>{facts}</dl>\n"
        + (table(("Encryption surface", "before", after), surfaces) if surfaces else "")
        + (table(("UTC", "what happened", "by"), timeline) if timeline else "")
        + f"{kept}\n</section>"
    )


def _facts(record: Remediation) -> Iterator[tuple[str, str]]:
    trigger = record["trigger"]
    yield "What", _kind(record)
    yield "Id", record["remediationId"]
    yield "Undoes", record.get("backsOut", "")
    yield "Account, region", f"{trigger['accountId']}, {trigger['region']}"
    yield "Started", _moment(record["startedAt"])
    yield (
        "Because of",
        " ".join((trigger["eventName"] or trigger["kind"], _moment(trigger["eventTime"]))).strip(),
    )
    yield "By", trigger["principalArn"]
    yield "Original config", record.get("sourceConfigName", "")
    yield "Encrypted config", record.get("twinConfigName", "")
    yield "Key", record.get("keyArn", "")
    yield (
        "Decision",
        " ".join(
            (record.get("decision", ""), _decider(record), _moment(record.get("decidedAt", "")))
        ).strip(),
    )
    yield "Why", record.get("decisionReason", "")
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
        "endpoint": "The endpoint as it ran",
    }
    yield from ((title, snapshot[name]) for name, title in titles.items() if name in snapshot)


def _pretty(body: Any) -> str:
    return escape(json.dumps(body, indent=2, sort_keys=True))


def _outcome(record: Remediation) -> str:
    return record.get("outcome") or "open"


def _kind(record: Remediation) -> str:
    return "backout" if record.get("backsOut") else "remediation"


def _decider(record: Remediation) -> str:
    return record.get("decidedBy") or record.get("requestedBy") or ""


def _moment(text: str) -> str:
    """`2026-11-23 09:00:05` of `2026-11-23T09:00:05Z`."""
    return text.replace("T", " ").removesuffix("Z")
