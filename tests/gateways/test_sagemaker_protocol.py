"""Bodies are read and written as they are, so their form has to be the known one."""

from __future__ import annotations

import boto3
import pytest

from lambdas.gateways.sagemaker import SageMaker


def test_a_protocol_that_is_not_known_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services that list another first already exist; botocore chooses, and the runtime's is AWS's."""
    client = boto3.client("sagemaker", region_name="us-east-1")
    assert SageMaker(client)
    monkeypatch.setattr(client.meta.service_model, "resolved_protocol", "smithy-rpc-v2-cbor")
    with pytest.raises(RuntimeError, match="speaks smithy-rpc-v2-cbor"):
        SageMaker(client)
