"""Text and blocks as Slack accepts them: escaped, within its limits.

https://docs.slack.dev/messaging/formatting-message-text and https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

from typing import Any, TypedDict

from lambdas.domain.approval.people import is_slack_user, session_name
from lambdas.domain.plain_text import cleaned
from lambdas.domain.record import from_iso

SECTION_LIMIT = 3000  # characters of a section's text
FIELD_LIMIT = 2000  # characters of one of a section's fields
CONTEXT_LIMIT = 2000
TEXT_LIMIT = 3000  # of a message's fallback: chat.update takes 4,000
_ELLIPSIS = "…"
_NOTHING = "–"  # Slack refuses a text without characters


class Message(TypedDict):
    """A message for `chat.postMessage` and `chat.update`.

    `text` is for notifications and screen readers, `blocks` for everyone else.
    """

    text: str
    blocks: list[dict[str, Any]]


def escape(text: str) -> str:
    """Escape Slack's three control characters, so that a name can't mention, link or format anything.

    Nor can it hide or reorder what is around it.

    https://docs.slack.dev/messaging/formatting-message-text/#escaping
    """
    return cleaned(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """User-controlled text in a code span, which a backtick or a line break would end."""
    flat = " ".join(cleaned(text).replace("`", "ˋ").split())
    return f"`{escape(flat)}`" if flat else _NOTHING


def quoted(text: str) -> str:
    """What a person wrote, on one line and in quotes; mentions and links in it stay text."""
    return f"“{escape(' '.join(cleaned(text).split()))}”"


def clip(text: str, limit: int) -> str:
    """Cut to `limit` characters, but not inside an entity or a mention; an open code span is closed."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 2]
    entity = cut.rfind("&")
    if entity >= 0 and ";" not in cut[entity:]:
        cut = cut[:entity]
    opened = cut.rfind("<")
    if opened >= 0 and ">" not in cut[opened:]:  # a mention, a link or a date, cut in two
        cut = cut[:opened]
    if cut.count("`") % 2:
        cut += "`"
    return cut + _ELLIPSIS


def link(url: str, words: str) -> str:
    """A link. Our URLs need no more than Slack's own escaping."""
    return f"<{escape(url).replace('|', '%7C')}|{escape(words)}>"


def person(who: str) -> str:
    """Someone who decided or asked: a mention, or the session name of an IAM principal."""
    if is_slack_user(who):
        return f"<@{who}>"
    return code(session_name(who) or who)


def date_token(moment: str) -> str:
    """A moment in the reader's own time zone, or in UTC if tokens aren't rendered.

    https://docs.slack.dev/messaging/formatting-message-text/#date-formatting
    """
    when = from_iso(moment)
    fallback = when.strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(when.timestamp())}^{{date_short_pretty}} at {{time}}|{fallback}>"


def is_moment(text: str) -> bool:
    try:
        from_iso(text)
    except ValueError:
        return False
    return True


def header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": cleaned(text), "emoji": True}}


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": mrkdwn(text, SECTION_LIMIT)}


def fields(*texts: str) -> dict[str, Any]:
    return {"type": "section", "fields": [mrkdwn(text, FIELD_LIMIT) for text in texts]}


def context(*texts: str) -> dict[str, Any]:
    return {"type": "context", "elements": [mrkdwn(text, CONTEXT_LIMIT) for text in texts]}


def mrkdwn(text: str, limit: int) -> dict[str, Any]:
    """Formatted text; verbatim, so that Slack doesn't turn names into links or mentions."""
    return {"type": "mrkdwn", "text": clip(text, limit) or _NOTHING, "verbatim": True}


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": cleaned(text) or _NOTHING}
