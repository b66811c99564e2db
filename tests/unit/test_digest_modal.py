from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.views import View

from lambdas.domain.messages import blocks, digest_list
from lambdas.domain.record import Finding
from lambdas.domain.vocabulary import ApprovalStatus, Surface
from local.slack import block_kit
from tests.unit import samples
from tests.unit.blocks import texts
from tests.unit.strategies import findings, json_values, nasty

APPROVED, DENIED = ApprovalStatus.APPROVED, ApprovalStatus.DENIED


def _inputs(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {block["block_id"]: block for block in view["blocks"] if block["type"] == "input"}


def _filled_in(view: dict[str, Any], chosen: dict[str, str]) -> dict[str, str]:
    """What a submission of a view says, its own controls' ids by their first part."""
    values: dict[str, str] = {}
    for block_id, block in _inputs(view).items():
        at_first = str(block["element"].get("initial_option", {}).get("value", ""))
        values[block_id] = chosen.get(block_id) or chosen.get(block_id.partition("#")[0]) or at_first
    return values


def _some(number: int = 45) -> list[Finding]:
    return [samples.finding(one) for one in range(number)]


def test_a_page_asks_about_twenty() -> None:
    view = digest_list.page(samples.digest(), _some(), 2)
    asked = [block for block in _inputs(view) if "#" not in block]
    assert asked == [f"approval-{number}" for number in range(20, 40)]
    assert digest_list.subject(view["private_metadata"]) == (samples.digest()["digestId"], 2)
    [actions] = [block for block in view["blocks"] if block["type"] == "actions"]
    assert [(one["action_id"], one["value"]) for one in actions["elements"]] == [
        ("digest-previous", "1"),
        ("digest-next", "3"),
    ]
    assert "Page 2 of 3" in "\n".join(texts(view["blocks"]))
    assert block_kit.check_view(view) == []


def test_what_is_decided_is_a_line_that_says_how_far_it_is() -> None:
    found = [
        samples.approved(0, outcome="FAILED", reason="A <model> is gone."),
        samples.denied(1),
        samples.finding(2),
        samples.approved(3, outcome="ENCRYPTED"),
    ]
    view = digest_list.page(samples.digest(), found, 1)
    assert [block for block in _inputs(view) if "#" not in block] == ["approval-2"]
    shown = "\n".join(texts(view["blocks"]))
    assert "failed, approved by <@U1>: A &lt;model&gt; is gone." in shown
    assert "left as it is, denied by <@U2>\nNo key: instance volume" in shown
    assert ":lock: encrypted, approved by <@U1>\nml.m6i.large" in shown


@pytest.mark.parametrize("digest", [samples.digest(decideIn="command-line"), samples.digest()])
def test_where_nothing_can_be_decided_nothing_can_be_submitted(digest: Any) -> None:
    by_command_line = digest["decideIn"] == "command-line"
    found = _some(2) if by_command_line else [samples.approved(0), samples.denied(1)]
    view = digest_list.page(digest, found, 1)
    assert "submit" not in view
    assert _inputs(view) == {}
    assert ("`sealpoint approve remediation-1`" in json.dumps(view)) == by_command_line
    assert block_kit.check_view(view) == []


@pytest.mark.parametrize(
    ("after", "waiting", "page"),
    [(0, [45], 3), (1, [5, 45], 3), (3, [5, 45], 1), (2, [25], 2), (0, [], 1), (2, [], 2)],
)
def test_the_next_page_with_something_to_decide(after: int, waiting: list[int], page: int) -> None:
    found = [samples.finding(one) if one in waiting else samples.approved(one) for one in range(60)]
    assert digest_list.page_to_decide(found, after) == page


@pytest.mark.parametrize(
    ("chosen", "decided"),
    [
        ({}, {}),
        ({"approval-1": "encrypt"}, {1: APPROVED}),
        ({"approval-0": "leave", "approval-1": "encrypt"}, {0: DENIED, 1: APPROVED}),
        ({"all": "encrypt"}, {0: APPROVED, 1: APPROVED, 2: APPROVED}),
        ({"all": "encrypt", "approval-0": "leave", "approval-2": "later"}, {0: DENIED, 1: APPROVED}),
        ({"all": "leave", "approval-1": "encrypt"}, {0: DENIED, 1: APPROVED, 2: DENIED}),
    ],
)
def test_each_choice_counts_and_all_is_for_the_others(
    chosen: dict[str, str], decided: dict[int, ApprovalStatus]
) -> None:
    found = _some(3)
    values = _filled_in(digest_list.page(samples.digest(), found, 1), {**chosen, "reason": "later"})
    answers = digest_list.decisions(values)
    assert answers.chosen == {f"approval-{number}": decision for number, decision in decided.items()}
    assert bool(answers.problems) == (not chosen)


def test_leaving_any_as_it_is_wants_a_reason_in_its_place() -> None:
    found = _some(3)
    view = digest_list.page(samples.digest(), found, 1)
    values = _filled_in(view, {"approval-0": "leave", "reason": "  "})
    [(block, why)] = digest_list.decisions(values).problems.items()
    assert block in _inputs(view)
    assert block.startswith("reason#")
    assert why == "Give a reason for leaving endpoints as they are."
    assert digest_list.decisions({**values, "approval-0": "encrypt"}).problems == {}


def test_no_more_is_decided_than_a_page_has() -> None:
    values = {f"approval-{number}": "encrypt" for number in range(500)}
    assert len(digest_list.decisions(values).chosen) == 20


@given(
    st.dictionaries(st.text(max_size=9) | st.sampled_from(["all#1", "reason#1", "ask-again#1"]), st.text())
)
def test_no_answers_crash_it(values: dict[str, str]) -> None:
    assert not digest_list.decisions(values).chosen.keys() - values.keys()


def test_what_was_chosen_for_one_page_is_not_found_chosen_on_the_next() -> None:
    """Slack keeps an input's state for as long as its block's id stays."""
    found = _some()
    one, two = (set(_inputs(digest_list.page(samples.digest(), found, number))) for number in (1, 2))
    assert one.isdisjoint(two)
    decided = [samples.approved(0), *found[1:]]
    after = set(_inputs(digest_list.page(samples.digest(), decided, 1)))
    assert one & after == {f"approval-{number}" for number in range(1, 20)}
    same = set(_inputs(digest_list.page(samples.digest(), found, 1, notice="Not recorded.")))
    assert same == one, "what is not taken is not lost"


def test_it_says_what_was_recorded_and_what_was_not_and_why() -> None:
    said = digest_list.recorded(
        {"to be encrypted": 12, "left as they are": 3, "other": 0}, {"Too late.": ["a", "<b>"]}
    )
    assert "*Recorded:* 12 to be encrypted, 3 left as they are." in said
    assert "*Not recorded:* `a`, `&lt;b&gt;`: Too late." in said


@pytest.mark.parametrize("number", [1, 250, 500, 99_999, 0])
def test_every_page_of_ten_thousand_fits(number: int) -> None:
    found = [
        samples.finding(
            one, endpointName="v" * 63, surfaces=list(Surface), instanceTypes=["ml.p6e-gb200.36xlarge"] * 50,
            approvalId=f"{one:032}",
        )
        for one in range(10_000)
    ]  # fmt: skip
    view = digest_list.page(samples.digest(), found, number, notice="&" * 9000)
    assert block_kit.check_view(view) == []
    assert len(view["blocks"]) <= 100
    assert len(json.dumps(view)) < 250_000


@settings(max_examples=40, deadline=None)
@given(st.lists(findings, max_size=25), st.integers(-1, 5), nasty)
def test_slack_takes_every_page(found: list[Finding], number: int, said: str) -> None:
    for decide_in in ("slack", "command-line"):
        view = digest_list.page(samples.digest(decideIn=decide_in), found, number, notice=said)
        assert block_kit.check_view(view) == []
        View(**view).validate_json()


@given(json_values | st.text(max_size=80))
def test_no_metadata_crashes_it(metadata: Any) -> None:
    found = digest_list.subject(metadata)
    assert found is None or f"{found[0]}/" in metadata


def test_a_name_of_hidden_characters_alone_still_makes_a_text() -> None:
    assert blocks.plain("\x1f")["text"] == "–"
