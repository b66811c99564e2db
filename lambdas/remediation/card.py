"""The words and blocks of what people read in Slack, built from the record alone.

Every function returns a message as `chat.postMessage` and `chat.update` take it: `text` for notifications
and screen readers, `blocks` for everyone else. Limits: https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

from remediation.approval import Answer
from remediation.backout import ACTION_ID as BACKOUT
from remediation.backout import is_slack_user, judge_state
from remediation.record import Approval, Remediation, SurfaceEntry, from_iso
from remediation.update_options import in_words
from remediation.vocabulary import ApprovalStatus, Outcome, Surface

_SECTION_LIMIT = 3000  # characters of a section's text
_FIELD_LIMIT = 2000  # characters of one of a section's fields
_CONTEXT_LIMIT = 2000
_VARIANTS_SHOWN = 6
_ELLIPSIS = "…"

_SURFACE_WORDS = {
    Surface.INSTANCE_VOLUME: "Instance volume",
    Surface.CORE_DUMP: "Core dumps",
    Surface.DATA_CAPTURE: "Data capture",
    Surface.ASYNC_OUTPUT: "Async output",
}

_OUTCOME_WORDS = {
    Outcome.ENCRYPTED: (":lock:", "Encrypted: the endpoint is in service on its encrypted twin."),
    Outcome.ALREADY_ENCRYPTED: (":lock:", "Already encrypted."),
    Outcome.EXEMPT: (":receipt:", "Exempt."),
    Outcome.DENIED: (":no_entry:", "Left as it is: the change was denied."),
    Outcome.EXPIRED: (":hourglass:", "Left as it is: nobody decided in time."),
    Outcome.SUPERSEDED: (":arrows_counterclockwise:", "No longer holds: the endpoint changed."),
    Outcome.GONE: (":wastebasket:", "The endpoint no longer exists."),
    Outcome.UNSUPPORTED: (":warning:", "AWS does not accept a KMS key for this endpoint. It stays as it is."),
    Outcome.ROLLED_BACK: (
        ":leftwards_arrow_with_hook:",
        "Rolled back: the endpoint serves on its old config.",
    ),
    Outcome.FAILED: (":rotating_light:", "Failed."),
    Outcome.BACKED_OUT: (
        ":leftwards_arrow_with_hook:",
        "Backed out: the endpoint is in service on its earlier config.",
    ),
}

# Outcomes that a person must hear of even where nobody was asked.
_MATTERS_UNASKED = frozenset({Outcome.UNSUPPORTED, Outcome.ROLLED_BACK, Outcome.FAILED})


class Message(TypedDict):
    text: str
    blocks: list[dict[str, Any]]


def escape(text: str) -> str:
    """Slack's three control characters, so that a name can't mention, link or format anything.

    https://docs.slack.dev/messaging/formatting-message-text/#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """User-controlled text, shown as it is; a backtick would end the code span."""
    return f"`{escape(text.replace('`', 'ˋ'))}`" if text else "–"


def clip(text: str, limit: int) -> str:
    """Cut to `limit` characters, never inside an entity that escaping made, closing an open code span."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 2]
    entity = cut.rfind("&")
    if entity >= 0 and ";" not in cut[entity:]:
        cut = cut[:entity]
    if cut.count("`") % 2:
        cut += "`"
    return cut + _ELLIPSIS


def question(remediation: Remediation, approval: Approval, approvers: Sequence[str]) -> Message:
    """The card that asks, with its buttons; `approvers` are the Slack ids of those who may decide."""
    deadline = approval["deadline"]
    ask = (
        f"Endpoint {remediation['endpointName']} ({_place(remediation)}) names no KMS key. "
        f"Encrypt it? Decide by {deadline}."
    )
    blocks = [
        *_facts(remediation, ":unlock: Endpoint without a KMS key"),
        _section(_plan(remediation)),
        _context(
            f":hourglass_flowing_sand: Decide by {date_token(deadline)}. With no answer nothing changes.",
            f"May decide: {', '.join(f'<@{approver}>' for approver in approvers)}",
        ),
        {
            "type": "actions",
            "block_id": "decision",
            "elements": [
                {
                    "type": "button",
                    "action_id": "approve",
                    "style": "primary",
                    "text": _plain("Encrypt endpoint"),
                    "value": approval["approvalId"],
                    "confirm": {
                        "title": _plain("Encrypt this endpoint?"),
                        "text": _plain(
                            "SageMaker replaces its instances by a blue/green update. It serves all along, "
                            "and goes back to its old config if the update fails."
                        ),
                        "confirm": _plain("Encrypt endpoint"),
                        "deny": _plain("Cancel"),
                    },
                },
                {
                    "type": "button",
                    "action_id": "deny",
                    "text": _plain("Leave as is"),
                    "value": approval["approvalId"],
                },
            ],
        },
    ]
    return {"text": escape(ask), "blocks": blocks}


def decided(remediation: Remediation, approval: Approval) -> Message:
    """The card right after a decision: every fact kept, the buttons gone, who and when added."""
    approved = approval["status"] == ApprovalStatus.APPROVED
    what = "approved, now encrypting" if approved else "denied, left as it is"
    text = f"Endpoint {remediation['endpointName']} ({_place(remediation)}): {what}."
    icon = ":hourglass_flowing_sand:" if approved else ":no_entry:"
    return {
        "text": escape(text),
        "blocks": [
            *_facts(remediation, ":unlock: Endpoint without a KMS key"),
            _section(_plan(remediation)),
            _section(f"{icon} *{'Approved' if approved else 'Denied'}* {_who_when(remediation, approval)}"),
        ],
    }


def closed(remediation: Remediation, approval: Approval | None) -> Message:
    """The card of a remediation that has ended, with the way back while it is open."""
    outcome = Outcome(remediation.get("outcome", Outcome.FAILED))
    icon, words = _OUTCOME_WORDS[_standing(remediation, outcome)]
    reason = remediation.get("reason", "")
    text = f"Endpoint {remediation['endpointName']} ({_place(remediation)}): {words} {reason}".strip()
    encrypted = _standing(remediation, outcome) is Outcome.ENCRYPTED
    title = ":lock: Endpoint encrypted" if encrypted else ":unlock: Endpoint without a KMS key"
    blocks = [*_facts(remediation, title, changed=encrypted), _section(f"{icon} *{words}*")]
    if reason:
        blocks.append(_section(escape(reason)))
    if outcome is Outcome.ENCRYPTED:
        blocks += _aftermath(remediation)
    if "twinDeletedAt" in remediation:
        blocks.append(_context(f"The unused copy {code(remediation.get('twinConfigName', ''))} was deleted."))
    if approval is not None and "decidedBy" in approval:
        done = "Approved" if approval["status"] == ApprovalStatus.APPROVED else "Denied"
        blocks.append(_context(f"{done} {_who_when(remediation, approval)}"))
    closed_at = remediation.get("closedAt")
    ended = f"Ended {date_token(closed_at)} · " if closed_at else ""
    blocks.append(_context(f"{ended}Remediation {code(remediation['remediationId'])}"))
    if approval is not None and _way_back_is_open(remediation):
        blocks.append(_backout_button(approval))
    return {"text": clip(escape(text), _SECTION_LIMIT), "blocks": blocks}


def _standing(remediation: Remediation, outcome: Outcome) -> Outcome:
    """Where the endpoint stands: a backout that succeeded is the last word."""
    backed_out = remediation.get("backoutOutcome") == Outcome.BACKED_OUT
    return Outcome.BACKED_OUT if backed_out else outcome


def _aftermath(remediation: Remediation) -> list[dict[str, Any]]:
    """What became of the two configs, and of the way back."""
    old, twin = (code(remediation.get(name, "")) for name in ("sourceConfigName", "twinConfigName"))
    outcome = remediation.get("backoutOutcome")
    by = _person(remediation.get("backoutRequestedBy", ""))
    if outcome == Outcome.BACKED_OUT:
        until = remediation.get("exemptUntil", "")
        line = f"Returned to {old} by {by}. It is exempt until {escape(until)}, then Sealpoint asks again."
        return [_section(line)]
    blocks = [_section(f"Config now: {twin}\n{_old_config(remediation, old)}")]
    if remediation.get("backoutId") and not outcome:
        blocks.append(_section(f":hourglass_flowing_sand: *Backing out* to {old}, asked for by {by}"))
    elif outcome:
        why = escape(remediation.get("backoutReason", ""))
        line = f":warning: *The backout by {by} ended {escape(outcome)}*, and changed nothing. {why}"
        blocks.append(_section(line))
    return blocks


def _old_config(remediation: Remediation, old: str) -> str:
    if retired_at := remediation.get("sourceRetiredAt"):
        return f"Old config {old}: deleted {date_token(retired_at)}, its content is on record"
    if kept := remediation.get("sourceKept"):
        return f"Old config {old}: kept. {escape(kept)}"
    until = remediation.get("backoutUntil")
    return f"Kept for a way back: {old}" + (f", until {date_token(until)}" if until else "")


def _way_back_is_open(remediation: Remediation) -> bool:
    return (
        "backoutUntil" in remediation
        and "backoutClosedAt" not in remediation
        and judge_state(remediation).answer is Answer.DECIDE
    )


def _backout_button(approval: Approval) -> dict[str, Any]:
    button = {
        "type": "button",
        "action_id": BACKOUT,
        "style": "danger",
        "text": _plain("Back out"),
        "value": approval["approvalId"],
        "confirm": {
            "title": _plain("Return to the old config?"),
            "text": _plain(
                "SageMaker moves the endpoint back to the config without the KMS key, keeping its live "
                "capacity. It serves all along, and is exempt from being asked about for a while."
            ),
            "confirm": _plain("Back out"),
            "deny": _plain("Cancel"),
            "style": "danger",
        },
    }
    return {"type": "actions", "block_id": "aftermath", "elements": [button]}


def must_be_told(remediation: Remediation) -> bool:
    """Whether an outcome is told in the channel although nobody was asked."""
    return Outcome(remediation.get("outcome", Outcome.FAILED)) in _MATTERS_UNASKED


def date_token(moment: str) -> str:
    """A moment in the reader's own time zone, with UTC where tokens aren't rendered.

    https://docs.slack.dev/messaging/formatting-message-text/#date-formatting
    """
    when = from_iso(moment)
    fallback = when.strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(when.timestamp())}^{{date_short_pretty}} at {{time}}|{fallback}>"


def _facts(remediation: Remediation, title: str, *, changed: bool = True) -> list[dict[str, Any]]:
    """What is known of the endpoint; `changed` where the plan is to happen, or has."""
    trigger = remediation["trigger"]
    fields = [
        f"*Endpoint*\n{code(remediation['endpointName'])}",
        f"*Account · region*\n{code(trigger['accountId'])} · {code(trigger['region'])}",
        f"*Status*\n{escape(remediation.get('endpointStatus', 'unknown'))}",
        f"*Changed by*\n{_changed_by(remediation)}",
        f"*Runs on*\n{_variants(remediation)}",
        f"*Config*\n{code(remediation.get('sourceConfigName', ''))}",
    ]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": True}},
        {
            "type": "section",
            "fields": [{"type": "mrkdwn", "text": clip(field, _FIELD_LIMIT)} for field in fields],
        },
    ]
    surfaces = remediation.get("surfaceKeys")
    if surfaces:
        lines = [_surface_line(key, changed=changed) for key in surfaces]
        blocks.append(_section("*Encryption at rest*\n" + "\n".join(lines)))
    notes = remediation.get("notes")
    if notes:
        blocks.append(_context("\n".join(f":information_source: {escape(note)}" for note in notes)))
    return blocks


def _plan(remediation: Remediation) -> str:
    return (
        "*What will happen*\nA copy of this config is made with the KMS key, and the endpoint is updated to "
        "it. Live instance counts and weights are kept. Traffic moves "
        f"{in_words(remediation.get('updateOptions', {}))}; while the update runs, SageMaker needs up to the "
        f"same number of instances again.\nKey {code(remediation.get('keyArn', ''))} · "
        f"plan {code(remediation.get('planHash', '')[:12])}"
    )


def _surface_line(key: SurfaceEntry, *, changed: bool) -> str:
    name = _SURFACE_WORDS[Surface(key["surface"])]
    before = code(key["now"]) if key["now"] else "no KMS key"
    if key["now"] and key["problem"]:
        before += f" ({escape(key['problem'])})"
    if not changed:
        return f"• {name}: {before}"
    if key["after"] == key["now"]:
        return f"• {name}: {before}" + (" (kept)" if key["now"] else " (left as it is)")
    return f"• {name}: {before} → KMS key {code(key['after'].rpartition('/')[2])}"


def _changed_by(remediation: Remediation) -> str:
    trigger = remediation["trigger"]
    who = trigger["principalArn"] or "unknown"
    what = trigger["eventName"] or trigger["kind"]
    when = f" {date_token(trigger['eventTime'])}" if _is_moment(trigger["eventTime"]) else ""
    return f"{code(who)}\n{escape(what)}{when}"


def _is_moment(text: str) -> bool:
    try:
        from_iso(text)
    except ValueError:
        return False
    return True


def _variants(remediation: Remediation) -> str:
    variants = remediation.get("variants", [])
    lines = [
        f"{code(variant['name'])}: {_capacity(variant.get('instanceCount'), variant['instanceType'])}"
        for variant in variants[:_VARIANTS_SHOWN]
    ]
    if len(variants) > _VARIANTS_SHOWN:
        lines.append(f"and {len(variants) - _VARIANTS_SHOWN} more")
    return "\n".join(lines) or "–"


def _capacity(count: int | None, instance_type: str) -> str:
    return escape(instance_type) if count is None else f"{count} × {escape(instance_type)}"


def _who_when(remediation: Remediation, approval: Approval) -> str:
    by = approval.get("decidedBy") or remediation.get("decidedBy", "")
    at = approval.get("decidedAt") or remediation.get("decidedAt", "")
    return f"by <@{by}>" + (f" {date_token(at)}" if at else "")


def _person(user: str) -> str:
    return f"<@{user}>" if is_slack_user(user) else code(user)


def _place(remediation: Remediation) -> str:
    trigger = remediation["trigger"]
    return f"account {trigger['accountId']}, {trigger['region']}"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": clip(text, _SECTION_LIMIT)}}


def _context(*texts: str) -> dict[str, Any]:
    elements: Sequence[dict[str, Any]] = [
        {"type": "mrkdwn", "text": clip(text, _CONTEXT_LIMIT)} for text in texts
    ]
    return {"type": "context", "elements": elements}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}
