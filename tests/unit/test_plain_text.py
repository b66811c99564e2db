"""What nobody sees is in no text that comes in, and in none that is shown."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.encryption.progress import failure_reason
from lambdas.domain.messages.blocks import code, quoted
from lambdas.domain.messages.commands import parse_decision
from lambdas.domain.messages.interactions import Submission, parse
from lambdas.domain.plain_text import cleaned, cleaned_all
from lambdas.domain.record import start_record
from tests.unit import samples

# an escape sequence that clears a terminal, and a right-to-left override that reorders "approve"
HOSTILE = "all good\x1b[2J \u202eevorppa\u202c\u2066 \x07\u200b\U000e0041\ud800"
CLEAN = "all good[2J evorppa "


def test_what_scripts_and_emoji_need_stays() -> None:
    for text in ("line\nline\ttab", "نمی‌خواهم", "👩‍🔬", "ĳ é 漢字", ""):
        assert cleaned(text) == text


@given(st.text())
def test_nothing_hidden_is_left_and_nothing_else_is_lost(text: str) -> None:
    left = cleaned(text)
    assert cleaned(left) == left
    left.encode()  # no half of a pair, which DynamoDB's client can't send
    visible = [one for one in text if unicodedata.category(one)[0] not in "CZ"]
    assert [one for one in left if unicodedata.category(one)[0] not in "CZ"] == visible


def test_a_reason_from_the_command_line_is_cleaned_where_it_comes_in() -> None:
    body = json.dumps({"remediationId": "r-1", "decision": "deny", "reason": HOSTILE})
    assert parse_decision(body, "arn:aws:iam::1:user/ada")[1].reason == CLEAN.strip()


def test_a_reason_from_slack_is_cleaned_where_it_comes_in() -> None:
    state = {"values": {"reason": {"reason": {"type": "plain_text_input", "value": HOSTILE}}}}
    payload = {
        "type": "view_submission",
        "user": {"id": "U0ADA"},
        "view": {"callback_id": "deny", "private_metadata": "a" * 32, "state": state},
    }
    submission = parse(urlencode({"payload": json.dumps(payload)}))
    assert isinstance(submission, Submission)
    assert submission.values["reason"] == CLEAN


def test_what_starts_a_remediation_is_cleaned_where_it_comes_in() -> None:
    given_input = samples.remediation()
    event = {**given_input, "endpointName": f"fraud{HOSTILE}", "executionArn": "arn"}
    assert start_record(event, datetime(2026, 11, 28, tzinfo=UTC))["endpointName"] == f"fraud{CLEAN}"


def test_a_failure_reason_is_cleaned_where_it_comes_in() -> None:
    assert failure_reason({"FailureReason": HOSTILE}) == CLEAN


@pytest.mark.parametrize("shown", [code, quoted])
def test_a_card_shows_nothing_hidden_even_of_what_is_on_record(shown: object) -> None:
    assert callable(shown)
    assert str(shown(HOSTILE)).strip("`“”") == CLEAN.strip()


def test_every_text_of_a_json_value_is_cleaned() -> None:
    assert cleaned_all({f"a{HOSTILE}": [HOSTILE, 1, None, True, {"b": HOSTILE}]}) == {
        f"a{CLEAN}": [CLEAN, 1, None, True, {"b": CLEAN}]
    }
