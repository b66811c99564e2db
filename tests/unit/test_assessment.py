from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from remediation.assessment import exemption, missing_keys, surface_keys, verdict
from remediation.vocabulary import Surface, Verdict
from tests.unit import samples
from tests.unit.strategies import configs

_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, Verdict.UNENCRYPTED),
        ({"KmsKeyId": None}, Verdict.UNENCRYPTED),
        ({"KmsKeyId": ""}, Verdict.UNENCRYPTED),
        ({"KmsKeyId": samples.KEY_ARN}, Verdict.ENCRYPTED),
        ({"KmsKeyId": "alias/mine"}, Verdict.ENCRYPTED),
        ({"DataCaptureConfig": {"KmsKeyId": samples.KEY_ARN}}, Verdict.UNENCRYPTED),
    ],
)
def test_the_verdict_follows_the_instance_volume(members: dict[str, Any], expected: Verdict) -> None:
    assert verdict(samples.config(**members)) is expected


def test_every_surface_is_found_where_the_config_has_it() -> None:
    body = samples.config(
        ProductionVariants=[{"VariantName": "a"}, {"VariantName": "b", "CoreDumpConfig": {"KmsKeyId": "k1"}}],
        ShadowProductionVariants=[{"VariantName": "s", "CoreDumpConfig": {"DestinationS3Uri": "s3://d"}}],
        DataCaptureConfig={"KmsKeyId": "k2"},
        AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://o"}},
    )
    assert [(key.surface, key.path, key.key_id) for key in surface_keys(body)] == [
        (Surface.INSTANCE_VOLUME, ("KmsKeyId",), None),
        (Surface.CORE_DUMP, ("ProductionVariants", 1, "CoreDumpConfig", "KmsKeyId"), "k1"),
        (Surface.CORE_DUMP, ("ShadowProductionVariants", 0, "CoreDumpConfig", "KmsKeyId"), None),
        (Surface.DATA_CAPTURE, ("DataCaptureConfig", "KmsKeyId"), "k2"),
        (Surface.ASYNC_OUTPUT, ("AsyncInferenceConfig", "OutputConfig", "KmsKeyId"), None),
    ]


@given(configs())
def test_a_surface_with_a_key_is_never_missing_one(body: dict[str, Any]) -> None:
    missing = {key.path for key in missing_keys(body, list(Surface))}
    assert missing == {key.path for key in surface_keys(body) if not key.key_id}


@pytest.mark.parametrize(
    ("tags", "in_force", "says"),
    [
        ({}, False, ""),
        ({"sealpoint:exempt-until": "2026-11-23"}, True, "no reason given"),
        ({"sealpoint:exempt-until": "2027-01-31", "sealpoint:exempt-reason": "demo data"}, True, "demo data"),
        ({"sealpoint:exempt-until": "2026-11-22"}, False, "ended on 2026-11-22"),
        ({"sealpoint:exempt-until": "next year"}, False, "'next year'"),
        ({"sealpoint:exempt-until": ""}, False, "no date"),
        ({"sealpoint:exempt-reason": "because"}, False, ""),
    ],
)
def test_only_a_readable_date_to_come_exempts(tags: dict[str, str], *, in_force: bool, says: str) -> None:
    found = exemption(tags, _NOON)
    assert found.in_force is in_force
    assert says in found.note
