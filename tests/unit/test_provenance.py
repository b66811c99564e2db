from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.session import get_session

from lambdas.domain.encryption.provenance import ManagedBy, lines_to_change, managed_by
from lambdas.domain.vocabulary import Surface

_STACK = "aws:cloudformation:stack-name"
_LOGICAL = "aws:cloudformation:logical-id"


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ({}, None),
        ({"team": "fraud"}, None),
        ({_STACK: "risk", _LOGICAL: "EndpointConfig"}, {"tool": "CloudFormation", "stack": "risk"}),
        ({_STACK: "risk", _LOGICAL: "EndpointConfig1A2B3C4D"}, {"tool": "CDK", "stack": "risk"}),
        ({"ManagedBy": "Terraform"}, {"tool": "Terraform", "stack": ""}),
        ({"terraform": "true"}, {"tool": "Terraform", "stack": ""}),
        ({"iac": "opentofu"}, {"tool": "Terraform", "stack": ""}),
    ],
)
def test_tags_tell_what_manages_it(tags: dict[str, str], found: ManagedBy | None) -> None:
    assert managed_by(tags) == found
    assert managed_by({}, tags) == found


def test_the_configs_own_tags_come_first() -> None:
    assert managed_by({_STACK: "config"}, {_STACK: "endpoint"}) == {
        "tool": "CloudFormation",
        "stack": "config",
    }


@pytest.mark.parametrize(
    ("tool", "lines"),
    [
        ("CDK", ['kmsKeyId: "arn:x"', 'dataCaptureConfig: {kmsKeyId: "arn:x"}']),
        ("CloudFormation", ["KmsKeyId: arn:x", "DataCaptureConfig: {KmsKeyId: arn:x}"]),
        ("Terraform", ['kms_key_arn = "arn:x"', 'data_capture_config { kms_key_id = "arn:x" }']),
    ],
)
def test_the_lines_are_those_of_the_surfaces_that_change(tool: str, lines: list[str]) -> None:
    changing = [Surface.INSTANCE_VOLUME, Surface.DATA_CAPTURE]
    found, where = lines_to_change(tool, "arn:x", changing)
    assert found == lines
    assert where
    assert lines_to_change(tool, "arn:x", changing[1:])[0] == lines[1:]


@pytest.mark.parametrize("surface", Surface)
def test_cdk_and_cloudformation_know_each_line(surface: Surface) -> None:
    """Their properties are SageMaker's own members, which botocore's model has."""
    shape: Any = get_session().get_service_model("sagemaker").shape_for("CreateEndpointConfigInput")
    for tool in ("CloudFormation", "CDK"):
        [line] = lines_to_change(tool, "K", [surface])[0]
        inner = shape
        for name in re.findall(r"[A-Za-z]{2,}", line):
            inner = inner.members[name[0].upper() + name[1:]]
            inner = inner.member if inner.type_name == "list" else inner
        assert inner.type_name == "string", "a key"
