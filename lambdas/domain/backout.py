"""Backing out: a person's decision to return an encrypted endpoint to its earlier config."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.domain.approval.decision import Ruling, RulingKind, mention, refuse_outsider
from lambdas.domain.approval.people import is_slack_user
from lambdas.domain.approval.routes import DecideIn, Route
from lambdas.domain.encryption.assessment import EXEMPT_REASON_TAG, EXEMPT_UNTIL_TAG
from lambdas.domain.encryption.progress import acceptable_starts, config_in_charge, require_present, start_of
from lambdas.domain.encryption.update_options import RETAIN_LIVE_SETTINGS
from lambdas.domain.endpoint_id import EndpointId
from lambdas.domain.errors import EndpointChanged, InvalidInput
from lambdas.domain.record import (
    UNKNOWN_ENDPOINT,
    Approval,
    Backout,
    BackoutRequest,
    Remediation,
    Trigger,
    endpoint_of,
    from_iso,
    happened,
    iso,
    required_fact,
)
from lambdas.domain.vocabulary import Outcome

ACTION_ID = "backout"
# A claim's plan that no remediation's can equal.
PLAN = "backout"


def judge_request(
    remediation: Remediation | None,
    approval: Approval | None,
    latest: Backout | None,
    route: Route,
    by: str,
    *,
    is_approver: bool,
    now: datetime,
) -> Ruling:
    """Judge a request to back out: a click on the button, or one from the command line.

    Parameters
    ----------
    latest
        The record of the backout that was requested last, if it has one yet.
    by
        A Slack user id, or the ARN of an IAM principal as AWS verified it.
    """
    if not is_approver:
        return refuse_outsider(route)
    if remediation is None or approval is None:
        return Ruling(RulingKind.REFUSE, "This question is not on record here, so nothing was changed.")
    in_slack, command = is_slack_user(by), f"`sealpoint backout {remediation['endpointName']}`"
    if in_slack and DecideIn.COMMAND_LINE in (route.decide_in, approval.get("decideIn")):
        return Ruling(
            RulingKind.REFUSE,
            "Endpoints on this route can't be decided in Slack, so nothing was changed. On the command line: "
            f"{command}.",
        )
    ruling = judge_state(remediation, approval, latest)
    until = remediation.get("backoutUntil")
    if in_slack and ruling.kind is RulingKind.DECIDE and (until is None or now >= from_iso(until)):
        return Ruling(
            RulingKind.REFUSE,
            "The time for backing out in Slack is over, so nothing was changed. On the command line: "
            f"{command}.",
        )
    return ruling


def judge_state(remediation: Remediation, approval: Approval | None, latest: Backout | None) -> Ruling:
    """Whether a remediation can be backed out of, regardless of who asks and when."""
    if not can_return(remediation) or approval is None:
        return Ruling(
            RulingKind.REFUSE,
            "This remediation did not encrypt the endpoint, so there is nothing to back out.",
        )
    requested = approval.get("backout")
    if requested is None:
        return Ruling(RulingKind.DECIDE)
    by = mention(requested["by"])
    outcome = latest.get("outcome") if latest else None
    if outcome is None:
        return Ruling(
            RulingKind.REPEAT, f"The endpoint is already being returned to its old config, by {by}."
        )
    if outcome == Outcome.BACKED_OUT:
        return Ruling(RulingKind.REFUSE, f"The endpoint was already returned to its old config, by {by}.")
    return Ruling(RulingKind.DECIDE)  # the earlier backout failed, and the endpoint is still on its twin


def can_return(remediation: Remediation) -> bool:
    """Whether it moved its endpoint away from the config on record: to its twin, or to what took its name."""
    return remediation.get("outcome") == Outcome.ENCRYPTED or "targetReplaced" in remediation


def new_request(by: str, reason: str, now: datetime) -> BackoutRequest:
    return {"backoutId": str(uuid.uuid4()), "by": by, "at": iso(now), "reason": reason}


def machine_input(approval: Approval) -> dict[str, str]:
    """The input of the backout's state machine: the same for every try, so that only one execution starts."""
    return {"endpointName": approval["endpointName"], "remediationId": approval["remediationId"]}


def start_record(
    event: Mapping[str, Any], original: Remediation | None, approval: Approval | None, now: datetime
) -> Backout:
    """The first state of a backout's record: what was requested, as it is on the approval.

    Raises
    ------
    InvalidInput
        Nobody requested this backout, or there is no config on record to return to.
    """
    if original is None or not can_return(original):
        raise InvalidInput(
            f"No remediation {event.get('backsOut')} that encrypted its endpoint is on record."
        )
    if str(event.get("endpointName")).casefold() != original["endpointName"].casefold():
        raise InvalidInput(
            f"Remediation {original['remediationId']} is about the endpoint {original['endpointName']}, "
            f"not {event.get('endpointName')}."
        )
    requested = approval.get("backout") if approval else None
    if requested is None or requested["backoutId"] != event["backoutId"]:
        raise InvalidInput(f"No request for the backout {event['backoutId']} is on record.")
    by, reason = requested["by"], requested["reason"]
    twin = required_fact(original, "twinConfigName")
    why = f": {reason}" if reason else ""
    return {
        "backoutId": requested["backoutId"],
        "executionArn": str(event["executionArn"]),
        "endpointId": original["endpointId"],
        "endpointName": original["endpointName"],
        "trigger": _trigger(by, requested["at"], endpoint_of(original)),
        "startedAt": iso(now),
        "timeline": [
            happened(now, f"Asked to return the endpoint from {twin} to its earlier config{why}", by)
        ],
        "backsOut": original["remediationId"],
        "requestedBy": by,
        "requestedReason": reason,
        "sourceConfigName": required_fact(original, "sourceConfigName"),
        "twinConfigName": twin,
        "updateOptions": dict(RETAIN_LIVE_SETTINGS),
    }


def salvaged_record(event: Mapping[str, Any], now: datetime) -> Backout:
    """A record for a backout that failed before it started one, from whatever the input contained."""
    arn, name = str(event.get("executionArn") or ""), str(event.get("endpointName") or UNKNOWN_ENDPOINT)
    endpoint_id = EndpointId.at(arn, name)
    return {
        "backoutId": str(event["backoutId"]),
        "executionArn": arn,
        "endpointId": str(endpoint_id),
        "endpointName": name,
        "trigger": _trigger("", iso(now), endpoint_id),
        "startedAt": iso(now),
        "backsOut": str(event.get("backsOut") or ""),
    }


def _trigger(by: str, at: str, endpoint_id: EndpointId) -> Trigger:
    return {
        "kind": "manual", "eventId": "", "eventName": "Backout", "eventTime": at,
        "principalArn": "" if is_slack_user(by) else by,
        "accountId": endpoint_id.account, "region": endpoint_id.region,
    }  # fmt: skip


def require_on_twin(endpoint: Mapping[str, Any] | None, record: Backout) -> None:
    """Raise `EndpointGone` or `EndpointChanged` unless the endpoint is on its twin, or already back."""
    live = config_in_charge(require_present(endpoint))
    if live not in acceptable_starts(record):
        raise EndpointChanged(
            f"The endpoint is now on the config {live}, no longer on {start_of(record)}, so there is nothing "
            "to back out."
        )


def exemption_tags(now: datetime, days: int, record: Backout) -> dict[str, str]:
    """Tags that exempt a backed-out endpoint until a date, so that it isn't raised again immediately."""
    until = (now.astimezone(UTC) + timedelta(days=days)).date()
    reason = f"backed out of remediation {record['backsOut']}"
    return {EXEMPT_UNTIL_TAG: until.isoformat(), EXEMPT_REASON_TAG: reason}
