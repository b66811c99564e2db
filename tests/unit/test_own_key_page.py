"""The key policy on the page about one's own key works to the letter."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lambdas.domain.encryption.key_policy import KeyAccess, Use, judge_key_policy
from tests.unit.plain_key_policy import Call, allows

ACCOUNT = "123456789012"
KEY = {"Arn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd", "KeySpec": "SYMMETRIC_DEFAULT"}
SAGEMAKER, S3 = "sagemaker.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "own-key.md"
ROLES = ("CheckFeasibility", "CreateEncryptedConfig", "UpdateEndpoint", "Exec")
GRANT = {"kms:grantisforawsresource": ["true"]}


def role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def documented_policy(role: Callable[[str], str] = role) -> dict[str, Any]:
    """The page's policy, with a role's ARN for each of the functions and for `Exec`."""
    (text,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    filled = text.replace("<region>", "us-east-1").replace("<execution role>", role("Exec"))
    filled = re.sub(r"<role of (\w+)>", lambda found: role(found[1]), filled)
    assert "<" not in filled
    return json.loads(filled)


def may(name: str, action: str, context: dict[str, list[str]]) -> bool:
    """Without any right of the account's IAM policies: the policy delegates nothing."""
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/x"
    call = Call(role(name), session, ACCOUNT, action, str(KEY["Arn"]), context)
    return allows(documented_policy(), call) == "role"


@pytest.mark.parametrize(
    ("name", "action", "context"),
    [
        ("CheckFeasibility", "kms:DescribeKey", {}),  # its own calls, through nobody
        ("CheckFeasibility", "kms:GetKeyPolicy", {}),
        ("CreateEncryptedConfig", "kms:CreateGrant", {"kms:viaservice": [SAGEMAKER]}),
        ("CreateEncryptedConfig", "kms:DescribeKey", {"kms:viaservice": [SAGEMAKER]}),
        ("UpdateEndpoint", "kms:CreateGrant", {"kms:viaservice": [SAGEMAKER]} | GRANT),
        ("UpdateEndpoint", "kms:DescribeKey", {"kms:viaservice": [SAGEMAKER]}),
        ("Exec", "kms:GenerateDataKey", {"kms:viaservice": [S3]}),
        ("Exec", "kms:Decrypt", {"kms:viaservice": [S3]}),
        ("Exec", "kms:CreateGrant", GRANT),  # whichever session SageMaker uses
    ],
)
def test_iam_allows_every_call_that_is_made(name: str, action: str, context: dict[str, list[str]]) -> None:
    assert may(name, action, context)


@pytest.mark.parametrize("name", ROLES)
@pytest.mark.parametrize("action", ["kms:ScheduleKeyDeletion", "kms:PutKeyPolicy", "kms:ReEncryptFrom"])
def test_it_allows_nothing_else(name: str, action: str) -> None:
    assert not may(name, action, {"kms:viaservice": [SAGEMAKER]})
    assert not may("Exec", "kms:Decrypt", {})
    assert not may("UpdateEndpoint", "kms:CreateGrant", {})


def test_sealpoint_sees_that_it_is_enough() -> None:
    policy = documented_policy()
    for use in (
        Use(role("Exec"), ("kms:GenerateDataKey", "kms:Decrypt"), S3, KEY),
        *(Use(role(name), ("kms:CreateGrant",), SAGEMAKER, KEY) for name in ROLES[1:3]),
    ):
        assert judge_key_policy(policy, use) == (KeyAccess.DIRECT, "")
