"""Text from outside without the characters that nobody sees, but that change what is around them.

Reasons, names, tags and messages are cleaned where they come in, and again where they are shown: in the
terminal an escape sequence moves the cursor, and on a card or page a character for the writing direction
reorders what an approver reads. https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

_BREAKS = "\n\t"
_JOINERS = "\u200c\u200d"  # scripts and emoji need both
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def is_hidden(character: str) -> bool:
    """Whether a character controls a terminal or writing direction, can't be seen, or is half of a pair."""
    return character not in _JOINERS and unicodedata.category(character) in _HIDDEN


def cleaned(text: str) -> str:
    """A text without its hidden characters; line breaks and tabs stay."""
    if text.isascii() and text.isprintable():  # nearly all
        return text
    return "".join(one for one in text if one in _BREAKS or not is_hidden(one))


def cleaned_all(value: Any) -> Any:
    """A JSON value with each text in it, names of members too, as `cleaned` leaves it."""
    match value:
        case str():
            return cleaned(value)
        case Mapping():
            members: Mapping[str, Any] = value
            return {cleaned(name): cleaned_all(member) for name, member in members.items()}
        case list():
            items: list[Any] = value
            return [cleaned_all(item) for item in items]
        case _:
            return value
