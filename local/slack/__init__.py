"""Slack on this machine: the Web API, a page to read and click, and real signed requests to the app."""

from __future__ import annotations

from local.slack.block_kit import Violation, check_blocks, check_view
from local.slack.endpoint import ApiCall
from local.slack.faults import Faults
from local.slack.interactivity import Delivery, Interaction, RefusedError, UnknownError
from local.slack.people import Channel, User, UserGroup
from local.slack.server import SlackServer
from local.slack.standin import SlackStandIn
from local.slack.store import Ephemeral, Message, View

__all__ = [
    "ApiCall",
    "Channel",
    "Delivery",
    "Ephemeral",
    "Faults",
    "Interaction",
    "Message",
    "RefusedError",
    "SlackServer",
    "SlackStandIn",
    "UnknownError",
    "User",
    "UserGroup",
    "View",
    "Violation",
    "check_blocks",
    "check_view",
]
