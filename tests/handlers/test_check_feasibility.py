from __future__ import annotations

import boto3
import pytest

from handlers import check_encryption
from handlers.check_feasibility import handler
from remediation.errors import KeyUnusable, ModelGone
from tests.handlers.conftest import Bench


@pytest.fixture
def found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """An unencrypted endpoint on g5 instances, and a key that can be used."""
    arn = str(boto3.client("kms").create_key(KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"].get("Arn"))
    monkeypatch.setenv("KMS_KEY_ARN", arn)
    variant = {
        "VariantName": "a", "ModelName": "model", "InstanceType": "ml.g5.xlarge",
        "InitialInstanceCount": 1, "InitialVariantWeight": 1.0,
    }  # fmt: skip
    bench.make_endpoint(ProductionVariants=[variant])
    bench.run(check_encryption.handler, **bench.check_input())
    return bench


def test_what_the_key_will_not_cover_is_noted_once(found: Bench) -> None:
    found.run(handler, remediationId="r-1")
    found.run(handler, remediationId="r-1")
    [note] = found.remediation().get("notes", [])
    assert "ml.g5.xlarge" in note


def test_a_key_that_cannot_be_used_is_told_before_anyone_is_asked(found: Bench) -> None:
    key_arn = found.remediation().get("keyArn", "")
    boto3.client("kms").disable_key(KeyId=key_arn.rpartition("/")[2])
    with pytest.raises(KeyUnusable, match="is disabled"):
        found.run(handler, remediationId="r-1")


def test_a_key_that_does_not_exist_too(found: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMS_KEY_ARN", "arn:aws:kms:us-east-1:123456789012:key/none")
    with pytest.raises(KeyUnusable, match="does not exist"):
        found.run(handler, remediationId="r-1")


def test_a_deleted_model_too(found: Bench) -> None:
    found.sagemaker.delete_model(ModelName="model")
    with pytest.raises(ModelGone, match="model model"):
        found.run(handler, remediationId="r-1")
