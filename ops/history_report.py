"""The history as a page to print for an auditor: a summary, each remediation, and the configs at the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from lambdas.domain.record import Approval, Run, Vote, in_order, run_id
from lambdas.domain.vocabulary import Outcome
from ops import pages
from ops.evidence import Evidence, decider, is_backout, person, voters
from ops.text import from_slack

_TITLE = "Encryption of SageMaker endpoints: what was done"
_OPEN = "open"
LEGEND: Mapping[str, str] = {
    Outcome.ENCRYPTED: "the endpoint is in service on its encrypted copy",
    Outcome.ALREADY_ENCRYPTED: "its config names a key wherever one is required",
    Outcome.EXEMPT: "a tag exempts it",
    Outcome.OBSERVED: "its route changes nothing",
    Outcome.DENIED: "an approver left it as it is, now or earlier, and it is too soon to ask again",
    Outcome.EXPIRED: "nobody decided in time",
    Outcome.NOT_ASKED: "nobody could be asked yet, since Slack is not set up; the next sweep asks",
    Outcome.SUPERSEDED: "the endpoint was changed in the meantime",
    Outcome.GONE: "the endpoint was deleted",
    Outcome.UNSUPPORTED: "AWS refuses a key for it",
    Outcome.ROLLED_BACK: "SageMaker rolled the update back to the old config",
    Outcome.FAILED: "a person has to look",
    Outcome.BACKED_OUT: "of a backout: the endpoint is on its earlier config again",
    _OPEN: "it has not ended yet",
}
_KEPT = {
    "config": "The original config",
    "tags": "Its tags",
    "endpoint": "The endpoint as it was running",
    "models": "Its models",
}


def as_report(
    history: Sequence[Evidence], *, made_at: str, where: str, json_sha256: str, period: str = ""
) -> str:
    """An HTML page to print or to file, which needs no other file.

    Parameters
    ----------
    json_sha256
        Of the same records as `sealpoint history --format json` prints them.
    period
        What was asked for, in words; without it, from the first record to the last.
    """
    counted = Counter(_outcome(one.record) for one in history)
    return pages.render(
        "history.html.j2",
        title=_TITLE,
        where=[
            where,
            f"{period or _period(history)}; made {moment(made_at)} UTC by Sealpoint {version('sealpoint')}",
        ],
        json_sha256=json_sha256,
        legend=[(outcome, counted[outcome], means) for outcome, means in LEGEND.items() if counted[outcome]],
        remediations=[_section(number, one) for number, one in enumerate(history, 1)],
    )


def moment(text: str) -> str:
    """`2026-11-23 09:00:05` of `2026-11-23T09:00:05Z`."""
    return text.replace("T", " ").removesuffix("Z")


def _period(history: Sequence[Evidence]) -> str:
    days = sorted(one.record["startedAt"][:10] for one in history)
    return f"started {days[0]} to {days[-1]}" if days else "no records"


def _section(number: int, one: Evidence) -> dict[str, Any]:
    record, outcome = one.record, _outcome(one.record)
    attempts = one.approval.get("attempts", []) if one.approval else []
    surfaces = [
        (key["surface"].replace("-", " "), *(_key(key[when], record) for when in ("now", "after")))
        for key in record.get("surfaceKeys", [])
    ]
    return {
        "number": number,
        "endpoint": record["endpointName"],
        "kind": _kind(record),
        "outcome": outcome,
        "started": moment(record["startedAt"]),
        "decider": decider(record),
        "ended": moment(record.get("closedAt", "")),
        "facts": list(_facts(record, one.approval)),
        "surfaces": surfaces,
        "after": "after" if outcome == Outcome.ENCRYPTED else "planned",
        "timeline": [
            (
                moment(entry["at"]),
                from_slack(entry["what"]),
                entry.get("byName") or person(entry.get("by", "")),
            )
            for entry in in_order(record.get("timeline", []))
        ],
        "attempts": [
            (moment(attempt["at"]), who, from_slack(attempt.get("what", "")))
            for attempt, who in zip(attempts, _voters(attempts), strict=True)
        ],
        "evidence_sha256": _sha256(one),
        "evidence": [(title, _pretty(one.kept[name])) for name, title in _KEPT.items() if name in one.kept],
    }


def _facts(run: Run, approval: Approval | None) -> Iterator[tuple[str, str]]:
    record: Mapping[str, Any] = run
    trigger = run["trigger"]
    yield "Id", run_id(run)
    yield "Undoes", record.get("backsOut", "")
    yield "Started", moment(record["startedAt"])
    yield "Trigger", _joined(trigger["eventName"] or trigger["kind"], moment(trigger["eventTime"]))
    yield "Triggered by", trigger["principalArn"]
    yield "Original config", record.get("sourceConfigName", "")
    yield "Encrypted config", record.get("twinConfigName", "")
    yield "Restored config", record.get("restoredConfigName", "")
    yield "Key", record.get("keyArn", "")
    yield "Decision", _joined(record.get("decision", ""), moment(record.get("decidedAt", "")))
    yield "Decided by", _with_id(decider(record), record.get("decidedBy") or record.get("requestedBy") or "")
    yield "Approvals", ", ".join(_voters(approval.get("approvals", []) if approval else []))
    yield "Reason given", record.get("decisionReason") or record.get("requestedReason") or ""
    if approval and (by := approval.get("breakGlassBy")):
        yield "Break-glass", f"{_with_id(person(by), by)}: {approval.get('breakGlassReason', '')}"
    yield "Why it ended so", from_slack(record.get("reason", ""))
    yield "Ended", moment(record.get("closedAt", ""))
    if approval and (backout := approval.get("backout")):
        requested = _joined(moment(backout["at"]), "by", person(backout["by"]))
        yield "Backout requested", f"{requested}: {backout['reason']}" if backout["reason"] else requested
    yield "Original config deleted", moment(record.get("sourceRetiredAt", ""))
    yield "Original config kept", record.get("sourceKept", "")
    yield "Notes", " ".join(record.get("notes", []))


def _sha256(one: Evidence) -> str:
    """The evidence's hash as it was recorded, and whether what is kept now has another."""
    recorded = str(one.record.get("evidenceSha256", ""))
    if not recorded or one.kept_sha256 in ("", recorded):
        return recorded
    return f"{recorded}. What is kept now differs: {one.kept_sha256}"


def _key(arn: str, record: Mapping[str, Any]) -> str:
    """A surface's key: in short, if it is the one that the facts name in full."""
    return arn.rpartition(":")[2] if arn and arn == record.get("keyArn") else arn or "no KMS key"


def _outcome(record: Mapping[str, Any]) -> str:
    return record.get("outcome") or _OPEN


def _kind(record: Run) -> str:
    return "backout" if is_backout(record) else "remediation"


def _voters(votes: Sequence[Vote]) -> Iterator[str]:
    for vote, name in zip(votes, voters(votes), strict=True):
        yield _with_id(name, vote["by"])


def _with_id(name: str, by: str) -> str:
    return name if by.endswith(name) else f"{name} ({by})"


def _joined(*parts: str) -> str:
    return " ".join(filter(None, parts))


def _pretty(body: Any) -> str:
    return json.dumps(json.loads(json.dumps(body), object_hook=_with_dates), indent=1, sort_keys=True)


def _with_dates(members: dict[str, Any]) -> dict[str, Any]:
    """An object in which the moments, Unix seconds in SageMaker's bodies, are ISO 8601."""
    return {
        name: _date(value) if name.endswith("Time") and isinstance(value, (int, float)) else value
        for name, value in members.items()
    }


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
