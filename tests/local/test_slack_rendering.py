"""Text as HTML: the markup that Slack knows, and nothing that anyone wrote."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.slack.block_kit import BLOCKS, check_blocks, with_ids
from local.slack.mrkdwn import EMOJI, SHORTCODE, Names, mrkdwn, plain_text
from local.slack.render import Renderer

ROOT = Path(__file__).resolve().parents[2]
NAMES = Names(users={"U1": "Ada <b>"}, channels={"C1": "general"}, user_groups={"S1": "sre"})
_TAGS = {
    "a", "blockquote", "br", "button", "code", "del", "div", "em", "h3", "hr", "img", "input", "label",
    "option", "p", "pre", "select", "span", "strong", "textarea", "time",
}  # fmt: skip
_ATTRIBUTES = {
    "alt", "aria-label", "autofocus", "class", "data-action-id", "data-block", "data-block-id",
    "data-confirm", "data-kind", "data-sends", "data-template", "data-timestamp", "data-url", "for", "href",
    "id", "maxlength", "minlength", "multiple", "placeholder", "rel", "rows", "selected", "src",
    "target", "title", "type", "value",
}  # fmt: skip
_VOID = {"br", "hr", "img", "input"}


LOCK = '<img class="emoji" src="/static/emoji/lock.svg" alt="🔒" title=":lock:">'


class Reader(HTMLParser):
    """Reads HTML as a browser would, and fails on anything that the renderer has no business writing."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: list[str] = []
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == [], "every tag is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _TAGS
        names = [name for name, _ in attrs]
        assert set(names) <= _ATTRIBUTES
        assert len(names) == len(set(names))
        values = dict(attrs)
        assert (
            (values.get("href") or "https:")
            .lower()
            .startswith(("http:", "https:", "mailto:", "tel:", "slack:"))
        )
        self.tags.append(tag)
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "br":
            self.text += "\n"
        if tag == "img":
            assert re.fullmatch(r"/static/emoji/[a-z_]+\.svg", values["src"] or "")
            self.text += values["alt"] or ""

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        pytest.fail(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        pytest.fail(f"a declaration: {decl}")

    def handle_pi(self, data: str) -> None:
        pytest.fail(f"a processing instruction: {data}")


def blank_link(url: str, label: str) -> str:
    return f'<a href="{html.escape(url)}" target="_blank" rel="noopener noreferrer">{label}</a>'


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("*bold* ~struck~ `code`", "<strong>bold</strong> <del>struck</del> <code>code</code>"),
        ("_italic_", "<em>italic</em>"),
        ("*bold _and italic_*", "<strong>bold <em>and italic</em></strong>"),
        ("snake_case_name, 2 * 3 * 4, a*b*c", "snake_case_name, 2 * 3 * 4, a*b*c"),
        ("* no *, _ no _", "* no *, _ no _"),
        ("`*not bold* &lt;`", "<code>*not bold* &lt;</code>"),
        ("one\ntwo", "one<br>two"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("&lt;script&gt; &amp;amp; &amp;lt;", "&lt;script&gt; &amp;amp; &amp;lt;"),
        ("R&D &copy;", "R&amp;D &amp;copy;"),
        ("<https://example.com/?a=1&amp;b=2|a *b*>", blank_link("https://example.com/?a=1&b=2", "a *b*")),
        ("<https://example.com>", blank_link("https://example.com", "https://example.com")),
        ("see https://example.com/x.", f"see {blank_link('https://example.com/x', 'https://example.com/x')}."),
        ("<mailto:a@example.com|write>", blank_link("mailto:a@example.com", "write")),
        ("<javascript:alert(1)|click>", "&lt;javascript:alert(1)|click&gt;"),
        ('<https://x" onclick="y|z>', blank_link('https://x" onclick="y', "z")),
        ("<@U1>", '<span class="mention">@Ada &lt;b&gt;</span>'),
        ("<@U9>", '<span class="mention">@U9</span>'),
        ("<#C1> <#C9|old>", '<span class="mention">#general</span> <span class="mention">#old</span>'),
        ("<!subteam^S1> <!here>", '<span class="mention">@sre</span> <span class="mention">@here</span>'),
        ("<!unknown>", "&lt;!unknown&gt;"),
        (
            "<!date^1700000000^{date_short} at {time}|Nov 14 <x>".replace(" <x>", ">"),
            '<time data-timestamp="1700000000" data-template="{date_short} at {time}">Nov 14</time>',
        ),
        (
            "<!date^1700000000^{date}^https://example.com|then>",
            blank_link(
                "https://example.com", '<time data-timestamp="1700000000" data-template="{date}">then</time>'
            ),
        ),
        (":lock: :no_such_emoji: 10:30:45", f"{LOCK} :no_such_emoji: 10:30:45"),
        ("> quoted *a*\n&gt; more\nafter", "<blockquote>quoted <strong>a</strong><br>more</blockquote>after"),
        ("a\n>>> all\nthe rest", "a<blockquote>all<br>the rest</blockquote>"),
        ("a\n```\n<b>*x*\n  y```\nb", "a<pre>&lt;b&gt;*x*\n  y</pre>b".replace("&lt;b&gt;", "&lt;b&gt;")),
    ],
)  # fmt: skip
def test_mrkdwn(text: str, rendered: str) -> None:
    assert mrkdwn(text, NAMES) == rendered
    Reader(rendered)


def test_plain_text_has_emoji_and_nothing_else() -> None:
    text = "*a* <@U1> :lock:\n<b> &amp;"
    assert plain_text(text) == f"*a* &lt;@U1&gt; {LOCK}<br>&lt;b&gt; &amp;"
    assert plain_text(":lock:", emoji=False) == ":lock:"


def test_every_emoji_that_is_sent_is_known() -> None:
    files = [
        file for folder in ("messages", "sweep") for file in (ROOT / "lambdas/domain" / folder).glob("*.py")
    ]
    sent = {name for file in files for name in SHORTCODE.findall(file.read_text()) if name[0].isalpha()}
    assert len(sent) > 10
    assert sent <= EMOJI.keys()
    assert EMOJI["leftwards_arrow_with_hook"] == "↩️"


def test_every_emoji_has_its_picture_and_no_other_is_kept() -> None:
    pictures = {file.stem for file in (ROOT / "local/slack/static/emoji").glob("*.svg")}
    assert pictures == EMOJI.keys()


def test_in_a_menu_an_emoji_is_a_character() -> None:
    option = {"text": {"type": "plain_text", "text": ":lock: Encrypt"}, "value": "e"}
    element = {"type": "static_select", "action_id": "a", "options": [option]}
    rendered = Renderer(NAMES, "p").blocks([{"type": "actions", "block_id": "b", "elements": [element]}])
    assert "🔒 Encrypt</option>" in rendered
    assert "<img" not in rendered


_MARKUP = st.text(
    st.sampled_from("ab<>&;\"'*_~`:|@#!^\n>/ =x1") | st.characters(exclude_categories=["Cs"]), max_size=60
)
_PIECES = st.lists(
    st.sampled_from(
        ["<script>alert(1)</script>", "<img src=x onerror=y>", "&lt;b&gt;", "<https://x|", "<javascript:x|y>",
         "<!date^1^{date}^javascript:x|", "<!--", "<@U1>", ">", "*", "_", "`", "```", "\n", "&amp;lt;",
         '"><b>', "<!date^1^\"onclick=|x>", ":lock:", "<#C1|<b>>", "<![CDATA[", "</div>"]
    ) | _MARKUP,
    max_size=8,
).map("".join)  # fmt: skip


@given(_PIECES)
def test_no_text_brings_html_of_its_own(text: str) -> None:
    Reader(mrkdwn(text, NAMES))
    Reader(plain_text(text))


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n")))
def test_escaped_plain_text_reads_as_it_was_meant(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert Reader(plain_text(escaped, emoji=False)).text == text


@given(st.text(st.sampled_from("abc<>&\"' .,1"), max_size=40))
def test_escaped_mrkdwn_without_marks_reads_as_it_was_meant(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert Reader(mrkdwn(f"x{escaped}", NAMES)).text == f"x{text}"


def every_block(text: str) -> list[dict[str, Any]]:
    """Each block and element that the rules know, with `text` wherever a text goes."""
    words = text or "x"
    plain = {"type": "plain_text", "text": words}
    rich = {"type": "mrkdwn", "text": words}
    url = f"https://example.com/{html.escape(words).replace(' ', '')}".split()[0]
    options = [{"text": plain, "value": words, "description": plain}]
    confirm = {"title": plain, "text": rich, "confirm": plain, "deny": plain}
    picked = {"placeholder": plain, "confirm": confirm}
    button = {"type": "button", "value": words, "url": url, "accessibility_label": words, "style": "danger"}
    pickers: list[dict[str, Any]] = [
        {"type": "static_select", "options": options, "initial_option": options[0], **picked},
        {"type": "datepicker", "initial_date": "2026-01-31", **picked},
        {"type": "timepicker", "initial_time": "12:00", **picked},
    ]
    in_actions: list[dict[str, Any]] = [
        {**button, "text": plain, "confirm": confirm},
        {"type": "overflow", "options": options, "confirm": confirm},
        *pickers,
    ]
    typed: list[dict[str, Any]] = [
        {"type": "plain_text_input", "initial_value": words, "placeholder": plain, "multiline": True},
        {"type": "plain_text_input", "initial_value": words, "min_length": 0},
        {"type": "multi_static_select", "options": options, "initial_options": options, **picked},
    ]
    return [
        {"type": "section", "text": rich, "fields": [rich, plain]},
        {"type": "header", "text": plain},
        {"type": "divider"},
        {"type": "context", "elements": [rich, plain]},
        {"type": "actions", "elements": in_actions},
        *(
            {"type": "input", "label": plain, "hint": plain, "element": element}
            for element in pickers + typed
        ),
    ]


def test_every_block_that_is_taken_is_drawn() -> None:
    blocks = every_block("words")
    assert check_blocks(blocks) == []
    assert {block["type"] for block in blocks} == BLOCKS.shapes.keys()
    page = Reader(Renderer(NAMES, "p").blocks(with_ids(blocks)))
    assert {"button", "select", "textarea", "input", "h3", "hr"} <= set(page.tags)


@given(
    st.sampled_from(["<script>alert(1)</script>", '"><img src=x onerror=y>', "' autofocus onfocus='x"])
    | _PIECES
)
def test_no_block_brings_html_of_its_own(text: str) -> None:
    """Also not where the rules would have refused it: a confirm dialog's parts are HTML in an attribute."""
    blocks = with_ids(every_block(text[:70]))
    Reader(Renderer(NAMES, "p").blocks(blocks))


def test_controls_have_ids_of_their_own_and_labels_that_name_them() -> None:
    blocks = with_ids(
        [
            {
                "type": "input",
                "label": {"type": "plain_text", "text": name},
                "element": {"type": "plain_text_input", "action_id": "same"},
            }
            for name in ("One", "Two")
        ]
    )
    rendered = Renderer(NAMES, "v").blocks(blocks)
    assert '<label for="v-0">One</label>' in rendered
    assert '<label for="v-1">Two</label>' in rendered
    assert 'id="v-0"' in rendered
    assert 'id="v-1"' in rendered
