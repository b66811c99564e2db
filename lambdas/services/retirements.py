"""Retirements: started when they are due, by a schedule or at once; and those that no schedule started."""

from __future__ import annotations

from datetime import datetime

from lambdas.domain.record import Remediation
from lambdas.domain.retirement import due_at, is_due, later_execution, overdue_before, schedule_name
from lambdas.gateways.records.retirements import Retirement, retirements
from lambdas.gateways.scheduler import scheduler
from lambdas.gateways.settings import required
from lambdas.gateways.step_functions import step_functions
from lambdas.services.observability import logger

# Each looks at every endpoint. What is left is started by the next sweep.
_AT_ONCE = 50


def plan(remediation: Remediation, now: datetime) -> None:
    """Have an old config retired when the time to back out is over. Safe to repeat."""
    one, due = Retirement(remediation["remediationId"], remediation["endpointName"]), due_at(remediation)
    retirements().keep(one, due)
    machine = required("RETIREMENT_WORKFLOW_ARN")
    if is_due(due, now):
        step_functions().start(machine, one.remediation_id, _machine_input(one))
        return
    schedules = scheduler(
        required("SCHEDULE_GROUP"), required("SCHEDULE_ROLE_ARN"), required("UNDELIVERED_QUEUE_ARN")
    )
    schedules.start_at(
        due, schedule_name(one.remediation_id), machine, one.remediation_id, _machine_input(one)
    )


def start_overdue(now: datetime) -> None:
    """Start what was due a day ago and isn't over: its schedule is gone, or an earlier try failed."""
    found = list(retirements().overdue(overdue_before(now), most=_AT_ONCE))
    for one in found:
        name = later_execution(one.remediation_id, now)
        step_functions().start(required("RETIREMENT_WORKFLOW_ARN"), name, _machine_input(one))
    if found:
        logger.warning("retirements_overdue", started=len(found))


def end(remediation: Remediation) -> None:
    """Forget a retirement that is over."""
    retirements().over(remediation["remediationId"], due_at(remediation))


def _machine_input(one: Retirement) -> dict[str, str]:
    return {"endpointName": one.endpoint_name, "remediationId": one.remediation_id}
