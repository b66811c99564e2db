"""Who is asked about an endpoint, where, and for how long: the first route that matches it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from lambdas.domain.record import Approval, Digest

ANYONE = "*"
_GROUP = "S"


class Mode(StrEnum):
    """What happens to an unencrypted endpoint."""

    REQUIRED = "required"  # a person is asked
    AUTOMATIC = "automatic"  # it is encrypted, and a notice says so
    OBSERVE = "observe"  # it is left as it is, and a notice says so


class DecideIn(StrEnum):
    """Where a decision is taken."""

    SLACK = "slack"
    COMMAND_LINE = "command-line"  # under IAM: there are no buttons, and a forged click is refused


@dataclass(frozen=True, slots=True)
class Route:
    """What the settings say about some endpoints.

    Attributes
    ----------
    approvers
        Slack ids of users (``U…``) and user groups (``S…``), or ``*`` for anyone in the channel.
    reminder
        How long between reminders; zero for none.
    accounts, regions, tags
        What an endpoint has to match; empty matches everything.
    """

    name: str
    channel: str
    approvers: tuple[str, ...]
    deadline: timedelta
    reminder: timedelta
    mode: Mode
    decide_in: DecideIn
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    tags: Mapping[str, str] | None = None

    @property
    def users(self) -> tuple[str, ...]:
        return tuple(one for one in self.approvers if one != ANYONE and not one.startswith(_GROUP))

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(one for one in self.approvers if one.startswith(_GROUP))

    @property
    def anyone(self) -> bool:
        return ANYONE in self.approvers

    def matches(self, account: str, region: str, tags: Mapping[str, str]) -> bool:
        return (
            (not self.accounts or account in self.accounts)
            and (not self.regions or region in self.regions)
            and all(tags.get(key) == value for key, value in (self.tags or {}).items())
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings about decisions, as the stack hands them to a function.

    Attributes
    ----------
    routes
        In order; the last one matches everything.
    forbid_own_approval
        Nobody may approve their own change.
    break_glass
        Except with a reason, which is announced to all approvers.
    two_approvers_tag
        Tags that require two approvers; one of them on the endpoint is enough.
    runbook_pages
        Where the runbook's pages are: a URL, or a path in the repository. `{}` stands for a page's name.
    """

    routes: tuple[Route, ...]
    forbid_own_approval: bool = True
    break_glass: bool = False
    two_approvers_tag: Mapping[str, str] | None = None
    runbook_pages: str = ""

    @property
    def default(self) -> Route:
        return self.routes[-1]

    def choose(self, account: str, region: str, tags: Mapping[str, str]) -> Route:
        """The first route that matches."""
        return next((route for route in self.routes if route.matches(account, region, tags)), self.default)

    def named(self, name: str) -> Route:
        """The route that a remediation took, or the default if the settings no longer have it."""
        return self.find(name) or self.default

    def find(self, name: str) -> Route | None:
        return next((route for route in self.routes if route.name == name), None)

    def route_for(self, name: str, asked: Approval | Digest | None) -> Route:
        """The route by which a question or a digest is decided: as it is now, or as it was when asked.

        If the settings have dropped a route, the default route's approvers must not inherit its questions.
        """
        found = self.find(name)
        if found or asked is None:
            return found or self.default
        return replace(
            self.default,
            name=name,
            channel=asked.get("channel", self.default.channel),
            approvers=tuple(asked.get("mayDecide", ())),
            decide_in=DecideIn(asked.get("decideIn", DecideIn.SLACK)),
        )

    def approvals_needed(self, tags: Mapping[str, str]) -> int:
        critical = self.two_approvers_tag or {}
        return 2 if any(tags.get(key) == value for key, value in critical.items()) else 1


def read_rules(given: Mapping[str, Any]) -> Rules:
    """The rules from the JSON object that the stack wrote.

    A route has every member but those that say what it matches.
    """
    return Rules(
        routes=tuple(_read_route(route) for route in given["routes"]),
        forbid_own_approval=bool(given["forbidOwnApproval"]),
        break_glass=bool(given["breakGlass"]),
        two_approvers_tag=given["twoApproversTag"],
        runbook_pages=str(given["runbookPages"]),
    )


def _read_route(given: Mapping[str, Any]) -> Route:
    deadline, reminder = given["deadlineHours"], given["reminderHours"]
    return Route(
        name=str(given["name"]),
        channel=str(given["channel"]),
        approvers=tuple(given["approvers"]),
        deadline=timedelta(hours=deadline),
        # no reminder after the deadline: the last call comes instead, and its alarm
        reminder=timedelta(hours=reminder if reminder < deadline else 0),
        mode=Mode(given["mode"]),
        decide_in=DecideIn(given["decideIn"]),
        accounts=tuple(given.get("accounts", ())),
        regions=tuple(given.get("regions", ())),
        tags=given.get("tags"),
    )


def mentions(approvers: Sequence[str]) -> str:
    """Those who may decide, as Slack mentions them."""
    return ", ".join(_mention(approver, "anyone in this channel") for approver in approvers) or "nobody yet"


def notifying_mentions(approvers: Sequence[str]) -> str:
    """The same, to notify them: if anyone may decide, the whole channel is notified.

    https://docs.slack.dev/messaging/formatting-message-text/#special-mentions
    """
    return ", ".join(_mention(approver, "<!channel>") for approver in approvers) or "nobody yet"


def _mention(approver: str, anyone: str) -> str:
    if approver == ANYONE:
        return anyone
    return f"<!subteam^{approver}>" if approver.startswith(_GROUP) else f"<@{approver}>"
