"""EventBridge on this machine: what CloudTrail would report, matched by the template's rules, delivered."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.events.models import EventsBackend, Rule

from local.aws.cloud import Cloud, replace_method
from local.aws.functions import FunctionError, FunctionRunner, function_named_in
from local.aws.template import ACCOUNT_ID
from local.clock import Clock

_MOTO_PUT = EventsBackend.put_events
_VARIABLE = re.compile(r'("?)<([A-Za-z0-9_-]+)>("?)')
# How long Lambda waits before it runs an asynchronous event again that failed: twice, then no more.
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
_RETRY_AFTER_SECONDS = (60, 120)


class TransformError(Exception):
    """The event lacks a path that the rule's input transformer reads: AWS would not deliver it."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """An event that a rule matched and its target didn't take: AWS sends it to the dead-letter queue."""

    rule: str
    event: Mapping[str, Any]
    why: str


class EventBus:
    """The default event bus of every region, and its delivery to state machines and functions."""

    def __init__(self, cloud: Cloud, runner: FunctionRunner, clock: Clock) -> None:
        self._cloud = cloud
        self._runner = runner
        self._clock = clock
        self.undelivered: list[Undelivered] = []
        self.events: list[dict[str, Any]] = []
        self.entries: list[dict[str, Any]] = []  # what was put by others than AWS's services
        self._lock = threading.Lock()
        self._in_flight = 0

        def send_to_targets(rule: Rule, event: Any, **_: Any) -> None:
            self.deliver(rule, event)

        def put_events(backend: EventsBackend, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
            self.entries += [entry for entry in entries if not entry["Source"].startswith("aws.")]
            return _MOTO_PUT(backend, entries)

        replace_method(EventsBackend, "put_events", put_events)
        # moto delivers to no state machine
        replace_method(Rule, "send_to_targets", send_to_targets)

    def put(self, event: Mapping[str, Any]) -> None:
        """Put an event, as AWS's services do, onto the default bus of its region."""
        self.events.append(dict(event))
        self._cloud.client("events", event["region"]).put_events(
            Entries=[
                {
                    "Source": event["source"],
                    "DetailType": event["detail-type"],
                    "Detail": json.dumps(event["detail"]),
                    "Resources": event.get("resources", []),
                }
            ]
        )

    def deliver(self, rule: Rule, event: Any) -> None:
        """What EventBridge does with a rule and an event."""
        # moto has matched enabled rules only in its own method, which this one stands in for
        if rule.state != "ENABLED" or not rule.event_pattern.matches_event(event):
            return
        for target in rule.targets:
            try:
                payload = _transformed(target, event)
                self._send(target["Arn"], payload, event)
            except (TransformError, FunctionError) as error:
                self.undelivered.append(Undelivered(rule.name, event, str(error)))

    def _send(self, arn: str, payload: Any, event: Mapping[str, Any]) -> None:
        service = arn.split(":")[2]
        if service == "states":
            name = str(uuid.uuid4())
            self._cloud.client("stepfunctions", event["region"]).start_execution(
                stateMachineArn=arn, name=name, input=json.dumps(payload)
            )
        elif service == "lambda":
            self._count(1)
            threading.Thread(target=self._invoke, args=(arn, payload, event), daemon=True).start()
        else:
            raise TransformError(f"no delivery to {service}")

    def _invoke(self, arn: str, payload: Any, event: Mapping[str, Any]) -> None:
        """Run a function asynchronously, again after a while where it fails."""
        for seconds in (*_RETRY_AFTER_SECONDS, None):
            try:
                self._runner.invoke(function_named_in(arn), payload)
                break
            except FunctionError as error:
                if seconds is None:
                    self.undelivered.append(Undelivered(arn, event, str(error)))
                else:
                    self._count(-1)
                    self._clock.sleep(seconds)
                    self._count(1)
        self._count(-1)

    @property
    def in_flight(self) -> int:
        """Asynchronous deliveries under way; those that wait for their next try are the clock's timers."""
        return self._in_flight

    def _count(self, change: int) -> None:
        with self._lock:
            self._in_flight += change


def cloudtrail_event(
    *,
    event_name: str,
    region: str,
    request: Mapping[str, Any],
    identity: Mapping[str, Any],
    moment: float,
    response: Mapping[str, Any] | None = None,
    error_code: str | None = None,
    error_message: str | None = None,
) -> dict[str, Any]:
    """An API call as CloudTrail reports it through EventBridge.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
    """
    event_time = datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    detail: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": dict(identity),
        "eventTime": event_time,
        "eventSource": "sagemaker.amazonaws.com",
        "eventName": event_name,
        "awsRegion": region,
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.31.0",
        "requestParameters": {_lower_first(name): value for name, value in request.items()},
        "responseElements": {_lower_first(name): value for name, value in (response or {}).items()} or None,
        "requestID": str(uuid.uuid4()),
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT_ID,
        "eventCategory": "Management",
    }
    if error_code:
        detail |= {"errorCode": error_code, "errorMessage": error_message or ""}
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.sagemaker",
        "account": ACCOUNT_ID,
        "time": event_time,
        "region": region,
        "resources": [],
        "detail": detail,
    }


def assumed_role(role_arn: str, session: str) -> dict[str, Any]:
    """The identity of a principal that assumed a role."""
    role_name = role_arn.rsplit("/", 1)[-1]
    return {
        "type": "AssumedRole",
        "principalId": f"AROAEXAMPLE:{session}",
        "arn": f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role_name}/{session}",
        "accountId": ACCOUNT_ID,
        "accessKeyId": "ASIAEXAMPLE",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": "AROAEXAMPLE",
                "arn": role_arn,
                "accountId": ACCOUNT_ID,
                "userName": role_name,
            },
            "attributes": {"mfaAuthenticated": "false"},
        },
    }


def execution_ended_event(
    *, arn: str, machine_arn: str, name: str, status: str, region: str
) -> dict[str, Any]:
    """How Step Functions reports an execution's end through EventBridge.

    https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
    """
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": ACCOUNT_ID,
        "region": region,
        "resources": [arn],
        "detail": {"executionArn": arn, "stateMachineArn": machine_arn, "name": name, "status": status},
    }


def _transformed(target: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
    """The target's input: AWS's input transformer, strict about paths that the event lacks.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    transformer = target.get("InputTransformer")
    if not transformer:
        return json.loads(target["Input"]) if "Input" in target else dict(event)
    values = {name: _at(event, path) for name, path in transformer.get("InputPathsMap", {}).items()}

    def replaced(match: re.Match[str]) -> str:
        before, name, after = match.groups()
        if name not in values:
            raise TransformError(f"the template uses <{name}>, which is no input path")
        value = values[name]
        if before and after:  # in quotes: the whole string is the variable
            return json.dumps(value if isinstance(value, str) else json.dumps(value))
        inside = json.dumps(value)
        return before + (inside[1:-1] if isinstance(value, str) and _in_string(match) else inside) + after

    text = _VARIABLE.sub(replaced, transformer["InputTemplate"])
    try:
        return json.loads(text)
    except ValueError as error:
        raise TransformError(f"the transformed input is no JSON: {error}") from error


def _in_string(match: re.Match[str]) -> bool:
    """Whether a variable stands inside a JSON string of the template."""
    before = match.string[: match.start()]
    return (before.count('"') - before.count('\\"')) % 2 == 1


def _at(event: Mapping[str, Any], path: str) -> Any:
    value: Any = event
    for part in path.removeprefix("$.").split("."):
        if not isinstance(value, dict) or part not in value:
            raise TransformError(f"the event has no {path}")
        value = value[part]
    return value


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]
