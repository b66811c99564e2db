from __future__ import annotations

import pytest

from remediation.provenance import ManagedBy, line_to_change, managed_by

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


@pytest.mark.parametrize("tool", ["CDK", "CloudFormation", "Terraform"])
def test_the_line_names_the_key(tool: str) -> None:
    line, where = line_to_change(tool, "arn:aws:kms:x")
    assert "arn:aws:kms:x" in line
    assert where
