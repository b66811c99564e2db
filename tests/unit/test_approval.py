from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediation.approval import Answer, judge_click, new_approval_id, require_approved
from remediation.errors import NotApproved
from remediation.vocabulary import ApprovalStatus
from tests.unit import samples

_IN_TIME = datetime(2026, 11, 23, 12, tzinfo=UTC)
_AT_DEADLINE = datetime(2026, 11, 24, 9, 0, 6, tzinfo=UTC)
_APPROVERS = ("U1", "U2")


@pytest.mark.parametrize("decision", [ApprovalStatus.APPROVED, ApprovalStatus.DENIED])
def test_an_approver_decides_an_open_question(decision: ApprovalStatus) -> None:
    ruling = judge_click(samples.approval(), decision, "U1", approvers=_APPROVERS, now=_IN_TIME)
    assert ruling.answer is Answer.DECIDE


@pytest.mark.parametrize(
    ("facts", "decision", "user", "answer"),
    [
        ({"status": "APPROVED", "decidedBy": "U1"}, ApprovalStatus.APPROVED, "U1", Answer.REPEAT),
        ({"status": "DENIED", "decidedBy": "U1"}, ApprovalStatus.DENIED, "U1", Answer.REPEAT),
        ({"status": "APPROVED", "decidedBy": "U1"}, ApprovalStatus.APPROVED, "U2", Answer.REPEAT),
        ({"status": "APPROVED", "decidedBy": "U1"}, ApprovalStatus.DENIED, "U1", Answer.REFUSE),
        ({"status": "DENIED", "decidedBy": "U1"}, ApprovalStatus.APPROVED, "U1", Answer.REFUSE),
        ({"status": "EXPIRED"}, ApprovalStatus.APPROVED, "U1", Answer.REFUSE),
        ({"status": "SUPERSEDED"}, ApprovalStatus.APPROVED, "U1", Answer.REFUSE),
    ],
)
def test_a_settled_question_takes_only_the_same_click_again(
    facts: dict[str, Any], decision: ApprovalStatus, user: str, answer: Answer
) -> None:
    ruling = judge_click(samples.approval(**facts), decision, user, approvers=_APPROVERS, now=_IN_TIME)
    assert ruling.answer is answer
    assert ruling.explanation, "a click is never swallowed silently"


def test_a_click_at_the_deadline_is_late() -> None:
    ruling = judge_click(
        samples.approval(), ApprovalStatus.APPROVED, "U1", approvers=_APPROVERS, now=_AT_DEADLINE
    )
    assert ruling.answer is Answer.REFUSE
    assert "deadline" in ruling.explanation


@given(st.text(), st.lists(st.text(), max_size=4), st.sampled_from(ApprovalStatus), st.booleans())
def test_nobody_off_the_list_ever_decides(
    user: str, approvers: list[str], status: ApprovalStatus, exists: bool
) -> None:
    approval = samples.approval(status, decidedBy=user) if exists else None
    ruling = judge_click(approval, ApprovalStatus.APPROVED, user, approvers=approvers, now=_IN_TIME)
    assert (ruling.answer is Answer.REFUSE) or (user in approvers)


def test_an_outsider_learns_nothing_of_what_exists() -> None:
    rulings = {
        judge_click(approval, ApprovalStatus.APPROVED, "U9", approvers=_APPROVERS, now=_IN_TIME)
        for approval in (None, samples.approval(), samples.approval(ApprovalStatus.DENIED))
    }
    assert len(rulings) == 1
    assert "<@U1>, <@U2>" in rulings.pop().explanation


def test_an_unknown_question_changes_nothing() -> None:
    ruling = judge_click(None, ApprovalStatus.APPROVED, "U1", approvers=_APPROVERS, now=_IN_TIME)
    assert ruling.answer is Answer.REFUSE


def test_ids_are_long_and_never_twice_the_same() -> None:
    ids = {new_approval_id() for _ in range(200)}
    assert len(ids) == 200
    assert all(len(approval_id) >= 32 for approval_id in ids)


@pytest.mark.parametrize(
    ("approval", "plan"),
    [
        (None, "f" * 64),
        (samples.approval(ApprovalStatus.PENDING), "f" * 64),
        (samples.approval(ApprovalStatus.DENIED), "f" * 64),
        (samples.approval(ApprovalStatus.APPROVED), "0" * 64),
        (samples.approval(ApprovalStatus.APPROVED, planHash="0" * 64), "f" * 64),
    ],
)
def test_nothing_is_done_without_an_approval_of_this_plan(approval: Any, plan: str) -> None:
    with pytest.raises(NotApproved):
        require_approved(samples.remediation(), approval, plan)


def test_an_approved_plan_may_be_done() -> None:
    require_approved(samples.remediation(), samples.approval(ApprovalStatus.APPROVED), "f" * 64)
