"""The settings a user edits in `cdk.json`, under `context.sealpoint`: read once, checked, typed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from aws_cdk import aws_logs as logs
from botocore.exceptions import UnknownRegionError

from stacks.decision_settings import DecisionSettings, read_decision_settings, sample_problems
from stacks.deployment_config import deployment_config_problem
from stacks.settings_reader import Reader

# Lambda hands out CPU with memory, and a cold start must fit Slack's three seconds: below this it doesn't.
MEMORY_MB = range(512, 10240 + 1)
CONCURRENT_UPDATES = range(1, 50 + 1)
QUOTA_SHARE = range(5, 100 + 1)  # percent; with less, a batch outlasts the function that looks at it
DIGEST_ABOVE = range(1, 100 + 1)  # endpoints
BACKOUT_DAYS = range(90 + 1)
EXEMPT_DAYS = range(1, 365 + 1)
RETENTION_YEARS = range(1, 30 + 1)

# Where and by whom is for each user to say; everything else has a default, so that settings which are new in
# a release change nothing for those who upgrade.
DEFAULTS: Mapping[str, Any] = {
    "namePrefix": "Sealpoint",
    "approvalDeadlineHours": 24,
    "reminderHours": 8,
    "approvalMode": "required",
    "decideIn": "slack",
    "forbidOwnApproval": True,
    "breakGlass": False,
    "twoApproversTag": {},
    "routes": [],
    "runbookUrl": "",
    "kmsKeyArns": {},
    "requiredSurfaces": ["instance-volume"],
    "encryptedBy": "any",
    "deploymentConfig": {},
    "concurrentUpdates": 5,
    "sweepSchedule": "rate(1 day)",
    "sweepQuotaShare": 50,
    "digestAbove": 10,
    "backoutDays": 14,
    "exemptDaysAfterBackout": 30,
    "retireOldConfig": True,
    "recordRetentionYears": 6,
    "alarmEmails": [],
    "logRetentionDays": 365,
    "functionMemoryMb": 1024,
    "functionArchitecture": "arm64",
    "permissionsBoundary": "",
    "tags": {},
}

# As `lambdas.domain.vocabulary.Surface` has them; a test holds the two together.
VOLUME = "instance-volume"
SURFACES = (VOLUME, "core-dump", "data-capture", "async-output")
ARCHITECTURES = ("arm64", "x86_64")
ANY_KEY, CUSTOMER_MANAGED_KEY = "any", "customer-managed"

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
# <prefix>-<region>-remediation has to fit the 80 characters of a state machine's name
_NAME_PREFIX = re.compile(r"(?=.{1,40}$)[A-Za-z](-?[A-Za-z0-9])*")
# At least an hour apart. https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
_SCHEDULE = re.compile(
    r"rate\((([2-9]|[1-9]\d+) (hours|days)|1 (hour|day))\)|cron\([\d,*/?LW#A-Z-]+( [\d,*/?LW#A-Z-]+){5}\)|"
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_Policy.html
_POLICY = re.compile(
    r"(arn:(?P<partition>aws[a-z-]*):iam::(\d{12}|aws):policy/)?([\w+=,.@-]+/)*[\w+=,.@-]{1,128}|"
)
# https://docs.aws.amazon.com/general/latest/gr/aws_tagging.html
_TAG_NAME = re.compile(r"(?!aws:)[\w .:/=+@-]{1,128}", re.IGNORECASE)
_TAG_VALUE = re.compile(r"[\w .:/=+@-]{0,256}")
_MOST_TAGS = 45  # of 50: CloudFormation and CDK add some
_KEY_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):kms:(?P<region>[a-z0-9-]+):\d{12}:key/"
    r"([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})"
)
# What KMS takes for a key: its id, its ARN, an alias's name, an alias's ARN.
_ANY_KEY_NAME = re.compile(
    r"(arn:(?P<partition>aws[a-z-]*):kms:(?P<region>[a-z0-9-]+):\d{12}:)?"
    r"(alias/[a-zA-Z0-9/_-]+|key/[a-z0-9-]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})"
)


class SettingsError(Exception):
    """The settings can't be used. The message has one line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"The settings in cdk.json (context.sealpoint) need attention:\n{lines}")
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user decides.

    Attributes
    ----------
    name_prefix
        A stack is named ``<name_prefix>-<region>``, and what it holds after the stack.
    kms_key_arns
        For a region, the ARN of the user's own key; a region without one gets a key of its own.
    required_surfaces
        The encryption surfaces without which an endpoint counts as unencrypted.
    encrypted_by
        Which keys count: ``("any",)``, ``("customer-managed",)``, or keys as KMS names them.
    deployment_config
        SageMaker's DeploymentConfig for endpoints that have none; None leaves them to SageMaker's default.
    concurrent_updates
        How many endpoints are moved to their twins at once, in each region.
    sweep_schedule
        EventBridge Scheduler's expression for when every endpoint is looked at; empty: never.
    sweep_quota_share
        How much of AWS's quotas a sweep takes, in percent.
    digest_above
        More findings of one sweep than this are asked about in one card.
    backout_days
        How long an encrypted endpoint's card offers the way back, and its old config is kept for it.
    permissions_boundary
        The name or ARN of the managed policy that every role is bounded by; empty for none.
    """

    regions: tuple[str, ...]
    name_prefix: str
    decisions: DecisionSettings
    kms_key_arns: Mapping[str, str]
    required_surfaces: tuple[str, ...]
    encrypted_by: tuple[str, ...]
    deployment_config: Mapping[str, Any] | None
    concurrent_updates: int
    sweep_schedule: str
    sweep_quota_share: int
    digest_above: int
    backout_days: int
    exempt_days_after_backout: int
    retire_old_config: bool
    record_retention_years: int
    alarm_emails: tuple[str, ...]
    log_retention: logs.RetentionDays
    function_memory_mb: int
    function_architecture: str
    permissions_boundary: str
    tags: Mapping[str, str]

    def keys_that_count(self, region: str) -> tuple[str, ...]:
        """`encrypted_by` for one region: an ARN is of one region, an id or an alias's name of any."""
        return tuple(key for key in self.encrypted_by if not key.startswith("arn:") or f":{region}:" in key)

    @classmethod
    def from_context(cls, context: Any, deploying: Any = None) -> Settings:
        """Read the settings from the CDK context's values for `sealpoint` and `deploying`.

        Parameters
        ----------
        deploying
            "true" (as `-c deploying=true` gives it) if this is for real: then the sample channel and
            approvers are refused.

        Raises
        ------
        SettingsError
            It names every problem: the key, its value and what is allowed.
        """
        if not isinstance(context, dict):
            raise SettingsError([f"'sealpoint' must be an object of settings, not {context!r}."])
        reader = Reader(context, defaults=DEFAULTS)
        regions = _regions(reader)
        settings = cls(
            regions=regions,
            name_prefix=reader.text(
                "namePrefix", _NAME_PREFIX, "a letter, then letters, digits and single hyphens, at most 40"
            ),
            decisions=read_decision_settings(reader),
            kms_key_arns=_kms_key_arns(reader, regions),
            required_surfaces=_required_surfaces(reader),
            encrypted_by=_encrypted_by(reader, regions),
            deployment_config=_deployment_config(reader),
            concurrent_updates=reader.whole_number("concurrentUpdates", CONCURRENT_UPDATES),
            sweep_schedule=reader.text(
                "sweepSchedule",
                _SCHEDULE,
                "'rate(1 day)' (hours or days), 'cron(0 6 * * ? *)' (in UTC), or '' for no sweep",
            ),
            sweep_quota_share=reader.whole_number("sweepQuotaShare", QUOTA_SHARE),
            digest_above=reader.whole_number("digestAbove", DIGEST_ABOVE),
            backout_days=reader.whole_number("backoutDays", BACKOUT_DAYS),
            exempt_days_after_backout=reader.whole_number("exemptDaysAfterBackout", EXEMPT_DAYS),
            retire_old_config=reader.yes_or_no("retireOldConfig"),
            record_retention_years=reader.whole_number("recordRetentionYears", RETENTION_YEARS),
            alarm_emails=reader.list_of_text("alarmEmails", "email addresses", _EMAIL, may_be_empty=True),
            log_retention=_log_retention(reader),
            function_memory_mb=reader.whole_number("functionMemoryMb", MEMORY_MB),
            function_architecture=reader.one_of("functionArchitecture", ARCHITECTURES),
            permissions_boundary=_permissions_boundary(reader, regions),
            tags=_tags(reader),
        )
        reader.refuse_unknown()
        if str(deploying).lower() == "true":
            reader.problems += sample_problems(settings.decisions)
            partitions = {region: _partition(region) for region in regions}
            if len({*partitions.values()}) > 1:
                reader.problem("regions", partitions, "regions of one partition: no account has several")
        if reader.problems:
            raise SettingsError(reader.problems)
        return settings


def _regions(reader: Reader) -> tuple[str, ...]:
    """The regions; none where one is wrong, so that what depends on them isn't held against that, too."""
    regions = reader.list_of_text("regions", "AWS regions, such as us-east-1", _REGION)
    right = True
    for region in regions:
        partition = _partition(region)
        known = _known_regions(partition or "aws")
        # its partition is known by the region's pattern alone, which a slip of the pen may fit
        if not partition or region not in known:
            close = difflib.get_close_matches(region, known, n=3)
            reader.problem("regions", region, f"an AWS region, such as {', '.join(close or known[:3])}")
            right = False
    return regions if right else ()


@cache
def _known_regions(partition: str) -> list[str]:
    return boto3.Session().get_available_regions("ec2", partition)  # which is everywhere


@cache
def _partition(region: str) -> str:
    try:
        return boto3.Session().get_partition_for_region(region)
    except UnknownRegionError:
        return ""


def _tags(reader: Reader) -> dict[str, str]:
    tags = reader.tags("tags")
    for name, value in tags.items():
        if not _TAG_NAME.fullmatch(name) or not _TAG_VALUE.fullmatch(value):
            allowed = (
                "letters, digits, spaces and . : / = + @ - _, 128 in a name, 256 in a value, no aws: first"
            )
            reader.problem(f"tags.{name}", value, allowed)
    if len(tags) > _MOST_TAGS:
        reader.problem("tags", f"{len(tags)} tags", f"at most {_MOST_TAGS}")
    return tags


def _kms_key_arns(reader: Reader, regions: tuple[str, ...]) -> dict[str, str]:
    value = reader.take("kmsKeyArns")
    allowed = "an object of region to KMS key ARN, such as {} or {'us-east-1': 'arn:aws:kms:…:key/…'}"
    if not isinstance(value, dict):
        reader.problem("kmsKeyArns", value, allowed)
        return {}
    keys: dict[str, str] = {}
    for region, arn in value.items():
        where = f"kmsKeyArns.{region}"
        match = _KEY_ARN.fullmatch(arn) if isinstance(arn, str) else None
        if regions and region not in regions:
            reader.problem(where, arn, f"a region that is also in 'regions' ({list(regions)!r})")
        elif not match or (match["partition"], match["region"]) != (_partition(region), region):
            begins = f"arn:{_partition(region)}:kms:{region}:"
            reader.problem(where, arn, f"the ARN of a key in {region} ({begins}…:key/…, not an alias/…)")
        else:
            keys[region] = arn
    return keys


def _required_surfaces(reader: Reader) -> tuple[str, ...]:
    value = reader.take("requiredSurfaces")
    allowed = f"a list of one or more of {', '.join(SURFACES)}"
    if not isinstance(value, list) or not value or any(member not in SURFACES for member in value):
        reader.problem("requiredSurfaces", value, allowed)
        return SURFACES
    return tuple(dict.fromkeys(value))


def _encrypted_by(reader: Reader, regions: tuple[str, ...]) -> tuple[str, ...]:
    value = reader.take("encryptedBy")
    if value in (ANY_KEY, CUSTOMER_MANAGED_KEY):
        return (str(value),)
    keys: list[Any] = value if isinstance(value, list) else []
    found = [_ANY_KEY_NAME.fullmatch(key) if isinstance(key, str) else None for key in keys]
    if keys and all(found):
        for match in filter(None, found):
            where = (match["partition"], match["region"])
            if regions and match["region"] and where not in {(_partition(one), one) for one in regions}:
                # it could never count: the endpoints under it would be moved to another key
                allowed = f"of ARNs, those of keys in 'regions' ({list(regions)!r})"
                reader.problem("encryptedBy", match[0], allowed)
        return tuple(keys)
    reader.problem(
        "encryptedBy",
        value,
        f"'{ANY_KEY}', '{CUSTOMER_MANAGED_KEY}', or a list of KMS keys (ids, ARNs, aliases)",
    )
    return (ANY_KEY,)


def _permissions_boundary(reader: Reader, regions: tuple[str, ...]) -> str:
    allowed = "the name or ARN of an IAM managed policy, or '' for none"
    given = reader.text("permissionsBoundary", _POLICY, allowed)
    match = _POLICY.fullmatch(given)
    partitions = sorted({_partition(region) for region in regions})
    if match and match["partition"] and partitions and partitions != [match["partition"]]:
        where = f"{allowed}; the ARN of one in {' and '.join(partitions)}, where 'regions' are"
        reader.problem("permissionsBoundary", given, where)
    return given


def _deployment_config(reader: Reader) -> Mapping[str, Any] | None:
    value = reader.take("deploymentConfig")
    if value == {}:
        return None
    if problem := deployment_config_problem(value):
        allowed = "{} for SageMaker's default, or a DeploymentConfig as SageMaker takes it"
        reader.problem("deploymentConfig", value, f"{allowed}: {problem}")
        return None
    return value


def _log_retention(reader: Reader) -> logs.RetentionDays:
    value = reader.take("logRetentionDays")
    if isinstance(value, bool) or not isinstance(value, int) or value not in RETENTION_BY_DAYS:
        days = ", ".join(map(str, RETENTION_BY_DAYS))
        reader.problem("logRetentionDays", value, f"a number of days that CloudWatch Logs knows: {days}")
        return logs.RetentionDays.ONE_YEAR
    return RETENTION_BY_DAYS[value]


# CDK names its retention periods instead of counting them. INFINITE is left out: a period has an end.
RETENTION_BY_DAYS = {
    1: logs.RetentionDays.ONE_DAY,
    3: logs.RetentionDays.THREE_DAYS,
    5: logs.RetentionDays.FIVE_DAYS,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    120: logs.RetentionDays.FOUR_MONTHS,
    150: logs.RetentionDays.FIVE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
    400: logs.RetentionDays.THIRTEEN_MONTHS,
    545: logs.RetentionDays.EIGHTEEN_MONTHS,
    731: logs.RetentionDays.TWO_YEARS,
    1096: logs.RetentionDays.THREE_YEARS,
    1827: logs.RetentionDays.FIVE_YEARS,
    2192: logs.RetentionDays.SIX_YEARS,
    2557: logs.RetentionDays.SEVEN_YEARS,
    2922: logs.RetentionDays.EIGHT_YEARS,
    3288: logs.RetentionDays.NINE_YEARS,
    3653: logs.RetentionDays.TEN_YEARS,
}
