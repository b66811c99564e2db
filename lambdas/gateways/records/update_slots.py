"""Endpoints take turns at being updated: a few at once, so that quotas and blue/green capacity suffice.

One item of the records table (``updates``, ``turns``) has the holders, each with the end of its lease, and
the moment from which the next one may begin.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from lambdas.domain.record import iso
from lambdas.gateways.environment import required
from lambdas.gateways.records.table import Table

_KEY = {"pk": "updates", "sk": "turns"}
# CreateEndpointConfig and UpdateEndpoint are one a second for the account (DESIGN §4.16)
_BETWEEN = timedelta(seconds=2)


class Turns:
    """Every call may raise `Throttled`, `ServiceUnavailable` or `RequestRefused`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def take(self, remediation_id: str, now: datetime, *, at_once: int, lease: timedelta) -> bool:
        """Whether an endpoint may be updated now: not with more than `at_once` others, nor right after one.

        The turn is kept until `leave`, or for as long as its lease, should nobody be left to leave it.
        """
        values = {
            ":until": iso(now + lease), ":next": iso(now + _BETWEEN), ":now": iso(now), ":most": at_once,
        }  # fmt: skip
        mine = "attribute_exists(holders.#me)"
        free = "attribute_exists(holders) AND size(holders) < :most AND nextAt <= :now"
        take = ("SET holders.#me = :until, nextAt = :next", f"{mine} OR ({free})", values)
        if self._change(remediation_id, *take):
            return True
        turns = self._table.get(_KEY)
        if turns is None:
            self._table.update(_KEY, {"holders": {}, "nextAt": iso(now)}, "attribute_not_exists(pk)")
        elif not self._free_expired(turns, now):
            return False
        return self._change(remediation_id, *take)

    def leave(self, remediation_id: str) -> None:
        """Let the next one be updated."""
        self._change(remediation_id, "REMOVE holders.#me", "attribute_exists(holders.#me)", {})

    def others(self, remediation_id: str) -> int:
        """How many other endpoints are being updated."""
        turns = self._table.get(_KEY) or {}
        return len({*turns.get("holders", {})} - {remediation_id})

    def _free_expired(self, turns: Mapping[str, Any], now: datetime) -> bool:
        """Take their turns from those whose lease is over; whether there were any."""
        freed = [
            self._change(holder, "REMOVE holders.#me", "holders.#me = :until", {":until": until})
            for holder, until in turns["holders"].items()
            if until < iso(now)
        ]
        return any(freed)

    def _change(self, holder: str, expression: str, condition: str, values: Mapping[str, Any]) -> bool:
        return self._table.change(_KEY, expression, condition, values, {"#me": holder}) is not None


@cache
def turns() -> Turns:
    return Turns(Table(required("RECORDS_TABLE_NAME")))
