"""Which old configs are still to be retired: an item each, in one partition of the records table.

===============  ==============================  ============================================
pk               sk                              what
===============  ==============================  ============================================
``retirements``  ``due#<moment>#<remediation>``  a retirement that isn't over, and when it is due
===============  ==============================  ============================================

Schedules start retirements. The items outlast them, in the table that outlives the stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from lambdas.domain.record import iso
from lambdas.gateways.records.table import Table
from lambdas.gateways.settings import required

_PK, _DUE = "retirements", "due#"
_KEPT = timedelta(days=366)  # after that, whatever kept it from being retired will not end


@dataclass(frozen=True, slots=True)
class Retirement:
    """An old config's retirement that isn't over."""

    remediation_id: str
    endpoint_name: str


class Retirements:
    """Every call may raise `Throttled`, `ServiceUnavailable` or `RequestRefused`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def keep(self, one: Retirement, due: datetime) -> None:
        """Put a retirement on record until it is over. Safe to repeat."""
        facts = {"remediationId": one.remediation_id, "endpointName": one.endpoint_name}
        self._table.put(_key(one.remediation_id, due), {**facts, "expiresAt": int((due + _KEPT).timestamp())})

    def overdue(self, before: datetime, *, most: int) -> Iterator[Retirement]:
        """Those that were due before a moment, the oldest first."""
        for sk, item in self._table.items(_PK, begins_with=_DUE, most=most):
            if sk >= _DUE + iso(before):
                return
            yield Retirement(item["remediationId"], item["endpointName"])

    def over(self, remediation_id: str, due: datetime) -> None:
        """Forget a retirement. Safe to repeat."""
        self._table.delete(_key(remediation_id, due), "remediationId = :id", {":id": remediation_id})


def _key(remediation_id: str, due: datetime) -> dict[str, str]:
    return {"pk": _PK, "sk": f"{_DUE}{iso(due)}#{remediation_id}"}


@cache
def retirements() -> Retirements:
    return Retirements(Table(required("RECORDS_TABLE_NAME")))
