"""A card's thread: timeline updates, reminders, and break-glass announcements."""

from __future__ import annotations

from collections.abc import Sequence

from lambdas.domain.approval.routes import notifying_mentions
from lambdas.domain.closing import UPDATE_ENDED
from lambdas.domain.messages.blocks import (
    TEXT_LIMIT,
    Message,
    clip,
    code,
    date_token,
    escape,
    person,
    quoted,
    section,
)
from lambdas.domain.record import Approval, Remediation, TimelineEntry, utc_words

_LINES_LIMIT = 2900  # characters of the lines that fit into one section


def timeline(entries: Sequence[TimelineEntry]) -> Message:
    """Timeline entries not yet posted to the thread. The end of an update is not reported twice."""
    if any(entry["what"].startswith("Ended ") for entry in entries):
        entries = [entry for entry in entries if not entry["what"].startswith(UPDATE_ENDED)]
    lines = [_line(entry) for entry in entries]
    text = clip("\n".join(lines), _LINES_LIMIT)
    return {
        "text": clip(escape("; ".join(entry["what"] for entry in entries)), 1000),
        "blocks": [section(text)],
    }


def reminder(
    remediation: Remediation, approval: Approval, approvers: Sequence[str], *, last: bool
) -> Message:
    """A reminder that nobody has decided yet; the last one mentions those who may."""
    deadline = approval["deadline"]
    name = remediation["endpointName"]
    text = f"Still awaiting a decision on the endpoint {name}, until {utc_words(deadline)}."
    words = f":bell: Still awaiting a decision, until {date_token(deadline)}."
    if last:
        whom = notifying_mentions(approvers)
        words = f":bell: *Last reminder:* {whom}, this is open until {date_token(deadline)}."
    return {"text": escape(text), "blocks": [section(words)]}


def break_glass(remediation: Remediation, approval: Approval, approvers: Sequence[str]) -> Message:
    """Notifies all approvers that someone approved their own change."""
    by = person(approval.get("breakGlassBy", ""))
    endpoint = code(remediation["endpointName"])
    whom = notifying_mentions(approvers)
    words = (
        f":rotating_light: *Break-glass approval* · {whom}: {by} approved the encryption of "
        f"{endpoint}, which they changed themselves: {quoted(approval.get('breakGlassReason', ''))}"
    )
    return {"text": clip(words, TEXT_LIMIT), "blocks": [section(words)]}


def _line(entry: TimelineEntry) -> str:
    by = f" · {person(entry['by'])}" if "by" in entry else ""
    return f"{date_token(entry['at'])} {escape(' '.join(entry['what'].split()))}{by}"
