"""Who may decide in Slack, as the settings and Slack's groups say."""

from __future__ import annotations

from gateways.slack import Slack
from remediation.route import Route


def is_approver(route: Route, user: str, slack: Slack, *, in_channel: bool) -> bool:
    if user in route.users or (route.anyone and in_channel):
        return True
    return bool(route.groups) and slack.is_in_any_group(user, route.groups)
