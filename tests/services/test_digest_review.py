"""The list behind a digest's card: looked at, turned, and decided on."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas.domain.errors import ServiceUnavailable
from lambdas.domain.messages import digest_card, digest_list
from lambdas.domain.record import Approval, Digest, Finding, iso
from lambdas.domain.sweep.digest import finding_key
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.records.digests import digests
from lambdas.gateways.records.records import Records
from lambdas.gateways.slack import Slack, forget_group_members
from lambdas.handlers import slack_interactions
from lambdas.services import digest_cards
from tests.handlers.conftest import ADA, CHANNEL, CONTEXT, GRACE, MALLORY, Bench
from tests.handlers.test_slack_interactions import signed
from tests.unit import samples
from tests.unit.strategies import json_values

_DIGEST = samples.digest()["digestId"]


class _Desk:
    """What people do with a digest of some endpoints, as the requests that Slack makes of it."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def ask(self, number: int, **facts: Any) -> None:
        """Post a digest about so many endpoints, each with an approval that waits."""
        now = self.bench.clock_now()
        slack = self.bench.slack
        mine = samples.digest(
            mayDecide=[ADA.id, GRACE.id], createdAt=iso(now), deadline="2099-01-01T00:00:00Z", **facts
        )
        digests().open(mine, now)
        for one in range(number):
            self._ask_about(one, decide_in=mine["decideIn"])
        findings = digest_cards.findings(_DIGEST)
        client = Slack(slack_interactions.bot_token())
        channel, ts = client.post(CHANNEL, digest_card.message(mine, findings))
        assert slack.message(channel, ts)
        digests().note(_DIGEST, {"channel": channel, "ts": ts})

    def _ask_about(self, one: int, *, decide_in: str) -> None:
        bench, now = self.bench, self.bench.clock_now()
        name, remediation_id = f"endpoint-{one:03}", f"remediation-{one:03}"
        endpoint_id = f"123456789012/us-east-1/{name}"
        key = finding_key(endpoint_id, ["instance-volume"])
        record = samples.remediation(
            remediationId=remediation_id, endpointId=endpoint_id, endpointName=name, digestId=_DIGEST,
            approvalId=f"approval-{one:03}", startedAt=iso(now),
        )  # fmt: skip
        bench.records.start(record)
        bench.records.claim(
            {
                "endpointId": endpoint_id, "holder": f"remediation#{remediation_id}", "planHash": "f" * 64,
                "leaseUntil": "2099-01-01T00:00:00Z",
            },
            now,
        )  # fmt: skip
        approval = samples.approval(
            approvalId=f"approval-{one:03}", remediationId=remediation_id, endpointId=endpoint_id,
            endpointName=name, createdAt=iso(now), deadline=iso(now).replace("2026", "2027"),
            mayDecide=[ADA.id, GRACE.id], decideIn=decide_in, digestId=_DIGEST,
        )  # fmt: skip
        bench.records.keep_token(approval["approvalId"], f"token-{one:03}", now)
        assert bench.records.open_approval(approval)
        finding = samples.finding(
            one, endpointId=endpoint_id, endpointName=name, remediationId=remediation_id
        )
        digests().add_finding(_DIGEST, key, finding, now)

    def decided(self, one: int, by: str = ADA.id) -> None:
        """Someone approves an endpoint meanwhile."""
        facts = {"decidedBy": by}
        assert self.bench.records.settle(f"approval-{one:03}", ApprovalStatus.APPROVED, facts)

    def review(self, user: str = ADA.id, digest_id: str = _DIGEST, **changes: Any) -> int:
        payload = {
            "type": "block_actions", "user": {"id": user}, "channel": {"id": CHANNEL},
            "container": {"message_ts": "1.1"}, "trigger_id": self.bench.slack.new_trigger(user),
            "actions": [{"action_id": "review", "value": digest_id}], **changes,
        }  # fmt: skip
        return self.send(payload)[0]

    def turn(self, to: int, user: str = ADA.id, chosen: Mapping[str, str] | None = None, **view: Any) -> int:
        payload = {
            "type": "block_actions", "user": {"id": user}, "view": {**self.view(user, chosen), **view},
            "actions": [{"action_id": "digest-next", "value": str(to)}],
        }  # fmt: skip
        return self.send(payload)[0]

    def submit(
        self, chosen: Mapping[str, str], user: str = ADA.id, *, of: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Submit the modal that the user sees, or another; returns the answer."""
        payload = {
            "type": "view_submission", "user": {"id": user}, "view": of or self.view(user, chosen)
        }  # fmt: skip
        status, body = self.send(payload)
        assert status == 200
        answer: dict[str, Any] = json.loads(body)
        return answer

    def view(self, user: str = ADA.id, chosen: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The user's modal as Slack sends it, with what they chose; `all` and such by their first part."""
        [view] = self.bench.slack.views(user)
        values: dict[str, Any] = {}
        for block in view.content["blocks"]:
            if block["type"] != "input":
                continue
            element, block_id = block["element"], block["block_id"]
            mine = (chosen or {}).get(block_id, (chosen or {}).get(block_id.partition("#")[0]))
            if element["type"] == "static_select":
                value = mine or element["initial_option"]["value"]
                state: dict[str, Any] = {"selected_option": {"value": value}}
            else:
                state = {"value": mine}
            values[block_id] = {element["action_id"]: state}
        return {
            "id": view.id, "hash": view.hash, "callback_id": view.content["callback_id"],
            "private_metadata": view.content["private_metadata"], "state": {"values": values},
        }  # fmt: skip

    def send(self, payload: dict[str, Any]) -> tuple[int, str]:
        body = urlencode({"payload": json.dumps(payload)})
        headers = signed(body, self.bench.clock.now())
        answer = self.bench.run(slack_interactions.handler, headers=headers, body=body)
        return answer["statusCode"], answer["body"]

    def findings(self) -> list[Finding]:
        return digest_cards.findings(_DIGEST)

    def approval(self, one: int) -> Approval:
        found = self.bench.records.approval(f"approval-{one:03}")
        assert found
        return found

    def statuses(self) -> list[str]:
        found = [self.bench.records.approval(one.get("approvalId", "")) for one in self.findings()]
        return [approval["status"] for approval in found if approval]

    def card(self) -> str:
        [card] = self.bench.messages()
        return json.dumps(card.blocks, ensure_ascii=False)


@pytest.fixture
def desk(bench: Bench) -> _Desk:
    return _Desk(bench)


def _said(answer: dict[str, Any]) -> str:
    assert answer["response_action"] == "update"
    return str(answer["view"]["blocks"][0]["text"]["text"])


def _show(slack: Slack) -> tuple[Digest, list[Finding]]:
    digest, findings = digest_cards.read(_DIGEST)
    if shown := digest_cards.rewrite(digest, findings, slack):
        digests().note(_DIGEST, {"shown": shown})  # as ShowDigest does
    return digest, findings


def test_twenty_decisions_from_one_submission_are_twenty_records_under_the_approvers_name(
    desk: _Desk,
) -> None:
    desk.ask(21)
    assert desk.review() == 200
    answer = desk.submit({"all": "encrypt", "approval-003": "leave", "reason": "it moves", "ask-again": "7"})
    assert "*Recorded:* 19 to be encrypted, 1 left as they are." in _said(answer)
    assert answer["view"]["private_metadata"] == f"{_DIGEST}/2", "where something waits"
    statuses = ["DENIED" if one == 3 else "APPROVED" for one in range(20)]
    assert desk.statuses() == [*statuses, "PENDING"]
    assert sorted(desk.bench.workflow.woken) == [f"token-{number:03}" for number in range(20)]
    for number in range(20):
        assert desk.approval(number).get("decidedBy") == ADA.id
        assert "decision" not in desk.bench.remediation(f"remediation-{number:03}"), (
            "its workflow takes it over"
        )
    denied = desk.approval(3)
    assert denied.get("reason") == "it moves"
    assert denied.get("askAgain") == iso(desk.bench.clock_now() + timedelta(days=7))
    assert "reason" not in desk.approval(4), "it was for the denial"
    assert "1 awaiting a decision · 19 approved · 1 left as it is" in desk.card()


def test_the_list_opens_where_something_waits(desk: _Desk) -> None:
    desk.ask(45)
    for one in range(25):
        desk.decided(one)
    assert desk.review() == 200
    assert desk.view()["private_metadata"] == f"{_DIGEST}/2"


def test_pages_are_turned_in_the_same_modal(desk: _Desk) -> None:
    desk.ask(45)
    desk.review()
    assert desk.turn(3) == 200
    assert desk.view()["private_metadata"] == f"{_DIGEST}/3"
    assert desk.turn(99) == 200
    assert desk.view()["private_metadata"] == f"{_DIGEST}/3"


def test_a_page_with_choices_that_are_not_recorded_is_not_turned(desk: _Desk) -> None:
    desk.ask(45)
    desk.review()
    assert desk.turn(2, chosen={"approval-001": "encrypt"}) == 200
    assert desk.view()["private_metadata"] == f"{_DIGEST}/1"
    assert "is not recorded yet" in json.dumps(desk.bench.slack.views(ADA.id)[0].content)


def test_the_second_click_of_two_on_next_turns_no_further_page(desk: _Desk) -> None:
    desk.ask(45)
    desk.review()
    old = desk.view()
    assert desk.turn(2) == 200
    assert desk.turn(2, hash=old["hash"]) == 200
    assert desk.turn(2, id="V0CLOSED") == 200
    assert desk.view()["private_metadata"] == f"{_DIGEST}/2"


def test_slack_that_refuses_a_page_shows_as_a_lost_click(desk: _Desk) -> None:
    desk.ask(45)
    desk.review()
    desk.bench.slack.faults.fail("views.update", "internal_error")
    assert desk.turn(2) == 503


def test_an_outsider_sees_nothing_and_learns_whom_to_ask(desk: _Desk) -> None:
    desk.ask(2)
    assert desk.review(MALLORY.id) == 200
    assert desk.bench.slack.views(MALLORY.id) == []
    [told] = desk.bench.slack.ephemerals(MALLORY.id)
    assert f"<@{ADA.id}>" in told.text


def test_an_outsiders_submission_decides_nothing_and_is_on_record(desk: _Desk) -> None:
    """They were an approver when they opened it."""
    desk.ask(2)
    desk.review()
    desk.bench.set_rules(default={"approvers": [GRACE.id]})
    assert desk.turn(1) == 200
    assert "Ask <@U0GRACE>" in json.dumps(desk.bench.slack.views(ADA.id)[0].content)
    desk.bench.set_rules()
    desk.bench.slack.close_view(ADA.id)
    desk.review()
    desk.bench.set_rules(default={"approvers": [GRACE.id]})
    answer = desk.submit({"all": "encrypt"})
    assert "Ask <@U0GRACE>" in _said(answer)
    assert "endpoint-" not in json.dumps(answer), "an outsider learns nothing"
    assert desk.statuses() == ["PENDING", "PENDING"]
    approval = desk.bench.records.approval("approval-001") or {}
    assert [attempt["by"] for attempt in approval.get("attempts", [])] == [ADA.id]


def test_a_dropped_routes_digest_is_decided_by_those_whom_it_named(desk: _Desk) -> None:
    desk.ask(1, route="clinical")
    desk.bench.set_rules(default={"approvers": [MALLORY.id]})
    assert desk.review(MALLORY.id) == 200
    assert desk.bench.slack.views(MALLORY.id) == []
    assert desk.review(GRACE.id) == 200
    assert len(desk.bench.slack.views(GRACE.id)) == 1


def test_anyone_means_anyone_who_sees_the_card(desk: _Desk) -> None:
    desk.ask(1)
    desk.bench.set_rules(default={"approvers": ["*"]})
    assert desk.review(MALLORY.id, channel={"id": "C0ELSEWHERE"}) == 503, "nobody can be told there"
    assert desk.review(MALLORY.id) == 200
    assert "1 to be encrypted" in _said(desk.submit({"all": "encrypt"}, MALLORY.id))


def test_a_digest_that_is_not_on_record_is_reported_as_such(desk: _Desk) -> None:
    desk.ask(1)
    assert desk.review(digest_id="no-such") == 200
    assert "not on record" in desk.bench.slack.ephemerals(ADA.id)[0].text
    desk.review()
    other = {**desk.view(), "private_metadata": "no-such/1"}
    assert "not on record" in _said(desk.submit({}, of=other))


def test_leaving_any_without_a_reason_is_reported_in_its_place(desk: _Desk) -> None:
    desk.ask(2)
    desk.review()
    answer = desk.submit({"approval-000": "encrypt", "approval-001": "leave"})
    assert answer["response_action"] == "errors"
    [(block, why)] = answer["errors"].items()
    assert block in desk.view()["state"]["values"]
    assert "Give a reason" in why
    assert desk.statuses() == ["PENDING", "PENDING"], "all or nothing, before anything is recorded"
    assert desk.submit({})["response_action"] == "errors"


def test_the_same_submission_again_is_harmless(desk: _Desk) -> None:
    desk.ask(3)
    desk.review()
    body = desk.view(chosen={"all": "encrypt"})
    first, again = desk.submit({}, of=body), desk.submit({}, of=body)
    assert _said(first) == _said(again) == ":white_check_mark: *Recorded:* 3 to be encrypted."
    assert set(desk.bench.workflow.woken) == {f"token-{number:03}" for number in range(3)}


def test_what_someone_else_decided_meanwhile_is_reported_and_the_rest_recorded(desk: _Desk) -> None:
    desk.ask(3)
    desk.review()
    desk.review(GRACE.id)
    desk.submit({"approval-001": "encrypt"}, GRACE.id)
    body = desk.view(chosen={"all": "leave", "reason": "later"})
    said = _said(desk.submit({}, of=body))
    assert "2 left as they are" in said
    assert f"*Not recorded:* `endpoint-001`: This was already approved by <@{GRACE.id}>" in said
    assert desk.statuses() == ["DENIED", "APPROVED", "DENIED"]


def test_the_first_of_two_approvals_is_reported_as_that(desk: _Desk) -> None:
    desk.ask(1)
    desk.bench.records.note_approval("approval-000", {"approvalsNeeded": 2})
    desk.review()
    said = _said(desk.submit({"all": "encrypt"}))
    assert "1 approved, waiting for a second approver" in said
    assert "1 approved, a second approval is needed" in desk.card()
    assert "approval is recorded" in _said(desk.submit({"all": "encrypt"}))
    desk.review(GRACE.id)
    assert "1 to be encrypted" in _said(desk.submit({"all": "encrypt"}, GRACE.id))
    assert desk.statuses() == ["APPROVED"]


def test_after_the_deadline_nothing_is_recorded(desk: _Desk) -> None:
    desk.ask(2)
    desk.review()
    desk.bench.pass_time(366 * 86_400)
    answer = desk.submit({"all": "encrypt"})
    assert "`endpoint-000`, `endpoint-001`: The deadline" in _said(answer)
    assert answer["view"]["private_metadata"] == f"{_DIGEST}/1", "they see it where they decided"
    assert desk.statuses() == ["PENDING", "PENDING"]


def test_a_route_outside_slack_takes_no_forged_decision(desk: _Desk) -> None:
    desk.ask(1, decideIn="command-line")
    desk.review()
    view = desk.view()
    assert view["state"]["values"] == {}
    view["state"]["values"] = {"approval-000": {"decision": {"selected_option": {"value": "encrypt"}}}}
    assert "sealpoint approve remediation-000" in _said(desk.submit({}, of=view))
    assert desk.statuses() == ["PENDING"]


def test_another_digests_approvals_are_not_decided(desk: _Desk) -> None:
    desk.ask(2)
    desk.bench.records.note_approval("approval-001", {"digestId": "another"})
    desk.review()
    said = _said(desk.submit({"all": "encrypt"}))
    assert "1 to be encrypted" in said
    assert "`endpoint-001`: This question is not on record here" in said
    assert desk.statuses() == ["APPROVED", "PENDING"]


def test_one_that_can_not_be_recorded_now_holds_up_no_other(
    desk: _Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.ask(3)
    desk.review()
    real = desk.bench.workflow.wake

    def broken(task_token: str) -> bool:
        if task_token == "token-001":
            raise ServiceUnavailable("Step Functions could not be reached.")
        return real(task_token)

    with monkeypatch.context() as patch:
        patch.setattr(desk.bench.workflow, "wake", broken)
        said = _said(desk.submit({"all": "encrypt"}))
    assert "2 to be encrypted" in said
    assert "`endpoint-001`: The decision could not be recorded. Try again." in said
    assert "1 to be encrypted" in _said(desk.submit({"approval-001": "encrypt"}))
    assert set(desk.bench.workflow.woken) == {"token-000", "token-001", "token-002"}


def test_a_card_that_can_not_be_rewritten_now_undoes_no_decision(desk: _Desk) -> None:
    desk.ask(1)
    desk.review()
    desk.bench.slack.faults.fail("chat.update", "internal_error")
    assert "1 to be encrypted" in _said(desk.submit({"all": "encrypt"}))
    assert desk.statuses() == ["APPROVED"]


def test_a_group_out_of_reach_decides_nothing(desk: _Desk) -> None:
    desk.ask(1)
    desk.bench.set_rules(default={"approvers": ["S0TEAM"]})
    assert desk.review(GRACE.id) == 200
    view = desk.view(GRACE.id, {"all": "encrypt"})
    forget_group_members()
    desk.bench.slack.faults.fail("usergroups.users.list", "internal_error")
    status, _ = desk.send({"type": "view_submission", "user": {"id": GRACE.id}, "view": view})
    assert status == 503
    assert desk.statuses() == ["PENDING"]


def test_the_log_names_each_remediation_rightly(desk: _Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.ask(20)
    desk.review()
    desk.submit({"all": "encrypt"})
    judged = [record.__dict__ for record in caplog.records if record.message == "decision_judged"]
    assert {record["remediation_id"] for record in judged} == {f"remediation-{n:03}" for n in range(20)}
    assert "token-0" not in json.dumps([record.__dict__ for record in caplog.records], default=str)


def test_decisions_are_taken_side_by_side(desk: _Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.ask(8)
    desk.review()
    together, real = threading.Barrier(8, timeout=20), Records.settle

    def settle(self: Records, *arguments: Any) -> Any:
        together.wait()  # breaks unless eight come at once
        return real(self, *arguments)

    monkeypatch.setattr(Records, "settle", settle)
    assert "8 to be encrypted" in _said(desk.submit({"all": "encrypt"}))


def test_all_is_on_record_before_the_first_workflow_goes_on(
    desk: _Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.ask(5)
    desk.review()
    real, seen = desk.bench.workflow.wake, list[list[str]]()

    def wake(task_token: str) -> bool:
        seen.append(desk.statuses())
        return real(task_token)

    monkeypatch.setattr(desk.bench.workflow, "wake", wake)
    desk.submit({"all": "encrypt"})
    assert seen == [["APPROVED"] * 5] * 5


def test_a_mistake_about_one_holds_up_no_other(desk: _Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.ask(3)
    desk.review()
    real = Records.settle

    def settle(self: Records, approval_id: str, *arguments: Any) -> Any:
        if approval_id == "approval-001":
            raise KeyError(approval_id)
        return real(self, approval_id, *arguments)

    monkeypatch.setattr(Records, "settle", settle)
    with pytest.raises(KeyError):
        desk.submit({"all": "encrypt"})
    assert sorted(desk.bench.workflow.woken) == ["token-000", "token-002"]


def test_questions_that_can_not_be_read_now_decide_nothing(
    desk: _Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.ask(2)
    desk.review()
    view = desk.view(chosen={"all": "encrypt"})

    def broken(*_: Any) -> None:
        raise ServiceUnavailable("DynamoDB could not be reached.")

    with monkeypatch.context() as patch:
        patch.setattr(Records, "find_remediations", broken)
        assert desk.send({"type": "view_submission", "user": {"id": ADA.id}, "view": view})[0] == 503
    assert desk.statuses() == ["PENDING", "PENDING"]
    assert "2 to be encrypted" in _said(desk.submit({"all": "encrypt"}))


# -- the card


def test_the_card_is_rewritten_only_if_it_would_say_something_else(desk: _Desk) -> None:
    desk.ask(2)
    slack = Slack(slack_interactions.bot_token())
    for _ in range(2):
        _show(slack)
    desk.decided(0)
    digest, findings = _show(slack)
    assert digest["digestId"] == _DIGEST
    assert [finding.get("decision") for finding in findings] == ["APPROVED", None]
    assert [call.method for call in desk.bench.slack.calls].count("chat.update") == 2


def test_a_card_that_is_not_posted_yet_is_left_alone(desk: _Desk) -> None:
    digests().open(samples.digest(), desk.bench.clock_now())
    _show(Slack(slack_interactions.bot_token()))
    assert desk.bench.slack.calls == []


def test_the_last_to_write_may_have_read_first(desk: _Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Someone decides, and shows it, between our reading and our writing."""
    desk.ask(2)
    slack, real = Slack(slack_interactions.bot_token()), Slack.update
    others = [0, 1]

    def update(self: Slack, *arguments: Any) -> None:
        if others:
            desk.decided(others.pop(), GRACE.id)
            _show(slack)
        real(self, *arguments)

    monkeypatch.setattr(Slack, "update", update)
    _show(slack)
    assert "2 approved" in desk.card()


# -- whatever comes


_almost_a_view = st.fixed_dictionaries(
    {},
    optional={
        "id": st.just("V1") | json_values,
        "hash": json_values,
        "callback_id": st.just("digest") | json_values,
        "private_metadata": st.just(f"{_DIGEST}/1") | st.just("other/1") | json_values,
        "state": st.fixed_dictionaries(
            {
                "values": st.dictionaries(
                    st.sampled_from(["approval-000", "approval-777", "all#1", "reason#1", "ask-again#1"])
                    | st.text(max_size=9),
                    st.dictionaries(
                        st.just("decision"),
                        st.fixed_dictionaries(
                            {
                                "selected_option": st.fixed_dictionaries(
                                    {"value": st.sampled_from(["encrypt", "leave", "as-above"]) | json_values}
                                )
                                | json_values
                            }
                        )
                        | json_values,
                        max_size=1,
                    )
                    | json_values,
                    max_size=4,
                )
                | json_values
            }
        )
        | json_values,
    },
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    view=_almost_a_view | json_values,
    kind=st.sampled_from(["view_submission", "block_actions"]),
    value=st.just("1") | json_values,
    user=st.sampled_from([ADA.id, MALLORY.id]),
)
def test_nothing_that_issigned_breaks_it_or_decides_by_accident(
    desk: _Desk, view: Any, kind: str, value: Any, user: str
) -> None:
    if digests().find(_DIGEST) is None:
        desk.ask(1)
    actions = [{"action_id": "digest-next", "value": value}]
    payload = {"type": kind, "user": {"id": user}, "view": view, "actions": actions}
    body = urlencode({"payload": json.dumps(payload)})
    event = {"headers": signed(body, desk.bench.clock.now()), "body": body}
    assert slack_interactions.handler(event, CONTEXT)["statusCode"] in (200, 400, 503)
    if desk.statuses() != ["PENDING"]:
        assert (kind, user) == ("view_submission", ADA.id)
        assert digest_list.subject(view["private_metadata"]) == (_DIGEST, 1)
        values = view["state"]["values"]
        chosen = values["approval-000"]["decision"]["selected_option"]["value"]
        if chosen == "as-above":
            with contextlib.suppress(KeyError):
                chosen = values["all#1"]["decision"]["selected_option"]["value"]
        assert chosen in ("encrypt", "leave")
        desk.bench.records.note_approval("approval-000", {"status": "PENDING"})
