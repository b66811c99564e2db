"""The settings about decisions: who is asked where and for how long, and by what rules."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stacks.settings_reader import Reader

SAMPLE_CHANNEL = "C0SEALPOINT"
SAMPLE_APPROVERS = ("U0APPROVER1", "U0APPROVER2")

DEADLINE_HOURS = range(1, 720 + 1)
REMINDER_HOURS = range(720 + 1)
# As `remediation.route` has them; a test holds the two together.
MODES = ("required", "automatic", "observe")
DECIDE_IN = ("slack", "command-line")
DEFAULT_ROUTE = "default"

# A function's environment has 4 KB; the rest of it needs some.
_RULES_LIMIT = 2800

_CHANNEL = re.compile(r"[CG][A-Z0-9]{2,}")
_APPROVER = re.compile(r"[UWS][A-Z0-9]{2,}|\*")
_ACCOUNT = re.compile(r"\d{12}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_URL = re.compile(r"(https://[^\s|<>]+)?")


@dataclass(frozen=True, slots=True)
class Route:
    """Who is asked about the endpoints that match; see `lambdas.domain.approval.routes.Route`."""

    name: str
    channel: str
    approvers: tuple[str, ...]
    deadline_hours: int
    reminder_hours: int
    mode: str
    decide_in: str
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    tags: Mapping[str, str] | None = None

    def as_json(self) -> dict[str, Any]:
        said = {"accounts": self.accounts, "regions": self.regions, "tags": self.tags}
        return {
            "name": self.name, "channel": self.channel, "approvers": self.approvers,
            "deadlineHours": self.deadline_hours, "reminderHours": self.reminder_hours,
            "mode": self.mode, "decideIn": self.decide_in,
            **{name: value for name, value in said.items() if value},
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class DecisionSettings:
    """What the functions need to know of decisions.

    Attributes
    ----------
    routes
        In order; the last one, `DEFAULT_ROUTE`, matches every endpoint.
    two_approvers_tag
        Tags of which any one, on an endpoint, asks for two approvers.
    """

    routes: tuple[Route, ...]
    forbid_own_approval: bool
    break_glass: bool
    two_approvers_tag: Mapping[str, str]
    runbook_url: str

    @property
    def default(self) -> Route:
        return self.routes[-1]

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(route.channel for route in self.routes))

    @property
    def groups(self) -> tuple[str, ...]:
        """The Slack user groups among all approvers."""
        approvers = (approver for route in self.routes for approver in route.approvers)
        return tuple(dict.fromkeys(approver for approver in approvers if approver.startswith("S")))

    def as_json(self) -> str:
        """As `lambdas.domain.approval.routes.read_rules` takes it."""
        rules = {
            "routes": [route.as_json() for route in self.routes],
            "forbidOwnApproval": self.forbid_own_approval,
            "breakGlass": self.break_glass,
            "twoApproversTag": self.two_approvers_tag,
            "runbookUrl": self.runbook_url,
        }
        return json.dumps(rules, separators=(",", ":"))


def read_decision_settings(reader: Reader) -> DecisionSettings:
    """The settings, from the same object as all others; problems go to the reader."""
    default = _read_route(reader, DEFAULT_ROUTE)
    given: Any = reader.take("routes")
    routes: list[Route] = []
    if not isinstance(given, list) or not all(isinstance(route, dict) for route in given):
        reader.problem("routes", given, "a list of routes, each an object with a name and what it matches")
    else:
        for index, route in enumerate(given):
            routes.append(_read_special(reader, route, index, default))
    names = [route.name for route in routes]
    for name in sorted({name for name in names if name and (names.count(name) > 1 or name == DEFAULT_ROUTE)}):
        reader.problem("routes", name, f"a name for each route, each once, and none is '{DEFAULT_ROUTE}'")
    settings = DecisionSettings(
        routes=(*routes, default),
        forbid_own_approval=reader.yes_or_no("forbidOwnApproval"),
        break_glass=reader.yes_or_no("breakGlass"),
        two_approvers_tag=reader.tags("twoApproversTag"),
        runbook_url=reader.text("runbookUrl", _URL, "an https:// address, or '' for none"),
    )
    if (length := len(settings.as_json().encode())) > _RULES_LIMIT:
        reader.problems.append(
            f"'routes' and the settings about decisions take {length} bytes; a function's environment has "
            f"room for {_RULES_LIMIT}: merge routes, or put approvers into Slack user groups."
        )
    return settings


def sample_problems(settings: DecisionSettings) -> list[str]:
    """Nobody reads the sample channel, and the sample approvers could approve nothing."""
    problems: list[str] = []
    if any(route.channel == SAMPLE_CHANNEL for route in settings.routes):
        problems.append(
            f"'slackChannel' is still the sample {SAMPLE_CHANNEL!r}: put in the id of the channel where "
            "approvals are asked for (in Slack: the channel's name, About, at the bottom)."
        )
    samples = sorted({user for route in settings.routes for user in route.approvers} & {*SAMPLE_APPROVERS})
    if samples:
        problems.append(
            f"'approvers' still has the sample {samples!r}: put in the member ids of the people who may "
            "approve (in Slack: profile, …, Copy member ID)."
        )
    return problems


def _read_special(reader: Reader, given: Mapping[str, Any], index: int, default: Route) -> Route:
    defaults = {
        "slackChannel": default.channel, "approvers": list(default.approvers),
        "approvalDeadlineHours": default.deadline_hours, "reminderHours": default.reminder_hours,
        "approvalMode": default.mode, "decideIn": default.decide_in,
        "accounts": [], "regions": [], "tags": {},
    }  # fmt: skip
    inner = Reader(given, where=f"routes[{index}].", defaults=defaults)
    name = inner.text("name", _NAME, "a name of letters, digits, - and _, at most 40")
    accounts = inner.list_of_text("accounts", "AWS account ids", _ACCOUNT, may_be_empty=True)
    regions = inner.list_of_text("regions", "AWS regions", _REGION, may_be_empty=True)
    route = _read_route(inner, name, accounts=accounts, regions=regions, tags=inner.tags("tags"))
    inner.refuse_unknown()
    if not inner.problems and not (route.accounts or route.regions or route.tags):
        allowed = "a route that names accounts, regions or tags: this one matches every endpoint"
        reader.problem(f"routes[{index}]", given, allowed)
    reader.problems += inner.problems
    return route


def _read_route(reader: Reader, name: str, **matching: Any) -> Route:
    return Route(
        name=name,
        channel=reader.text(
            "slackChannel", _CHANNEL, "the Slack channel's id, such as C0123456789 (not its name)"
        ),
        approvers=reader.list_of_text(
            "approvers",
            "Slack ids of users and user groups, such as U0123456789 and S0123456789, or '*' for anyone in "
            "the channel",
            _APPROVER,
        ),
        deadline_hours=reader.whole_number("approvalDeadlineHours", DEADLINE_HOURS),
        reminder_hours=reader.whole_number("reminderHours", REMINDER_HOURS),
        mode=reader.one_of("approvalMode", MODES),
        decide_in=reader.one_of("decideIn", DECIDE_IN),
        **matching,
    )
