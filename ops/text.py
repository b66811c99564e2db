"""Texts from outside, as a terminal may show them."""

from __future__ import annotations

import re

from lambdas.domain.plain_text import is_hidden

# https://docs.slack.dev/messaging/formatting-message-text
_SPECIAL = re.compile(r"<([^<>]+)>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


def from_slack(text: str) -> str:
    """A text with Slack's markup as plain text: mentions as ids, links as words and address, no code marks.

    A date becomes its fallback, which names the time zone.
    """
    plain = _SPECIAL.sub(lambda found: _plain(found[1]), text).replace("`", "")
    for entity, character in _ENTITIES:
        plain = plain.replace(entity, character)
    return plain


def visible(text: str) -> str:
    """A text whose control characters show as escapes, so that they can neither move a cursor nor reorder it.

    That includes those for writing direction: https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
    """
    return "".join(
        character
        if character == "\n" or not is_hidden(character)
        else character.encode("unicode_escape").decode()
        for character in text
    )


def counted(count: int, noun: str) -> str:
    """``1 endpoint``, ``2 endpoints``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _plain(inside: str) -> str:
    """What stands between angle brackets: ``@U1``, ``!subteam^S1``, ``!date^…|fallback`` or ``url|words``."""
    target, bar, words = inside.partition("|")
    if target.startswith("!date^"):
        return words
    if target.startswith("!"):
        return words or target.partition("^")[2] or f"@{target[1:]}"
    if target.startswith(("@", "#")):
        return words or target[1:]
    if "://" not in target:
        return f"<{inside}>"  # no markup: someone typed it
    return f"{words} ({target})" if bar else target
