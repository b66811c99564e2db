"""Two things at once: whichever wins, endpoint, record and card agree, and someone is notified."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest

from local.people import Loop
from local.slack.store import Message

pytestmark = pytest.mark.xdist_group("world")


def at_once(*actions: Callable[[], object]) -> None:
    """Do things in the same moment, as far as threads allow."""
    start = threading.Barrier(len(actions))
    failures: list[BaseException] = []

    def run(action: Callable[[], object]) -> None:
        start.wait()
        try:
            action()
        except BaseException as error:  # noqa: BLE001  # raised below, where the test sees it
            failures.append(error)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def click_by(loop: Loop, user: str, action: str, card: Message) -> Callable[[], int]:
    return lambda: loop.click(action, user=user, card=card)


@pytest.mark.parametrize("attempt", range(3))
def test_two_approvers_at_once_decide_once(loop: Loop, attempt: int) -> None:
    execution = loop.make_endpoint()
    first, second = (approver.id for approver in loop.world.approvers[:2])
    card, actions = loop.card(), ("approve", "deny") if attempt % 2 else ("deny", "approve")
    denier = first if actions[0] == "deny" else second
    loop.click("deny", user=denier, card=card)  # the modal is open before anyone decides

    def decide(action: str, user: str) -> None:
        if action == "deny":
            loop.submit(user, {"reason": {"reason": "later"}})
        else:
            loop.click(action, user=user, card=card)

    at_once(lambda: decide(actions[0], first), lambda: decide(actions[1], second))
    outcome = loop.outcome(execution)
    approval = next(item for item in loop.world.items("approval") if item["endpointName"] == loop.name)
    assert outcome == {"APPROVED": "ENCRYPTED", "DENIED": "DENIED"}[approval["status"]]
    winner = first if (approval["status"] == "APPROVED") == (actions[0] == "approve") else second
    assert approval["decidedBy"] == winner
    assert loop.record(execution)["decidedBy"] == winner
    loser = second if winner == first else first
    if loser == denier:
        assert "already" in json.dumps(loop.world.slack.views(loser)[-1].content)
    else:
        assert "already" in loop.world.slack.ephemerals(loser)[-1].text


def test_two_approvals_at_once_encrypt_once(loop: Loop) -> None:
    execution = loop.make_endpoint()
    card = loop.card()
    at_once(
        *(lambda user=a.id: loop.click("approve", user=user, card=card) for a in loop.world.approvers[:2])
    )
    assert loop.outcome(execution) == "ENCRYPTED"
    updates = [
        call
        for call in loop.world.sagemaker.calls
        if call.operation == "UpdateEndpoint" and call.request["EndpointName"] == loop.name
    ]
    assert len(updates) == 1


def test_an_approval_at_the_deadline_holds_or_does_not_but_never_half(loop: Loop) -> None:
    execution = loop.make_endpoint()
    card = loop.card()
    at_once(lambda: loop.click("approve", card=card), lambda: loop.world.clock.advance(24 * 3600))
    outcome = loop.outcome(execution)
    approval = next(item for item in loop.world.items("approval") if item["endpointName"] == loop.name)
    assert (outcome, approval["status"]) in {("ENCRYPTED", "APPROVED"), ("EXPIRED", "EXPIRED")}
    assert (loop.status()[1] == loop.config) == (outcome == "EXPIRED")
    assert "approve" not in loop.buttons()


def test_an_approval_whose_answer_was_lost_counts_at_the_deadline(loop: Loop) -> None:
    """The click is on record, but the workflow never heard of it: at its time-out the record decides."""
    execution = loop.make_endpoint()
    runner = loop.world.runner
    function = next(one.name for one in runner.functions if one.handler.startswith("lambdas.handlers.slack_"))
    runner.inject(function, "StepFunctions.SendTaskSuccess", "failing for good")
    try:
        assert loop.click("approve") == 503
    finally:
        runner.stop_injecting()
    assert loop.outcome(execution) == "ENCRYPTED"
    assert "ReadDecision" in loop.world.states_entered(execution)


def test_an_approval_against_a_persons_update(loop: Loop) -> None:
    first = loop.make_endpoint()
    newer = loop.make_config(f"{loop.config}-b")
    card = loop.card()
    at_once(lambda: loop.click("approve", card=card), lambda: loop.update(newer))
    outcome = str(loop.world.run(first).get("outcome"))
    assert outcome in {"SUPERSEDED", "ENCRYPTED"}
    loop.world.clock.advance(3600)
    loop.world.settle()
    status, config = loop.status()
    assert status == "InService"
    if outcome == "SUPERSEDED":
        assert config == newer
        assert loop.config in {c["EndpointConfigName"] for c in loop.configs()}
        assert loop.buttons() == ["approve", "deny"], "the newer config is asked about"


def test_deleted_while_the_question_is_open(loop: Loop) -> None:
    execution = loop.make_endpoint()
    loop.delete()
    loop.click("approve")
    assert loop.outcome(execution) == "GONE"
    assert {c["EndpointConfigName"] for c in loop.configs()} == {loop.config}
    assert loop.buttons() == []


def test_deleted_during_the_update(loop: Loop) -> None:
    execution = loop.make_endpoint()
    loop.click("approve")
    loop.world.drive(lambda: loop.status()[0] == "Updating")
    with loop.world.runner.held():  # it is through, but nobody has looked yet
        loop.world.clock.advance(3600)
        loop.people.delete_endpoint(EndpointName=loop.name)
    assert loop.outcome(execution) == "GONE"
    assert {c["EndpointConfigName"] for c in loop.configs()} == {loop.config}, "no orphan twin"


def test_two_events_for_one_endpoint_at_once(loop: Loop) -> None:
    loop.world.trail_is_logging = False
    loop.make_config()
    loop.people.create_endpoint(EndpointName=loop.name, EndpointConfigName=loop.config)
    at_once(*(lambda: loop.world.start(loop.name, kind="event"),) * 2)
    loop.world.settle()
    assert len(loop.cards()) == 1
    loop.deny()
    outcomes = sorted(loop.outcome(execution) for execution in loop.world.executions_of(loop.name))
    assert outcomes == ["DENIED", "SUPERSEDED"]


def test_a_backout_during_a_new_remediation_leaves_that_alone(loop: Loop) -> None:
    loop.encrypt()
    old_card = loop.card()
    newer = loop.update(loop.make_config(f"{loop.config}-b"))
    loop.world.clock.advance(1200)
    assert loop.click("backout", card=old_card) == 200
    assert loop.world.run(loop.backout())["outcome"] == "SUPERSEDED"
    loop.click("approve")
    assert loop.outcome(newer) == "ENCRYPTED"
    assert "sealpoint:exempt-until" not in loop.tags()


def test_a_persons_update_during_a_backout_wins(loop: Loop) -> None:
    loop.encrypt()
    loop.people.update_endpoint(
        EndpointName=loop.name, EndpointConfigName=loop.make_config(f"{loop.config}-b", KmsKeyId="alias/mine")
    )
    loop.click("backout")
    assert loop.world.run(loop.backout())["outcome"] == "SUPERSEDED"
    loop.world.clock.advance(1200)
    assert loop.status() == ("InService", f"{loop.config}-b")


def test_backed_out_at_once_by_two_is_one_backout(loop: Loop) -> None:
    loop.encrypt()
    card = loop.card()
    at_once(
        *(lambda user=a.id: loop.click("backout", user=user, card=card) for a in loop.world.approvers[:2])
    )
    assert loop.world.run(loop.backout())["outcome"] == "BACKED_OUT"
    assert loop.backouts() == 1
