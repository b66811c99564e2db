"""Checks that a trail logs endpoint changes: EventBridge receives CloudTrail's events only then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.gateways.aws import error_code
from ops.deployment import Deployment
from ops.doctor.results import CheckResult, not_checked

_SUBJECT = "Management events"
# The fields, known to selectors, of the calls that must be logged.
_CALLS = tuple(
    {
        "eventCategory": "Management", "readOnly": "false", "eventSource": "sagemaker.amazonaws.com",
        "eventName": name, "eventType": "AwsApiCall",
    }
    for name in ("CreateEndpoint", "UpdateEndpoint")
)  # fmt: skip
_MATCHES = {"Equals": str.__eq__, "StartsWith": str.startswith, "EndsWith": str.endswith}
_NOT_OURS = ("TrailNotFoundException", "CloudTrailARNInvalidException")


def logs_endpoint_changes(selectors: Mapping[str, Any]) -> bool:
    """Whether a trail logs every call that creates or updates an endpoint.

    Parameters
    ----------
    selectors
        The response to GetEventSelectors.
    """
    basic = selectors.get("EventSelectors") or ()
    advanced = selectors.get("AdvancedEventSelectors") or ()
    if not basic and not advanced:
        return True  # as documented, a trail without selectors logs all management events
    return any(map(_takes_writes, basic)) or all(
        any(_takes(selector, call) for selector in advanced) for call in _CALLS
    )


def management_events(deployment: Deployment) -> Iterator[CheckResult]:
    found = deployment.client("cloudtrail").describe_trails()["trailList"]
    trails = [trail for trail in found if _is_of(trail, deployment.region)]
    problems: list[tuple[str, str]] = []
    for trail in trails:
        problem = _problem(deployment, trail)
        if problem is None:
            yield CheckResult(_SUBJECT, f"the trail {trail['Name']} logs them")
            return
        detail, fix = problem
        problems.append((f"{trail['Name']} {detail}", fix))
    if problems:
        details, fixes = zip(*problems, strict=True)
        yield CheckResult(
            _SUBJECT, f"no trail is known to log them here: {'; '.join(details)}", " Or: ".join(fixes)
        )
        return
    yield CheckResult(
        _SUBJECT,
        "no trail logs them here, so Sealpoint isn't notified when an endpoint changes",
        f"CloudTrail's console, Create trail. Or, with a bucket that CloudTrail may write to: aws cloudtrail "
        f"create-trail --region {deployment.region} --name management-events --is-multi-region-trail "
        f"--s3-bucket-name … && aws cloudtrail start-logging --region {deployment.region} --name "
        "management-events",
    )


def _is_of(trail: Mapping[str, Any], region: str) -> bool:
    return bool(trail.get("IsMultiRegionTrail")) or trail.get("HomeRegion") == region


def _problem(deployment: Deployment, trail: Mapping[str, Any]) -> tuple[str, str] | None:
    """Why a trail can't be relied on, and how to fix that. None if it can."""
    arn, home = str(trail["TrailARN"]), str(trail["HomeRegion"])
    where = f"In account {arn.split(':')[4]}: " if trail.get("IsOrganizationTrail") else ""
    client = deployment.client("cloudtrail", home)  # other regions don't know its selectors
    try:
        if not client.get_trail_status(Name=arn)["IsLogging"]:
            return "is not logging", f"{where}aws cloudtrail start-logging --region {home} --name {arn}"
        if logs_endpoint_changes(_selectors(client, trail)):
            return None
    except (ClientError, BotoCoreError) as error:
        if _is_hidden(trail, error):
            fix = (
                f"{where}aws cloudtrail get-event-selectors --region {home} --trail-name {arn}, and make "
                "sure that write management events are included. To be certain, create a trail in this "
                "account."
            )
            return "is the organization's, whose event selectors this account can't read", fix
        unread = not_checked(_SUBJECT, "cloudtrail", error)
        return unread.detail, unread.fix
    fix = (
        f"{where}CloudTrail's console in {home}, {trail['Name']}, Management events: include Write, and "
        "sagemaker.amazonaws.com"
    )
    return "leaves out SageMaker's management events, or write events", fix


def _selectors(client: Any, trail: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return client.get_event_selectors(TrailName=trail["TrailARN"])
    except ClientError as error:
        if _is_hidden(trail, error) and trail.get("HasCustomEventSelectors") is False:
            return {}  # this at least is visible to the account: there are none
        raise


def _is_hidden(trail: Mapping[str, Any], error: Exception) -> bool:
    """Whether the trail is the organization's, which a member account can see but not read."""
    return (
        bool(trail.get("IsOrganizationTrail"))
        and isinstance(error, ClientError)
        and error_code(error) in _NOT_OURS
    )


def _takes_writes(basic: Mapping[str, Any]) -> bool:
    """Whether a basic selector includes SageMaker's write calls. Absent members have their defaults."""
    return (
        bool(basic.get("IncludeManagementEvents", True))
        and basic.get("ReadWriteType", "All") in ("All", "WriteOnly")
        and "sagemaker.amazonaws.com" not in (basic.get("ExcludeManagementEventSources") or ())
    )


def _takes(advanced: Mapping[str, Any], call: Mapping[str, str]) -> bool:
    return all(_passes(field, call.get(field["Field"])) for field in advanced["FieldSelectors"])


def _passes(field: Mapping[str, Any], value: str | None) -> bool:
    """Whether a call matches one field: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/filtering-data-events.html"""
    takes, leaves_out = (
        [
            value is not None and match(value, other)
            for operator, match in _MATCHES.items()
            for other in field.get(negation + operator) or ()
        ]
        for negation in ("", "Not")
    )
    # if the call's value or the operator is unknown here, some calls may not match
    understood = value is not None and bool(takes or leaves_out)
    return understood and not any(leaves_out) and (any(takes) or not takes)
