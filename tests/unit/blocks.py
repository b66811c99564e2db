"""What tests look for in messages and modals."""

from __future__ import annotations

from typing import Any

from lambdas.domain.messages.blocks import Message
from local.slack import block_kit


def buttons(message: Message) -> list[dict[str, Any]]:
    return [
        element for block in message["blocks"] if block["type"] == "actions" for element in block["elements"]
    ]


def texts(value: Any) -> list[str]:
    """Every text of a message that Slack renders as mrkdwn."""
    if isinstance(value, dict):
        if value.get("type") == "mrkdwn":
            return [value["text"]]
        return [text for member in value.values() for text in texts(member)]
    return [text for member in value for text in texts(member)] if isinstance(value, list) else []


def within_limits(message: Message) -> None:
    assert message["text"]
    assert len(message["text"]) <= 3000
    assert block_kit.check_blocks(message["blocks"]) == []
