from __future__ import annotations

from remediation.assessment import Accepted, AcceptedKeys, assess
from remediation.plan import facts_of, paths_to_change
from remediation.vocabulary import Surface
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
