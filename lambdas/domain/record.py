"""What is written down: the shapes of the records table's items, as plain JSON-able mappings.

Moments are ISO 8601 in UTC with a `Z`, to the second: readable, and in order when compared as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NotRequired, TypedDict

from lambdas.domain.encryption.provenance import ManagedBy
from lambdas.domain.errors import InvalidInput


class Trigger(TypedDict):
    """Who or what started a remediation (DESIGN §6). Empty strings where there is nothing to say."""

    kind: Literal["event", "sweep", "manual"]  # of a backout: manual
    eventId: str
    eventName: str
    eventTime: str
    principalArn: str
    accountId: str
    region: str


class Variant(TypedDict):
    """A production variant as it ran when the question was asked."""

    name: str
    instanceType: str
    instanceCount: NotRequired[int]


class SurfaceEntry(TypedDict):
    """One encryption surface: where its key is named, that key, the one after, and what is wrong now."""

    surface: str
    path: str  # dotted, from the config's body
    now: str  # empty: none
    after: str
    problem: str  # in words; empty where the key counts


class TimelineEntry(TypedDict):
    """Something that happened in a remediation. Entries are only ever appended."""

    at: str
    what: str  # in words, for people
    by: NotRequired[str]  # a Slack user id, or an IAM principal's ARN


class Vote(TypedDict):
    """Someone's approval, or a try that was refused, with why."""

    by: str
    at: str
    what: NotRequired[str]


class Remediation(TypedDict):
    """One run of the workflow for one endpoint, from trigger to outcome: the evidence."""

    remediationId: str
    executionArn: str
    endpointName: str
    trigger: Trigger
    startedAt: str
    timeline: NotRequired[list[TimelineEntry]]

    digestId: NotRequired[str]  # of the digest that asks about it, where it has no card of its own
    findingKey: NotRequired[str]  # its place in that digest

    settlingSince: NotRequired[str]  # when a change was first seen under way, before it was judged
    verdict: NotRequired[str]
    endpointArn: NotRequired[str]
    endpointStatus: NotRequired[str]
    variants: NotRequired[list[Variant]]
    sourceConfigName: NotRequired[str]
    keyArn: NotRequired[str]
    surfaceKeys: NotRequired[list[SurfaceEntry]]  # the assessment, and the change as the approver sees it
    updateOptions: NotRequired[dict[str, Any]]  # of UpdateEndpoint
    planHash: NotRequired[str]
    foundPlanHash: NotRequired[str]  # before surfaces were left alone because of the key
    notes: NotRequired[list[str]]

    route: NotRequired[str]  # the name of the settings' route
    approvalMode: NotRequired[str]
    approvalsNeeded: NotRequired[int]
    plannedTwinName: NotRequired[str]
    managedBy: NotRequired[ManagedBy]  # by what tool, as the tags tell
    changedBySlackUser: NotRequired[str]  # who made the change that started this; empty: Slack knows none
    supersedes: NotRequired[str]  # the remediation whose question this one's replaces
    supersededBy: NotRequired[str]
    supersededByLink: NotRequired[str]  # to the newer question's card

    approvalId: NotRequired[str]
    deadline: NotRequired[str]
    postedEntries: NotRequired[int]  # how much of the timeline is in the card's thread
    decision: NotRequired[str]
    decidedBy: NotRequired[str]
    decidedAt: NotRequired[str]
    decisionReason: NotRequired[str]
    askAgain: NotRequired[str]  # a denial's: a date, or empty for when the config changes

    waitingSince: NotRequired[str]
    queuedSince: NotRequired[str]  # for its turn to be updated
    twinConfigName: NotRequired[str]
    twinRequestedAt: NotRequired[str]  # absent where a twin of an earlier remediation is reused
    twinDeletedAt: NotRequired[str]
    twinKept: NotRequired[str]  # why a twin that the endpoint isn't on was kept
    twinAdditions: NotRequired[list[str]]  # what AWS describes of the twin that nobody sent
    updateRequestedAt: NotRequired[str]
    failureReasonBefore: NotRequired[str]  # what the endpoint showed when its update was first requested
    progressSeen: NotRequired[str]  # of the update, in words, when it was last looked at

    updateOutcome: NotRequired[str]  # how the update ended, as soon as it was seen
    updateReason: NotRequired[str]

    outcome: NotRequired[str]
    reason: NotRequired[str]
    closedAt: NotRequired[str]
    noticeTs: NotRequired[str]  # Slack's ts of the notice, where nobody had been asked

    # after success: the way back, while it is open
    backoutUntil: NotRequired[str]
    backoutClosedAt: NotRequired[str]
    backoutId: NotRequired[str]  # of the latest backout, which has a record of its own
    backoutRequestedBy: NotRequired[str]
    backoutRequestedAt: NotRequired[str]
    backoutOutcome: NotRequired[str]  # empty while it is under way
    backoutReason: NotRequired[str]
    backoutProgress: NotRequired[str]  # in words, while it is under way
    sourceRetiredAt: NotRequired[str]
    sourceKept: NotRequired[str]  # why the old config was not retired

    # a backout's own: what it undoes, and what it does
    backsOut: NotRequired[str]  # the id of the remediation
    requestedBy: NotRequired[str]
    restoredConfigName: NotRequired[str]
    restoredAdditions: NotRequired[list[str]]  # what AWS describes of it that is not on record
    exemptUntil: NotRequired[str]
    exemptionBefore: NotRequired[dict[str, str]]  # the exemption tags that ours replaced


class Approval(TypedDict):
    """The question in Slack and its answer. The task token never leaves the records table."""

    approvalId: str
    remediationId: str
    endpointName: str
    planHash: str
    status: str
    taskToken: str
    createdAt: str
    deadline: str
    decideIn: NotRequired[str]
    mayDecide: NotRequired[
        list[str]
    ]  # as the card showed them; the settings decide while they have its route
    approvalsNeeded: NotRequired[int]
    approvals: NotRequired[list[Vote]]  # where more than one is needed
    changedBy: NotRequired[str]  # the Slack user who may not approve this, being their own change
    runbookUrl: NotRequired[str]
    digestId: NotRequired[str]  # it is asked in a digest, and has no card before it ends
    channel: NotRequired[str]
    ts: NotRequired[str]
    permalink: NotRequired[str]
    remindersSent: NotRequired[int]
    attempts: NotRequired[list[Vote]]  # that were refused, the first of them
    otherTs: NotRequired[list[str]]  # of the same card posted twice, where a copy was clicked
    decidedBy: NotRequired[str]
    decidedAt: NotRequired[str]
    reason: NotRequired[str]
    askAgain: NotRequired[str]
    breakGlassBy: NotRequired[str]  # who approved their own change, maybe as the first of two
    breakGlassReason: NotRequired[str]
    breakGlassAnnouncedFor: NotRequired[str]  # the one of whom all approvers were told


class Denial(TypedDict):
    """Why an endpoint isn't asked about while its plan is the one that was denied."""

    endpointName: str
    planHash: str
    by: str
    at: str
    reason: str
    until: str  # a moment; empty: until the config changes


class Claim(TypedDict):
    """Which remediation an endpoint belongs to; a lease, so that a dead execution can't hold it for ever."""

    endpointName: str
    remediationId: str
    planHash: str
    leaseUntil: str
    supersedes: NotRequired[str]  # the remediation that held the endpoint before, to be ended


class Digest(TypedDict):
    """One card for all that one sweep found on one route."""

    digestId: str
    sweepId: str
    route: str
    mode: str  # a route's `Mode`
    decideIn: str
    mayDecide: list[str]
    accountId: str
    region: str
    runbookUrl: str
    createdAt: str
    deadline: str
    filledAt: NotRequired[str]  # when all its findings were in it
    channel: NotRequired[str]
    ts: NotRequired[str]
    shown: NotRequired[str]  # a hash of what the card says
    remindedAt: NotRequired[str]
    closedAt: NotRequired[str]


class Finding(TypedDict):
    """An endpoint that a sweep found unencrypted, and how far its remediation is."""

    endpointName: str
    endpointArn: str
    remediationId: str
    sourceConfigName: str
    surfaces: list[str]  # those that lack a key that counts
    instanceTypes: list[str]
    approvalId: NotRequired[str]  # it can be decided
    approvals: NotRequired[int]  # given, where more than one is needed
    decision: NotRequired[str]
    decidedBy: NotRequired[str]
    outcome: NotRequired[str]
    reason: NotRequired[str]


TRIGGER_FIELDS = ("kind", "eventId", "eventName", "eventTime", "principalArn", "accountId", "region")
UNKNOWN_ENDPOINT = "(unknown)"
_TRIGGER_KINDS = ("event", "sweep", "manual")


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    return datetime.fromisoformat(text)


def happened(now: datetime, what: str, by: str = "") -> TimelineEntry:
    entry: TimelineEntry = {"at": iso(now), "what": what}
    if by:
        entry["by"] = by
    return entry


def in_order(timeline: Iterable[TimelineEntry]) -> list[TimelineEntry]:
    """The timeline by time: a decision is entered only when the workflow hears of it."""
    return sorted(timeline, key=lambda entry: entry["at"])


def start_record(event: dict[str, Any], now: datetime) -> Remediation:
    """The first state of a remediation's record, from the state machine's input.

    Raises
    ------
    InvalidInput
        Something that the input must have is absent or of another type; the message names it.
    """
    trigger: Any = event.get("trigger")
    if not isinstance(trigger, dict):
        raise InvalidInput(f"The input's 'trigger' must be an object, not {trigger!r}.")
    if trigger.get("kind") not in _TRIGGER_KINDS:
        raise InvalidInput(
            f"The input's 'trigger.kind' must be one of {', '.join(_TRIGGER_KINDS)}, "
            f"not {trigger.get('kind')!r}."
        )
    fields = {name: _text(trigger.get(name), f"trigger.{name}") for name in TRIGGER_FIELDS}
    record: Remediation = {
        "remediationId": _required(event, "remediationId"),
        "executionArn": _required(event, "executionArn"),
        "endpointName": _required(event, "endpointName"),
        "trigger": fields,  # type: ignore[typeddict-item]  # its fields were read by name just above
        "startedAt": iso(now),
    }
    if "digestId" in event:  # a sweep asks about it among others
        record["digestId"] = _required(event, "digestId")
        record["findingKey"] = _required(event, "findingKey")
    return record


def salvaged_record(event: Mapping[str, Any], now: datetime) -> Remediation:
    """A record for a remediation that failed before it could begin one, from whatever its input had."""
    given = event.get("trigger")
    trigger: Any = (
        {name: _if_text(given.get(name)) for name in TRIGGER_FIELDS} if isinstance(given, dict) else {}
    )
    record: Remediation = {
        "remediationId": _required(event, "remediationId"),
        "executionArn": _if_text(event.get("executionArn")),
        "endpointName": _if_text(event.get("endpointName")) or UNKNOWN_ENDPOINT,
        "trigger": dict.fromkeys(TRIGGER_FIELDS, "") | trigger,
        "startedAt": iso(now),
    }
    if (digest := _if_text(event.get("digestId"))) and (key := _if_text(event.get("findingKey"))):
        record["digestId"], record["findingKey"] = digest, key
    return record


def required_fact(remediation: Remediation, name: str) -> str:
    """A fact that an earlier step put on record.

    Raises
    ------
    InvalidInput
        It isn't there: the steps ran in another order than the workflow's.
    """
    value = remediation.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"The record of remediation {remediation['remediationId']} has no {name} yet.")
    return value


def _if_text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _required(event: Mapping[str, Any], name: str) -> str:
    value = _text(event.get(name), name)
    if not value:
        raise InvalidInput(f"The input's '{name}' must be a name, and is empty.")
    return value


def _text(value: Any, name: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidInput(f"The input's '{name}' must be text, not {value!r}.")
    return value
