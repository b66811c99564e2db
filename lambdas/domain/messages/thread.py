"""What is said in a card's thread: the timeline, reminders, and a broken glass."""

from __future__ import annotations

from collections.abc import Sequence

from lambdas.domain.approval.routes import summons
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
from lambdas.domain.record import Approval, Remediation, TimelineEntry

_LINES_LIMIT = 2900  # characters of the lines that fit into one section


def timeline(entries: Sequence[TimelineEntry]) -> Message:
    """What happened since the thread was told last."""
    lines = [_line(entry) for entry in entries]
    text = clip("\n".join(lines), _LINES_LIMIT)
    return {
        "text": clip(escape("; ".join(entry["what"] for entry in entries)), 1000),
        "blocks": [section(text)],
    }


def reminder(
    remediation: Remediation, approval: Approval, approvers: Sequence[str], *, last: bool
) -> Message:
    """Nobody has decided yet; the last reminder mentions those who may."""
    deadline = approval["deadline"]
    text = f"Still waiting for a decision on the endpoint {remediation['endpointName']}, until {deadline}."
    words = f":bell: Still waiting for a decision, until {date_token(deadline)}."
    if last:
        words = f":bell: *Last reminder:* {summons(approvers)}, this is open until {date_token(deadline)}."
    return {"text": escape(text), "blocks": [section(words)]}


def break_glass(remediation: Remediation, approval: Approval, approvers: Sequence[str]) -> Message:
    """Someone approved their own change: all approvers are told."""
    by = person(approval.get("breakGlassBy", ""))
    endpoint = code(remediation["endpointName"])
    words = (
        f":rotating_light: *Break glass* · {summons(approvers)}: {by} approved the encryption of {endpoint}, "
        f"which they changed themselves: {quoted(approval.get('breakGlassReason', ''))}"
    )
    return {"text": clip(words, TEXT_LIMIT), "blocks": [section(words)]}


def _line(entry: TimelineEntry) -> str:
    by = f" · {person(entry['by'])}" if "by" in entry else ""
    return f"{date_token(entry['at'])} {escape(' '.join(entry['what'].split()))}{by}"
