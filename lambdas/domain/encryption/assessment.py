"""What an endpoint config says about every encryption surface, and the verdict that follows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from lambdas.domain.vocabulary import Surface, Verdict

EXEMPT_UNTIL_TAG = "sealpoint:exempt-until"
EXEMPT_REASON_TAG = "sealpoint:exempt-reason"

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class SurfaceKey:
    """One surface of one config and the key it names.

    `path` leads from the config's body to the member that holds the key id, such as
    ``("ProductionVariants", 0, "CoreDumpConfig", "KmsKeyId")``.
    """

    surface: Surface
    path: Path
    key_id: str | None


@dataclass(frozen=True, slots=True)
class KmsKey:
    """A key as KMS describes it: its ARN, and whether a `CUSTOMER` or `AWS` manages it."""

    arn: str
    manager: str


class Accepted(StrEnum):
    """Which keys count as encryption."""

    ANY = "any"
    CUSTOMER_MANAGED = "customer-managed"
    LISTED = "listed"


@dataclass(frozen=True, slots=True)
class AcceptedKeys:
    """The setting that says which keys count; `arns` are those of `LISTED`."""

    rule: Accepted
    arns: frozenset[str] = frozenset()

    @property
    def need_lookup(self) -> bool:
        """Whether a key has to be looked up in KMS before it can be judged."""
        return self.rule is not Accepted.ANY


@dataclass(frozen=True, slots=True)
class SurfaceAssessment:
    """One surface, its key, and what is wrong with that: nothing if `problem` is empty."""

    surface: Surface
    path: Path
    key_id: str | None
    problem: str


@dataclass(frozen=True, slots=True)
class Exemption:
    """What the endpoint's exemption tags amount to: whether they are in force, and a note."""

    in_force: bool
    note: str = ""


def variants_of(config: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Each production variant, then each shadow variant, with the path that leads to it."""
    for variants in ("ProductionVariants", "ShadowProductionVariants"):
        for index, variant in enumerate(config.get(variants) or ()):
            yield (variants, index), variant


def surface_keys(config: Mapping[str, Any]) -> tuple[SurfaceKey, ...]:
    """Every surface that the config has.

    An endpoint always has an instance volume (of a serverless one, the key encrypts the copy of its container
    image). The others exist if the config sets them up.
    """

    def found() -> Iterator[SurfaceKey]:
        yield SurfaceKey(Surface.INSTANCE_VOLUME, ("KmsKeyId",), config.get("KmsKeyId"))
        for path, variant in variants_of(config):
            core_dump = variant.get("CoreDumpConfig")
            if core_dump:
                key_path = (*path, "CoreDumpConfig", "KmsKeyId")
                yield SurfaceKey(Surface.CORE_DUMP, key_path, core_dump.get("KmsKeyId"))
        capture = config.get("DataCaptureConfig")
        if capture:
            yield SurfaceKey(Surface.DATA_CAPTURE, ("DataCaptureConfig", "KmsKeyId"), capture.get("KmsKeyId"))
        output = (config.get("AsyncInferenceConfig") or {}).get("OutputConfig")
        if output:
            path = ("AsyncInferenceConfig", "OutputConfig", "KmsKeyId")
            yield SurfaceKey(Surface.ASYNC_OUTPUT, path, output.get("KmsKeyId"))

    return tuple(found())


def assess(
    config: Mapping[str, Any], accepted: AcceptedKeys, keys: Mapping[str, KmsKey | None]
) -> tuple[SurfaceAssessment, ...]:
    """Assess every surface of a config.

    Parameters
    ----------
    keys
        The config's keys as KMS describes them, by id; None if KMS doesn't. Not used if any key counts.
    """
    return tuple(
        SurfaceAssessment(key.surface, key.path, key.key_id, _problem(key.key_id, accepted, keys))
        for key in surface_keys(config)
    )


def verdict(assessed: Collection[SurfaceAssessment], required: Collection[Surface]) -> Verdict:
    """`UNENCRYPTED` while a surface that requires a key has none that counts."""
    open_surfaces = [one for one in assessed if one.problem and one.surface in required]
    return Verdict.UNENCRYPTED if open_surfaces else Verdict.ENCRYPTED


def to_change(
    assessed: Collection[SurfaceAssessment], required: Collection[Surface]
) -> tuple[SurfaceAssessment, ...]:
    """The surfaces that get our key in the twin: every one without a key, all at once.

    A surface with a key keeps it, unless that key doesn't count and one that counts is required.
    """
    return tuple(one for one in assessed if one.problem and (not one.key_id or one.surface in required))


def _problem(key_id: str | None, accepted: AcceptedKeys, keys: Mapping[str, KmsKey | None]) -> str:
    if not key_id:
        return "no KMS key"
    if accepted.rule is Accepted.ANY or key_id in accepted.arns:
        return ""
    key = keys.get(key_id)
    if key is None:
        return "a key that KMS does not show us"
    if accepted.rule is Accepted.CUSTOMER_MANAGED:
        return "" if key.manager == "CUSTOMER" else "a key that AWS manages"
    return "" if key.arn in accepted.arns else "a key that is not on the list"


def exemption(tags: Mapping[str, str], now: datetime) -> Exemption:
    """Whether its tags exempt the endpoint, and until when.

    An exemption is in force until the end of its day, UTC. A past or unreadable date exempts nothing, and the
    note says so.
    """
    until = tags.get(EXEMPT_UNTIL_TAG)
    if until is None:
        return Exemption(in_force=False)
    try:
        last_day = date.fromisoformat(until.strip())
    except ValueError:
        return Exemption(
            in_force=False,
            note=f"The tag {EXEMPT_UNTIL_TAG} says '{until}', which is not a date (YYYY-MM-DD): not exempt.",
        )
    if now.astimezone(UTC).date() > last_day:
        return Exemption(in_force=False, note=f"Its exemption ended on {last_day.isoformat()}.")
    reason = tags.get(EXEMPT_REASON_TAG, "").strip() or "no reason given"
    return Exemption(in_force=True, note=f"Exempt until {last_day.isoformat()}: {reason}.")
