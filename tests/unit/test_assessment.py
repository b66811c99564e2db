from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from lambdas.domain.encryption.assessment import (
    Accepted,
    AcceptedKeys,
    KmsKey,
    assess,
    exemption,
    surface_keys,
    to_change,
    verdict,
)
from lambdas.domain.vocabulary import Surface, Verdict
from tests.unit import samples
from tests.unit.strategies import configs

_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


ANY = AcceptedKeys(Accepted.ANY)
VOLUME = (Surface.INSTANCE_VOLUME,)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, Verdict.UNENCRYPTED),
        ({"KmsKeyId": None}, Verdict.UNENCRYPTED),
        ({"KmsKeyId": ""}, Verdict.UNENCRYPTED),
        ({"KmsKeyId": samples.KEY_ARN}, Verdict.ENCRYPTED),
        ({"KmsKeyId": "alias/mine"}, Verdict.ENCRYPTED),
        ({"KmsKeyId": "alias/mine", "DataCaptureConfig": {"EnableCapture": True}}, Verdict.ENCRYPTED),
        ({"DataCaptureConfig": {"KmsKeyId": samples.KEY_ARN}}, Verdict.UNENCRYPTED),
    ],
)
def test_by_default_the_verdict_follows_the_instance_volume(
    members: dict[str, Any], expected: Verdict
) -> None:
    assert verdict(assess(samples.config(**members), ANY, {}), VOLUME) is expected


def test_every_required_surface_must_have_a_key() -> None:
    body = samples.config(KmsKeyId="alias/mine", DataCaptureConfig={"EnableCapture": True})
    assessed = assess(body, ANY, {})
    assert verdict(assessed, (Surface.INSTANCE_VOLUME, Surface.DATA_CAPTURE)) is Verdict.UNENCRYPTED
    assert verdict(assessed, (Surface.INSTANCE_VOLUME, Surface.ASYNC_OUTPUT)) is Verdict.ENCRYPTED


MINE = KmsKey("arn:aws:kms:us-east-1:1:key/mine", "CUSTOMER")
AWS_OWN = KmsKey("arn:aws:kms:us-east-1:1:key/aws", "AWS")


@pytest.mark.parametrize(
    ("accepted", "key", "problem"),
    [
        (ANY, None, ""),
        (AcceptedKeys(Accepted.CUSTOMER_MANAGED), MINE, ""),
        (AcceptedKeys(Accepted.CUSTOMER_MANAGED), AWS_OWN, "a key that AWS manages"),
        (AcceptedKeys(Accepted.CUSTOMER_MANAGED), None, "a key that KMS does not show us"),
        (AcceptedKeys(Accepted.LISTED, frozenset({MINE.arn})), MINE, ""),
        (AcceptedKeys(Accepted.LISTED, frozenset({"arn:other"})), MINE, "a key that is not on the list"),
        (AcceptedKeys(Accepted.LISTED, frozenset({"arn:other"})), None, "a key that KMS does not show us"),
        (AcceptedKeys(Accepted.LISTED, frozenset({"alias/k"})), None, ""),  # named just so on the list
    ],
)
def test_which_keys_count_is_a_setting(accepted: AcceptedKeys, key: KmsKey | None, problem: str) -> None:
    (assessed,) = assess(samples.config(KmsKeyId="alias/k"), accepted, {"alias/k": key})
    assert assessed.problem == problem


def test_a_key_that_does_not_count_is_replaced_only_where_one_is_required() -> None:
    body = samples.config(KmsKeyId="alias/aws/sagemaker", DataCaptureConfig={"KmsKeyId": "alias/aws/s3"})
    keys: dict[str, KmsKey | None] = {"alias/aws/sagemaker": AWS_OWN, "alias/aws/s3": AWS_OWN}
    assessed = assess(body, AcceptedKeys(Accepted.CUSTOMER_MANAGED), keys)
    assert [one.surface for one in to_change(assessed, VOLUME)] == [Surface.INSTANCE_VOLUME]
    everywhere = to_change(assessed, tuple(Surface))
    assert [one.surface for one in everywhere] == [Surface.INSTANCE_VOLUME, Surface.DATA_CAPTURE]


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
def test_every_missing_key_is_filled_and_every_other_kept(body: dict[str, Any]) -> None:
    changed = {one.path for one in to_change(assess(body, ANY, {}), list(Surface))}
    assert changed == {key.path for key in surface_keys(body) if not key.key_id}


@pytest.mark.parametrize(
    ("tags", "in_force", "says"),
    [
        ({}, False, ""),
        ({"sealpoint:exempt-until": "2026-11-23"}, True, "no reason given"),
        ({"sealpoint:exempt-until": "2027-01-31", "sealpoint:exempt-reason": "demo data"}, True, "demo data"),
        ({"sealpoint:exempt-until": "2026-11-22"}, False, "ended on 2026-11-22"),
        ({"sealpoint:exempt-until": "next year"}, False, "'next year'"),
        ({"sealpoint:exempt-until": ""}, False, "not a date"),
        ({"sealpoint:exempt-reason": "because"}, False, ""),
    ],
)
def test_only_a_readable_date_to_come_exempts(tags: dict[str, str], *, in_force: bool, says: str) -> None:
    found = exemption(tags, _NOON)
    assert found.in_force is in_force
    assert says in found.note
