"""Slack's text as HTML: mrkdwn and plain text, with everything that isn't markup escaped.

https://docs.slack.dev/messaging/formatting-message-text. This is the only place where text becomes HTML;
what it returns may be put into a page as it is.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

SHORTCODE = re.compile(r":([a-z0-9_+-]{1,60}):")
EMOJI = {
    "arrows_counterclockwise": "🔄", "bar_chart": "📊", "bell": "🔔", "computer": "💻", "construction": "🚧",
    "eyes": "👀", "hourglass": "⌛", "hourglass_flowing_sand": "⏳", "information_source": "\u2139\ufe0f",
    "leftwards_arrow_with_hook": "↩️", "lock": "🔒", "mag": "🔍", "no_entry": "⛔", "point_right": "👉",
    "receipt": "🧾", "robot_face": "🤖", "rotating_light": "🚨", "unlock": "🔓", "warning": "⚠️",
    "wastebasket": "🗑️", "white_check_mark": "✅",
}  # fmt: skip
"""What Sealpoint sends, by shortcode; any other stays as it is written."""

_EMOJI_IMAGE = re.compile(r'<img class="emoji" [^>]*?alt="([^"]*)"[^>]*>')
_SAFE_LINK = re.compile(r"(https?|mailto|tel|slack):", re.IGNORECASE)
_PREFORMATTED = re.compile(r"\n?```\n?(.+?)\n?```\n?", re.DOTALL)
_QUOTE_LINE = re.compile(r"(?:&gt;|>) ?")
_QUOTE_REST = re.compile(r"(?:&gt;|>){3} ?")

# A marker opens after a non-word character and closes before one, with no space on its inside.
_SPAN = r"(?<![\w{0}]){0}(?=[^\s{0}])([^{0}\n]*[^\s{0}]){0}(?![\w{0}])"
_INLINE = re.compile(
    "|".join(
        (
            r"`(?P<code>[^`\n]+)`",
            r"<(?P<token>[^<>\n]+)>",
            _SPAN.format(r"\*").replace("([", "(?P<bold>[", 1),
            _SPAN.format("_").replace("([", "(?P<italic>[", 1),
            _SPAN.format("~").replace("([", "(?P<strike>[", 1),
            rf"(?P<emoji>{SHORTCODE.pattern})",
            r"(?P<url>https?://[^\s<>|`*~\"]+[^\s<>|`*~\".,;:!?)])",
        )
    )
)
_TAGS = {"bold": "strong", "italic": "em", "strike": "del"}
_DATE = re.compile(r"!date\^(\d{1,12})\^([^^|]+)(?:\^([^|]+))?(?:\|(.*))?")
_BROADCASTS = frozenset({"here", "channel", "everyone"})


def _as_written(url: str) -> str:
    return url


@dataclass(frozen=True)
class Names:
    """What ids are called, for mentions, and where links lead."""

    users: Mapping[str, str] = field(default_factory=dict[str, str])
    channels: Mapping[str, str] = field(default_factory=dict[str, str])
    user_groups: Mapping[str, str] = field(default_factory=dict[str, str])
    address: Callable[[str], str] = _as_written


def mrkdwn(text: str, names: Names) -> str:
    """A text object of type `mrkdwn`, or a message's text."""
    rendered: list[str] = []
    for index, part in enumerate(_PREFORMATTED.split(text)):
        if index % 2:
            rendered.append(f"<pre>{escape(part)}</pre>")
        elif part:
            rendered.append(_lines(part, names))
    return "".join(rendered)


def plain_text(text: str, *, emoji: bool = True) -> str:
    """A text object of type `plain_text`: shortcodes may become emoji, nothing else is markup."""
    escaped = escape(text).replace("\n", "<br>")
    return _with_emoji(escaped) if emoji else escaped


def escape(text: str) -> str:
    """Text as HTML; Slack's three entities stand for their characters."""
    return html.escape(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def link(url: str, label: str) -> str:
    """A link, or its label alone where the scheme isn't one to follow. `label` is HTML already."""
    url = url.replace("&amp;", "&")
    if not _SAFE_LINK.match(url):
        return label
    return f'<a href="{html.escape(url)}" target="_blank" rel="noopener noreferrer">{label}</a>'


def mention(label: str) -> str:
    return f'<span class="mention">{escape(label)}</span>'


def date(timestamp: int, template: str, url: str | None, fallback: str) -> str:
    """A moment that the page writes in the reader's own time zone; `fallback` until it does."""
    hooks = f'data-timestamp="{timestamp}" data-template="{html.escape(template)}"'
    shown = f"<time {hooks}>{escape(fallback)}</time>"
    return link(url, shown) if url else shown


def emoji_of(name: str) -> str:
    if name not in EMOJI:
        return f":{html.escape(name)}:"
    return f'<img class="emoji" src="/static/emoji/{name}.svg" alt="{EMOJI[name]}" title=":{name}:">'


def without_images(rendered: str) -> str:
    """Rendered text for where no image may stand, as in a menu: emoji are characters again."""
    return _EMOJI_IMAGE.sub(r"\1", rendered)


def _with_emoji(escaped: str) -> str:
    return SHORTCODE.sub(lambda match: emoji_of(match[1]), escaped)


def _lines(text: str, names: Names) -> str:
    """Lines, with those that are quoted together in one quote."""
    rendered: list[str] = []
    plain: list[str] = []
    quoted: list[str] = []

    def flush() -> None:
        if quoted:
            rendered.append(
                f"<blockquote>{'<br>'.join(_inline(line, names) for line in quoted)}</blockquote>"
            )
        if plain:
            rendered.append("<br>".join(_inline(line, names) for line in plain))
        quoted.clear()
        plain.clear()

    lines = text.split("\n")
    for index, line in enumerate(lines):
        if rest := _QUOTE_REST.match(line):
            flush()
            quoted += [line[rest.end() :], *lines[index + 1 :]]
            break
        quote = _QUOTE_LINE.match(line)
        if bool(quote) != bool(quoted):
            flush()
        if quote:
            quoted.append(line[quote.end() :])
        else:
            plain.append(line)
    flush()
    return "".join(rendered)


def _inline(text: str, names: Names) -> str:
    rendered: list[str] = []
    position = 0
    for match in _INLINE.finditer(text):
        rendered.append(escape(text[position : match.start()]))
        rendered.append(_marked(match, names))
        position = match.end()
    rendered.append(escape(text[position:]))
    return "".join(rendered)


def _marked(match: re.Match[str], names: Names) -> str:
    kind = match.lastgroup or ""
    inside = match[kind]
    if kind in _TAGS:
        return f"<{_TAGS[kind]}>{_inline(inside, names)}</{_TAGS[kind]}>"
    if kind == "code":
        return f"<code>{escape(inside)}</code>"
    if kind == "token":
        return _token(inside, names)
    if kind == "url":
        return link(inside, escape(inside))
    return emoji_of(inside.strip(":"))


def _token(inside: str, names: Names) -> str:
    """What stands between angle brackets."""
    target, _, label = inside.partition("|")
    if target.startswith("@"):
        return mention(f"@{label or names.users.get(target[1:], target[1:])}")
    if target.startswith("#"):
        return mention(f"#{label or names.channels.get(target[1:], target[1:])}")
    if target.startswith("!subteam^"):
        group = target.removeprefix("!subteam^")
        return mention(f"@{(label or names.user_groups.get(group, group)).removeprefix('@')}")
    if moment := _DATE.fullmatch(inside):
        return date(int(moment[1]), moment[2], moment[3], moment[4] or "")
    if target.startswith("!"):
        name = target[1:]
        return mention(f"@{name}") if name in _BROADCASTS else escape(label or f"<{inside}>")
    if _SAFE_LINK.match(target):
        return link(names.address(target), _with_emoji(escape(label or target.removeprefix("mailto:"))))
    return escape(f"<{inside}>")
