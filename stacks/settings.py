"""The settings a user edits in `cdk.json`, under `context.sealpoint`: read once, checked, typed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_logs as logs

from stacks.deployment_config import deployment_config_problem

SAMPLE_CHANNEL = "C0SEALPOINT"
SAMPLE_APPROVERS = ("U0APPROVER1", "U0APPROVER2")

# Lambda hands out CPU with memory, and a cold start must fit Slack's three seconds: below this it doesn't.
MEMORY_MB = range(512, 10240 + 1)
DEADLINE_HOURS = range(1, 720 + 1)
BACKOUT_DAYS = range(90 + 1)
EXEMPT_DAYS = range(1, 365 + 1)
RETENTION_YEARS = range(1, 30 + 1)

# As `remediation.vocabulary.Surface` has them; a test holds the two together.
VOLUME = "instance-volume"
SURFACES = (VOLUME, "core-dump", "data-capture", "async-output")
ANY_KEY, CUSTOMER_MANAGED_KEY = "any", "customer-managed"

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_CHANNEL = re.compile(r"[CG][A-Z0-9]{2,}")
_USER = re.compile(r"[UW][A-Z0-9]{2,}")
_KEY_ARN = re.compile(
    r"arn:aws[a-z-]*:kms:(?P<region>[a-z0-9-]+):\d{12}:key/"
    r"([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})"
)
# What KMS takes for a key: its id, its ARN, an alias's name, an alias's ARN.
_ANY_KEY_NAME = re.compile(
    r"(arn:aws[a-z-]*:kms:(?P<region>[a-z0-9-]+):\d{12}:)?"
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
    kms_key_arns
        For a region, the ARN of the user's own key; a region without one gets a key of its own.
    required_surfaces
        The encryption surfaces without which an endpoint counts as unencrypted.
    encrypted_by
        Which keys count: ``("any",)``, ``("customer-managed",)``, or keys as KMS names them.
    deployment_config
        SageMaker's DeploymentConfig for endpoints that have none; None leaves them to SageMaker's default.
    backout_days
        How long an encrypted endpoint's card offers the way back, and its old config is kept for it.
    """

    regions: tuple[str, ...]
    slack_channel: str
    approvers: tuple[str, ...]
    approval_deadline_hours: int
    kms_key_arns: Mapping[str, str]
    required_surfaces: tuple[str, ...]
    encrypted_by: tuple[str, ...]
    deployment_config: Mapping[str, Any] | None
    backout_days: int
    exempt_days_after_backout: int
    retire_old_config: bool
    record_retention_years: int
    function_memory_mb: int
    log_retention: logs.RetentionDays

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
        reader = _Reader(context)
        settings = cls(
            regions=reader.regions(),
            slack_channel=reader.slack_channel(),
            approvers=reader.approvers(),
            approval_deadline_hours=reader.whole_number("approvalDeadlineHours", DEADLINE_HOURS),
            kms_key_arns=reader.kms_key_arns(),
            required_surfaces=reader.required_surfaces(),
            encrypted_by=reader.encrypted_by(),
            deployment_config=reader.deployment_config(),
            backout_days=reader.whole_number("backoutDays", BACKOUT_DAYS),
            exempt_days_after_backout=reader.whole_number("exemptDaysAfterBackout", EXEMPT_DAYS),
            retire_old_config=reader.yes_or_no("retireOldConfig"),
            record_retention_years=reader.whole_number("recordRetentionYears", RETENTION_YEARS),
            function_memory_mb=reader.whole_number("functionMemoryMb", MEMORY_MB),
            log_retention=reader.log_retention(),
        )
        reader.refuse_unknown()
        if str(deploying).lower() == "true":
            reader.refuse_samples(settings)
        if reader.problems:
            raise SettingsError(reader.problems)
        return settings


class _Reader:
    """Takes settings out of a mapping, and collects what is wrong with them.

    A reading method always returns a value of its type, so that every problem is found in one go; the
    values are of no use once there are problems.
    """

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._context = context
        self._known: set[str] = set()
        self.problems: list[str] = []

    def regions(self) -> tuple[str, ...]:
        regions = self._list_of_text("regions", "AWS regions, such as us-east-1", _REGION)
        return tuple(regions)

    def slack_channel(self) -> str:
        value = self._take("slackChannel")
        allowed = "the Slack channel's id, such as C0123456789 (not its name)"
        if not isinstance(value, str) or not _CHANNEL.fullmatch(value):
            self._problem("slackChannel", value, allowed)
            return ""
        return value

    def approvers(self) -> tuple[str, ...]:
        ids = self._list_of_text("approvers", "Slack user ids, such as U0123456789", _USER)
        return tuple(ids)

    def whole_number(self, key: str, allowed: range) -> int:
        value = self._take(key)
        # bool is an int to Python
        if not isinstance(value, int) or isinstance(value, bool) or value not in allowed:
            self._problem(key, value, f"a whole number from {allowed[0]} to {allowed[-1]}")
            return allowed[0]
        return value

    def kms_key_arns(self) -> dict[str, str]:
        value = self._take("kmsKeyArns")
        allowed = "an object of region to KMS key ARN, such as {} or {'us-east-1': 'arn:aws:kms:…:key/…'}"
        if not isinstance(value, dict):
            self._problem("kmsKeyArns", value, allowed)
            return {}
        regions = self._context.get("regions")
        keys: dict[str, str] = {}
        for region, arn in value.items():
            where = f"kmsKeyArns.{region}"
            match = _KEY_ARN.fullmatch(arn) if isinstance(arn, str) else None
            if not isinstance(regions, list) or region not in regions:
                self._problem(where, arn, f"a region that is also in 'regions' ({regions!r})")
            elif not match or match["region"] != region:
                self._problem(where, arn, f"the ARN of a key in {region} (a key/…, not an alias/…)")
            else:
                keys[region] = arn
        return keys

    def required_surfaces(self) -> tuple[str, ...]:
        value = self._take("requiredSurfaces")
        allowed = f"a list of one or more of {', '.join(SURFACES)}"
        if not isinstance(value, list) or not value or any(member not in SURFACES for member in value):
            self._problem("requiredSurfaces", value, allowed)
            return SURFACES
        return tuple(dict.fromkeys(value))

    def encrypted_by(self) -> tuple[str, ...]:
        value = self._take("encryptedBy")
        if value in (ANY_KEY, CUSTOMER_MANAGED_KEY):
            return (str(value),)
        keys: list[Any] = value if isinstance(value, list) else []
        if keys and all(isinstance(key, str) and _ANY_KEY_NAME.fullmatch(key) for key in keys):
            return tuple(keys)
        self._problem(
            "encryptedBy",
            value,
            f"'{ANY_KEY}', '{CUSTOMER_MANAGED_KEY}', or a list of KMS keys (ids, ARNs, aliases)",
        )
        return (ANY_KEY,)

    def deployment_config(self) -> Mapping[str, Any] | None:
        value = self._take("deploymentConfig")
        if value == {}:
            return None
        if problem := deployment_config_problem(value):
            allowed = "{} for SageMaker's default, or a DeploymentConfig as SageMaker takes it"
            self._problem("deploymentConfig", value, f"{allowed}: {problem}")
            return None
        return value

    def yes_or_no(self, key: str) -> bool:
        value = self._take(key)
        if not isinstance(value, bool):
            self._problem(key, value, "true or false")
            return False
        return value

    def log_retention(self) -> logs.RetentionDays:
        value = self._take("logRetentionDays")
        if isinstance(value, bool) or not isinstance(value, int) or value not in RETENTION_BY_DAYS:
            days = ", ".join(map(str, RETENTION_BY_DAYS))
            self._problem("logRetentionDays", value, f"a number of days that CloudWatch Logs knows: {days}")
            return logs.RetentionDays.ONE_YEAR
        return RETENTION_BY_DAYS[value]

    def refuse_unknown(self) -> None:
        for key in self._context:
            if key not in self._known:
                close = difflib.get_close_matches(key, self._known, n=1)
                hint = f" Did you mean '{close[0]}'?" if close else ""
                self.problems.append(
                    f"'{key}' is no setting.{hint} The settings are {', '.join(sorted(self._known))}."
                )

    def refuse_samples(self, settings: Settings) -> None:
        """Nobody reads the sample channel, and the sample approvers could approve nothing."""
        if settings.slack_channel == SAMPLE_CHANNEL:
            self.problems.append(
                f"'slackChannel' is still the sample {SAMPLE_CHANNEL!r}: put in the id of the channel where "
                "approvals are asked for (in Slack: the channel's name, About, at the bottom)."
            )
        samples = [user for user in settings.approvers if user in SAMPLE_APPROVERS]
        if samples:
            self.problems.append(
                f"'approvers' still has the sample {samples!r}: put in the member ids of the people who may "
                "approve (in Slack: profile, …, Copy member ID)."
            )

    def _list_of_text(self, key: str, what: str, pattern: re.Pattern[str]) -> list[str]:
        value = self._take(key)
        allowed = f"a list of one or more {what}, each once"
        if not isinstance(value, list) or not value:
            self._problem(key, value, allowed)
            return []
        unfit = [member for member in value if not isinstance(member, str) or not pattern.fullmatch(member)]
        repeated = sorted({str(member) for member in value if value.count(member) > 1})
        for member in [*unfit, *repeated]:
            self._problem(key, member, allowed)
        return [] if unfit else [str(member) for member in value]

    def _take(self, key: str) -> Any:
        self._known.add(key)
        return self._context.get(key, _MISSING)

    def _problem(self, key: str, value: Any, allowed: str) -> None:
        found = "is missing" if value is _MISSING else f"is {value!r}"
        self.problems.append(f"'{key}' {found}; allowed is {allowed}.")


_MISSING = object()

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
