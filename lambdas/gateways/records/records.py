"""The records table: the durable evidence, the approvals, and who holds which endpoint.

One table. The partition key says which kind of item it is, and each function's role is limited to the kinds
that it needs (`dynamodb:LeadingKeys`, stacks/functions.py):

===========================  ==========  ==========================================================
pk                           sk          what
===========================  ==========  ==========================================================
``evidence#<id>``            evidence    config, endpoint and tags as they were found: put once, never changed
``remediation#<id>``         record      the facts, filled in as the workflow goes
``backout#<id>``             record      the same of a backout
``approval#<approval id>``   approval    the question and all that people decide
``wait#<approval id>``       token       the task token that wakes the workflow; it never leaves the table
``endpoint#<endpoint id>``   claim       the remediation or backout that holds the endpoint, as a lease
``endpoint#<endpoint id>``   denial      the plan that was denied last, and until when it isn't asked about
``config#<spoke>/<name>``    lock        who moves an endpoint onto an old config, or deletes it
``event#<account>#<id>``     start       the remediation that an event started; expires
===========================  ==========  ==========================================================

Records carry `endpointId` and `startedAt`, which the index `byEndpointId` is made of; nothing else has both.
What must happen at most once depends on a condition that DynamoDB checks, never on a read before a write.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from lambdas.domain.endpoint_id import EndpointId
from lambdas.domain.errors import (
    EndpointBusy,
    EndpointChanged,
    NotApproved,
    RemediationError,
    RequestRefused,
)
from lambdas.domain.record import (
    Approval,
    Backout,
    BackoutRequest,
    Claim,
    Denial,
    Remediation,
    Run,
    TimelineEntry,
    Vote,
    endpoint_of,
    from_iso,
    holder_of,
    iso,
)
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.records.table import Table
from lambdas.gateways.settings import required, required_days

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# EventBridge retries a target for a day, and CloudTrail may deliver twice. This is far longer than either.
_EVENT_KEPT = timedelta(days=14)

# Retention counts from the start of a remediation, which may end this much later.
_LONGEST_REMEDIATION = timedelta(days=60)
_INDEX = "byEndpointId"
_IN_SHORT = ("endpointId", "endpointName", "remediationId", "startedAt", "outcome")
_PROGRESS = ("remediationId", "approvalId", "outcome", "reason")
_DECIDED = ("approvalId", "status", "decidedBy", "approvals")
# Longer than the time-out of the function that holds the lock.
_LOCK_LEASE = timedelta(minutes=6)
_NO_OUTCOME = "attribute_exists(pk) AND attribute_not_exists(outcome)"
# An outsider may click without end; don't let the item grow with it.
_MOST_ATTEMPTS = 50


class Evidence:
    """What was found before anything was changed, as it is kept."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    @property
    def sha256(self) -> str:
        """Over every member's name and text; empty if nothing is kept."""
        kept = json.dumps(dict(self._texts), sort_keys=True)
        return hashlib.sha256(kept.encode()).hexdigest() if self._texts else ""

    @property
    def bodies(self) -> dict[str, Any]:
        """The config, the endpoint and the config's tags, as AWS described them."""
        return {name: json.loads(text) for name, text in self._texts.items()}

    @property
    def config(self) -> dict[str, Any] | None:
        return self.bodies.get("config")


class Records:
    """Every call may raise `Throttled`, `ServiceUnavailable` or `RequestRefused`.

    Parameters
    ----------
    retention
        How long evidence is kept after its remediation has ended; None: without end.
    """

    def __init__(
        self, table_name: str, client: DynamoDBClient | None = None, *, retention: timedelta | None = None
    ) -> None:
        self._table = Table(table_name, client)
        self._retention = retention

    # -- remediations

    def start(self, remediation: Remediation) -> Remediation:
        """Record a new remediation; returns the one on record if this execution has already done so."""
        key = _remediation_key(remediation["remediationId"])
        item = remediation | self._expiry(from_iso(remediation["startedAt"]))
        if self._table.put(key, item, "attribute_not_exists(pk)"):
            return remediation
        return self.remediation(remediation["remediationId"])

    def remediation(self, remediation_id: str) -> Remediation:
        """A remediation's record.

        Raises
        ------
        RequestRefused
            There is none.
        """
        found = self.find_remediation(remediation_id)
        if found is None:
            raise RequestRefused(f"No remediation {remediation_id} is on record.")
        return found

    def find_remediation(self, remediation_id: str) -> Remediation | None:
        return cast("Remediation | None", self._table.get(_remediation_key(remediation_id)))

    def find_remediations(self, remediation_ids: Sequence[str]) -> dict[str, Remediation]:
        """Any number of remediations by their ids; those that are on record."""
        return self._each("remediation", "record", remediation_ids)

    def progress(self, remediation_ids: Sequence[str]) -> tuple[dict[str, Remediation], dict[str, Approval]]:
        """How far remediations are, by their ids: outcomes and decisions only, and who has voted."""
        found: dict[str, Remediation] = self._each("remediation", "record", remediation_ids, only=_PROGRESS)
        asked = {one: approval for one, record in found.items() if (approval := record.get("approvalId"))}
        approvals: dict[str, Approval] = self._each("approval", "approval", [*asked.values()], only=_DECIDED)
        return found, {one: approvals[of] for one, of in asked.items() if of in approvals}

    def history(self, endpoint_id: EndpointId | None = None) -> list[Run]:
        """The records of an endpoint, or of all of them, newest first; backouts' too."""
        if endpoint_id is None:
            items = self._table.scanned(_INDEX)
        else:
            items = self._table.indexed(_INDEX, "endpointId", str(endpoint_id))
        found = [cast("Run", item) for item in items]
        return sorted(found, key=lambda record: record["startedAt"], reverse=True)

    def newest(self, endpoint_id: EndpointId) -> Run | None:
        """The newest record of one endpoint."""
        found = self._table.indexed(_INDEX, "endpointId", str(endpoint_id), newest=True)
        return cast("Run | None", next(found, None))

    def latest(self) -> dict[EndpointId, Run]:
        """The newest record of each endpoint: only its id, its start and its outcome."""
        newest: dict[EndpointId, Run] = {}
        for item in self._table.scanned(_INDEX, only=_IN_SHORT):
            record = cast("Run", item)
            known = newest.get(endpoint_of(record))
            if known is None or known["startedAt"] < record["startedAt"]:
                newest[endpoint_of(record)] = record
        return newest

    def note(self, remediation_id: str, facts: Mapping[str, Any], *entries: TimelineEntry) -> Remediation:
        """Add facts to a remediation's record and entries to its timeline; returns the whole record."""
        key = _remediation_key(remediation_id)
        return cast("Remediation", self._noted(key, facts, entries))

    def note_run(self, run: Run, facts: Mapping[str, Any], *entries: TimelineEntry) -> Run:
        """The same for a remediation or a backout."""
        return cast("Run", self._noted(_run_key(run), facts, entries))

    def name_approval(
        self, remediation_id: str, approval_id: str, entry: TimelineEntry | None = None
    ) -> Remediation:
        """Record the approval's id, once: of two concurrent attempts, one sets it."""
        entries = [entry] if entry else []
        return self._once(remediation_id, "approvalId", {"approvalId": approval_id}, entries)

    def note_asked(self, remediation_id: str, facts: Mapping[str, Any], entry: TimelineEntry) -> Remediation:
        """Record that the question is posted, once; returns the record."""
        return self._once(remediation_id, "askedAt", facts, [entry])

    def take_over(
        self, remediation_id: str, facts: Mapping[str, str], entries: Sequence[TimelineEntry]
    ) -> Remediation:
        """Record a decision and its timeline entries, once."""
        return self._once(remediation_id, "decision", facts, entries)

    def forget_ask_error(self, remediation_id: str) -> None:
        """The question could be asked after all."""
        key = _remediation_key(remediation_id)
        self._table.change(key, "REMOVE askError", "attribute_exists(pk)", {}, {})

    def request_update(self, run: Run, facts: Mapping[str, Any], entry: TimelineEntry) -> None:
        """Record that the update is about to be requested, while the approval of it stands.

        Raises
        ------
        NotApproved
        """
        if "backoutId" in run:  # its request can't be called off
            self.note_run(run, facts, entry)
            return
        stands = {
            "ConditionExpression": "#status = :approved",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":approved": ApprovalStatus.APPROVED},
        }
        noted = Table.assigning(facts, "attribute_exists(pk)", ("timeline", [entry]))
        if not self._table.together(
            ("ConditionCheck", _approval_key(run.get("approvalId", "")), stands),
            ("Update", _run_key(run), noted),
        ):
            raise NotApproved("The approval no longer stands, so nothing was changed.")

    def close(self, remediation_id: str, facts: Mapping[str, Any], entry: TimelineEntry) -> Remediation:
        """Record how a remediation ended; returns the record. The first outcome recorded stands."""
        return self._once(remediation_id, "outcome", facts, [entry])

    # -- backouts

    def start_backout(self, backout: Backout) -> Backout:
        """Record a new backout; returns the one on record if this execution has already done so."""
        item = backout | self._expiry(from_iso(backout["startedAt"]))
        if self._table.put(_run_key(backout), item, "attribute_not_exists(pk)"):
            return backout
        return self.backout(backout["backoutId"])

    def backout(self, backout_id: str) -> Backout:
        """A backout's record.

        Raises
        ------
        RequestRefused
            There is none.
        """
        found = self.find_backout(backout_id)
        if found is None:
            raise RequestRefused(f"No backout {backout_id} is on record.")
        return found

    def find_backout(self, backout_id: str) -> Backout | None:
        return cast("Backout | None", self._table.get(_backout_key(backout_id)))

    def requested_backout(self, approval: Approval | None) -> Backout | None:
        """The backout that was requested last, if it has begun."""
        requested = (approval or {}).get("backout")
        return self.find_backout(requested["backoutId"]) if requested else None

    def note_backout(self, backout_id: str, facts: Mapping[str, Any], *entries: TimelineEntry) -> Backout:
        return cast("Backout", self._noted(_backout_key(backout_id), facts, entries))

    def close_backout(self, backout_id: str, facts: Mapping[str, Any], entry: TimelineEntry) -> Backout:
        """Record how a backout ended; returns the record. The first outcome recorded stands."""
        key = _backout_key(backout_id)
        closed = self._table.update(key, facts, _NO_OUTCOME, appended=("timeline", [entry]))
        return cast("Backout", closed) if closed else self.backout(backout_id)

    def run_of(self, event: Mapping[str, Any]) -> Run:
        """The record that a step of both workflows works on: the backout's if the event names one."""
        if "backoutId" in event:
            return self.backout(event["backoutId"])
        return self.remediation(event["remediationId"])

    # -- evidence

    def keep_evidence(self, remediation_id: str, evidence: Mapping[str, Any], now: datetime) -> Evidence:
        """Keep what was found, once: the original config, its tags and the endpoint. Returns what is kept."""
        texts = {name: json.dumps(body, sort_keys=True) for name, body in evidence.items()}
        key = _evidence_key(remediation_id)
        if self._table.put(key, texts | self._expiry(now), "attribute_not_exists(pk)"):
            return Evidence(texts)
        return self.evidence(remediation_id)

    def evidence(self, remediation_id: str) -> Evidence:
        """What was kept; empty if nothing was."""
        return Evidence(self._table.get(_evidence_key(remediation_id)) or {})

    # -- events

    def first_for_event(self, account: str, event_id: str, remediation_id: str, now: datetime) -> str:
        """The remediation that an event started: this one, unless the event was delivered before."""
        key = {"pk": f"event#{account}#{event_id}", "sk": "start"}
        item = {"remediationId": remediation_id, "expiresAt": int((now + _EVENT_KEPT).timestamp())}
        if self._table.put(key, item, "attribute_not_exists(pk)"):
            return remediation_id
        found = self._table.get(key) or {}
        return str(found.get("remediationId", remediation_id))

    # -- claims

    def claim(self, claim: Claim, now: datetime, *, instead_of: str = "") -> Claim:
        """Claim an endpoint for a run; returns the claim that holds (maybe its own earlier one).

        Takes over an expired claim, and that of the holder `instead_of`.
        """
        endpoint = endpoint_of(claim)
        condition = "attribute_not_exists(pk) OR holder = :other OR leaseUntil < :now"
        values = {":other": instead_of or "(nobody)", ":now": iso(now)}
        if self._table.put(_claim_key(endpoint), claim, condition, values):
            return claim
        return self.holder(endpoint) or self.claim(claim, now, instead_of=instead_of)

    def holder(self, endpoint: EndpointId) -> Claim | None:
        return cast("Claim | None", self._table.get(_claim_key(endpoint)))

    def require_claim(self, run: Run) -> None:
        """Raise `EndpointChanged` unless the run still holds its endpoint."""
        claim = self.holder(endpoint_of(run))
        if not claim or claim["holder"] != holder_of(run):
            raise EndpointChanged("A newer change to the endpoint is being assessed instead.")

    def release(self, endpoint: EndpointId, holder: str) -> None:
        """Release the endpoint, if this run holds it."""
        self._table.delete(_claim_key(endpoint), "holder = :me", {":me": holder})

    # -- denials

    def keep_denial(self, denial: Denial) -> None:
        """Keep the last denial. An older one is on the record of its own remediation."""
        # no `startedAt`, so it is in no index; it expires once it no longer matters
        ends = {"expiresAt": int(from_iso(until).timestamp())} if (until := denial["until"]) else {}
        self._table.put(_denial_key(endpoint_of(denial)), {**denial, **ends})

    def denial(self, endpoint: EndpointId) -> Denial | None:
        return cast("Denial | None", self._table.get(_denial_key(endpoint)))

    # -- locks

    @contextmanager
    def config_locked(self, run: Run, config_name: str, now: datetime) -> Generator[None]:
        """Prevent an old config from being deleted while an endpoint moves back onto it.

        SageMaker deletes unconditionally. The lock of a holder that was killed expires.

        Raises
        ------
        EndpointBusy
            Someone else holds the lock; try again later.
        """
        key = {"pk": f"config#{endpoint_of(run).named(config_name).key}", "sk": "lock"}
        owner = holder_of(run)
        expires = now + _LOCK_LEASE
        item = {"owner": owner, "leaseUntil": iso(expires), "expiresAt": int(expires.timestamp())}
        values = {":me": owner, ":now": iso(now)}
        condition = "attribute_not_exists(pk) OR #owner = :me OR leaseUntil < :now"
        if not self._table.put(key, item, condition, values, {"#owner": "owner"}):
            raise EndpointBusy(f"The config {config_name} is being moved to or retired at this moment.")
        try:
            yield
        finally:
            with suppress(RemediationError):  # what was done stands, and the lock expires by itself
                self._table.delete(key, "#owner = :me", {":me": owner}, {"#owner": "owner"})

    # -- approvals

    def open_approval(self, approval: Approval) -> bool:
        """Record a question; False if a newer change has claimed the endpoint meanwhile."""
        expiry = self._expiry(from_iso(approval["createdAt"]))
        still_mine = {
            "ConditionExpression": "holder = :me",
            "ExpressionAttributeValues": {":me": f"remediation#{approval['remediationId']}"},
        }
        put = {"Item": {**approval, **expiry}, "ConditionExpression": "attribute_not_exists(pk)"}
        return self._table.together(
            ("ConditionCheck", _claim_key(endpoint_of(approval)), still_mine),
            ("Put", _approval_key(approval["approvalId"]), put),
        )

    def approval(self, approval_id: str) -> Approval | None:
        return cast("Approval | None", self._table.get(_approval_key(approval_id)))

    def approvals(self, approval_ids: Sequence[str]) -> dict[str, Approval]:
        """Any number of approvals by their ids; those that are on record."""
        return self._each("approval", "approval", approval_ids)

    def keep_token(self, approval_id: str, task_token: str, now: datetime) -> None:
        """Keep the task token of the wait for a decision, instead of an earlier wait's."""
        self._table.put(_token_key(approval_id), {"taskToken": task_token, **self._expiry(now)})

    def token(self, approval_id: str) -> str:
        """The task token that wakes the workflow; empty if there is none."""
        return str((self._table.get(_token_key(approval_id)) or {}).get("taskToken", ""))

    def request_backout(self, approval: Approval, request: BackoutRequest) -> Approval:
        """Record a request, in place of the one that `approval` shows; returns the approval as it then is."""
        earlier = approval.get("backout")
        requested = self._table.update(
            _approval_key(approval["approvalId"]),
            {"backout": request},
            "attribute_exists(pk) AND (attribute_not_exists(backout) OR backout.backoutId = :earlier)",
            {":earlier": earlier["backoutId"] if earlier else "(none)"},
        )
        return cast("Approval", requested or self.approval(approval["approvalId"]))

    def note_approval(self, approval_id: str, facts: Mapping[str, Any]) -> Approval:
        """Add facts to an approval (never its status); returns the whole approval."""
        noted = self._table.update(_approval_key(approval_id), facts, "attribute_exists(pk)")
        if noted is None:
            raise RequestRefused("No such approval is on record.")
        return cast("Approval", noted)

    def note_thread(self, approval_id: str, facts: Mapping[str, Any]) -> None:
        """Note on an approval what the thread of its card has."""
        if not self._table.set(_approval_key(approval_id), facts):
            raise RequestRefused("No such approval is on record.")

    def vote(
        self, approval_id: str, votes: Sequence[Vote], status: ApprovalStatus, facts: Mapping[str, Any]
    ) -> Approval | None:
        """Add the last of `votes`, if the others are still all the votes on record; like `settle`."""
        before = len(votes) - 1
        condition = "attribute_exists(pk) AND #status = :pending AND " + (
            "size(approvals) = :before" if before else "attribute_not_exists(approvals)"
        )
        values = {":pending": ApprovalStatus.PENDING} | ({":before": before} if before else {})
        changed = {**facts, "approvals": [dict(vote) for vote in votes], "status": status}
        voted = self._table.update(_approval_key(approval_id), changed, condition, values)
        return cast("Approval", voted) if voted else self.approval(approval_id)

    def note_attempt(self, approval_id: str, attempt: Vote) -> None:
        """Record a refused attempt. After the first fifty, only the log has them."""
        self._table.update(
            _approval_key(approval_id),
            {},
            "attribute_exists(pk) AND (attribute_not_exists(attempts) OR size(attempts) < :most)",
            {":most": _MOST_ATTEMPTS},
            appended=("attempts", [attempt]),
        )

    def settle(self, approval_id: str, status: ApprovalStatus, facts: Mapping[str, Any]) -> Approval | None:
        """Settle a question if it is still open; returns the approval as it then is, or None.

        Of two concurrent decisions, one wins.
        """
        condition = "attribute_exists(pk) AND #status = :pending"
        settled = self._table.update(
            _approval_key(approval_id),
            {**facts, "status": status},
            condition,
            {":pending": ApprovalStatus.PENDING},
        )
        return cast("Approval", settled) if settled else self.approval(approval_id)

    # -- how it is kept

    def _expiry(self, start: datetime) -> dict[str, Any]:
        if self._retention is None:
            return {}
        return {"expiresAt": int((start + self._retention + _LONGEST_REMEDIATION).timestamp())}

    def _noted(
        self, key: Mapping[str, str], facts: Mapping[str, Any], entries: Sequence[TimelineEntry]
    ) -> dict[str, Any]:
        appended = ("timeline", entries) if entries else None
        noted = self._table.update(key, facts, "attribute_exists(pk)", appended=appended)
        if noted is None:
            raise RequestRefused(f"No {key['pk']} is on record.")
        return noted

    def _once(
        self, remediation_id: str, fact: str, facts: Mapping[str, Any], entries: Sequence[TimelineEntry]
    ) -> Remediation:
        """Add facts and entries unless a fact is on record already; returns the record."""
        noted = self._table.update(
            _remediation_key(remediation_id),
            facts,
            f"attribute_exists(pk) AND attribute_not_exists({fact})",
            appended=("timeline", entries) if entries else None,
        )
        return cast("Remediation", noted) if noted else self.remediation(remediation_id)

    def _each(self, kind: str, sort_key: str, ids: Sequence[str], only: Sequence[str] = ()) -> dict[str, Any]:
        found = self._table.get_each([{"pk": f"{kind}#{one}", "sk": sort_key} for one in ids], only=only)
        return {one: item for one, item in zip(ids, found, strict=True) if item}


@cache
def records() -> Records:
    return Records(required("RECORDS_TABLE_NAME"), retention=required_days("RECORD_RETENTION_DAYS"))


def _remediation_key(remediation_id: str) -> dict[str, str]:
    return {"pk": f"remediation#{remediation_id}", "sk": "record"}


def _backout_key(backout_id: str) -> dict[str, str]:
    return {"pk": f"backout#{backout_id}", "sk": "record"}


def _run_key(run: Run) -> dict[str, str]:
    return {"pk": holder_of(run), "sk": "record"}


def _evidence_key(remediation_id: str) -> dict[str, str]:
    return {"pk": f"evidence#{remediation_id}", "sk": "evidence"}


def _approval_key(approval_id: str) -> dict[str, str]:
    return {"pk": f"approval#{approval_id}", "sk": "approval"}


def _token_key(approval_id: str) -> dict[str, str]:
    return {"pk": f"wait#{approval_id}", "sk": "token"}


def _denial_key(endpoint: EndpointId) -> dict[str, str]:
    return {"pk": f"endpoint#{endpoint.key}", "sk": "denial"}


def _claim_key(endpoint: EndpointId) -> dict[str, str]:
    return {"pk": f"endpoint#{endpoint.key}", "sk": "claim"}
