"""The key policy's judge against a plain evaluator that knows everything of a request."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from lambdas.domain.encryption.key_policy import KeyAccess, Use, judge_key_policy
from tests.unit.plain_key_policy import Call, allows

ACCOUNT, OTHER = "123456789012", "210987654321"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/Exec"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/Exec/SageMaker"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
KEY_ARN = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd"
S3 = "s3.us-east-1.amazonaws.com"
KEY = {
    "Arn": KEY_ARN, "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT", "Origin": "AWS_KMS",
    "MultiRegion": False,
}  # fmt: skip
ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt", "kms:CreateGrant")
ACTION_PATTERNS = ["*", "kms:*", "kms:Dec*", "KMS:GenerateDataKey", "kms:CreateGrant"]
SAYS = {KeyAccess.DIRECT: "role", KeyAccess.DELEGATED: "account", KeyAccess.NOT_SHOWN: ""}

# values worth asking a key for, of which the first is what every request has
KNOWN: dict[str, list[str]] = {
    "kms:ViaService": [S3, "s3.*", "sagemaker.*", "s3.${aws:RequestedRegion}.amazonaws.com"],
    "kms:CallerAccount": [ACCOUNT, OTHER, "1234*"],
    "kms:KeySpec": ["SYMMETRIC_DEFAULT", "RSA_2048"],
    "aws:PrincipalAccount": [ACCOUNT, OTHER],
    "aws:PrincipalArn": [ROLE, "arn:aws:iam::*:role/*", f"{ROLE}2", "arn:*::${kms:CallerAccount}:role/*"],
    "aws:PrincipalType": ["AssumedRole", "User"],
    "aws:PrincipalIsAWSService": ["false", "true"],
    "aws:RequestedRegion": ["us-east-1", "eu-*"],
    "aws:ResourceAccount": [ACCOUNT, OTHER],
    "aws:ViaAWSService": ["true", "false"],
}  # fmt: skip
ABSENT = {"aws:SourceAccount": [ACCOUNT], "aws:SourceArn": [KEY_ARN], "aws:UserName": ["ada"]}
UNKNOWN = {
    "aws:PrincipalTag/team": ["risk", "${aws:RequestedRegion}"],
    "aws:SourceVpce": ["vpce-1", "vpce-*"],
    "aws:PrincipalOrgID": ["o-mine", "o-*"],
    "aws:SecureTransport": ["true", "false"],
    "kms:EncryptionContextKeys": ["aws:s3:arn", "a"],
}
OPERATORS = [
    f"{quantifier}{name}{suffix}"
    for name in (
        "StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "ArnLike",
        "ArnNotEquals", "Bool",
    )
    for quantifier in ("", "ForAllValues:", "ForAnyValue:")
    for suffix in ("", "IfExists")
    if not (quantifier and suffix)
]  # fmt: skip


def _conditions(keys: dict[str, list[str]]) -> st.SearchStrategy[dict[str, Any]]:
    def block(operator: str) -> st.SearchStrategy[dict[str, Any]]:
        of_kind = {key: values for key, values in keys.items() if _fits(operator, key)}
        return st.sampled_from(sorted(of_kind)).flatmap(
            lambda key: st.fixed_dictionaries(
                {key: st.lists(st.sampled_from(of_kind[key]), min_size=1, max_size=2)}
            )
        )

    null = st.sampled_from(sorted(keys)).flatmap(
        lambda key: st.fixed_dictionaries({key: st.sampled_from(["true", "false"])})
    )
    usable = [one for one in OPERATORS if any(_fits(one, key) for key in keys)]
    pairs = st.sampled_from(usable).flatmap(lambda one: st.tuples(st.just(one), block(one))) | st.tuples(
        st.just("Null"), null
    )
    return st.lists(pairs, max_size=2).map(dict)


def _fits(operator: str, key: str) -> bool:
    """IAM compares a key by operators of its own type; text operators take any."""
    booleans = ("aws:PrincipalIsAWSService", "aws:ViaAWSService", "aws:SecureTransport")
    if operator.partition("Bool")[1]:
        return key in booleans
    return key in ("aws:PrincipalArn", "aws:SourceArn") if "Arn" in operator else True


def _statements(keys: dict[str, list[str]], principals: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    named = st.lists(st.sampled_from(ACTION_PATTERNS), min_size=1, max_size=2)
    resources = st.sampled_from(["*", KEY_ARN, f"{KEY_ARN}5", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/*"])
    action = st.sampled_from(["Action", "NotAction"]).flatmap(
        lambda name: st.fixed_dictionaries({name: named})
    )
    resource = st.sampled_from(["Resource", "Resource", "NotResource"]).flatmap(
        lambda name: st.fixed_dictionaries({name: resources})
    )
    whole = st.fixed_dictionaries(
        {
            "Effect": st.sampled_from(["Allow", "Allow", "Deny"]),
            "Principal": st.sampled_from(principals),
            "Condition": _conditions(keys),
        }
    )
    return st.tuples(whole, action, resource).map(lambda parts: parts[0] | parts[1] | parts[2])


def _policies(keys: dict[str, list[str]], principals: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    statements = st.lists(_statements(keys, principals), min_size=1, max_size=4)
    return st.fixed_dictionaries(
        {"Version": st.sampled_from(["2012-10-17", "2012-10-17", "2008-10-17"]), "Statement": statements}
    )


# What certainly is the role or the account, or certainly is not.
CLEAR = ["*", *({"AWS": one} for one in (ROLE, ROOT, ACCOUNT, [OTHER, ROLE], OTHER, "*"))]
MAYBE = [{"AWS": SESSION}, {"AWS": f"arn:aws:iam::{ACCOUNT}:role/Other"}]
contexts = st.fixed_dictionaries(
    {
        # sent over TLS, or nothing is said about it
        key: st.sampled_from([[], ["true"]] if "Transport" in key else [[], ["risk"], ["o-mine"]])
        for key in UNKNOWN
    }
)  # fmt: skip


def _call(action: str, unknown: dict[str, list[str]]) -> Call:
    context = {key: [values[0]] for key, values in KNOWN.items()} | unknown
    given = {key.lower(): values for key, values in context.items() if values}
    return Call(ROLE, SESSION, ACCOUNT, action, KEY_ARN, given)


@settings(max_examples=250)
@given(_policies({**KNOWN, **ABSENT, **UNKNOWN}, CLEAR + MAYBE), contexts, st.sampled_from(ACTIONS))
def test_nothing_is_allowed_that_iam_would_deny(
    policy: dict[str, Any], unknown: dict[str, list[str]], action: str
) -> None:
    """Whatever the unknown keys turn out to be."""
    access, _ = judge_key_policy(policy, Use(ROLE, (action,), S3, KEY))
    event(access)
    allowed = allows(policy, _call(action, unknown))
    assert access is KeyAccess.NOT_SHOWN or allowed in (SAYS[access], "role")


@settings(max_examples=250)
@given(_policies({**KNOWN, **ABSENT}, CLEAR), st.sampled_from(ACTIONS))
def test_where_all_is_known_the_judge_says_what_iam_says(policy: dict[str, Any], action: str) -> None:
    old_variable = policy["Version"] != "2012-10-17" and "${" in str(policy)
    access, why = judge_key_policy(policy, Use(ROLE, (action,), S3, KEY))
    event(access)
    if not old_variable:  # taken for unknown, as nobody means it
        assert SAYS[access] == allows(policy, _call(action, {})), why
