"""The shapes of the records table's items, as plain JSON-able mappings.

Moments are ISO 8601 in UTC with a `Z`, to the second: readable, and sorted when compared as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NotRequired, TypedDict

from lambdas.domain.endpoint_id import EndpointId
from lambdas.domain.errors import InvalidInput
from lambdas.domain.plain_text import cleaned_all


class Trigger(TypedDict):
    """Who or what started a remediation. A member that is not known is an empty string."""

    kind: Literal["event", "sweep", "manual"]  # of a backout: manual
    eventId: str
    eventName: str
    eventTime: str
    principalArn: str
    accountId: str
    region: str


class ManagedBy(TypedDict):
    """The deployment tool that manages an endpoint, and the stack's name if it has one."""

    tool: str
    stack: str


class Variant(TypedDict):
    """A production variant as it ran when the question was asked."""

    name: str
    instanceType: str
    instanceCount: NotRequired[int]


class Model(TypedDict):
    """A model that the config names, as it was when people were asked."""

    name: str
    createdAt: str  # to the millisecond
    images: list[str]  # of its containers, or the model packages that name them
    isNewer: bool  # created after the endpoint was deployed: what runs may be an earlier one of that name


class SurfaceEntry(TypedDict):
    """One encryption surface: where its key is named, the key now, the key afterwards, and what is wrong."""

    surface: str
    path: str  # dotted, from the config's body
    now: str  # empty if there is none
    after: str
    problem: str  # in words; empty if the key counts


class TimelineEntry(TypedDict):
    """Something that happened in a remediation. Entries are only appended."""

    at: str
    what: str  # in words, for people
    by: NotRequired[str]  # a Slack user id, or an IAM principal's ARN


class Vote(TypedDict):
    """Someone's approval, or a refused attempt with the reason."""

    by: str
    at: str
    what: NotRequired[str]


class ConfigIdentity(TypedDict):
    """Which config of a name is meant: that name may be deleted and given to another config."""

    name: str
    createdAt: str  # to the millisecond
    sha256: str  # of the request that would create it again


class _Run(TypedDict):
    """What a remediation and a backout have in common: each moves one endpoint from one config to another."""

    executionArn: str
    endpointId: str
    endpointName: str
    trigger: Trigger
    startedAt: str
    runbookPages: NotRequired[str]  # where its cards find the runbook's pages; `{}` stands for a page's name
    timeline: NotRequired[list[TimelineEntry]]
    sourceConfigName: NotRequired[str]  # the config that the endpoint had before it was encrypted
    twinConfigName: NotRequired[str]
    targetIdentity: NotRequired[ConfigIdentity]  # of the config to move to, as it was compared
    targetReplaced: NotRequired[str]  # in words, if the endpoint arrived on another config of that name
    updateOptions: NotRequired[dict[str, Any]]  # of UpdateEndpoint
    waitingSince: NotRequired[str]
    progress: NotRequired[str]  # of the wait or the update, in words, as last polled
    updateRequestedAt: NotRequired[str]
    failureReasonBefore: NotRequired[str]  # when the update was first requested
    updateOutcome: NotRequired[str]  # how the update ended, as soon as that was observed
    updateReason: NotRequired[str]
    outcome: NotRequired[str]
    reason: NotRequired[str]
    closedAt: NotRequired[str]
    noticeTs: NotRequired[str]  # Slack's ts of the notice, if nobody had been asked


class StepError(TypedDict):
    """An error that a step raised, as Step Functions catches one: the cause is JSON with ``errorMessage``."""

    Error: str
    Cause: str


class Remediation(_Run):
    """One run of the workflow for one endpoint, from trigger to outcome; only its steps write it."""

    remediationId: str
    digestId: NotRequired[str]  # of the digest that asks about it, if it has no card of its own

    settlingSince: NotRequired[str]  # when a change was first found in progress, before it was assessed
    verdict: NotRequired[str]
    checkOutcome: NotRequired[str]  # why nobody is asked, as CheckEncryption found it
    checkReason: NotRequired[str]
    endpointArn: NotRequired[str]
    endpointStatus: NotRequired[str]
    variants: NotRequired[list[Variant]]
    evidenceSha256: NotRequired[str]  # of the evidence that was kept
    keyArn: NotRequired[str]
    surfaceKeys: NotRequired[list[SurfaceEntry]]  # the assessment, and the change as the approver sees it
    models: NotRequired[list[Model]]
    planHash: NotRequired[str]  # of what people approve
    # without the models, and before surfaces were left alone because of the key
    foundPlanHash: NotRequired[str]
    notes: NotRequired[list[str]]

    route: NotRequired[str]  # the name of the settings' route
    approvalMode: NotRequired[str]
    approvalsNeeded: NotRequired[int]
    plannedTwinName: NotRequired[str]
    managedBy: NotRequired[ManagedBy]  # by which tool, as the tags say
    changedBySlackUser: NotRequired[str]  # who made the change; empty if Slack knows no such user
    supersedes: NotRequired[str]  # the remediation whose question this one replaces
    supersededBy: NotRequired[str]
    supersededByLink: NotRequired[str]  # to the newer question's card

    approvalId: NotRequired[str]
    askedAt: NotRequired[str]  # when its question was posted, on a card of its own or a digest's
    deadline: NotRequired[str]
    askError: NotRequired[StepError]  # why the question could not be asked; absent once it could
    # the decision, taken over from the approval when the workflow resumes
    decision: NotRequired[str]
    decidedBy: NotRequired[str]
    decidedAt: NotRequired[str]
    decisionReason: NotRequired[str]
    askAgain: NotRequired[str]  # of a denial: a date, or empty for when the config changes

    queuedSince: NotRequired[str]  # for an update slot
    twinRequestedAt: NotRequired[str]
    twinDeletedAt: NotRequired[str]
    twinKept: NotRequired[str]  # why an unused twin was kept
    twinAdditions: NotRequired[list[str]]  # members that AWS added to the twin

    # after success
    backoutUntil: NotRequired[str]
    backoutClosedAt: NotRequired[str]
    sourceRetiredAt: NotRequired[str]
    sourceKept: NotRequired[str]  # why the old config was not retired


class Backout(_Run):
    """The way back of one remediation. Only the backout's steps write it."""

    backoutId: str
    backsOut: str  # the id of the remediation
    requestedBy: NotRequired[str]
    requestedReason: NotRequired[str]
    restoredConfigName: NotRequired[str]
    restoredAdditions: NotRequired[list[str]]  # members that AWS added to it
    exemptUntil: NotRequired[str]
    exemptionBefore: NotRequired[dict[str, str]]  # the exemption tags that ours replaced


Run = Remediation | Backout


class BackoutRequest(TypedDict):
    """A person's request to return an endpoint to its earlier config."""

    backoutId: str
    by: str
    at: str
    reason: str  # empty if none was given


class Approval(TypedDict):
    """The question and its decision: the one home of what people decide, and all that deciding writes."""

    approvalId: str
    remediationId: str
    endpointId: str
    endpointName: str
    planHash: str
    status: str
    createdAt: str
    deadline: str
    decideIn: NotRequired[str]
    # as the card showed them; the settings decide while they have its route
    mayDecide: NotRequired[list[str]]
    approvalsNeeded: NotRequired[int]
    approvals: NotRequired[list[Vote]]  # if more than one is needed
    changedBy: NotRequired[str]  # the Slack user who made the change, and so may not approve it
    digestId: NotRequired[str]  # it is asked about in a digest, and has no card until it ends
    channel: NotRequired[str]
    ts: NotRequired[str]
    permalink: NotRequired[str]
    postedEntries: NotRequired[dict[str, int]]  # how much of a record's timeline is in the thread, by its id
    remindedAt: NotRequired[str]
    attempts: NotRequired[list[Vote]]  # the first refused ones
    otherTs: NotRequired[list[str]]  # of copies of the card that were clicked
    decidedBy: NotRequired[str]
    decidedAt: NotRequired[str]
    reason: NotRequired[str]
    askAgain: NotRequired[str]
    breakGlassBy: NotRequired[str]  # who approved their own change, perhaps as the first of two
    breakGlassReason: NotRequired[str]
    breakGlassAnnouncedFor: NotRequired[str]  # whose break-glass approval was announced
    backout: NotRequired[BackoutRequest]  # the latest request


class Denial(TypedDict):
    """Why nobody is asked about an endpoint whose plan was denied."""

    endpointId: str
    planHash: str
    by: str
    at: str
    reason: str
    until: str  # a moment; empty for until the config changes


class Claim(TypedDict):
    """What an endpoint belongs to; a lease, so that a dead execution can't hold it forever."""

    endpointId: str
    holder: str  # `holder_of` a remediation or a backout
    planHash: str
    leaseUntil: str
    supersedes: NotRequired[str]  # the remediation that held the endpoint before


class Digest(TypedDict):
    """One card for everything that a sweep found on a route."""

    digestId: str
    sweepId: str
    route: str
    mode: str  # a route's `Mode`
    decideIn: str
    mayDecide: list[str]
    accountId: str
    region: str
    runbookPages: str
    createdAt: str
    deadline: str
    filledAt: NotRequired[str]  # when its last finding was added
    refusal: NotRequired[str]  # why its card could not be posted, when that was last tried
    channel: NotRequired[str]
    ts: NotRequired[str]
    postedAt: NotRequired[str]  # when it was first posted: the deadline counts from then
    shown: NotRequired[str]  # the fingerprint of the card's message
    remindedAt: NotRequired[str]
    closedAt: NotRequired[str]


class Finding(TypedDict):
    """An endpoint that a sweep found unencrypted."""

    endpointId: str
    endpointName: str
    endpointArn: str
    remediationId: str
    sourceConfigName: str
    surfaces: list[str]  # those without a key that counts
    instanceTypes: list[str]
    # not stored: read from the remediation and its approval whenever the finding is shown
    approvalId: NotRequired[str]  # once it can be decided
    approvals: NotRequired[int]  # given so far, if more than one is needed
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


def moment(epoch_seconds: Any) -> datetime:
    """A time in one of SageMaker's bodies, which give Unix seconds."""
    return datetime.fromtimestamp(float(epoch_seconds), UTC)


def utc_words(moment: str) -> str:
    """A moment in plain text, such as ``Sat 28 Nov, 23:12 UTC``.

    Notifications on phones show a message's `text`, and no date format of Slack's is documented for them:
    https://docs.slack.dev/changelog/2026/07/13/notification-changes
    """
    when = from_iso(moment).astimezone(UTC)
    return f"{when:%a} {when.day} {when:%b}, {when:%H:%M} UTC"


def happened(now: datetime, what: str, by: str = "") -> TimelineEntry:
    entry: TimelineEntry = {"at": iso(now), "what": what}
    if by:
        entry["by"] = by
    return entry


def in_order(timeline: Iterable[TimelineEntry]) -> list[TimelineEntry]:
    """The timeline sorted by time: a decision's entry is appended only once the workflow resumes."""
    return sorted(timeline, key=lambda entry: entry["at"])


def start_record(event: dict[str, Any], now: datetime) -> Remediation:
    """The first state of a remediation's record, from the state machine's input.

    Raises
    ------
    InvalidInput
        A required member of the input is absent or of another type; the message names it.
    """
    event = cleaned_all(event)
    trigger: Any = event.get("trigger")
    if not isinstance(trigger, dict):
        raise InvalidInput(f"The input's 'trigger' must be an object, not {trigger!r}.")
    if trigger.get("kind") not in _TRIGGER_KINDS:
        raise InvalidInput(
            f"The input's 'trigger.kind' must be one of {', '.join(_TRIGGER_KINDS)}, "
            f"not {trigger.get('kind')!r}."
        )
    fields = {name: _text(trigger.get(name), f"trigger.{name}") for name in TRIGGER_FIELDS}
    execution_arn, name = _required(event, "executionArn"), _required(event, "endpointName")
    endpoint_id = EndpointId.at(execution_arn, name)
    record: Remediation = {
        "remediationId": _required(event, "remediationId"),
        "executionArn": execution_arn,
        "endpointId": str(endpoint_id),
        "endpointName": name,
        # where an endpoint is, is not for an input to say: it would choose route and claim
        "trigger": fields | _place(endpoint_id),  # type: ignore[typeddict-item]  # read by name just above
        "startedAt": iso(now),
    }
    if "digestId" in event:  # a sweep asks about it in a digest
        record["digestId"] = _required(event, "digestId")
    return record


def salvaged_record(event: Mapping[str, Any], now: datetime) -> Remediation:
    """A record for a remediation that failed before it started one, from whatever the input contained."""
    event = cleaned_all(event)
    given = event.get("trigger")
    trigger: Any = (
        {name: _if_text(given.get(name)) for name in TRIGGER_FIELDS} if isinstance(given, dict) else {}
    )
    execution_arn = _if_text(event.get("executionArn"))
    name = _if_text(event.get("endpointName")) or UNKNOWN_ENDPOINT
    endpoint_id = EndpointId.at(execution_arn, name)
    record: Remediation = {
        "remediationId": _required(event, "remediationId"),
        "executionArn": execution_arn,
        "endpointId": str(endpoint_id),
        "endpointName": name,
        "trigger": dict.fromkeys(TRIGGER_FIELDS, "") | trigger | _place(endpoint_id),
        "startedAt": iso(now),
    }
    if digest := _if_text(event.get("digestId")):
        record["digestId"] = digest
    return record


def holder_of(run: Run) -> str:
    """What a run is called where it holds an endpoint or a lock: no backout can pass for a remediation."""
    return f"backout#{run['backoutId']}" if "backoutId" in run else f"remediation#{run['remediationId']}"


def run_id(run: Run) -> str:
    return run["backoutId"] if "backoutId" in run else run["remediationId"]


def endpoint_of(about: Run | Approval | Claim | Denial | Finding) -> EndpointId:
    return EndpointId.parse(about["endpointId"])


def required_fact(run: Run, name: str) -> str:
    """A fact that an earlier step recorded.

    Raises
    ------
    InvalidInput
        It isn't there: the steps did not run in the workflow's order.
    """
    value = run.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"The record {holder_of(run)} has no {name} yet.")
    return value


def _place(endpoint_id: EndpointId) -> dict[str, str]:
    return {"accountId": endpoint_id.account, "region": endpoint_id.region}


def _if_text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _required(event: Mapping[str, Any], name: str) -> str:
    value = _text(event.get(name), name)
    if not value:
        raise InvalidInput(f"The input's '{name}' must be a name, but is empty.")
    return value


def _text(value: Any, name: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidInput(f"The input's '{name}' must be text, not {value!r}.")
    return value
