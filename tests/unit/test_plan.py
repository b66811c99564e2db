from __future__ import annotations

from typing import Any

import pytest

from lambdas.domain.encryption.assessment import Accepted, AcceptedKeys, assess
from lambdas.domain.encryption.plan import facts_of, paths_to_change
from lambdas.domain.vocabulary import Surface
from tests.unit import samples


def test_facts_show_each_surface_now_and_after_and_what_runs() -> None:
    config = samples.config(
        ProductionVariants=[
            {"VariantName": "a", "InstanceType": "ml.m6i.large", "InitialInstanceCount": 1},
            {"VariantName": "s", "ServerlessConfig": {"MemorySizeInMB": 2048}},
            {"VariantName": "p", "InstancePools": [{}]},
        ],
        DataCaptureConfig={"KmsKeyId": "alias/theirs"},
        AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://o"}},
    )
    assessed = assess(config, AcceptedKeys(Accepted.ANY), {})
    changes = [one for one in assessed if one.surface is Surface.INSTANCE_VOLUME]
    facts = facts_of(
        samples.endpoint(),
        config,
        key_arn=samples.KEY_ARN,
        assessed=assessed,
        changes=changes,
        update_options={},
        notes=["a note"],
    )
    none = "no KMS key"
    theirs = "alias/theirs"
    output = "AsyncInferenceConfig.OutputConfig.KmsKeyId"
    assert [tuple(entry.values()) for entry in facts["surfaceKeys"]] == [
        ("instance-volume", "KmsKeyId", "", samples.KEY_ARN, none),
        ("data-capture", "DataCaptureConfig.KmsKeyId", theirs, theirs, ""),
        ("async-output", output, "", "", none),
    ]
    assert paths_to_change(facts["surfaceKeys"]) == [("KmsKeyId",)]
    assert facts["variants"] == [
        {"name": "a", "instanceType": "ml.m6i.large", "instanceCount": 4},
        {"name": "s", "instanceType": "serverless"},
        {"name": "p", "instanceType": "instance pools"},
    ]
    assert facts["sourceConfigName"] == samples.SOURCE
    assert facts["notes"] == ["a note"]


def _shown(live: dict[str, Any], **stated: Any) -> dict[str, Any]:
    """What goes on record, and so on the card, of a variant."""
    variant = {"VariantName": "a", "InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 2, **stated}
    facts = facts_of(
        samples.endpoint(ProductionVariants=[{"VariantName": "a", **live}] if live else []),
        samples.config(ProductionVariants=[variant]),
        key_arn=samples.KEY_ARN,
        assessed=(),
        changes=(),
        update_options={},
        notes=(),
    )
    [shown] = facts["variants"]
    return dict(shown)


@pytest.mark.parametrize(
    ("live", "count"),
    [
        ({"CurrentInstanceCount": 3, "DesiredInstanceCount": 3}, 3),
        ({"CurrentInstanceCount": 0, "DesiredInstanceCount": 3}, 3),  # while the fleet is replaced
        ({"CurrentInstanceCount": 0, "DesiredInstanceCount": 0}, 0),  # scaled to zero
        ({"CurrentInstanceCount": 4}, 4),
        ({}, 2),  # a new endpoint shows no variants while it is Creating
    ],
)
def test_the_instances_shown_are_those_that_serve(live: dict[str, Any], count: int) -> None:
    assert _shown(live)["instanceCount"] == count


def test_a_serverless_variant_has_no_instances_to_show() -> None:
    serverless = {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}
    shown = _shown({"CurrentInstanceCount": 0}, InstanceType=None, InitialInstanceCount=None, **serverless)
    assert shown == {"name": "a", "instanceType": "serverless"}


def test_a_variant_for_inference_components_is_shown_though_it_has_no_model_and_no_weight() -> None:
    shown = _shown({"CurrentInstanceCount": 2, "ManagedInstanceScaling": {"Status": "ENABLED"}})
    assert shown == {"name": "a", "instanceType": "ml.m5.xlarge", "instanceCount": 2}
