from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from lambdas.domain.plain_text import cleaned
from lambdas.domain.vocabulary import Outcome
from ops import deployment
from ops.cli import main
from ops.deployment import Deployment
from ops.evidence import Evidence
from ops.history import as_csv, as_json, as_table, is_within, why
from ops.history_report import LEGEND, as_report
from tests.conftest import ROOT
from tests.handlers.conftest import KEY_ARN, REGION, TABLE, Bench
from tests.ops.conftest import put
from tests.unit import samples
from tests.unit.strategies import texts

LONG_NAME = "a-name-that-is-as-long-as-a-name-may-be-which-is-63-characters"
_DONE: dict[str, Any] = {
    "outcome": "ENCRYPTED",
    "closedAt": "2026-11-23T11:00:00Z",
    "decision": "APPROVED",
    "decidedBy": "U1",
    "decidedAt": "2026-11-23T10:00:00Z",
    "timeline": [
        {"at": "2026-11-23T10:30:00Z", "what": "UpdateEndpoint from a to b"},
        {"at": "2026-11-23T10:00:00Z", "what": "Approved", "by": "U1"},
    ],
}
_KEPT = {"config": samples.config(), "endpoint": samples.endpoint(), "tags": {"team": "<fraud>"}}


def _evidence(**facts: Any) -> Evidence:
    return Evidence(samples.remediation(**{**_DONE, **facts}), samples.approval(), _KEPT)


def _report(*history: Evidence) -> str:
    return as_report(
        history, made_at="2026-11-24T09:00:00Z", where="account 1, us-east-1", json_sha256="0f0f"
    )


def _printed(*history: Evidence) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(as_table(history))
    return console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO above


def test_json_is_everything_that_is_on_record() -> None:
    evidence = _evidence()
    [read] = json.loads(as_json([evidence]))["remediations"]
    assert read == {"record": evidence.record, "approval": evidence.approval, "evidence": _KEPT}


@pytest.fixture
def recorded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Three remediations, of which one was denied after somebody else tried, and one is open."""
    monkeypatch.setattr(deployment, "_settings", dict)
    monkeypatch.setattr(Deployment, "outputs", {"RecordsTableName": TABLE, "KmsKeyArn": KEY_ARN})
    monkeypatch.setenv("COLUMNS", "80")
    for number, facts in enumerate(
        (
            {"outcome": "ENCRYPTED", "endpointName": "fraud"},
            {
                "outcome": "DENIED", "endpointName": LONG_NAME, "decisionReason": "it is\nretired",
                "decidedBy": "U1", "decidedByName": "Ada", "approvalId": "a-1",
            },
            {"endpointName": "fraud"},
        ),
        1,
    ):  # fmt: skip
        moment = f"2026-11-2{number}T09:00:00Z"
        bench.records.start(samples.remediation(remediationId=f"r-{number}", startedAt=moment, **facts))
        evidence = {"config": samples.config(), "endpoint": samples.endpoint(), "tags": {}}
        bench.records.keep_evidence(f"r-{number}", evidence, bench.clock_now())
    bench.records.keep_token("a-1", "a-secret-token", bench.clock_now())
    approval = samples.approval(approvalId="a-1", remediationId="r-2", approvals=[{"by": "U1", "at": "t"}])
    put(bench, "approval#a-1", "approval", approval)
    attempt: Any = {"by": "U2", "at": "2026-11-22T09:01:00Z", "what": "APPROVED: Ask <@U1>."}
    bench.records.note_attempt("a-1", attempt)
    return bench


@pytest.mark.usefixtures("recorded")
class TestCommand:
    """`sealpoint history` from the table to the terminal."""

    def _run(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
        assert main(["history", "--region", REGION, *arguments]) == 0
        return capsys.readouterr().out

    def test_the_ids_come_first_and_reasons_and_names_are_there(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        lines = self._run(capsys).splitlines()
        assert [line.split()[0] for line in lines if line.startswith("r-")] == ["r-3", "r-2", "r-1"]
        denied = "\n".join(lines).split("r-2")[1].split("r-1")[0]
        assert LONG_NAME in denied
        assert "decided by Ada" in denied
        assert "“it is retired”" in denied

    @pytest.mark.parametrize(
        ("arguments", "ids"),
        [
            (["--open"], ["r-3"]),
            (["--since", "2026-11-22"], ["r-3", "r-2"]),
            (["--until", "2026-11-22"], ["r-2", "r-1"]),
            (["--since", "2026-11-21T10:00+01:00", "--until", "2026-11-22T08:59Z"], ["r-1"]),
            (["--since", "2026-11-22", "fraud"], ["r-3"]),
        ],
    )
    def test_only_what_fits(
        self, arguments: list[str], ids: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        listed = json.loads(self._run(capsys, "--format", "json", *arguments))["remediations"]
        assert [one["record"]["remediationId"] for one in listed] == ids

    def test_nothing_on_record_is_said_of_what(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert self._run(capsys, "no-such") == f"Nothing is on record for no-such in {REGION}.\n"
        assert self._run(capsys, "--since", "2030-01-01") == f"Nothing that fits is on record in {REGION}.\n"

    def test_votes_and_refused_attempts_are_there_and_the_token_is_not(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        text = self._run(capsys, "--format", "json")
        assert "a-secret-token" not in text
        approval = json.loads(text)["remediations"][1]["approval"]
        assert [attempt["by"] for attempt in approval["attempts"]] == ["U2"]
        row = list(csv.DictReader(io.StringIO(self._run(capsys, "--format", "csv"))))[1]
        assert row["approvals"] == "U1"
        assert row["refusedAttempts"] == "2026-11-22T09:01:00Z U2: APPROVED: Ask U1."
        assert (row["decidedBy"], row["decidedByName"]) == ("U1", "Ada")

    def test_the_report_says_what_was_asked_for_and_seals_the_json(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Deployment, "account_id", "123456789012")
        period = ("--since", "2026-11-22", "--until", "2026-11-22")
        page = self._run(capsys, "--format", "report", *period)
        assert "started from 2026-11-22 to 2026-11-22;" in page
        assert "Ask U1." in page
        text = self._run(capsys, "--format", "json", *period)
        assert hashlib.sha256(text.encode()).hexdigest() in page

    def test_what_the_table_does_not_show_is_not_read(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def read(*_: Any) -> None:
            raise AssertionError("a call for each record")

        monkeypatch.setattr("lambdas.gateways.records.records.Records.evidence", read)
        assert "r-1" in self._run(capsys)


@given(st.datetimes().map(lambda when: f"{when:%Y-%m-%dT%H:%M:%S}Z"))
def test_a_moment_is_within_its_own_day_and_not_after_it(moment: str) -> None:
    day = moment[:10]
    assert is_within(moment, day, day)
    assert is_within(moment, moment, moment)
    assert is_within(moment, None, None)
    assert not is_within(moment, f"{day}Z", None)


def test_a_reason_is_the_persons_or_the_workflows_without_markup() -> None:
    assert why(samples.remediation(decisionReason="it `is`", reason="x")) == "“it `is`”"
    assert why(samples.remediation(reason="Denied by <@U1>: `x`")) == "Denied by U1: x"


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
        assert row[column].replace("'", "") == cleaned(value).replace("'", "")
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
    assert page.index("Approved") < page.index("UpdateEndpoint from a to b")
    for said in ("CreateEndpoint", samples.KEY_ARN, "no KMS key", "&lt;fraud&gt;", "m6i.large", "account 1"):
        assert said in page
    assert "http" not in page, "it needs nothing from elsewhere"


def test_the_report_begins_with_what_happened_to_which_endpoint_and_ends_with_the_configs() -> None:
    page = _report(
        _evidence(), _evidence(endpointName="other", outcome="DENIED", startedAt="2026-11-21T09:00:00Z")
    )
    summary, appendix = page.index('<a href="#r1">fraud</a>'), page.index("Appendix")
    assert summary < page.index('<section id="r1">') < page.index('<section id="r2">') < appendix
    assert appendix < page.index("m6i.large")
    assert "started 2026-11-21 to 2026-11-23; made 2026-11-24 09:00:00 UTC by Sealpoint 1" in page
    assert "0f0f" in page[:summary]
    assert LEGEND["DENIED"] in page
    assert LEGEND["GONE"] not in page, "the legend has what occurs"


def test_the_report_names_people_and_what_was_refused() -> None:
    record = samples.remediation(**_DONE, decidedByName="Grace Hopper", evidenceSha256="abcd")
    approval = samples.approval(
        approvals=[{"by": "U2", "at": "2026-11-23T10:00:00Z", "name": "Ada"}],
        attempts=[{"by": "U3", "at": "2026-11-23T09:30:00Z", "what": "approve: not an approver"}],
    )
    page = _report(Evidence(record, approval, {}))
    for said in ("Grace Hopper (U1)", "Ada (U2)", "approve: not an approver", "2026-11-23 09:30:00", "abcd"):
        assert said in page
    assert "secret-token" not in page


def test_moments_are_dates_and_not_seconds() -> None:
    page = _report(_evidence())
    assert "2023-11-14T22:13:20.250Z" in page
    assert "1700000000" not in page


def test_the_legend_says_what_the_documentation_says() -> None:
    assert LEGEND.keys() == {*Outcome, "open"}
    documented = re.findall(
        r"^\| `([A-Z_]+)` \| (.+) \|$", (ROOT / "docs/operating.md").read_text(), re.MULTILINE
    )
    plain = {name: re.sub(r"\[([^\]]+)\]\([^)]+\)| \(\[.*\)", r"\1", means) for name, means in documented}
    assert plain == {name: means for name, means in LEGEND.items() if name != "open"}


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
        approvals=[{"by": "U1", "at": "2026-11-23T10:00:00Z"}, {"by": "U5", "at": "2026-11-23T10:01:00Z"}],
        breakGlassBy="U1", decidedBy="U5",
        breakGlassReason="patients wait", backout=samples.backout_request("U2", reason="too slow"),
    )  # fmt: skip
    evidence = Evidence(samples.remediation(**_DONE), approval, _KEPT)
    [read] = json.loads(as_json([evidence]))["remediations"]
    assert read["approval"]["attempts"][0]["by"] == "U9"
    assert read["approval"]["approvals"][0]["by"] == "U1"
    page = _report(evidence)
    for said in ("APPROVED: not on the list", "U9", "patients wait", "too slow", "U1, U5"):
        assert said in page
    assert "approved by U1; break-glass by U1; refused: U9" in _printed(evidence)
    [row] = csv.DictReader(io.StringIO(as_csv([evidence])))
    assert row["breakGlass"] == "U1: patients wait"
    assert "oken" not in as_json([evidence])


def test_the_report_says_if_the_evidence_is_not_what_was_kept() -> None:
    record = samples.remediation(**_DONE, evidenceSha256="abcd")
    assert "differs" not in _report(Evidence(record, None, _KEPT, "abcd"))
    assert "What is kept now differs: ef01" in _report(Evidence(record, None, _KEPT, "ef01"))


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
