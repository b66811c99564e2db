"""The way back, and the old config's retirement, through the template's own state machines."""

from __future__ import annotations

import json

import pytest

from local.people import Loop
from local.world import OUTSIDER

pytestmark = pytest.mark.xdist_group("world")


def _shown(loop: Loop) -> str:
    return json.dumps(loop.card().blocks, ensure_ascii=False)


def test_backing_out_returns_the_endpoint_to_where_it_was(loop: Loop) -> None:
    execution = loop.encrypt()
    loop.scale(6)
    assert loop.click("backout") == 200
    assert "*Backing out*" in _shown(loop)
    assert loop.buttons() == []
    assert loop.world.run(loop.backout())["outcome"] == "BACKED_OUT"

    assert loop.status() == ("InService", loop.config)
    assert loop.count() == 6
    assert "sealpoint:exempt-until" in loop.tags()
    assert loop.buttons() == []
    assert "Returned to" in _shown(loop)
    assert loop.record(execution)["outcome"] == "ENCRYPTED", "what happened stays on record"
    assert loop.world.backout_record(loop.backout().name)["outcome"] == "BACKED_OUT"
    assert len(loop.world.executions_of(loop.name)) == 1, "our own update starts nothing"

    again = loop.world.start(loop.name)
    assert loop.outcome(again) == "EXEMPT"
    assert len(loop.cards()) == 1


def test_a_config_that_was_deleted_meanwhile_comes_back_from_the_record(loop: Loop) -> None:
    loop.encrypt()
    before = loop.people.describe_endpoint_config(EndpointConfigName=loop.config)
    loop.people.delete_endpoint_config(EndpointConfigName=loop.config)
    loop.click("backout")
    assert loop.world.run(loop.backout())["outcome"] == "BACKED_OUT"
    after = loop.people.describe_endpoint_config(EndpointConfigName=loop.config)
    for answer in (before, after):
        del answer["CreationTime"], answer["ResponseMetadata"]
    assert after == before


def test_a_click_repeated_backs_out_once(loop: Loop) -> None:
    loop.encrypt()
    card = loop.card()
    loop.world.slack.faults.fail("chat.update", "internal_error", times=2)  # the button stays for a moment
    for approver in loop.world.approvers[:2]:
        assert loop.click("backout", card=card, user=approver.id) == 200
        loop.world.settle()
    assert "already being returned" in loop.world.slack.ephemerals(loop.world.approvers[1].id)[-1].text
    assert loop.world.run(loop.backout())["outcome"] == "BACKED_OUT"
    assert loop.backouts() == 1


def test_an_outsider_cannot_back_out(loop: Loop) -> None:
    loop.encrypt()
    assert loop.click("backout", user=OUTSIDER.id) == 200
    assert "not on the list" in loop.world.slack.ephemerals(OUTSIDER.id)[-1].text
    [approval] = [item for item in loop.world.items("approval") if item["endpointName"] == loop.name]
    assert [(attempt["by"], attempt["what"][:8]) for attempt in approval["attempts"]] == [
        (OUTSIDER.id, "backout:")
    ]
    assert loop.backouts() == 0
    assert loop.buttons() == ["backout"]


def test_a_backout_that_sagemaker_rolls_back_leaves_the_twin_and_can_be_tried_again(loop: Loop) -> None:
    loop.encrypt()
    twin = loop.status()[1]
    loop.world.sagemaker.faults.roll_back_next_update("CapacityError: none left", endpoint=loop.name)
    loop.click("backout")
    assert loop.world.run(loop.backout())["outcome"] == "ROLLED_BACK"
    assert loop.status() == ("InService", twin)
    assert "sealpoint:exempt-until" not in loop.tags()
    assert "none left" in _shown(loop)
    loop.click("backout")
    assert loop.world.run(loop.backout())["outcome"] == "BACKED_OUT"
    assert loop.backouts() == 2


def test_a_stopped_backout_is_closed_and_reported(loop: Loop) -> None:
    loop.encrypt()
    loop.click("backout")
    loop.world.settle()
    loop.world.client("stepfunctions").stop_execution(executionArn=loop.backout().exec_arn)
    loop.world.settle()
    assert loop.world.backout_record(loop.backout().name)["outcome"] == "FAILED"
    assert "ABORTED" in _shown(loop)
    loop.world.clock.advance(3600)  # the update that was under way ends as it may


def test_slack_gone_during_a_backout_costs_only_the_news(loop: Loop) -> None:
    loop.encrypt()
    loop.click("backout")
    loop.world.settle()
    loop.world.slack.faults.take_down()
    try:
        ended = loop.world.run(loop.backout())
        loop.world.drive(lambda: bool(loop.world.bus.undelivered))  # after Lambda's three tries
    finally:
        loop.world.slack.faults.bring_up()
    assert ended["error"] == "BackoutNotClosed"
    assert loop.status() == ("InService", loop.config)
    assert loop.world.backout_record(loop.backout().name)["outcome"] == "BACKED_OUT"
    loop.world.bus.undelivered.clear()  # the alarm's dead letters


def test_when_its_time_is_over_the_old_config_is_retired(loop: Loop) -> None:
    execution = loop.encrypt()
    twin = loop.status()[1]
    loop.world.drive(lambda: "backoutClosedAt" in loop.record(execution))
    loop.world.settle()
    assert [config["EndpointConfigName"] for config in loop.configs()] == [twin]
    assert loop.buttons() == []
    assert "its content is on record" in _shown(loop)
    assert loop.world.evidence(execution.name)["config"]["EndpointConfigName"] == loop.config


def test_an_old_config_that_another_endpoint_uses_is_kept(loop: Loop) -> None:
    execution = loop.encrypt()
    loop.world.trail_is_logging = False
    loop.people.create_endpoint(EndpointName=f"{loop.name}-other", EndpointConfigName=loop.config)
    loop.world.drive(lambda: "sourceKept" in loop.record(execution))
    assert loop.config in {config["EndpointConfigName"] for config in loop.configs()}
    assert f"{loop.name}-other" in _shown(loop)


def test_a_backout_that_went_through_unseen_is_finished_by_another_click(loop: Loop) -> None:
    loop.encrypt()
    runner = loop.world.runner
    poll = next(one.name for one in runner.functions if one.handler.startswith("lambdas.handlers.poll_"))
    runner.inject(poll, "SageMaker.DescribeEndpoint", "failing for good")
    try:
        loop.click("backout")
        assert loop.world.run(loop.backout())["outcome"] == "FAILED"
    finally:
        runner.stop_injecting()
    loop.world.clock.advance(3600)
    assert loop.status() == ("InService", loop.config)
    loop.click("backout")
    assert loop.world.run(loop.backout())["outcome"] == "BACKED_OUT"
    assert loop.buttons() == []
    assert "sealpoint:exempt-until" in loop.tags()
