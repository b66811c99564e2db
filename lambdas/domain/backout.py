"""Backing out: a person's decision to return an encrypted endpoint to its earlier config."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.domain.approval.decision import Ruling, RulingKind, refuse_outsider
from lambdas.domain.approval.people import is_slack_user
from lambdas.domain.approval.routes import DecideIn, Route
from lambdas.domain.encryption.assessment import EXEMPT_REASON_TAG, EXEMPT_UNTIL_TAG
from lambdas.domain.encryption.progress import acceptable_starts, config_in_charge, require_present, start_of
from lambdas.domain.encryption.update_options import KEEP_EVERYTHING
from lambdas.domain.errors import EndpointChanged, InvalidInput
from lambdas.domain.record import Approval, Remediation, from_iso, happened, iso, required_fact
from lambdas.domain.vocabulary import Outcome

ACTION_ID = "backout"
# A claim's plan that no remediation's can equal.
PLAN = "backout"


def judge_request(
    remediation: Remediation | None,
    approval: Approval | None,
    route: Route,
    *,
    is_approver: bool,
    now: datetime,
) -> Ruling:
    """Judge a click on Back out."""
    if not is_approver:
        return refuse_outsider(route)
    if remediation is None or approval is None:
        return Ruling(RulingKind.REFUSE, "This question is not on record here, so nothing was changed.")
    if DecideIn.COMMAND_LINE in (route.decide_in, approval.get("decideIn")):
        return Ruling(
            RulingKind.REFUSE,
            "Endpoints on this route can't be decided in Slack, so nothing was changed. On the command line: "
            f"`sealpoint backout {remediation['endpointName']}`.",
        )
    ruling = judge_state(remediation)
    until = remediation.get("backoutUntil")
    if ruling.kind is RulingKind.DECIDE and (until is None or now >= from_iso(until)):
        return Ruling(
            RulingKind.REFUSE,
            "The time for backing out in Slack is over, so nothing was changed. On the command line: "
            f"`sealpoint backout {remediation['endpointName']}`.",
        )
    return ruling


def judge_state(remediation: Remediation) -> Ruling:
    """Whether a remediation can be backed out of, regardless of who asks and when."""
    if remediation.get("outcome") != Outcome.ENCRYPTED:
        return Ruling(
            RulingKind.REFUSE,
            "This remediation did not encrypt the endpoint, so there is nothing to back out.",
        )
    if not remediation.get("backoutId"):
        return Ruling(RulingKind.DECIDE)
    outcome = remediation.get("backoutOutcome")
    requester = remediation.get("backoutRequestedBy", "")
    by = f"<@{requester}>" if is_slack_user(requester) else requester
    if not outcome:
        return Ruling(
            RulingKind.REPEAT, f"The endpoint is already being returned to its old config, by {by}."
        )
    if outcome == Outcome.BACKED_OUT:
        return Ruling(RulingKind.REFUSE, f"The endpoint was already returned to its old config, by {by}.")
    return Ruling(RulingKind.DECIDE)  # the earlier backout failed, and the endpoint is still on its twin


def request_facts(by: str, now: datetime) -> dict[str, str]:
    """What the remediation's record learns when its backout is requested."""
    return {
        "backoutId": str(uuid.uuid4()),
        "backoutRequestedBy": by,
        "backoutRequestedAt": iso(now),
        "backoutOutcome": "",
        "backoutReason": "",
    }


def machine_input(remediation: Remediation) -> dict[str, str]:
    """The input of the backout's state machine: the same for every try, so that only one execution starts."""
    return {
        "endpointName": remediation["endpointName"],
        "remediationId": remediation["remediationId"],
        "requestedBy": remediation.get("backoutRequestedBy", ""),
    }


def start_record(event: Mapping[str, Any], original: Remediation | None, now: datetime) -> Remediation:
    """The first state of a backout's record.

    Raises
    ------
    InvalidInput
        There is no config on record to return to.
    """
    if original is None or original.get("outcome") != Outcome.ENCRYPTED:
        raise InvalidInput(
            f"No remediation {event.get('backsOut')} that encrypted its endpoint is on record."
        )
    if str(event.get("endpointName")).casefold() != original["endpointName"].casefold():
        raise InvalidInput(
            f"Remediation {original['remediationId']} is about the endpoint {original['endpointName']}, "
            f"not {event.get('endpointName')}."
        )
    by = str(event.get("requestedBy") or "")
    twin = required_fact(original, "twinConfigName")
    trigger = original["trigger"]
    return {
        "remediationId": str(event["remediationId"]),
        "executionArn": str(event["executionArn"]),
        "endpointName": original["endpointName"],
        "trigger": {
            "kind": "manual", "eventId": "", "eventName": "Backout", "eventTime": iso(now),
            "principalArn": "" if is_slack_user(by) else by,
            "accountId": trigger["accountId"], "region": trigger["region"],
        },
        "startedAt": iso(now),
        "timeline": [happened(now, f"Asked to return the endpoint from {twin} to its earlier config", by)],
        "backsOut": original["remediationId"],
        "requestedBy": by,
        "sourceConfigName": required_fact(original, "sourceConfigName"),
        "twinConfigName": twin,
        "updateOptions": dict(KEEP_EVERYTHING),
    }  # fmt: skip


def require_on_twin(endpoint: Mapping[str, Any] | None, record: Remediation) -> None:
    """Raise `EndpointGone` or `EndpointChanged` unless the endpoint is on its twin, or already back."""
    live = config_in_charge(require_present(endpoint))
    if live not in acceptable_starts(record):
        raise EndpointChanged(
            f"The endpoint is now on the config {live}, no longer on {start_of(record)}, so there is nothing "
            "to back out."
        )


def exemption_tags(now: datetime, days: int, record: Remediation) -> dict[str, str]:
    """Tags that exempt a backed-out endpoint until a date, so that it isn't raised again immediately."""
    until = (now.astimezone(UTC) + timedelta(days=days)).date()
    reason = f"backed out of remediation {record.get('backsOut', '')}"
    return {EXEMPT_UNTIL_TAG: until.isoformat(), EXEMPT_REASON_TAG: reason}
