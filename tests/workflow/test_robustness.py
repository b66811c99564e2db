"""What throttles, times out, runs twice, runs late, or is killed halfway."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from local.aws.events import assumed_role, cloudtrail_event
from local.people import Loop
from local.world import OUTSIDER, SCIENTIST_ROLE

pytestmark = pytest.mark.xdist_group("world")


def _event(loop: Loop, **changes: Any) -> dict[str, Any]:
    """CloudTrail's report of the endpoint's creation."""
    usual: dict[str, Any] = {
        "event_name": "CreateEndpoint",
        "region": loop.world.region,
        "request": {"EndpointName": loop.name, "EndpointConfigName": loop.config},
        "identity": assumed_role(SCIENTIST_ROLE, "ana@example.com"),
        "moment": loop.world.clock.now(),
    }
    return cloudtrail_event(**usual | changes)


_IAM_USER = {
    "type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::123456789012:user/ana",
    "accountId": "123456789012", "accessKeyId": "AKIAEXAMPLE", "userName": "ana",
}  # fmt: skip
_ROOT = {
    "type": "Root",
    "principalId": "123456789012",
    "arn": "arn:aws:iam::123456789012:root",
    "accountId": "123456789012",
}
_SERVICE = {"type": "AWSService", "invokedBy": "sagemaker.amazonaws.com"}


@pytest.mark.parametrize(
    ("changes", "starts"),
    [
        ({}, True),
        ({"identity": _IAM_USER}, True),
        ({"identity": _ROOT}, True),
        ({"identity": _SERVICE}, True),
        ({"event_name": "UpdateEndpoint"}, True),
        ({"error_code": "ValidationException"}, False),
        ({"event_name": "DeleteEndpoint"}, False),
    ],
)
def test_which_events_start_a_remediation(loop: Loop, changes: dict[str, Any], starts: bool) -> None:
    loop.world.trail_is_logging = False
    loop.make_config()
    loop.people.create_endpoint(EndpointName=loop.name, EndpointConfigName=loop.config)
    loop.world.bus.put(_event(loop, **changes))
    loop.world.settle()
    assert len(loop.world.executions_of(loop.name)) == int(starts)
    assert len(loop.cards()) == int(starts)
    if starts:
        given = loop.execution().input_data
        assert set(given) == {"endpointName", "trigger"}
        assert set(given["trigger"]) == {
            "kind", "eventId", "eventName", "eventTime", "principalArn", "accountId", "region",
        }  # fmt: skip
        assert all(isinstance(value, str) for value in given["trigger"].values())
        loop.deny()
        assert loop.outcome() == "DENIED"


def test_our_own_update_starts_nothing(loop: Loop) -> None:
    loop.make_endpoint()
    loop.click("approve")
    assert loop.outcome() == "ENCRYPTED"
    assert len(loop.world.executions_of(loop.name)) == 1
    updates = [
        event
        for event in loop.world.bus.events
        if event["detail"].get("eventName") == "UpdateEndpoint"
        and event["detail"]["requestParameters"]["endpointName"] == loop.name
    ]
    assert len(updates) == 1, "the event did come; it was the rule that left it out"


def test_the_same_event_twice_asks_once(loop: Loop) -> None:
    loop.world.trail_is_logging = False
    loop.make_config()
    loop.people.create_endpoint(EndpointName=loop.name, EndpointConfigName=loop.config)
    event = _event(loop)
    loop.world.bus.put(event)
    loop.world.settle()
    loop.world.bus.put(event)
    loop.world.settle()
    first, second = loop.world.executions_of(loop.name)
    assert len(loop.cards()) == 1
    assert loop.outcome(second) == "SUPERSEDED"
    loop.deny()
    assert loop.outcome(first) == "DENIED"
    loop.world.bus.put(event)  # late, when all is over
    loop.world.settle()
    assert len(loop.cards()) == 1


def test_two_endpoints_do_not_disturb_each_other(loop: Loop) -> None:
    other = Loop(loop.world)
    loop.make_endpoint()
    other.make_endpoint()
    loop.deny()
    other.click("approve")
    assert loop.outcome() == "DENIED"
    assert other.outcome() == "ENCRYPTED"


def test_a_click_by_an_outsider_changes_nothing_and_tells_them(loop: Loop) -> None:
    loop.make_endpoint()
    assert loop.click("approve", user=OUTSIDER.id) == 200
    assert loop.buttons() == ["approve", "deny"]
    assert "not on the list" in loop.world.slack.ephemerals(OUTSIDER.id)[-1].text
    loop.deny()
    assert loop.outcome() == "DENIED"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"payload=%7B%7D", {}),
        (b"payload=%7B%7D", {"X-Slack-Request-Timestamp": "soon", "X-Slack-Signature": "v0=" + "0" * 64}),
        (b"payload=%7B%7D", {"X-Slack-Request-Timestamp": "1700000000", "X-Slack-Signature": "v0=\xfc"}),
        (b"\xff\xfe\x00", {"X-Slack-Request-Timestamp": "1700000000", "X-Slack-Signature": "v0=" + "0" * 64}),
        (b"", {}),
    ],
)
def test_a_request_that_is_not_slacks_is_turned_away(
    loop: Loop, body: bytes, headers: dict[str, str]
) -> None:
    answer = loop.world.post_interaction(
        body, {"Content-Type": "application/x-www-form-urlencoded", **headers}
    )
    assert answer.status_code in {400, 401}


def test_a_late_click_finds_the_question_closed(loop: Loop) -> None:
    loop.make_endpoint()
    card = loop.card()
    assert loop.outcome() == "EXPIRED"
    approval = next(item for item in loop.world.items("approval") if item["endpointName"] == loop.name)
    assert approval["status"] == "EXPIRED"
    assert loop.world.slack.message(loop.world.channel_id, card.ts) is not None
    assert loop.buttons() == []


def test_throttling_everywhere_only_costs_time(loop: Loop) -> None:
    loop.make_config()
    faults = loop.world.sagemaker.faults
    faults.throttle("DescribeEndpoint", 7)
    faults.throttle("DescribeEndpointConfig", 4)
    faults.throttle("CreateEndpointConfig", 4)
    faults.throttle("UpdateEndpoint", 4)
    faults.break_down("ListTags", 4)
    loop.people.create_endpoint(EndpointName=loop.name, EndpointConfigName=loop.config)
    loop.world.settle()
    execution = loop.execution()
    loop.world.drive(lambda: bool(loop.cards()))
    loop.click("approve")
    assert loop.outcome(execution) == "ENCRYPTED"


def test_an_answer_lost_on_the_way_updates_once(loop: Loop) -> None:
    loop.make_endpoint()
    loop.world.sagemaker.faults.lose_answer("UpdateEndpoint")
    loop.click("approve")
    assert loop.outcome() == "ENCRYPTED"
    taken = [
        call
        for call in loop.world.sagemaker.calls
        if call.operation == "UpdateEndpoint"
        and call.request["EndpointName"] == loop.name
        and not call.error_code
    ]
    assert len(taken) == 1


def test_a_twin_not_to_be_seen_yet_is_awaited(loop: Loop) -> None:
    loop.make_endpoint()
    loop.world.sagemaker.faults.config_visible_after = 20
    loop.click("approve")
    try:
        assert loop.outcome() == "ENCRYPTED"
    finally:
        loop.world.sagemaker.faults.config_visible_after = 0


def test_slack_out_of_reach_for_a_while_asks_later(loop: Loop) -> None:
    loop.world.slack.faults.fail("chat.postMessage", "internal_error", times=3)
    execution = loop.make_endpoint()
    loop.world.drive(lambda: bool(loop.cards()))
    assert len(loop.cards()) == 1
    loop.click("approve")
    assert loop.outcome(execution) == "ENCRYPTED"


def test_slack_out_of_reach_for_good_changes_nothing_and_fails_loudly(loop: Loop) -> None:
    loop.world.slack.faults.take_down()
    try:
        execution = loop.make_endpoint()
        result = loop.world.run(execution)
        loop.world.drive(lambda: bool(loop.world.bus.undelivered))  # after Lambda's three tries
    finally:
        loop.world.slack.faults.bring_up()
    assert result["error"] == "RemediationNotClosed"
    assert loop.record(execution)["outcome"] == "FAILED"
    assert loop.status() == ("InService", loop.config)
    loop.world.bus.undelivered.clear()  # the alarm's dead letters


def test_a_stopped_execution_is_closed_and_reported(loop: Loop) -> None:
    execution = loop.make_endpoint()
    loop.world.client("stepfunctions").stop_execution(executionArn=execution.exec_arn)
    loop.world.settle()
    assert loop.record(execution)["outcome"] == "FAILED"
    assert "ABORTED" in loop.record(execution)["reason"]
    assert loop.buttons() == []
    again = loop.world.start(loop.name)  # and the endpoint is free for another remediation
    loop.world.settle()
    loop.deny()
    assert loop.outcome(again) == "DENIED"


def test_a_stopped_executions_twin_is_deleted_if_nothing_uses_it(loop: Loop) -> None:
    execution = loop.make_endpoint()
    loop.world.sagemaker.faults.throttle("UpdateEndpoint")
    loop.click("approve")
    loop.world.settle()
    assert len(loop.configs()) == 2, "the twin is there, and the update will be tried again"
    loop.world.client("stepfunctions").stop_execution(executionArn=execution.exec_arn)
    loop.world.clock.advance(10)  # moto stops an execution between two tries only when the pause is over
    loop.world.settle()
    assert {config["EndpointConfigName"] for config in loop.configs()} == {loop.config}
    assert loop.record(execution)["outcome"] == "FAILED"


def test_a_stopped_executions_twin_is_kept_while_the_endpoint_moves_to_it(loop: Loop) -> None:
    execution = loop.make_endpoint()
    loop.click("approve")
    loop.world.drive(lambda: loop.status()[0] == "Updating")
    loop.world.client("stepfunctions").stop_execution(executionArn=execution.exec_arn)
    loop.world.settle()
    loop.world.clock.advance(3600)
    assert loop.status() == ("InService", loop.record(execution)["twinConfigName"])


def test_input_that_is_not_as_documented_fails_in_words(loop: Loop) -> None:
    execution = loop.world.start_with({"endpointName": loop.name, "trigger": {"kind": "rumour"}})
    assert loop.outcome(execution) == "FAILED"
    assert "'rumour'" in json.dumps(loop.card().blocks)


def test_no_token_and_no_secret_is_in_a_log_or_a_card(loop: Loop) -> None:
    loop.make_endpoint()
    token = loop.world.token(loop.approval_id())
    loop.click("approve")
    loop.outcome()
    said = loop.world.runner.logs() + json.dumps([message.blocks for message in loop.cards()])
    assert loop.execution().name in said, "the logs are there, under the remediation's id"
    for secret in (token, loop.world.slack.bot_token, loop.world.slack.signing_secret):
        assert secret not in said


def test_the_machine_that_ran_is_the_templates(loop: Loop) -> None:
    arn = loop.world.home.output("RemediationStateMachineArn")
    ran = loop.world.client("stepfunctions").describe_state_machine(stateMachineArn=arn)["definition"]
    template_file = next(loop.world.assembly.glob("Sealpoint-*.template.json"))
    template = json.loads(template_file.read_text())
    machines = [r for r in template["Resources"].values() if r["Type"] == "AWS::StepFunctions::StateMachine"]
    [machine] = [m for m in machines if m["Properties"]["StateMachineName"].endswith("-remediation")]
    joined = machine["Properties"]["DefinitionString"]["Fn::Join"][1]
    assert (
        json.loads(ran)["States"].keys()
        == json.loads("".join(p if isinstance(p, str) else "x" for p in joined))["States"].keys()
    )


def test_a_manual_start_needs_little(loop: Loop) -> None:
    loop.world.trail_is_logging = False
    loop.make_config()
    loop.people.create_endpoint(EndpointName=loop.name, EndpointConfigName=loop.config)
    execution = loop.world.start(loop.name, event_id=str(uuid.uuid4()))
    loop.world.settle()
    loop.deny()
    assert loop.outcome(execution) == "DENIED"
