from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from lambdas.domain.vocabulary import Outcome
from ops.history import Evidence, as_csv, as_json, as_report, as_table
from tests.unit import samples
from tests.unit.strategies import texts

_DONE: dict[str, Any] = {
    "outcome": "ENCRYPTED",
    "closedAt": "2026-11-23T11:00:00Z",
    "decision": "APPROVED",
    "decidedBy": "U1",
    "decidedAt": "2026-11-23T10:00:00Z",
    "timeline": [
        {"at": "2026-11-23T10:30:00Z", "what": "UpdateEndpoint from a to b"},
        {"at": "2026-11-23T10:00:00Z", "what": "Decided: APPROVED", "by": "U1"},
    ],
}
_KEPT = {"config": samples.config(), "endpoint": samples.endpoint(), "tags": {"team": "<fraud>"}}


def _evidence(**facts: Any) -> Evidence:
    return Evidence(samples.remediation(**{**_DONE, **facts}), samples.approval(), _KEPT)


def _report(*history: Evidence) -> str:
    return as_report(history, made_at="2026-11-24T09:00:00Z", where="account 1, us-east-1")


def _printed(*history: Evidence) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(as_table(history))
    return console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO above


def test_json_is_everything_that_is_on_record() -> None:
    evidence = _evidence()
    [read] = json.loads(as_json([evidence]))["remediations"]
    assert read == {"record": evidence.record, "approval": evidence.approval, "evidence": _KEPT}


def test_csv_has_a_line_for_each() -> None:
    returned = samples.backout(outcome="BACKED_OUT")
    rows = list(csv.DictReader(io.StringIO(as_csv([_evidence(), Evidence(returned, None, {})]))))
    assert [(row["kind"], row["outcome"], row["eventName"]) for row in rows] == [
        ("remediation", "ENCRYPTED", "CreateEndpoint"),
        ("backout", "BACKED_OUT", "Backout"),
    ]


@given(texts, texts)
def test_csv_comes_back_as_it_was_and_starts_no_formula(name: str, reason: str) -> None:
    text = as_csv([_evidence(endpointName=name, reason=reason)])
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    for column, value in (("endpointName", name), ("reason", reason)):
        assert row[column].removeprefix("'") == value.removeprefix("'")
        assert not row[column].startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.text(alphabet="<>&\"'[]/abc", min_size=1, max_size=30))
def test_what_users_wrote_is_shown_and_never_run(text: str) -> None:
    hostile = f"<script>{text}</script>"
    entry = {"at": hostile, "what": hostile, "by": hostile}
    page = _report(_evidence(endpointName=hostile, reason=hostile, notes=[hostile], timeline=[entry]))
    assert "<script" not in page
    assert hostile[:20] in _printed(_evidence(endpointName=hostile))


def test_the_report_has_every_fact_in_the_order_it_happened() -> None:
    page = _report(_evidence())
    assert page.index("Decided: APPROVED") < page.index("UpdateEndpoint from a to b")
    for said in ("CreateEndpoint", samples.KEY_ARN, "no KMS key", "&lt;fraud&gt;", "m6i.large", "account 1"):
        assert said in page
    assert "http" not in page, "it needs nothing from elsewhere"


@pytest.mark.parametrize("outcome", [*Outcome, None])
def test_every_outcome_and_none_can_be_shown(outcome: Outcome | None) -> None:
    evidence = Evidence(samples.remediation(**({"outcome": outcome} if outcome else {})), None, {})
    word = outcome or "open"
    assert word in _printed(evidence)
    assert word in _report(evidence)
    assert as_csv([evidence])


def test_refused_attempts_votes_and_break_glass_are_shown_and_the_task_token_is_not() -> None:
    approval = samples.approval(
        attempts=[{"by": "U9", "at": "2026-11-23T09:30:00Z", "what": "APPROVED: not on the list"}],
        approvals=[{"by": "U1", "at": "2026-11-23T10:00:00Z"}], breakGlassBy="U1",
        breakGlassReason="patients wait", backout=samples.backout_request("U2", reason="too slow"),
    )  # fmt: skip
    evidence = Evidence(samples.remediation(**_DONE), approval, _KEPT)
    [read] = json.loads(as_json([evidence]))["remediations"]
    assert read["approval"]["attempts"][0]["by"] == "U9"
    assert read["approval"]["approvals"][0]["by"] == "U1"
    page = _report(evidence)
    for said in ("APPROVED: not on the list", "U9", "patients wait", "too slow"):
        assert said in page
    assert "oken" not in as_json([evidence])


def test_nothing_on_record_is_said() -> None:
    assert "Nothing is on record" in _report()
    assert json.loads(as_json([])) == {"remediations": []}


def test_a_record_of_a_failure_before_anything_was_known_can_be_shown() -> None:
    bare: Any = {
        "remediationId": "r-1", "executionArn": "", "endpointName": "(unknown)",
        "trigger": dict.fromkeys(samples.remediation()["trigger"], ""), "startedAt": "2026-11-23T10:00:00Z",
    }  # fmt: skip
    assert "(unknown)" in _report(Evidence(bare, None, {}))
    assert "(unknown)" in _printed(Evidence(bare, None, {}))
