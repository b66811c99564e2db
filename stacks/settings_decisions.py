"""The settings about decisions: who is asked about which endpoints, where, and for how long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WrapValidator, model_validator
from pydantic.alias_generators import to_camel

from stacks.settings_problems import Unfit, each_once, problem, refuse

SAMPLE_CHANNEL = "C0SEALPOINT"
SAMPLE_APPROVERS = ("U0APPROVER1", "U0APPROVER2")
DEFAULT_ROUTE = "default"

STRICT = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=to_camel)


def words(text: str, **schema: Any) -> dict[str, Any]:
    """What is allowed, for a field whose schema doesn't say it by itself: in messages and in editors."""
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
        description="The id of the Slack channel where approvals are requested. `make deploy` refuses the "
        "sample.",
        json_schema_extra=words("the Slack channel's id, such as C0123456789 (not its name)"),
    ),
]
Approvers = Annotated[
    tuple[Annotated[str, Field(pattern=r"^([UWS][A-Z0-9]{2,}|\*)$")], ...],
    Field(
        strict=False,
        min_length=1,
        description="Who may decide: Slack ids of users (`U…`) and user groups (`S…`), or `*` for anyone in "
        "the channel. `make deploy` refuses the samples.",
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
        "approvers. With 0, or as much as the deadline, there is only a last call an hour before it.",
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


def name_problems(given: Mapping[str, Any]) -> Iterator[str]:
    """The names that several routes have, or that the default route has already."""
    names = [route.get("name") for route in _routes(given)]
    for name in sorted({name for name in names if isinstance(name, str)}):
        if names.count(name) > 1 or name == DEFAULT_ROUTE:
            allowed = f"a name for each route, each once, and none is '{DEFAULT_ROUTE}'"
            yield problem("routes", name, allowed)


def sample_problems(given: Mapping[str, Any]) -> Iterator[str]:
    """The samples that are still there: nobody reads that channel, and nobody is those approvers."""
    places = [given, *_routes(given)]
    if any(place.get("slackChannel") == SAMPLE_CHANNEL for place in places):
        yield (
            f"'slackChannel' is still the sample {SAMPLE_CHANNEL!r}: put in the id of the channel where "
            "approvals are requested (in Slack: the channel's name, About, at the bottom)."
        )
    approvers = [place["approvers"] for place in places if isinstance(place.get("approvers"), list)]
    if samples := [sample for sample in SAMPLE_APPROVERS if any(sample in some for some in approvers)]:
        yield (
            f"'approvers' still has the sample {samples!r}: put in the member ids of the people who may "
            "approve (in Slack: profile, …, Copy member ID)."
        )


def _routes(given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    routes = given.get("routes")
    return [route for route in routes if isinstance(route, dict)] if isinstance(routes, list) else []
