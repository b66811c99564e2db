"""What an endpoint config says about every encryption surface, and the verdict that follows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from remediation.vocabulary import Surface, Verdict

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
class Exemption:
    """What the endpoint's exemption tags amount to: in force, or why not."""

    in_force: bool
    note: str = ""


def surface_keys(config: Mapping[str, Any]) -> tuple[SurfaceKey, ...]:
    """Every surface that the config has.

    An endpoint always has an instance volume (a serverless one: the copy of its container image, DESIGN
    §4.11); the others exist where the config sets them up.
    """

    def found() -> Iterator[SurfaceKey]:
        yield SurfaceKey(Surface.INSTANCE_VOLUME, ("KmsKeyId",), config.get("KmsKeyId"))
        for variants in ("ProductionVariants", "ShadowProductionVariants"):
            for index, variant in enumerate(config.get(variants) or ()):
                core_dump = variant.get("CoreDumpConfig")
                if core_dump:
                    path = (variants, index, "CoreDumpConfig", "KmsKeyId")
                    yield SurfaceKey(Surface.CORE_DUMP, path, core_dump.get("KmsKeyId"))
        capture = config.get("DataCaptureConfig")
        if capture:
            yield SurfaceKey(Surface.DATA_CAPTURE, ("DataCaptureConfig", "KmsKeyId"), capture.get("KmsKeyId"))
        output = (config.get("AsyncInferenceConfig") or {}).get("OutputConfig")
        if output:
            path = ("AsyncInferenceConfig", "OutputConfig", "KmsKeyId")
            yield SurfaceKey(Surface.ASYNC_OUTPUT, path, output.get("KmsKeyId"))

    return tuple(found())


def verdict(config: Mapping[str, Any]) -> Verdict:
    """`UNENCRYPTED` while the instance volume names no KMS key: the surface that requires remediation."""
    volume = next(key for key in surface_keys(config) if key.surface is Surface.INSTANCE_VOLUME)
    return Verdict.ENCRYPTED if volume.key_id else Verdict.UNENCRYPTED


def missing_keys(config: Mapping[str, Any], surfaces: Collection[Surface]) -> tuple[SurfaceKey, ...]:
    """The surfaces among `surfaces` that name no key; one that has a key keeps it."""
    return tuple(key for key in surface_keys(config) if not key.key_id and key.surface in surfaces)


def exemption(tags: Mapping[str, str], now: datetime) -> Exemption:
    """What the tags of the endpoint exempt it from, and until when.

    An exemption holds to the end of its day, UTC. A date that is past or can't be read exempts nothing, and
    the note says so.
    """
    until = tags.get(EXEMPT_UNTIL_TAG)
    if until is None:
        return Exemption(in_force=False)
    try:
        last_day = date.fromisoformat(until.strip())
    except ValueError:
        return Exemption(
            in_force=False,
            note=f"The tag {EXEMPT_UNTIL_TAG} says '{until}', which is no date (YYYY-MM-DD): not exempt.",
        )
    if now.astimezone(UTC).date() > last_day:
        return Exemption(in_force=False, note=f"Its exemption ended on {last_day.isoformat()}.")
    reason = tags.get(EXEMPT_REASON_TAG, "").strip() or "no reason given"
    return Exemption(in_force=True, note=f"Exempt until {last_day.isoformat()}: {reason}.")
