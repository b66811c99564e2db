"""Nothing of Slack's markup, and no control character, reaches a terminal."""

from __future__ import annotations

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from lambdas.domain.messages.blocks import code, date_token, escape, link, person, quoted
from ops.terminal import shown
from ops.text import from_slack, visible

HOSTILE = st.text(st.sampled_from("ab<>&`|@!\x1b\x07\x9b\u202e\u2066\u200f\u061c\u2028[]/:"), max_size=40)


@pytest.mark.parametrize(
    ("markup", "plain"),
    [
        ("Ask <@U0ADA>, <!subteam^S0TEAM>.", "Ask U0ADA, S0TEAM."),
        ("Ask <@U0ADA|Ada>.", "Ask Ada."),
        ("<!channel> <!here>", "@channel @here"),
        ("in <#C0X|sagemaker>", "in sagemaker"),
        ("already approved by `arn:aws:iam::1:user/ada`", "already approved by arn:aws:iam::1:user/ada"),
        ("<https://x.example/a|the card>", "the card (https://x.example/a)"),
        ("<https://x.example/a>", "https://x.example/a"),
        ("until <!date^1795823895^{date_short}|2026-11-28 UTC>", "until 2026-11-28 UTC"),
        ("&lt;b&gt; &amp;amp;", "<b> &amp;"),
        ("keep it <as is>", "keep it <as is>"),  # typed by a person, into a record
    ],
)
def test_markup_becomes_plain_text(markup: str, plain: str) -> None:
    assert from_slack(markup) == plain


@given(st.text("abc <>&", max_size=20))
def test_what_cards_escape_comes_back(text: str) -> None:
    assert from_slack(escape(text)) == text or "<" in text
    flat = " ".join(text.split())
    assert "`" not in from_slack(code(text))
    assert from_slack(quoted("abc")) == "“abc”"
    assert flat in from_slack(code(flat)) or "<" in flat or not flat


def test_no_markup_of_ours_is_left() -> None:
    ours = " ".join(
        (
            person("U0ADA"), person("arn:aws:sts::1:assumed-role/Oncall/ada@example.com"),
            link("https://x.example/?a=1&b=2", "its <card>"), date_token("2026-11-28T09:00:00Z"),
        )
    )  # fmt: skip
    assert from_slack(ours) == (
        "U0ADA ada@example.com its <card> (https://x.example/?a=1&b=2) 2026-11-28 09:00 UTC"
    )


@given(HOSTILE)
def test_no_control_character_reaches_a_terminal(text: str) -> None:
    file = io.StringIO()
    Console(file=file, width=10_000, force_terminal=True, color_system=None).print(shown(text), end="")
    printed = file.getvalue()
    assert not [
        one for one in printed if unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp") and one != "\n"
    ]
    assert printed == visible(text), "and nothing is taken for rich's own markup"


def test_joiners_and_accents_stay() -> None:
    for text in ("José", "👩\u200d⚕️", "क्\u200dष", "数据"):
        assert visible(text) == text
