"""Who may decide in Slack, as the settings and Slack's groups say."""

from __future__ import annotations

from lambdas.domain.approval.routes import Route
from lambdas.gateways.slack import Slack


def is_approver(route: Route, user: str, slack: Slack, *, in_channel: bool) -> bool:
    if user in route.users or (route.anyone and in_channel):
        return True
    return bool(route.groups) and slack.is_in_any_group(user, route.groups)
