"""The settings: described, checked, typed. `settings_file` reads them from `sealpoint.yaml`.

docs/settings.md, the JSON schema beside it, which editors use, and sealpoint.example.yaml are made from them
(`make docs`).
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, get_args

import botocore.session
from botocore.exceptions import UnknownRegionError
from pydantic import AfterValidator, BaseModel, Field, ValidationError, ValidationInfo, WrapValidator
from pydantic import field_validator as validates
from pydantic.json_schema import GenerateJsonSchema

from stacks.deployment_config import deployment_config_problem
from stacks.settings_decisions import (
    DEFAULT_ROUTE,
    STRICT,
    Approvers,
    Channel,
    DeadlineHours,
    DecideIn,
    Decisions,
    Mode,
    RegionName,
    ReminderHours,
    Route,
    Tags,
    list_words,
    name_problems,
    sample_problems,
    words,
)
from stacks.settings_problems import Path, Problem, Unfit, each_once, in_words, refuse

ANY_KEY, CUSTOMER_MANAGED_KEY = "any", "customer-managed"
VOLUME = "instance-volume"
# As `lambdas.domain.vocabulary.Surface` has them; a test holds the two together.
Surface = Literal["instance-volume", "core-dump", "data-capture", "async-output"]
# What CloudWatch Logs accepts, except "never": a period has an end.
RetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]  # fmt: skip

# https://docs.aws.amazon.com/general/latest/gr/aws_tagging.html
_TAG_NAME = re.compile(r"(?!aws:)[\w .:/=+@-]{1,128}", re.IGNORECASE)
_TAG_VALUE = re.compile(r"[\w .:/=+@-]{0,256}")
_MOST_TAGS = 45  # of 50: CloudFormation and CDK add some
_KEY_ID = r"([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})"
_KEY_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):kms:(?P<region>[a-z0-9-]+):\d{12}:key/" + _KEY_ID)
# What KMS takes for a key: its id, its ARN, an alias's name, an alias's ARN.
_KEY_NAME = (
    rf"^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{{12}}:)?(alias/[a-zA-Z0-9/_-]+|key/[a-z0-9-]+|{_KEY_ID})$"
)
# At least an hour apart. https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
_SCHEDULE = (
    r"^(rate\((([2-9]|[1-9][0-9]+) (hours|days)|1 (hour|day))\)|"
    r"cron\([0-9,*/?LW#A-Z-]+( [0-9,*/?LW#A-Z-]+){5}\))?$"
)
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_Policy.html
_POLICY = (
    r"^((arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/)?([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,128})?$"
)


class SettingsError(Exception):
    """The settings can't be used.

    Attributes
    ----------
    problems
        Each has a line of the message.
    """

    def __init__(self, what: str, problems: Sequence[str] = ()) -> None:
        super().__init__("\n  ".join((what, *problems)))
        self.problems = problems


class Settings(BaseModel):
    """Sealpoint's settings."""

    model_config = STRICT

    # Where and by whom is for each user to say. Everything else has a default, so that a setting which is new
    # in a release changes nothing for those who upgrade.
    regions: Annotated[
        tuple[RegionName, ...],
        Field(
            strict=False,
            min_length=1,
            json_schema_extra=list_words("AWS regions, such as us-east-1", "one or more"),
        ),
        WrapValidator(each_once),
    ] = Field(
        description="The AWS regions to deploy to. Each has a stack, and a Slack app of its own, since an "
        "app has a single Request URL."
    )
    name_prefix: str = Field(
        "Sealpoint",
        max_length=40,  # <prefix>-<region>-remediation has to fit the 80 characters of a state machine's name
        pattern="^[A-Za-z](-?[A-Za-z0-9])*$",
        description="The prefix of all stack and resource names, as in `Sealpoint-us-east-1`. Use another "
        "prefix to deploy a second copy in the same account.",
        json_schema_extra=words("a letter, then letters, digits and single hyphens, at most 40"),
    )
    channel: Channel
    approvers: Approvers
    deadline_hours: DeadlineHours = 24
    reminder_hours: ReminderHours = 8
    mode: Mode = "required"
    decide_in: DecideIn = "slack"
    forbid_own_approval: bool = Field(
        default=True,
        description="Whether people are kept from approving their own changes. They are recognized by the "
        "email address that their session or IAM user is named after.",
    )
    break_glass: bool = Field(
        default=False,
        description="Whether approvers may approve their own change with a reason, of which all approvers "
        "are notified.",
    )
    two_approvers_tag: Tags = Field(
        {},
        description='Tags that mark critical endpoints, such as `{"sealpoint:critical": "true"}`. An '
        "endpoint with any one of them needs two approvers.",
    )
    routes: tuple[Route, ...] = Field(
        (),
        description="Other settings for some endpoints: see [Routes](#routes).",
        json_schema_extra=words("a list of routes, each an object with a name and what it matches"),
    )
    runbook_url: str = Field(
        "",
        pattern=r"^(https://[^\s|<>]+)?$",
        description="A copy of the runbook that your people can open. Every card and alarm links its page: "
        "beneath the address if that ends in `/` (`remediation-failed.md`), else at an anchor of it "
        "(`#remediation-failed`).",
        json_schema_extra=words("an https:// address, or '' for none"),
    )
    kms_key_arns: dict[str, str] = Field(
        {},
        description="Your own KMS key for a region, by its ARN. The stack creates a key where a region has "
        "none here.",
        json_schema_extra=words(
            "an object of region to KMS key ARN, such as {} or {'us-east-1': 'arn:aws:kms:…:key/…'}",
            additionalProperties={"type": "string", "pattern": "^arn:aws[a-z-]*:kms:"},
        ),
    )
    required_surfaces: Annotated[
        tuple[Surface, ...],
        Field(
            min_length=1,
            json_schema_extra=words(f"a list of one or more of {', '.join(get_args(Surface))}"),
        ),
        AfterValidator(lambda surfaces: tuple(dict.fromkeys(surfaces))),
    ] = Field(
        (VOLUME,),
        description="The encryption surfaces that must have a key. If one lacks it, the endpoint counts as "
        "unencrypted. All missing keys are added in the same update.",
    )
    encrypted_by: (
        Literal["any", "customer-managed"]
        | Annotated[tuple[Annotated[str, Field(pattern=_KEY_NAME)], ...], Field(min_length=1)]
    ) = Field(
        "any",
        description="Which keys count as encryption. Sealpoint's own key always does. Where a surface is "
        "required, a key that doesn't count is replaced.",
        json_schema_extra=words(
            f"'{ANY_KEY}', '{CUSTOMER_MANAGED_KEY}', or a list of KMS keys (ids, ARNs, aliases)"
        ),
    )
    deployment_config: dict[str, Any] | None = Field(
        {},
        validate_default=True,
        description="How traffic moves (canary, linear, rolling, alarms that roll back), for endpoints that "
        "have no policy of their own: a [DeploymentConfig]"
        "(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeploymentConfig.html).",
        json_schema_extra=words("{} for SageMaker's default, or a DeploymentConfig as SageMaker takes it"),
    )
    concurrent_updates: int = Field(
        5,
        ge=1,
        le=50,
        description="How many endpoints are updated at once in each region, at least two seconds apart. Each "
        "update temporarily doubles the endpoint's instances. Further updates are queued.",
    )
    sweep_schedule: str = Field(
        "rate(1 day)",
        pattern=_SCHEDULE,
        description="When all endpoints of a region are checked, in EventBridge Scheduler's syntax.",
        json_schema_extra=words(
            "'rate(1 day)' (hours or days), 'cron(0 6 * * ? *)' (in UTC), or '' for no sweep"
        ),
    )
    sweep_quota_share: int = Field(
        50,
        ge=5,  # with less, a batch outlasts the function that assesses it
        le=100,
        description="The percentage of SageMaker's API quotas that a sweep may use. The rest stays free for "
        "your own deployments.",
    )
    digest_above: int = Field(
        10,
        ge=1,
        le=100,
        description="If one sweep finds more endpoints than this for one route, a single card asks about all "
        "of them.",
    )
    backout_days: int = Field(
        14,
        ge=0,
        le=90,
        description="How many days the card offers to back out, and the old config is kept for it.",
    )
    exempt_days_after_backout: int = Field(
        30, ge=1, le=365, description="How many days an endpoint is exempt after it was backed out."
    )
    retire_old_config: bool = Field(
        default=True,
        description="Whether the old config is deleted when the time for backing out is over and nothing "
        "uses it. Scanners flag endpoint configs, used or not.",
    )
    record_retention_years: int = Field(
        6, ge=1, le=30, description="How many years records are kept. HIPAA requires six."
    )
    alarm_emails: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")], ...],
        Field(strict=False, json_schema_extra=list_words("email addresses")),
        WrapValidator(each_once),
    ] = Field(
        (),
        description="Who gets alarms by email. Each address has to confirm once. Anything else can subscribe "
        "to the topic `AlarmTopicArn`.",
    )
    log_retention_days: RetentionDays = Field(
        365,
        description="How many days logs are kept.",
        json_schema_extra=words(
            f"a number of days that CloudWatch Logs knows: {', '.join(map(str, get_args(RetentionDays)))}"
        ),
    )
    function_memory_mb: int = Field(
        1024,
        # Lambda assigns CPU with memory: below this a cold start doesn't fit Slack's three seconds
        ge=512,
        le=10240,
        description="The functions' memory, and with it their CPU. The function that answers Slack always "
        "gets at least 1,769 MB (one full vCPU), so that even a cold start fits Slack's three seconds.",
    )
    function_architecture: Literal["arm64", "x86_64"] = Field(
        "arm64", description="The functions' processor: `x86_64` where Lambda has no Arm."
    )
    permissions_boundary: str = Field(
        "",
        pattern=_POLICY,
        description="The managed policy that bounds every role, where your organization asks for one.",
        json_schema_extra=words("the name or ARN of an IAM managed policy, or '' for none"),
    )
    tags: Tags = Field(
        {}, description='Tags for everything that is deployed, such as `{"cost-center": "ml"}`.'
    )

    @classmethod
    def check(
        cls, given: Mapping[str, Any], *, deploying: bool = False, texts: Mapping[Path, str] | None = None
    ) -> tuple[Settings | None, list[Problem]]:
        """The settings from what was given, or else every problem: the key, its value and what is allowed.

        Parameters
        ----------
        deploying
            Whether they are for a real deployment, which refuses the example's channel and approvers.
        texts
            By path: how a value was written, where it was read from a file.
        """
        problems = [*name_problems(given), *(sample_problems(given) if deploying else ())]
        try:
            settings = cls.model_validate_json(json.dumps(given), context={"deploying": deploying})
        except ValidationError as error:
            return None, [*in_words(error, given, json_schema(), texts or {}), *problems]
        return (None if problems else settings), problems

    @classmethod
    def of(cls, given: Mapping[str, Any], *, deploying: bool = False) -> Settings:
        """The settings from what was given.

        Raises
        ------
        SettingsError
        """
        settings, problems = cls.check(given, deploying=deploying)
        if settings is None:
            raise SettingsError("The settings can't be used:", [problem.text for problem in problems])
        return settings

    @property
    def decisions(self) -> Decisions:
        shared = Route.model_fields.keys() & type(self).model_fields.keys() - {"regions", "tags"}
        default = Route.model_construct(
            name=DEFAULT_ROUTE, **{name: getattr(self, name) for name in sorted(shared)}
        )
        return Decisions((*(route.over(default) for route in self.routes), default))

    @property
    def runbook_pages(self) -> str:
        """Where the runbook's pages are; `{}` stands for a page's name.

        Beneath a URL that ends in a slash, else at an anchor of that URL. Without a URL it is the page's path
        in this repository.
        """
        if not self.runbook_url:
            return "docs/runbook/{}.md"
        return self.runbook_url + ("{}.md" if self.runbook_url.endswith("/") else "#{}")

    def keys_that_count(self, region: str) -> tuple[str, ...]:
        return keys_that_count(self.encrypted_by, region)

    def for_functions(self) -> str:
        """The settings that the functions read from their asset (`lambdas.gateways.settings`), as JSON.

        All regions share the asset, so that what depends on the region is there for each.
        """
        decisions = {
            "routes": [route.as_json() for route in self.decisions.routes],
            "forbidOwnApproval": self.forbid_own_approval,
            "breakGlass": self.break_glass,
            "twoApproversTag": self.two_approvers_tag,
            "runbookPages": self.runbook_pages,
        }
        settings = {
            "decisions": decisions,
            "encryptedBy": {region: self.keys_that_count(region) for region in self.regions},
            "deploymentConfig": self.deployment_config,
        }
        return json.dumps(settings, indent=1) + "\n"

    # -- what no schema says

    @validates("regions")
    @classmethod
    def _regions_exist(cls, regions: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        refuse(*(Unfit(region, region_like(region)) for region in regions if not is_known_region(region)))
        partitions = {region: _partition(region) for region in regions}
        if (info.context or {}).get("deploying") and len({*partitions.values()}) > 1:
            refuse(Unfit(partitions, "regions of one partition: no account has several"))
        return regions

    @validates("kms_key_arns", mode="before")
    @classmethod
    def _keys_are_of_their_regions(cls, given: Any, info: ValidationInfo) -> Any:
        if isinstance(given, dict):
            refuse(*_unfit_keys(given, info.data.get("regions", ())))
        return given

    @validates("encrypted_by")
    @classmethod
    def _keys_are_of_our_regions(
        cls, keys: str | tuple[str, ...], info: ValidationInfo
    ) -> str | tuple[str, ...]:
        regions = info.data.get("regions", ())
        if regions and not isinstance(keys, str):
            # another region's key could never count: the endpoints under it would be moved to another key
            ours = tuple(f"arn:{_partition(region)}:kms:{region}:" for region in regions)
            allowed = f"of ARNs, those of keys in 'regions' ({list(regions)!r})"
            refuse(*(Unfit(k, allowed) for k in keys if k.startswith("arn:") and not k.startswith(ours)))
        return keys

    @validates("deployment_config", mode="plain", json_schema_input_type=dict[str, Any])
    @classmethod
    def _sagemaker_takes_it(cls, value: Any) -> dict[str, Any] | None:
        if value == {}:
            return None
        if problem := deployment_config_problem(value):
            allowed = "{} for SageMaker's default, or a DeploymentConfig as SageMaker takes it"
            refuse(Unfit(value, f"{allowed}: {problem}"))
        return value

    @validates("log_retention_days", mode="before")
    @classmethod
    def _true_is_no_number(cls, days: Any) -> Any:
        if isinstance(days, bool):  # which equals 1 in Python, and so to pydantic
            refuse(Unfit(days))
        return days

    @validates("permissions_boundary")
    @classmethod
    def _boundary_is_of_the_partition(cls, given: str, info: ValidationInfo) -> str:
        partitions = sorted({_partition(region) for region in info.data.get("regions", ())})
        if given.startswith("arn:") and partitions and partitions != [given.split(":")[1]]:
            refuse(
                Unfit(
                    given,
                    "the name or ARN of an IAM managed policy, or '' for none; the ARN of one in "
                    f"{' and '.join(partitions)}, where 'regions' are",
                )
            )
        return given

    @validates("tags")
    @classmethod
    def _aws_takes_the_tags(cls, tags: dict[str, str]) -> dict[str, str]:
        allowed = "letters, digits, spaces and . : / = + @ - _, 128 in a name, 256 in a value, no aws: first"
        unfit = [
            Unfit(value, allowed, name)
            for name, value in tags.items()
            if not _TAG_NAME.fullmatch(name) or not _TAG_VALUE.fullmatch(value)
        ]
        if len(tags) > _MOST_TAGS:
            unfit.append(Unfit(f"{len(tags)} tags", f"at most {_MOST_TAGS}"))
        refuse(*unfit)
        return tags


def keys_that_count(encrypted_by: str | Sequence[str], region: str) -> tuple[str, ...]:
    """The setting `encryptedBy` for one region: an ARN is of one region, an id or an alias's name of any."""
    keys = [encrypted_by] if isinstance(encrypted_by, str) else encrypted_by
    return tuple(key for key in keys if not key.startswith("arn:") or f":{region}:" in key)


class _WithoutTitles(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # pydantic's own signature
        return False


@cache
def json_schema() -> dict[str, Any]:
    """The settings' JSON schema."""
    return Settings.model_json_schema(schema_generator=_WithoutTitles)


# What a setting is where it isn't given, as sealpoint.yaml would have it.
DEFAULTS: Mapping[str, Any] = {
    key: field["default"] for key, field in json_schema()["properties"].items() if "default" in field
}


def _unfit_keys(given: Mapping[str, Any], regions: Sequence[str]) -> Iterator[Unfit]:
    for region, arn in given.items():
        match = _KEY_ARN.fullmatch(arn) if isinstance(arn, str) else None
        if regions and region not in regions:
            yield Unfit(arn, f"a region that is also in 'regions' ({list(regions)!r})", region)
        elif not match or (match["partition"], match["region"]) != (_partition(region), region):
            begins = f"arn:{_partition(region)}:kms:{region}:"
            yield Unfit(arn, f"the ARN of a key in {region} ({begins}…:key/…, not an alias/…)", region)


def region_like(region: str) -> str:
    known = _known_regions(_partition(region) or "aws")
    close = difflib.get_close_matches(region, known, n=3)
    return f"an AWS region, such as {', '.join(close or known[:3])}"


def is_known_region(region: str) -> bool:
    """Its partition is known by the region's pattern alone, which a typing error may fit."""
    return bool(_partition(region)) and region in _known_regions(_partition(region))


@cache
def _known_regions(partition: str) -> list[str]:
    return _botocore().get_available_regions("sts", partition)  # which is everywhere, and has a small model


@cache
def _partition(region: str) -> str:
    try:
        return _botocore().get_partition_for_region(region)
    except UnknownRegionError:
        return ""


@cache
def _botocore() -> botocore.session.Session:
    return botocore.session.get_session()
