from __future__ import annotations

from typing import Any

import pytest

from lambdas.domain.encryption.feasibility import (
    local_storage_note,
    model_names,
    require_models,
    require_usable_key,
)
from lambdas.domain.errors import KeyUnusable, ModelGone, ServiceUnavailable
from tests.unit import samples

_GOOD: dict[str, Any] = {
    "Arn": samples.KEY_ARN,
    "KeyState": "Enabled",
    "KeySpec": "SYMMETRIC_DEFAULT",
    "KeyUsage": "ENCRYPT_DECRYPT",
}


def test_an_enabled_symmetric_key_of_the_region_is_usable() -> None:
    require_usable_key(_GOOD, samples.KEY_ARN, "us-east-1")


def test_a_key_whose_primary_region_changes_works_meanwhile() -> None:
    """https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html"""
    require_usable_key({**_GOOD, "KeyState": "Updating"}, samples.KEY_ARN, "us-east-1")


def test_a_key_that_is_being_created_is_waited_for() -> None:
    creating = {**_GOOD, "KeyState": "Creating"}
    with pytest.raises(ServiceUnavailable, match="still creating"):
        require_usable_key(creating, samples.KEY_ARN, "us-east-1")
    with pytest.raises(KeyUnusable, match="is creating and is not a symmetric key"):
        require_usable_key({**creating, "KeySpec": "RSA_2048"}, samples.KEY_ARN, "us-east-1")


@pytest.mark.parametrize(
    ("key", "says"),
    [
        (None, "does not exist"),
        ({**_GOOD, "KeyState": "Disabled"}, "is disabled"),
        ({**_GOOD, "KeyState": "PendingDeletion"}, "is pending deletion"),
        ({**_GOOD, "KeyState": "PendingImport"}, "is pending import"),
        ({**_GOOD, "KeySpec": "RSA_2048"}, "not a symmetric key"),
        ({**_GOOD, "KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}, "not for encryption"),
        ({**_GOOD, "Arn": "arn:aws:kms:eu-west-1:1:key/k"}, "not a key of us-east-1"),
        ({}, "is not a symmetric key"),
    ],
)
def test_any_other_key_is_reported_with_what_is_wrong(key: dict[str, Any] | None, says: str) -> None:
    with pytest.raises(KeyUnusable, match=says):
        require_usable_key(key, samples.KEY_ARN, "us-east-1")


def test_models_are_those_of_all_variants_and_pools_each_once() -> None:
    config = samples.config(
        ProductionVariants=[
            {"VariantName": "a", "ModelName": "m1"},
            {"VariantName": "b", "ModelName": "m1", "InstancePools": [{"ModelNameOverride": "m2"}, {}]},
            {"VariantName": "c"},  # inference components
        ],
        ShadowProductionVariants=[{"VariantName": "s", "ModelName": "m3"}],
    )
    assert model_names(config) == ["m1", "m2", "m3"]


def test_a_model_that_is_gone_is_named() -> None:
    require_models([])
    with pytest.raises(ModelGone, match="m2"):
        require_models(["m2"])


@pytest.mark.parametrize(
    ("instance_type", "covered"),
    [
        ("ml.g5.xlarge", False),
        ("ml.p6-b200.48xlarge", False),
        ("ml.trn1n.32xlarge", False),
        ("ml.m5.large", True),
        ("ml.inf2.xlarge", True),
        ("ml.c6g.large", True),
    ],
)
def test_local_storage_that_the_key_does_not_cover_is_noted(instance_type: str, covered: bool) -> None:
    single = samples.config(ProductionVariants=[{"VariantName": "a", "InstanceType": instance_type}])
    pooled = samples.config(
        ProductionVariants=[{"VariantName": "a", "InstancePools": [{"InstanceType": instance_type}]}]
    )
    for config in (single, pooled):
        note = local_storage_note(config)
        assert (note is None) is covered
        assert covered or instance_type in (note or "")


def test_a_serverless_endpoint_has_no_local_storage() -> None:
    variant = {"VariantName": "a", "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1}}
    assert local_storage_note(samples.config(ProductionVariants=[variant])) is None
