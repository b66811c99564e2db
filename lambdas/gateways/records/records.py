"""The records table: the durable evidence, the approvals, and who holds which endpoint.

One table, whose keys show what an item is:

===========================  ==========  ==========================================================
pk                           sk          what
===========================  ==========  ==========================================================
``remediation#<id>``         record      the evidence, filled in as the workflow goes
``remediation#<id>``         snapshot    the whole original config and endpoint, written once
``approval#<approval id>``   approval    the question, its decision, its task token
``endpoint#<name>``          claim       the remediation that holds the endpoint, as a lease
``endpoint#<name>``          denial      the plan that was denied last, and until when it isn't asked about
``config#<name>``            lock        who moves an endpoint onto an old config, or deletes it
``event#<event id>``         start       the remediation that an event started; expires
===========================  ==========  ==========================================================

Records carry `endpointName` and `startedAt`, which the index `byEndpoint` is made of; nothing else has both.
What must happen at most once depends on a condition that DynamoDB checks, never on a read before a write.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from lambdas.domain.errors import EndpointBusy, EndpointChanged, RemediationError, RequestRefused
from lambdas.domain.record import Approval, Claim, Denial, Remediation, TimelineEntry, Vote, from_iso, iso
from lambdas.domain.vocabulary import ApprovalStatus, Outcome
from lambdas.gateways.records.table import Table
from lambdas.gateways.settings import required, required_days

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# EventBridge retries a target for a day, and CloudTrail may deliver twice. This is far longer than either.
_EVENT_KEPT = timedelta(days=14)

# Retention counts from the start of a remediation, which may end this much later.
_LONGEST_REMEDIATION = timedelta(days=60)
_INDEX = "byEndpoint"
_IN_SHORT = ("endpointName", "remediationId", "startedAt", "outcome")
# Longer than the time-out of the function that holds the lock.
_LOCK_LEASE = timedelta(minutes=6)
# An outsider may click without end; don't let the item grow with it.
_MOST_ATTEMPTS = 50


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
        """Up to 100 remediations by their ids; those that are on record."""
        found = self._table.get_each([_remediation_key(one) for one in remediation_ids])
        return {
            one: cast("Remediation", item) for one, item in zip(remediation_ids, found, strict=True) if item
        }

    def history(self, endpoint_name: str | None = None) -> list[Remediation]:
        """The records of an endpoint, or of all of them, newest first."""
        if endpoint_name is None:
            items = self._table.scanned(_INDEX)
        else:
            items = self._table.indexed(_INDEX, "endpointName", endpoint_name)
        found = [cast("Remediation", item) for item in items]
        return sorted(found, key=lambda record: record["startedAt"], reverse=True)

    def newest(self, endpoint_name: str) -> Remediation | None:
        """The newest record of one endpoint."""
        found = self._table.indexed(_INDEX, "endpointName", endpoint_name, newest=True)
        return cast("Remediation | None", next(found, None))

    def latest(self) -> dict[str, Remediation]:
        """The newest record of each endpoint by its name: only its id, its start and its outcome."""
        newest: dict[str, Remediation] = {}
        for item in self._table.scanned(_INDEX, only=_IN_SHORT):
            record = cast("Remediation", item)
            known = newest.get(record["endpointName"])
            if known is None or known["startedAt"] < record["startedAt"]:
                newest[record["endpointName"]] = record
        return newest

    def note(
        self, remediation_id: str, facts: Mapping[str, Any], entry: TimelineEntry | None = None
    ) -> Remediation:
        """Add facts to a remediation's record and an entry to its timeline; returns the whole record."""
        noted = self._noted(remediation_id, facts, "attribute_exists(pk)", entry=entry)
        if noted is None:
            raise RequestRefused(f"No remediation {remediation_id} is on record.")
        return cast("Remediation", noted)

    def name_approval(
        self, remediation_id: str, approval_id: str, entry: TimelineEntry | None = None
    ) -> Remediation:
        """Record the approval's id, once: of two concurrent attempts, one sets it."""
        named = self._noted(
            remediation_id,
            {"approvalId": approval_id},
            "attribute_exists(pk) AND attribute_not_exists(approvalId)",
            entry=entry,
        )
        return cast("Remediation", named) if named else self.remediation(remediation_id)

    def note_asked(self, remediation_id: str, facts: Mapping[str, Any], entry: TimelineEntry) -> Remediation:
        """Record that the question is posted, once; returns the record."""
        condition = "attribute_exists(pk) AND attribute_not_exists(askedAt)"
        asked = self._noted(remediation_id, facts, condition, entry=entry)
        return cast("Remediation", asked) if asked else self.remediation(remediation_id)

    def note_decision(
        self, remediation_id: str, facts: Mapping[str, Any], entry: TimelineEntry
    ) -> Remediation | None:
        """Copy a decision into the evidence, once; None if it is already there."""
        noted = self._noted(
            remediation_id,
            facts,
            "attribute_exists(pk) AND attribute_not_exists(decision)",
            entry=entry,
        )
        return cast("Remediation | None", noted)

    def close(self, remediation_id: str, facts: Mapping[str, Any], entry: TimelineEntry) -> Remediation:
        """Record how a remediation ended; returns the record. The first outcome recorded stands."""
        condition = "attribute_exists(pk) AND attribute_not_exists(outcome)"
        closed = self._noted(remediation_id, facts, condition, entry=entry)
        return cast("Remediation", closed) if closed else self.remediation(remediation_id)

    def request_backout(
        self, remediation_id: str, facts: Mapping[str, str], entry: TimelineEntry, *, instead_of: str = ""
    ) -> bool:
        """Record a backout, once; `instead_of` is an earlier one that ended without success."""
        condition = "outcome = :encrypted AND (attribute_not_exists(backoutId) OR backoutId = :other)"
        values = {":encrypted": Outcome.ENCRYPTED, ":other": instead_of or "(none)"}
        return self._noted(remediation_id, facts, condition, values, entry=entry) is not None

    def keep_snapshot(self, remediation_id: str, snapshot: Mapping[str, Any], now: datetime) -> None:
        """Keep the whole original config, its tags and the endpoint. The first snapshot stands."""
        key = {"pk": f"remediation#{remediation_id}", "sk": "snapshot"}
        texts = {name: json.dumps(body) for name, body in snapshot.items()}
        self._table.put(key, texts | self._expiry(now), "attribute_not_exists(pk)")

    def snapshot(self, remediation_id: str) -> dict[str, Any]:
        found = self._table.get({"pk": f"remediation#{remediation_id}", "sk": "snapshot"}) or {}
        return {name: json.loads(text) for name, text in found.items()}

    # -- events

    def first_for_event(self, event_id: str, remediation_id: str, now: datetime) -> str:
        """The remediation that an event started: this one, unless the event was delivered before."""
        key = {"pk": f"event#{event_id}", "sk": "start"}
        item = {"remediationId": remediation_id, "expiresAt": int((now + _EVENT_KEPT).timestamp())}
        if self._table.put(key, item, "attribute_not_exists(pk)"):
            return remediation_id
        found = self._table.get(key) or {}
        return str(found.get("remediationId", remediation_id))

    # -- claims

    def claim(self, claim: Claim, now: datetime, *, instead_of: str = "") -> Claim:
        """Claim an endpoint for a remediation; returns the claim that holds (maybe its own earlier one).

        Takes over an expired claim, and that of the remediation `instead_of`.
        """
        key = _claim_key(claim["endpointName"])
        condition = "attribute_not_exists(pk) OR remediationId = :other OR leaseUntil < :now"
        values = {":other": instead_of or "(nobody)", ":now": iso(now)}
        if self._table.put(key, claim, condition, values):
            return claim
        holder = self.holder(claim["endpointName"])
        return holder or self.claim(claim, now, instead_of=instead_of)

    def holder(self, endpoint_name: str) -> Claim | None:
        return cast("Claim | None", self._table.get(_claim_key(endpoint_name)))

    def require_claim(self, endpoint_name: str, remediation_id: str) -> None:
        """Raise `EndpointChanged` unless the remediation still holds the endpoint."""
        holder = self.holder(endpoint_name)
        if not holder or holder.get("remediationId") != remediation_id:
            raise EndpointChanged("A newer change to the endpoint is being assessed instead.")

    def release(self, endpoint_name: str, remediation_id: str) -> None:
        """Release the endpoint, if this remediation holds it."""
        self._table.delete(_claim_key(endpoint_name), "remediationId = :me", {":me": remediation_id})

    # -- denials

    def keep_denial(self, denial: Denial) -> None:
        """Keep the last denial. An older one is on the record of its own remediation."""
        key = _denial_key(denial["endpointName"])
        # no `startedAt`, so it is in no index; it expires once it no longer matters
        ends = {"expiresAt": int(from_iso(until).timestamp())} if (until := denial["until"]) else {}
        self._table.put(key, {**denial, **ends})

    def denial(self, endpoint_name: str) -> Denial | None:
        return cast("Denial | None", self._table.get(_denial_key(endpoint_name)))

    # -- locks

    @contextmanager
    def config_locked(self, config_name: str, owner: str, now: datetime) -> Generator[None]:
        """Prevent an old config from being deleted while an endpoint moves back onto it.

        SageMaker deletes unconditionally. The lock of a holder that was killed expires.

        Raises
        ------
        EndpointBusy
            Someone else holds the lock; try again later.
        """
        key = {"pk": f"config#{config_name.casefold()}", "sk": "lock"}
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
            "ConditionExpression": "remediationId = :me",
            "ExpressionAttributeValues": {":me": approval["remediationId"]},
        }
        put = {"Item": {**approval, **expiry}, "ConditionExpression": "attribute_not_exists(pk)"}
        return self._table.together(
            ("ConditionCheck", _claim_key(approval["endpointName"]), still_mine),
            ("Put", _approval_key(approval["approvalId"]), put),
        )

    def approval(self, approval_id: str) -> Approval | None:
        return cast("Approval | None", self._table.get(_approval_key(approval_id)))

    def approvals(self, approval_ids: Sequence[str]) -> dict[str, Approval]:
        """Up to 100 approvals by their ids; those that are on record."""
        found = self._table.get_each([_approval_key(one) for one in approval_ids])
        return {one: cast("Approval", item) for one, item in zip(approval_ids, found, strict=True) if item}

    def note_approval(self, approval_id: str, facts: Mapping[str, Any]) -> Approval:
        """Add facts to an approval (never its status); returns the whole approval."""
        noted = self._table.update(_approval_key(approval_id), facts, "attribute_exists(pk)")
        if noted is None:
            raise RequestRefused("No such approval is on record.")
        return cast("Approval", noted)

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
            appended=("attempts", attempt),
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
        self,
        remediation_id: str,
        facts: Mapping[str, Any],
        condition: str,
        values: Mapping[str, Any] | None = None,
        *,
        entry: TimelineEntry | None,
    ) -> dict[str, Any] | None:
        appended = ("timeline", entry) if entry else None
        return self._table.update(
            _remediation_key(remediation_id), facts, condition, values, appended=appended
        )


@cache
def records() -> Records:
    return Records(required("RECORDS_TABLE_NAME"), retention=required_days("RECORD_RETENTION_DAYS"))


def _remediation_key(remediation_id: str) -> dict[str, str]:
    return {"pk": f"remediation#{remediation_id}", "sk": "record"}


def _approval_key(approval_id: str) -> dict[str, str]:
    return {"pk": f"approval#{approval_id}", "sk": "approval"}


def _denial_key(endpoint_name: str) -> dict[str, str]:
    return {"pk": _endpoint(endpoint_name), "sk": "denial"}


def _claim_key(endpoint_name: str) -> dict[str, str]:
    return {"pk": _endpoint(endpoint_name), "sk": "claim"}


def _endpoint(name: str) -> str:
    """Endpoint names are unique whatever their case, even if one is created again in another case."""
    return f"endpoint#{name.casefold()}"
