"""`sealpoint open`: what waits, until when, and where to decide."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from lambdas.domain.record import from_iso
from ops import clock, evidence
from ops.cli import main
from ops.deployment import Deployment
from ops.waiting import where_to_decide
from tests.handlers.conftest import REGION, Bench
from tests.ops.conftest import Keep, put
from tests.unit import samples

Capture = pytest.CaptureFixture[str]
ASKED = "2026-11-23T09:00:00Z"
LINK = "https://slack.example/archives/C1/p1"


def _at(monkeypatch: pytest.MonkeyPatch, moment: str) -> datetime:
    monkeypatch.setattr(clock, "now", lambda: from_iso(moment))
    return from_iso(moment)


def test_each_open_question_with_its_deadline_and_its_place(
    keep: Keep, bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    facts = {"createdAt": ASKED, "deadline": "2026-11-24T09:00:00Z"}
    later = facts | {"deadline": "2026-11-25T09:00:00Z"}
    keep(1, "on-a-card", approval=facts | {"ts": "1.1", "permalink": LINK})
    keep(2, "outside-slack", approval=later | {"ts": "1.2", "decideIn": "command-line"})
    keep(3, "in-a-digest", digestId="0123456789abcdef", approval=later)
    put(bench, "digest#0123456789abcdef", "digest", samples.digest(digestId="0123456789abcdef", ts="1.3"))
    keep(
        4,
        "by-two",
        approval=later | {"ts": "1.4", "approvalsNeeded": 2, "approvals": [{"by": "U1", "at": ASKED}]},
    )
    keep(5, "decided", approval=facts | {"status": "APPROVED"})
    keep(6, "ended", outcome="EXPIRED", approval=facts)
    _at(monkeypatch, "2026-11-23T12:00:00Z")
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["open", "--region", REGION]) == 0
    heading, *lines = map(str.rstrip, capsys.readouterr().out.splitlines())
    assert heading.split()[:2] == ["Id", "Endpoint"]
    assert [line.split()[1] for line in lines] == ["on-a-card", "by-two", "in-a-digest", "outside-slack"]
    assert "3 h ago" in lines[0]
    assert "2026-11-24 09:00 (in 21 h)" in lines[0]
    assert lines[0].endswith(LINK)
    assert "1 of 2" in lines[1]
    assert lines[2].endswith("digest 01234567")
    assert lines[3].endswith("command line")


def test_nothing_that_waits_is_said(keep: Keep, capsys: Capture) -> None:
    keep(1, "ended", outcome="EXPIRED")
    assert main(["open", "--region", REGION]) == 0
    assert capsys.readouterr().out == f"Nothing waits for a decision in {REGION}.\n"


@pytest.mark.parametrize(
    ("minutes", "overdue"), [(24 * 60 - 1, False), (24 * 60 + 4, False), (24 * 60 + 6, True)]
)
def test_a_question_is_overdue_once_late_answers_no_longer_count(
    keep: Keep, minutes: int, *, overdue: bool
) -> None:
    keep(1, "fraud", approval={"createdAt": ASKED, "deadline": "2026-11-24T09:00:00Z"})
    [question] = evidence.questions(Deployment(REGION))
    assert question.is_overdue(from_iso(ASKED) + timedelta(minutes=minutes)) is overdue


def test_a_card_that_is_not_posted_is_lost_after_a_while_and_a_digests_once_it_is_filled(
    keep: Keep, bench: Bench
) -> None:
    keep(1, "fraud", approval={"createdAt": ASKED})
    keep(2, "claims", digestId="d-1", approval={"createdAt": ASKED})
    soon, later = (from_iso(ASKED) + timedelta(minutes=minutes) for minutes in (14, 16))
    put(bench, "digest#d-1", "digest", samples.digest(digestId="d-1"))
    asked = evidence.questions(Deployment(REGION))
    assert {where_to_decide(question) for question in asked} == {"its card is not posted yet"}
    assert {question.endpoint for question in asked if question.is_lost(soon)} == set()
    assert {question.endpoint for question in asked if question.is_lost(later)} == {"fraud"}
    put(bench, "digest#d-1", "digest", samples.digest(digestId="d-1", filledAt=ASKED))
    asked = evidence.questions(Deployment(REGION))
    assert {question.endpoint for question in asked if question.is_lost(later)} == {"fraud", "claims"}
