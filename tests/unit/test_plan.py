from __future__ import annotations

from remediation.plan import facts_of
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
    facts = facts_of(
        samples.endpoint(),
        config,
        key_arn=samples.KEY_ARN,
        surfaces=[Surface.INSTANCE_VOLUME, Surface.DATA_CAPTURE],
        update_options={},
        notes=["a note"],
    )
    assert facts["surfaceKeys"] == [
        {"surface": "instance-volume", "now": "", "after": samples.KEY_ARN},
        {"surface": "data-capture", "now": "alias/theirs", "after": "alias/theirs"},
        {"surface": "async-output", "now": "", "after": ""},
    ]
    assert facts["variants"] == [
        {"name": "a", "instanceType": "ml.m6i.large", "instanceCount": 4},
        {"name": "s", "instanceType": "serverless"},
        {"name": "p", "instanceType": "instance pools"},
    ]
    assert facts["sourceConfigName"] == samples.SOURCE
    assert facts["notes"] == ["a note"]
