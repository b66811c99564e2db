from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.approval.decision import (
    ASK_AGAIN_DAYS,
    GRACE_PERIOD,
    LAST_CALL,
    DecisionRequest,
    Ruling,
    RulingKind,
    ask_again_at,
    denial_of,
    is_last_reminder,
    judge,
    new_approval_id,
    reminder_is_due,
    require_approved,
    seconds_to_reminder,
    still_denied,
    taken_over,
    votes_after,
)
from lambdas.domain.approval.routes import DecideIn
from lambdas.domain.errors import NotApproved
from lambdas.domain.record import Approval, Vote, iso
from lambdas.domain.vocabulary import ApprovalStatus
from tests.unit import samples

_IN_TIME = datetime(2026, 11, 23, 12, tzinfo=UTC)
_AT_DEADLINE = datetime(2026, 11, 24, 9, 0, 6, tzinfo=UTC)
_APPROVED, _DENIED = ApprovalStatus.APPROVED, ApprovalStatus.DENIED
_ANA = "arn:aws:sts::123456789012:assumed-role/Oncall/ana@example.com"  # who made the change, in another role
_SSO = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Approvers_0123456789abcdef"
_SSO_ADA, _SSO_BOB = f"{_SSO}/ada@example.com", f"{_SSO}/bob@example.com"
_ADA = "arn:aws:sts::123456789012:assumed-role/Oncall/ada@example.com"


def judged(
    approval: Approval | None,
    request: DecisionRequest,
    *,
    is_approver: bool = True,
    now: datetime = _IN_TIME,
    **rules: Any,
) -> Ruling:
    return judge(
        approval, request, samples.rules(**rules), samples.remediation(), is_approver=is_approver, now=now
    )


def test_an_approver_decides_an_open_question() -> None:
    assert judged(samples.approval(), DecisionRequest(_APPROVED, "U1")).kind is RulingKind.DECIDE
    assert (
        judged(samples.approval(), DecisionRequest(_DENIED, "U1", reason="later")).kind is RulingKind.DECIDE
    )


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_denial_needs_a_reason(reason: str) -> None:
    assert (
        judged(samples.approval(), DecisionRequest(_DENIED, "U1", reason=reason)).kind
        is RulingKind.ASK_REASON
    )


@pytest.mark.parametrize(
    ("facts", "decision", "user", "kind"),
    [
        ({"status": "APPROVED", "decidedBy": "U1"}, _APPROVED, "U1", RulingKind.REPEAT),
        ({"status": "DENIED", "decidedBy": "U1"}, _DENIED, "U1", RulingKind.REPEAT),
        ({"status": "APPROVED", "decidedBy": "U1"}, _APPROVED, "U2", RulingKind.REPEAT),
        ({"status": "APPROVED", "decidedBy": "U1"}, _DENIED, "U1", RulingKind.REFUSE),
        ({"status": "DENIED", "decidedBy": "U1"}, _APPROVED, "U1", RulingKind.REFUSE),
        ({"status": "EXPIRED"}, _APPROVED, "U1", RulingKind.REFUSE),
        ({"status": "SUPERSEDED"}, _APPROVED, "U1", RulingKind.REFUSE),
    ],
)
def test_a_settled_question_takes_only_the_same_decision_again(
    facts: dict[str, Any], decision: ApprovalStatus, user: str, kind: RulingKind
) -> None:
    ruling = judged(samples.approval(**facts), DecisionRequest(decision, user))
    assert ruling.kind is kind
    assert ruling.explanation, "a click is never swallowed silently"


def test_a_decision_at_the_deadline_is_late() -> None:
    ruling = judged(samples.approval(), DecisionRequest(_APPROVED, "U1"), now=_AT_DEADLINE)
    assert ruling.kind is RulingKind.REFUSE
    assert "deadline" in ruling.explanation


@given(
    st.text(),
    st.sampled_from(ApprovalStatus),
    st.sampled_from([_APPROVED, _DENIED]),
    st.text(),
    st.booleans(),
)
def test_nobody_off_the_list_ever_decides(
    user: str, status: ApprovalStatus, decision: ApprovalStatus, reason: str, exists: bool
) -> None:
    approval = samples.approval(status, decidedBy=user) if exists else None
    request = DecisionRequest(decision, user, reason=reason, break_glass=True)
    assert judged(approval, request, is_approver=False, break_glass=True).kind is RulingKind.REFUSE


def test_an_outsider_learns_nothing_of_what_exists() -> None:
    rulings = {
        judged(approval, DecisionRequest(_APPROVED, "U9"), is_approver=False)
        for approval in (None, samples.approval(), samples.approval(_DENIED))
    }
    assert len(rulings) == 1
    assert "<@U1>, <@U2>" in rulings.pop().explanation


def test_an_unknown_question_changes_nothing() -> None:
    assert judged(None, DecisionRequest(_APPROVED, "U1")).kind is RulingKind.REFUSE


# -- nobody may approve their own change


@pytest.mark.parametrize("by", ["U1", _ANA])
def test_nobody_approves_their_own_change(by: str) -> None:
    approval = samples.approval(changedBy="U1")
    ruling = judged(approval, DecisionRequest(_APPROVED, by))
    assert ruling.kind is RulingKind.REFUSE
    assert "nobody may approve their own" in ruling.explanation
    assert (
        judged(approval, DecisionRequest(_APPROVED, by), forbid_own_approval=False).kind is RulingKind.DECIDE
    )
    assert judged(approval, DecisionRequest(_DENIED, by, reason="x")).kind is RulingKind.DECIDE, (
        "but they may deny it"
    )


@pytest.mark.parametrize("by", ["U2", _ADA])
def test_someone_else_approves_it(by: str) -> None:
    assert judged(samples.approval(changedBy="U1"), DecisionRequest(_APPROVED, by)).kind is RulingKind.DECIDE


@pytest.mark.parametrize("by", ["U1", _ANA])
def test_a_break_glass_approval_needs_a_reason(by: str) -> None:
    approval = samples.approval(changedBy="U1")

    def kind_of(**more: Any) -> RulingKind:
        return judged(approval, DecisionRequest(_APPROVED, by, **more), break_glass=True).kind

    assert kind_of() is RulingKind.ASK_REASON
    assert kind_of(reason="patients wait") is RulingKind.ASK_REASON, (
        "a reason alone doesn't say that they know"
    )
    assert kind_of(break_glass=True) is RulingKind.ASK_REASON
    assert kind_of(reason="patients wait", break_glass=True) is RulingKind.DECIDE


# -- two approvers


def test_two_approvers_are_two_people() -> None:
    approval = samples.approval(approvalsNeeded=2)
    votes, enough = votes_after(approval, DecisionRequest(_APPROVED, "U1"), _IN_TIME)
    assert not enough
    approval = samples.approval(approvalsNeeded=2, approvals=votes)
    again = judged(approval, DecisionRequest(_APPROVED, "U1"))
    assert again.kind is RulingKind.REFUSE
    assert "second approver" in again.explanation
    assert judged(approval, DecisionRequest(_APPROVED, "U2")).kind is RulingKind.DECIDE
    _, enough = votes_after(approval, DecisionRequest(_APPROVED, "U2"), _IN_TIME)
    assert enough


def test_one_person_is_not_two_by_deciding_in_two_ways() -> None:
    votes, _ = votes_after(samples.approval(approvalsNeeded=2), DecisionRequest(_APPROVED, "U1"), _IN_TIME)
    approval = samples.approval(approvalsNeeded=2, approvals=votes)
    votes, enough = votes_after(approval, DecisionRequest(_APPROVED, _ADA), _IN_TIME)
    assert not enough, "the principal may be U1"
    approval = samples.approval(approvalsNeeded=2, approvals=votes)
    other_role = _ADA.replace("Oncall", "Admin")
    assert judged(approval, DecisionRequest(_APPROVED, other_role)).kind is RulingKind.REFUSE
    _, enough = votes_after(approval, DecisionRequest(_APPROVED, "U2"), _IN_TIME)
    assert enough


def test_sessions_of_one_role_are_one_person() -> None:
    """Whoever assumes a role chooses its session's name."""
    votes, _ = votes_after(samples.approval(approvalsNeeded=2), DecisionRequest(_APPROVED, _ADA), _IN_TIME)
    approval = samples.approval(approvalsNeeded=2, approvals=votes)
    other = judged(approval, DecisionRequest(_APPROVED, _ADA.replace("ada", "bob")))
    assert other.kind is RulingKind.REFUSE
    assert "count as one person" in other.explanation
    sso = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Oncall_0123456789abcdef/bob@example.com"
    assert judged(approval, DecisionRequest(_APPROVED, sso)).kind is RulingKind.DECIDE


def test_a_change_made_under_a_role_is_not_approved_under_it() -> None:
    made_by = samples.remediation()["trigger"]["principalArn"]
    ruling = judged(samples.approval(), DecisionRequest(_APPROVED, made_by.replace("ana", "bob")))
    assert ruling.kind is RulingKind.REFUSE
    assert "with the role that you are using, by `ana@example.com`" in ruling.explanation


@given(st.lists(st.sampled_from(["U1", "U2", "U3", _ADA, _SSO_ADA, _SSO_BOB]), max_size=8), st.integers(1, 2))
def test_in_any_order_of_votes_no_person_counts_twice(people: list[str], needed: int) -> None:
    approval = samples.approval(approvalsNeeded=needed)
    for by in people:
        request = DecisionRequest(_APPROVED, by)
        if judged(approval, request).kind is not RulingKind.DECIDE:
            continue
        votes, enough = votes_after(approval, request, _IN_TIME)
        approval["approvals"] = votes
        if enough:
            approval["status"] = ApprovalStatus.APPROVED
    voted = [vote["by"] for vote in approval.get("approvals", [])]
    assert len(voted) == len(set(voted))
    assert not {_ADA, _SSO_ADA} <= set(voted), "one name, two roles"
    in_slack = sum(by.startswith("U") for by in voted)
    reached = max(in_slack, len(voted) - in_slack) >= needed
    assert (approval["status"] == ApprovalStatus.APPROVED) == reached


# -- a break-glass approval among two


def _entry(approval: Approval) -> str:
    return _entries(approval)[-1]


def _entries(approval: Approval) -> list[str]:
    return [entry["what"] for entry in taken_over(approval, _IN_TIME)[1]]


def test_who_approved_by_break_glass_is_named_not_who_approved_after_them() -> None:
    votes: list[Vote] = [{"by": by, "at": "2026-11-23T10:00:00Z"} for by in ("U1", "U2")]
    facts: dict[str, Any] = {
        "approvals": votes, "decidedBy": "U2", "breakGlassBy": "U1", "breakGlassReason": "patients\nwait",
    }  # fmt: skip
    assert _entry(samples.approval(_APPROVED, **facts)) == (
        "Approved, after U1; U1 approved their own change"
    )
    assert "own change" not in _entry(samples.approval(_DENIED, **facts, reason="no")), "nothing was broken"
    facts["approvals"] = votes[:1]
    first = samples.approval(approvalsNeeded=2, **facts)
    assert _entries(first)[0] == "Approved, 1 of 2 (break-glass): “patients wait”"


def test_a_reason_is_quoted_on_one_line() -> None:
    approval = samples.approval(_DENIED, decidedBy="U1", reason="x\n*Approved*\n:lock:")
    assert _entry(approval) == "Denied: “x *Approved* :lock:”"


# -- where decisions are taken


def test_a_route_that_is_gone_leaves_its_questions_to_those_who_were_asked() -> None:
    """Never to the default route's approvers, and nowhere else than it said."""
    rules = samples.rules()
    asked = samples.approval(mayDecide=["U7", "S7"], decideIn="command-line", channel="C7")
    route = rules.route_for("gone", asked)
    assert (route.users, route.groups, route.anyone) == (("U7",), ("S7",), False)
    assert (route.channel, route.decide_in) == ("C7", DecideIn.COMMAND_LINE)
    assert rules.route_for("default", asked).users == ("U1", "U2"), "else the settings of the moment decide"
    assert rules.route_for("gone", None).name == "default"
    assert rules.route_for("gone", samples.approval(mayDecide=[])).approvers == ()


def test_a_forged_click_on_a_route_outside_slack_is_refused() -> None:
    elsewhere = samples.route(decide_in=DecideIn.COMMAND_LINE)
    for approval, route in (
        (samples.approval(decideIn="command-line"), samples.route()),
        (samples.approval(), elsewhere),  # the settings changed since it was asked
    ):
        for request in (DecisionRequest(_APPROVED, "U1"), DecisionRequest(_DENIED, "U1", reason="x")):
            ruling = judged(approval, request, routes=(route,))
            assert ruling.kind is RulingKind.REFUSE
            assert "sealpoint" in ruling.explanation
        assert judged(approval, DecisionRequest(_APPROVED, _ADA), routes=(route,)).kind is RulingKind.DECIDE


# -- denials


@pytest.mark.parametrize("choice", ASK_AGAIN_DAYS)
def test_a_denial_holds_for_as_long_as_was_chosen_and_for_its_plan_alone(choice: str) -> None:
    until = ask_again_at(choice, _IN_TIME)
    approval = samples.approval(_DENIED, decidedBy="U1", reason="moving", askAgain=until)
    denial = denial_of(samples.remediation(), approval)
    assert "moving" in (still_denied(denial, "f" * 64, _IN_TIME) or "")
    assert still_denied(denial, "0" * 64, _IN_TIME) is None
    days = ASK_AGAIN_DAYS[choice]
    later = still_denied(denial, "f" * 64, _IN_TIME + timedelta(days=days or 10_000))
    assert bool(later) == (days is None)
    assert still_denied(None, "f" * 64, _IN_TIME) is None


# -- waiting


@given(st.integers(0, 30 * 86_400), st.integers(0, 30 * 86_400))
def test_waiting_goes_from_reminder_to_reminder_and_ends_at_the_deadline(left: int, every: int) -> None:
    deadline, reminder, now = _IN_TIME + timedelta(seconds=left), timedelta(seconds=every), _IN_TIME
    asked = samples.approval(createdAt=iso(now), deadline=iso(deadline))
    reminders = 0
    for _ in range(10_000 if every > 300 else 3):
        wait = timedelta(seconds=seconds_to_reminder(asked, reminder, now))
        assert wait > timedelta(0)
        assert not reminder_is_due(asked, reminder, now + min(wait / 2, wait - 2 * timedelta(minutes=1)))
        now += wait
        if now >= deadline:
            assert now <= deadline + GRACE_PERIOD + timedelta(seconds=1)
            break
        assert reminder_is_due(asked, reminder, now)
        reminders += 1
        asked["remindedAt"] = iso(now)
        if is_last_reminder(now, deadline, reminder):
            following = timedelta(seconds=seconds_to_reminder(asked, reminder, now))
            assert now + following + timedelta(minutes=1) >= deadline
    if not every:  # nobody is reminded; it wakes once, for the alarm about a question that is about to expire
        assert reminders == (1 if timedelta(seconds=left) > LAST_CALL else 0)


def test_ids_are_long_and_never_twice_the_same() -> None:
    ids = {new_approval_id() for _ in range(200)}
    assert len(ids) == 200
    assert all(len(approval_id) >= 32 for approval_id in ids)


@pytest.mark.parametrize(
    ("approval", "plan"),
    [
        (None, "f" * 64),
        (samples.approval(ApprovalStatus.PENDING), "f" * 64),
        (samples.approval(_DENIED), "f" * 64),
        (samples.approval(_APPROVED), "0" * 64),
        (samples.approval(_APPROVED, planHash="0" * 64), "f" * 64),
    ],
)
def test_nothing_is_done_without_an_approval_of_this_plan(approval: Any, plan: str) -> None:
    with pytest.raises(NotApproved):
        require_approved(samples.remediation(), approval, plan)


def test_an_approved_plan_may_be_done() -> None:
    require_approved(samples.remediation(), samples.approval(_APPROVED), "f" * 64)
