"""The modals: a denial with its reason, a broken glass with its reason, and a refusal in words.

https://docs.slack.dev/surfaces/modals
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambdas.domain.approval.decision import ASK_AGAIN_DAYS, REASON_LIMIT
from lambdas.domain.messages.blocks import clip, code, plain, section

DENY, BREAK_GLASS = "deny", "break-glass"
REASON_BLOCK, REASON_INPUT = "reason", "reason"
ASK_AGAIN_BLOCK, ASK_AGAIN_INPUT = "ask-again", "ask-again"
DEFAULT_ASK_AGAIN = "30"
_WORDS_LIMIT = 2500


def deny(approval_id: str, endpoint_name: str) -> dict[str, Any]:
    """Why the endpoint is to stay as it is, and when to ask again."""
    blocks = [
        section(f"{code(endpoint_name)} stays as it is, without a KMS key. Your reason goes on record."),
        reason_input(REASON_BLOCK, "Why leave it as it is?"),
        ask_again_input(ASK_AGAIN_BLOCK),
    ]
    return _modal(DENY, approval_id, "Leave it as it is", "Leave as is", blocks)


def break_glass(approval_id: str, endpoint_name: str) -> dict[str, Any]:
    """Approve a change of one's own, with a reason that all approvers are told."""
    blocks = [
        section(
            f"You changed {code(endpoint_name)} yourself, and nobody approves a change of their own "
            "unless it can't wait. *All approvers are told*, with your reason."
        ),
        reason_input(REASON_BLOCK, "Why can't it wait for someone else?"),
    ]
    return _modal(BREAK_GLASS, approval_id, "Break glass", "Encrypt endpoint", blocks)


def explanation(words: str) -> dict[str, Any]:
    """In place of a modal that was sent too late: what became of it."""
    return {
        "type": "modal",
        "title": plain("Nothing was changed"),
        "close": plain("Close"),
        "blocks": [section(clip(words, _WORDS_LIMIT))],
    }


def values(state: Any) -> dict[str, str]:
    """The answers of a submitted modal, by block: texts and chosen options. Unknown shapes are left out."""
    found: dict[str, str] = {}
    blocks: Any = state.get("values") if isinstance(state, Mapping) else None
    for block_id, inputs in blocks.items() if isinstance(blocks, Mapping) else ():
        for given in inputs.values() if isinstance(inputs, Mapping) else ():
            option: Any = given.get("selected_option") if isinstance(given, Mapping) else None
            value = option.get("value") if isinstance(option, Mapping) else None
            text = given.get("value") if isinstance(given, Mapping) else None
            chosen = value if value is not None else text
            if isinstance(chosen, str):
                found[str(block_id)] = chosen
    return found


def answers(state: Any) -> dict[str, str]:
    """The same, with an empty text for every block that was left empty."""
    blocks: Any = state.get("values") if isinstance(state, Mapping) else None
    given = {str(block_id): "" for block_id in blocks} if isinstance(blocks, Mapping) else {}
    return given | values(state)


def _modal(
    callback_id: str, approval_id: str, title: str, submit: str, blocks: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "type": "modal",
        "callback_id": callback_id,
        "private_metadata": approval_id,
        "title": plain(title),
        "submit": plain(submit),
        "close": plain("Cancel"),
        "blocks": blocks,
    }


def reason_input(block_id: str, label: str, *, optional: bool = False) -> dict[str, Any]:
    least = {} if optional else {"min_length": 3}
    return {
        "type": "input",
        "block_id": block_id,
        "optional": optional,
        "label": plain(label),
        "element": {
            "type": "plain_text_input",
            "action_id": REASON_INPUT,
            "multiline": True,
            "max_length": REASON_LIMIT,
            **least,
        },
    }


def ask_again_input(block_id: str) -> dict[str, Any]:
    choices = {choice: _ask_again_words(days) for choice, days in ASK_AGAIN_DAYS.items()}
    return select_input(block_id, ASK_AGAIN_INPUT, "Ask again", choices, DEFAULT_ASK_AGAIN)


def select_input(
    block_id: str, action_id: str, label: str, choices: Mapping[str, str], chosen: str
) -> dict[str, Any]:
    """A menu of `choices`, words by value, with one chosen at first."""
    options = {value: {"text": plain(words), "value": value} for value, words in choices.items()}
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain(label),
        "element": {
            "type": "static_select",
            "action_id": action_id,
            "options": list(options.values()),
            "initial_option": options[chosen],
        },
    }


def _ask_again_words(days: int | None) -> str:
    return "when its config changes" if days is None else f"in {days} days, or when its config changes"
