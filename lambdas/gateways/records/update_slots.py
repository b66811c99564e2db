"""Update slots: a few endpoints are updated at once, so that quotas and blue/green capacity suffice.

A counting semaphore with leases. One item of the records table for each account and region
(``updates#<spoke>``, ``slots``) has the holders, each with the end of its lease, and the moment from which
the next update may begin.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from lambdas.domain.record import iso
from lambdas.gateways.records.table import Table
from lambdas.gateways.settings import required

# CreateEndpointConfig and UpdateEndpoint may be called once a second in an account
_BETWEEN = timedelta(seconds=2)


class UpdateSlots:
    """Every call may raise `Throttled`, `ServiceUnavailable` or `RequestRefused`."""

    def __init__(self, table: Table, spoke: str) -> None:
        self._table = table
        self._key = {"pk": f"updates#{spoke}", "sk": "slots"}

    def acquire(self, remediation_id: str, now: datetime, *, at_once: int, lease: timedelta) -> bool:
        """Take a slot, if fewer than `at_once` are held and the last one was not taken a moment ago.

        It is held until `release`, or until the lease expires, if the holder died.
        """
        values = {
            ":until": iso(now + lease), ":next": iso(now + _BETWEEN), ":now": iso(now), ":most": at_once,
        }  # fmt: skip
        mine = "attribute_exists(holders.#me)"
        free = "attribute_exists(holders) AND size(holders) < :most AND nextAt <= :now"
        acquire = ("SET holders.#me = :until, nextAt = :next", f"{mine} OR ({free})", values)
        if self._change(remediation_id, *acquire):
            return True
        slots = self._table.get(self._key)
        if slots is None:
            self._table.update(self._key, {"holders": {}, "nextAt": iso(now)}, "attribute_not_exists(pk)")
        elif not self._free_expired(slots, now):
            return False
        return self._change(remediation_id, *acquire)

    def release(self, remediation_id: str) -> None:
        """Free the slot for the next endpoint."""
        self._change(remediation_id, "REMOVE holders.#me", "attribute_exists(holders.#me)", {})

    def others(self, remediation_id: str) -> int:
        """How many other endpoints are being updated."""
        slots = self._table.get(self._key) or {}
        return len({*slots.get("holders", {})} - {remediation_id})

    def _free_expired(self, slots: Mapping[str, Any], now: datetime) -> bool:
        """Free the slots whose lease has expired; returns whether there were any."""
        freed = [
            self._change(holder, "REMOVE holders.#me", "holders.#me = :until", {":until": until})
            for holder, until in slots["holders"].items()
            if until < iso(now)
        ]
        return any(freed)

    def _change(self, holder: str, expression: str, condition: str, values: Mapping[str, Any]) -> bool:
        return self._table.change(self._key, expression, condition, values, {"#me": holder}) is not None


@cache
def update_slots(spoke: str) -> UpdateSlots:
    """The slots of one account and region."""
    return UpdateSlots(Table(required("RECORDS_TABLE_NAME")), spoke)
