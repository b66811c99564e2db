"""The history as a page to print for an auditor: a summary, each remediation, and the configs at the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Protocol

from lambdas.domain.record import in_order
from lambdas.domain.vocabulary import Outcome
from ops import pages

_TITLE = "Encryption of SageMaker endpoints: what was done"
_OPEN = "open"
LEGEND: Mapping[str, str] = {
    Outcome.ENCRYPTED: "the endpoint is in service on its encrypted copy",
    Outcome.ALREADY_ENCRYPTED: "its config names a key wherever one is required",
    Outcome.EXEMPT: "a tag exempts it",
    Outcome.OBSERVED: "its route changes nothing",
    Outcome.DENIED: "an approver left it as it is, now or earlier, and it is too soon to ask again",
    Outcome.EXPIRED: "nobody decided in time",
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


class Evidence(Protocol):
    """What is on record of one remediation or backout.

    Attributes
    ----------
    snapshot
        ``config``, ``endpoint`` and ``tags`` as they were found. Empty if nothing was kept.
    approval
        The question, with its votes and the attempts that were refused. None if nobody was to be asked.
    """

    @property
    def record(self) -> Mapping[str, Any]: ...
    @property
    def snapshot(self) -> Mapping[str, Any]: ...
    @property
    def approval(self) -> Mapping[str, Any] | None: ...


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
    record, outcome, approval = one.record, _outcome(one.record), one.approval or {}
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
        "decider": _decider(record),
        "ended": moment(record.get("closedAt", "")),
        "facts": list(_facts(record, approval)),
        "surfaces": surfaces,
        "after": "after" if outcome == Outcome.ENCRYPTED else "planned",
        "timeline": [
            (moment(entry["at"]), entry["what"], entry.get("byName") or _person(entry.get("by", "")))
            for entry in in_order(record.get("timeline", []))
        ],
        "attempts": [
            (moment(attempt["at"]), _voter(attempt), attempt.get("what", ""))
            for attempt in approval.get("attempts", [])
        ],
        "evidence_sha256": record.get("evidenceSha256", ""),
        "evidence": [
            (title, _pretty(one.snapshot[name])) for name, title in _KEPT.items() if name in one.snapshot
        ],
    }


def _facts(record: Mapping[str, Any], approval: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    trigger = record["trigger"]
    yield "Id", record["remediationId"]
    yield "Undoes", record.get("backsOut", "")
    yield "Started", moment(record["startedAt"])
    yield "Trigger", _joined(trigger["eventName"] or trigger["kind"], moment(trigger["eventTime"]))
    yield "Triggered by", trigger["principalArn"]
    yield "Original config", record.get("sourceConfigName", "")
    yield "Encrypted config", record.get("twinConfigName", "")
    yield "Restored config", record.get("restoredConfigName", "")
    yield "Key", record.get("keyArn", "")
    yield "Decision", _joined(record.get("decision", ""), moment(record.get("decidedAt", "")))
    yield "Decided by", _with_id(_decider(record), record.get("decidedBy") or record.get("requestedBy") or "")
    yield "Approvals", ", ".join(map(_voter, approval.get("approvals", [])))
    yield "Reason given", record.get("decisionReason", "")
    yield "Why it ended so", record.get("reason", "")
    yield "Ended", moment(record.get("closedAt", ""))
    yield (
        "Backed out",
        _joined(record.get("backoutOutcome", ""), moment(record.get("backoutRequestedAt", ""))),
    )
    yield "Original config deleted", moment(record.get("sourceRetiredAt", ""))
    yield "Original config kept", record.get("sourceKept", "")
    yield "Notes", " ".join(record.get("notes", []))


def _key(arn: str, record: Mapping[str, Any]) -> str:
    """A surface's key: in short, if it is the one that the facts name in full."""
    return arn.rpartition(":")[2] if arn and arn == record.get("keyArn") else arn or "no KMS key"


def _outcome(record: Mapping[str, Any]) -> str:
    return record.get("outcome") or _OPEN


def _kind(record: Mapping[str, Any]) -> str:
    return "backout" if record.get("backsOut") else "remediation"


def _decider(record: Mapping[str, Any]) -> str:
    """Who decided or asked for a backout: the name on record, or else the id."""
    name = record.get("decidedByName") or record.get("requestedByName")
    return str(name or _person(record.get("decidedBy") or record.get("requestedBy") or ""))


def _voter(vote: Mapping[str, Any]) -> str:
    return _with_id(str(vote.get("name") or _person(vote["by"])), vote["by"])


def _person(by: str) -> str:
    """A Slack user's id, or the role and session of an IAM principal."""
    return by.rpartition(":")[2]


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
