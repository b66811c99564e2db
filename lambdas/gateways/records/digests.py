"""Sweeps and digests in the records table: what was assessed, what was found, and the card that asks.

===========================  ======================  ====================================================
pk                           sk                      what
===========================  ======================  ====================================================
``sweep``                    ``lock``                the sweep that is under way, as a lease
``sweep``                    ``completed``           when the last complete sweep ended
``sweep#<id>``               ``batch#<number>``      endpoints that were listed, and their assessments
``sweep#<id>``               ``found#<route>#<key>`` an unencrypted endpoint, worst first in the keys' order
``sweep#<id>``               ``reported``            marks that an incomplete sweep was reported
``digest#<id>``              ``digest``              the card for what a sweep found on a route
``digest#<id>``              ``finding#<key>``       one endpoint, worst first in the order of the keys
===========================  ======================  ====================================================

A finding stays what the sweep found. What became of it is read from its remediation and its approval.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from lambdas.domain.errors import RequestRefused
from lambdas.domain.record import Digest, Finding, iso
from lambdas.gateways.records.table import Table
from lambdas.gateways.settings import required, required_days

_LOCK = {"pk": "sweep", "sk": "lock"}
_COMPLETED = {"pk": "sweep", "sk": "completed"}
# Longer than 100,000 endpoints take at the default share of AWS's quotas.
_LOCK_LEASE = timedelta(days=2)
_BATCHES_KEPT = timedelta(days=30)
_FINDING = "finding#"
_BATCH = "batch#"


class Digests:
    """Every call may raise `Throttled`, `ServiceUnavailable` or `RequestRefused`."""

    def __init__(self, table: Table, *, retention: timedelta) -> None:
        self._table = table
        self._retention = retention

    # -- sweeps

    def begin_sweep(self, sweep_id: str, now: datetime) -> str:
        """Take the sweep's lock; returns its holder. One sweep runs at a time, so nobody is asked twice."""
        lease = {"sweepId": sweep_id, "leaseUntil": iso(now + _LOCK_LEASE)}
        free = "attribute_not_exists(pk) OR sweepId = :me OR leaseUntil < :now"
        if self._table.put(_LOCK, lease, free, {":me": sweep_id, ":now": iso(now)}):
            return sweep_id
        holder = self._table.get(_LOCK)
        return str(holder["sweepId"]) if holder else self.begin_sweep(sweep_id, now)

    def end_sweep(self, sweep_id: str) -> None:
        self._table.delete(_LOCK, "sweepId = :me", {":me": sweep_id})

    def note_completed(self, sweep_id: str, now: datetime) -> None:
        self._table.put(_COMPLETED, {"sweepId": sweep_id, "completedAt": iso(now)})

    def last_completed(self) -> str:
        """When the last complete sweep ended; empty if none has."""
        return str((self._table.get(_COMPLETED) or {}).get("completedAt", ""))

    def save_batch(self, sweep_id: str, number: str, batch: Mapping[str, Any], now: datetime) -> None:
        """Store a batch. An assessed batch is never overwritten by a listing."""
        expires = {"expiresAt": int((now + _BATCHES_KEPT).timestamp())}
        key = {"pk": f"sweep#{sweep_id}", "sk": f"{_BATCH}{number}"}
        condition = "" if "assessed" in batch else "attribute_not_exists(assessed)"
        self._table.put(key, {**batch, **expires}, condition)

    def batches(self, sweep_id: str) -> list[dict[str, Any]]:
        return [batch for _, batch in self._table.items(f"sweep#{sweep_id}", begins_with=_BATCH)]

    def is_reported(self, sweep_id: str) -> bool:
        """Whether people were notified that the sweep is incomplete."""
        return self._table.get(_reported_key(sweep_id)) is not None

    def note_reported(self, sweep_id: str, now: datetime) -> None:
        expires = {"expiresAt": int((now + _BATCHES_KEPT).timestamp())}
        self._table.put(_reported_key(sweep_id), {"reportedAt": iso(now), **expires})

    def save_found(self, sweep_id: str, route: str, key: str, finding: Finding, now: datetime) -> None:
        expires = {"expiresAt": int((now + _BATCHES_KEPT).timestamp())}
        sort_key = f"{_found_on(route)}{key}"
        self._table.put({"pk": f"sweep#{sweep_id}", "sk": sort_key}, {**finding, **expires})

    def found(
        self, sweep_id: str, route: str, *, after: str = "", most: int | None = None
    ) -> list[tuple[str, Finding]]:
        """What a sweep found on a route, worst first, optionally after a key and limited to `most`."""
        prefix = _found_on(route)
        items = self._table.items(
            f"sweep#{sweep_id}", begins_with=prefix, after=f"{prefix}{after}" if after else "", most=most
        )
        return [(key.removeprefix(prefix), cast("Finding", finding)) for key, finding in items]

    # -- digests

    def open(self, digest: Digest, now: datetime) -> Digest:
        """Record a digest, once; returns the one on record."""
        key = _digest_key(digest["digestId"])
        if self._table.put(key, {**digest, **self._expiry(now)}, "attribute_not_exists(pk)"):
            return digest
        return self.require(digest["digestId"])

    def find(self, digest_id: str) -> Digest | None:
        return cast("Digest | None", self._table.get(_digest_key(digest_id)))

    def require(self, digest_id: str) -> Digest:
        """A digest.

        Raises
        ------
        RequestRefused
            There is none.
        """
        found = self.find(digest_id)
        if found is None:
            raise RequestRefused(f"No digest {digest_id} is on record.")
        return found

    def note(self, digest_id: str, facts: Mapping[str, Any]) -> Digest:
        noted = self._table.update(_digest_key(digest_id), facts, "attribute_exists(pk)")
        if noted is None:
            raise RequestRefused(f"No digest {digest_id} is on record.")
        return cast("Digest", noted)

    # -- findings

    def add_finding(self, digest_id: str, key: str, finding: Finding, now: datetime) -> None:
        """Record a finding, once."""
        item = {**finding, **self._expiry(now)}
        self._table.put(_finding_key(digest_id, key), item, "attribute_not_exists(pk)")

    def findings(self, digest_id: str) -> list[tuple[str, Finding]]:
        """Every finding with its key, worst first."""
        return [
            (key.removeprefix(_FINDING), cast("Finding", finding))
            for key, finding in self._table.items(f"digest#{digest_id}", begins_with=_FINDING)
        ]

    def _expiry(self, now: datetime) -> dict[str, int]:
        return {"expiresAt": int((now + self._retention).timestamp())}


@cache
def digests() -> Digests:
    return Digests(Table(required("RECORDS_TABLE_NAME")), retention=required_days("RECORD_RETENTION_DAYS"))


def _found_on(route: str) -> str:
    return f"found#{route}#"


def _reported_key(sweep_id: str) -> dict[str, str]:
    return {"pk": f"sweep#{sweep_id}", "sk": "reported"}


def _digest_key(digest_id: str) -> dict[str, str]:
    return {"pk": f"digest#{digest_id}", "sk": "digest"}


def _finding_key(digest_id: str, key: str) -> dict[str, str]:
    return {"pk": f"digest#{digest_id}", "sk": f"{_FINDING}{key}"}
