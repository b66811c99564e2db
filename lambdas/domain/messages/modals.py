"""The modals: deny (with reason), break-glass approval (with reason), and an explanation of a refusal.

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
    """Ask why the endpoint is to stay as it is, and when to ask again."""
    blocks = [
        section(f"{code(endpoint_name)} stays as it is, without a KMS key. Your reason will be recorded."),
        reason_input(REASON_BLOCK, "Why leave it as it is?"),
        ask_again_input(ASK_AGAIN_BLOCK),
    ]
    return _modal(DENY, approval_id, "Leave it as it is", "Leave as is", blocks)


def break_glass(approval_id: str, endpoint_name: str) -> dict[str, Any]:
    """Approve one's own change, with a reason that all approvers are notified of."""
    blocks = [
        section(
            f"You changed {code(endpoint_name)} yourself. Nobody may approve their own change unless it "
            "can't wait. *All approvers will be notified*, with your reason."
        ),
        reason_input(REASON_BLOCK, "Why can't it wait for someone else?"),
    ]
    return _modal(BREAK_GLASS, approval_id, "Break glass", "Encrypt endpoint", blocks)


def explanation(words: str) -> dict[str, Any]:
    """Shown when a modal is submitted too late: what happened instead."""
    return {
        "type": "modal",
        "title": plain("Nothing was changed"),
        "close": plain("Close"),
        "blocks": [section(clip(words, _WORDS_LIMIT))],
    }


def values(state: Any) -> dict[str, str]:
    """The inputs of a modal, by block: texts and chosen options. Unknown shapes are left out."""
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


def all_values(state: Any) -> dict[str, str]:
    """The same, with an empty text for every empty block."""
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
    """A menu of `choices`, labels by value, with one preselected."""
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
