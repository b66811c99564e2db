"""The settings about decisions: who is asked about which endpoints, where, and for how long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WrapValidator, model_validator
from pydantic.alias_generators import to_camel

from stacks.settings_problems import Path, Problem, Unfit, each_once, name_of, refusal, refuse, shown

SAMPLE_CHANNEL = "C0SEALPOINT"
SAMPLE_APPROVERS = ("U0APPROVER1", "U0APPROVER2")
DEFAULT_ROUTE = "default"

STRICT = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=to_camel)


def words(text: str, **schema: Any) -> dict[str, Any]:
    """What is allowed, for a field whose schema alone doesn't say it: in messages and in editors."""
    return {"errorMessage": text, **schema}


def list_words(what: str, how_many: str = "any number of") -> dict[str, Any]:
    return words(f"a list of {how_many} {what}, each once", uniqueItems=True)


RegionName = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")]
TagName = Annotated[str, Field(min_length=1)]
Tags = Annotated[
    dict[TagName, str],
    Field(json_schema_extra=words("an object of tag names and values, such as {'team': 'fraud'}")),
]

# What a route may change. The words of modes and ways are those of `lambdas.domain.approval.routes`, and a
# test holds the two together.
Channel = Annotated[
    str,
    Field(
        validation_alias="slackChannel",
        pattern=r"^[CG][A-Z0-9]{2,}$",
        description="The id of the Slack channel where approvals are requested.",
        json_schema_extra=words("the Slack channel's id, such as C0123456789 (not its name)"),
    ),
]
Approvers = Annotated[
    tuple[Annotated[str, Field(pattern=r"^([UWS][A-Z0-9]{2,}|\*)$")], ...],
    Field(
        strict=False,
        min_length=1,
        description="Who may decide: Slack ids of users (`U…`) and user groups (`S…`), or `*` for anyone in "
        "the channel.",
        json_schema_extra=list_words(
            "Slack ids of users and user groups, such as U0123456789 and S0123456789, or '*' for anyone in "
            "the channel",
            "one or more",
        ),
    ),
    WrapValidator(each_once),
]
DeadlineHours = Annotated[
    int,
    Field(
        validation_alias="approvalDeadlineHours",
        ge=1,
        le=720,
        description="How long a request stays open, in hours, from when people can see it. Without an "
        "answer nothing changes.",
    ),
]
ReminderHours = Annotated[
    int,
    Field(
        ge=0,
        le=720,
        description="The hours between reminders in the card's thread. The last reminder mentions the "
        "approvers. With 0, or no less than the deadline, there is just one reminder, an hour before the "
        "deadline.",
    ),
]
Mode = Annotated[
    Literal["required", "automatic", "observe"],
    Field(
        validation_alias="approvalMode",
        description="`required` asks a person. `automatic` encrypts and posts a notice. `observe` changes "
        "nothing and posts a notice.",
    ),
]
DecideIn = Annotated[
    Literal["slack", "command-line"],
    Field(
        description="Where decisions are taken. With `command-line` the card shows the command instead of "
        "buttons, and a forged click is refused.",
    ),
]


class Route(BaseModel):
    """Who is asked about the endpoints that match; see `lambdas.domain.approval.routes.Route`."""

    model_config = STRICT

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$",
        description=f"What records and cards call the route. `{DEFAULT_ROUTE}` is taken.",
        json_schema_extra=words("a name of letters, digits, - and _, at most 40"),
    )
    accounts: Annotated[
        tuple[Annotated[str, Field(pattern="^[0-9]{12}$")], ...],
        Field(strict=False, json_schema_extra=list_words("AWS account ids")),
        WrapValidator(each_once),
    ] = Field((), description="The AWS accounts whose endpoints match; all of them if empty.")
    regions: Annotated[
        tuple[RegionName, ...],
        Field(strict=False, json_schema_extra=list_words("AWS regions")),
        WrapValidator(each_once),
    ] = Field((), description="The regions whose endpoints match; all of them if empty.")
    tags: Tags = Field(default_factory=dict, description="The tags that an endpoint must have, all of them.")
    # what is left out is as it is for all other endpoints, and no default in the schema says otherwise
    channel: Channel = Field(default_factory=str)
    approvers: Approvers = Field(default_factory=tuple)
    deadline_hours: DeadlineHours = Field(default_factory=int)
    reminder_hours: ReminderHours = Field(default_factory=int)
    mode: Mode = Field(default_factory=lambda: "required")
    decide_in: DecideIn = Field(default_factory=lambda: "slack")

    @model_validator(mode="after")
    def _matches_some(self) -> Route:
        if not (self.accounts or self.regions or self.tags):
            refuse(
                Unfit(None, "a route that names accounts, regions or tags: this one matches every endpoint")
            )
        return self

    def over(self, default: Route) -> Route:
        """The route with what it leaves out taken from the default one."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return default.model_copy(update=given)

    def as_json(self) -> dict[str, Any]:
        """The route as `lambdas.domain.approval.routes.read_rules` takes it."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


@dataclass(frozen=True, slots=True)
class Decisions:
    """All routes in order; the last one, `DEFAULT_ROUTE`, matches every endpoint."""

    routes: tuple[Route, ...]

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


def name_problems(given: Mapping[str, Any]) -> Iterator[Problem]:
    """The names that several routes have, or that the default route has already."""
    seen = {DEFAULT_ROUTE}
    for path, route in _places(given):
        name = route.get("name") if path else None
        if isinstance(name, str):
            if name in seen:
                allowed = f"a name of its own for each route; '{DEFAULT_ROUTE}' is taken"
                yield refusal((*path, "name"), name, allowed)
            seen.add(name)


def sample_problems(given: Mapping[str, Any]) -> Iterator[Problem]:
    """The example's ids that are still there: nobody reads that channel, and nobody is those approvers."""
    for path, place in _places(given):
        if place.get("slackChannel") == SAMPLE_CHANNEL:
            where = (
                "the id of the channel where approvals are requested (in Slack: the channel's name, About, "
            )
            yield _sample((*path, "slackChannel"), SAMPLE_CHANNEL, f"{where}at the bottom)")
        approvers = place.get("approvers")
        for sample in SAMPLE_APPROVERS:
            if isinstance(approvers, list) and sample in approvers:
                who = "the member ids of the people who may approve (in Slack: profile, …, Copy member ID)"
                yield _sample((*path, "approvers", approvers.index(sample)), sample, who)


def _sample(path: Path, value: str, put: str) -> Problem:
    return Problem(path, f"{name_of(path)}: {shown(value)} is the example's. Put in {put}.")


def _places(given: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The settings and each route, with where they are."""
    yield (), given
    routes: list[Any] = given["routes"] if isinstance(given.get("routes"), list) else []
    for index, route in enumerate(routes):
        if isinstance(route, dict):
            yield ("routes", index), route
