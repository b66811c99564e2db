"""The Slack app, as its manifest describes it: https://docs.slack.dev/reference/app-manifest"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_MANIFEST = Path(__file__).with_name("slack_app_manifest.json")

# The scopes of the bot's token that each method needs: https://docs.slack.dev/reference/methods
SCOPES_OF_METHODS = {
    "chat.postMessage": {"chat:write"},
    "chat.postEphemeral": {"chat:write"},
    "chat.update": {"chat:write"},
    "chat.getPermalink": set[str](),
    "views.open": set[str](),
    "views.update": set[str](),
    "users.lookupByEmail": {"users:read.email", "users:read"},  # Slack grants the former only with the latter
    "usergroups.users.list": {"usergroups:read"},
    "auth.test": set[str](),
    "conversations.info": {"channels:read", "groups:read"},  # public and private channels
}


def manifest(interactions_url: str, *, region: str = "") -> dict[str, Any]:
    """The manifest to create the app from. Its clicks go to `interactions_url`.

    Parameters
    ----------
    region
        Becomes part of the app's names, so that the apps of several regions can be told apart in a channel.
    """
    found: dict[str, Any] = json.loads(_MANIFEST.read_text())
    found["settings"]["interactivity"]["request_url"] = interactions_url
    if region:
        found["display_information"]["name"] += f" {region}"  # at most 35 characters
        found["features"]["bot_user"]["display_name"] += f"-{region}"
    return found


def scopes() -> frozenset[str]:
    """The scopes that the app requests."""
    return frozenset(json.loads(_MANIFEST.read_text())["oauth_config"]["scopes"]["bot"])
