"""The evaluator against what AWS documents, and what must hold whatever policies say."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.aws.iam.policy import Decision, Policy, PolicyError, Request, condition_keys, judge

CREATE = "sagemaker:CreateEndpointConfig"
CONFIG = "arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/fraud"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ROLE = "arn:aws:iam::123456789012:role/Pipeline"
EVERYTHING: Policy = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def _said(effect: str, action: Any = CREATE, resource: Any = "*", **more: Any) -> Policy:
    return {"Statement": [{"Effect": effect, "Action": action, "Resource": resource, **more}]}


def _holds(operator: str, wanted: Any, value: str | list[str] | None) -> bool:
    """Whether a condition on a key is met by a request that has the key with a value, or hasn't (None)."""
    policy = _said("Allow", Condition={operator: {"aws:Key": wanted}})
    context = {} if value is None else {"aws:Key": value}
    return judge([policy], Request(CREATE, CONFIG, context)).allowed


# -- allow, deny


def test_nothing_is_allowed_but_what_a_statement_allows() -> None:
    request = Request(CREATE, CONFIG)
    assert judge([], request).decision is Decision.IMPLICIT_DENY
    assert judge([_said("Allow")], request).decision is Decision.ALLOWED
    assert judge([_said("Deny"), EVERYTHING], request).decision is Decision.EXPLICIT_DENY
    assert judge([_said("Allow", "sagemaker:DeleteEndpointConfig")], request).statement is None


def test_the_statement_that_decided_is_named() -> None:
    deny = _said("Deny", Sid="NoConfigs")
    verdict = judge([EVERYTHING, deny], Request(CREATE, CONFIG))
    assert verdict.statement == deny["Statement"][0]


@pytest.mark.parametrize(
    ("element", "value", "applies"),
    [
        ("Action", "sagemaker:createendpointconfig", True),
        ("Action", ["kms:*", "sagemaker:Create*"], True),
        ("Action", "sagemaker:Create????????Config", True),
        ("Action", "sagemaker:Create?Config", False),
        ("Action", "sagemaker.CreateEndpointConfig", False),
        ("NotAction", ["sagemaker:Describe*"], True),
        ("NotAction", ["kms:*", "sagemaker:create*"], False),
        ("Resource", CONFIG, True),
        ("Resource", CONFIG.upper(), False),
        ("Resource", "arn:aws:sagemaker:*:*:endpoint-config/*", True),
        ("Resource", "arn:aws:sagemaker:us-east-1:123456789012:*", True),
        ("Resource", "arn:aws:sagemaker:*", True),
        ("Resource", "arn:aws:sagemaker:us*-1:123456789012:endpoint-config/f?aud", True),
        ("Resource", "arn:aws:s*r:us-east-1:123456789012:endpoint-config/fraud", True),
        ("Resource", "arn:aws:sage*fraud", False),
        ("Resource", "arn:aws:sagemaker:us-east-1:123456789012:endpoint/*", False),
        ("NotResource", "arn:aws:sagemaker:*:*:endpoint/*", True),
        ("NotResource", ["arn:aws:s3:::*", "arn:aws:sagemaker:*:*:endpoint-config/*"], False),
    ],
)
def test_what_a_statement_is_about(element: str, value: Any, applies: bool) -> None:
    statement: dict[str, Any] = {"Effect": "Allow", element: value}
    if "Action" not in element:
        statement["Action"] = "*"
    if "Resource" not in element:
        statement["Resource"] = "*"
    # a bare statement is as good as a list of one
    assert judge([{"Statement": statement}], Request(CREATE, CONFIG)).allowed is applies


# -- conditions
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "holds"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", ["b", "a"], "a", True),
        ("StringEquals", "*", "a", False),
        ("StringEquals", "a", None, False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", "b", False),
        ("StringEqualsIgnoreCase", "a", "A", True),
        ("StringNotEquals", "a", "b", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", "a", None, True),
        ("StringNotEqualsIgnoreCase", "A", "a", False),
        ("StringLike", "sagemaker.*.amazonaws.com", "sagemaker.us-east-1.amazonaws.com", True),
        ("StringLike", "?", "ab", False),
        ("StringNotLike", "team-*", "team-fraud", False),
        ("StringNotLike", "team-*", None, True),
        ("ArnEquals", KEY, KEY, True),
        ("ArnEquals", "arn:aws:kms:*:123456789012:key/*", KEY, True),
        ("ArnLike", "arn:aws:*:123456789012:key/*:*", KEY, False),  # a wildcard is of one part
        ("ArnLike", "arn:aws:iam::*:role/Pipe*", ROLE, True),
        ("ArnLike", "arn:aws:iam::*:role/Pipe*", "Pipeline", False),
        ("ArnNotLike", "arn:aws:iam::*:role/Pipe*", ROLE, False),
        ("ArnNotEquals", "arn:aws:iam::*:role/Other", ROLE, True),
        ("ArnNotLikeIfExists", "arn:aws:iam::*:role/Other", None, True),
        ("Null", "true", None, True),
        ("Null", "true", "a", False),
        ("Null", "false", "a", True),
        ("Null", False, None, False),
        ("Null", "true", [], True),
        ("Bool", "true", "true", True),
        ("Bool", True, "false", False),
        ("Bool", "false", None, False),
        ("BoolIfExists", "false", None, True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
        ("ForAllValues:StringEquals", ["a"], [], True),
        ("ForAllValues:StringEquals", ["a"], None, True),
        ("ForAllValues:StringNotLike", ["x*"], ["a", "xy"], False),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c", "b"], True),
        ("ForAnyValue:StringEquals", ["a"], ["c"], False),
        ("ForAnyValue:StringEquals", ["a"], None, False),
        ("ForAnyValue:StringNotEquals", ["a"], ["a", "b"], True),
        ("ForAnyValue:StringNotEquals", ["a"], ["a"], False),
        ("ForAnyValue:StringNotEquals", ["a"], None, False),
        ("ForAnyValue:StringLike", ["t*"], "team", True),
    ],
)
def test_conditions(operator: str, wanted: Any, value: str | list[str] | None, holds: bool) -> None:
    assert _holds(operator, wanted, value) is holds


def test_all_conditions_have_to_hold_and_keys_are_compared_in_any_case() -> None:
    policy = _said(
        "Allow", Condition={"StringEquals": {"aws:a": "1", "AWS:B": "2"}, "Null": {"aws:c": "true"}}
    )
    assert judge([policy], Request(CREATE, CONFIG, {"AWS:A": "1", "aws:b": "2"})).allowed
    assert not judge([policy], Request(CREATE, CONFIG, {"aws:A": "1"})).allowed
    assert not judge([policy], Request(CREATE, CONFIG, {"aws:a": "1", "aws:b": "2", "aws:c": "3"})).allowed
    assert condition_keys(policy) == {"aws:a", "aws:b", "aws:c"}


def test_a_service_control_policy_with_an_exception() -> None:
    """No endpoint config without a key, unless it is the one role that may."""
    guardrail = _said(
        "Deny",
        Condition={
            "Null": {"sagemaker:VolumeKmsKey": "true"},
            "ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*RestoreConfig*"},
        },
    )

    def decision(role: str, **context: str) -> Decision:
        principal = {"aws:PrincipalArn": f"arn:aws:iam::123456789012:role/{role}"}
        return judge([EVERYTHING, guardrail], Request(CREATE, CONFIG, {**principal, **context})).decision

    assert decision("Pipeline") is Decision.EXPLICIT_DENY
    assert decision("Pipeline", **{"sagemaker:VolumeKmsKey": KEY}) is Decision.ALLOWED
    assert decision("Sealpoint-RestoreConfigRole") is Decision.ALLOWED


# -- what isn't understood


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"},
        {"Effect": "allow", "Action": "*", "Resource": "*"},
        {"Effect": "Allow", "Resource": "*"},
        {"Effect": "Allow", "Action": "*", "NotAction": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "*"},
        {"Effect": "Allow", "Action": 1, "Resource": "*"},
        {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::${aws:username}"},
        *(
            {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {operator: {"aws:a": value}}}
            for operator, value in [
                ("NumericLessThan", "1"),
                ("Stringequals", "a"),
                ("StringEqualsIfexists", "a"),
                ("ForSomeValues:StringEquals", "a"),
                ("ForAnyValue:Null", "true"),
                ("ForAnyValue:StringEqualsIfExists", "a"),
                ("NullIfExists", "true"),
                ("Null", "yes"),
                ("Bool", "1"),
                ("ArnLike", "arn:aws:kms:*:key/*"),
                ("StringEquals", []),
                ("StringEquals", {"a": "b"}),
                ("StringEquals", "${aws:username}"),
            ]
        ),
    ],
)
def test_what_is_not_understood_is_an_error_even_where_it_does_not_matter(statement: dict[str, Any]) -> None:
    with pytest.raises(PolicyError):
        judge([EVERYTHING, {"Statement": [statement]}], Request(CREATE, CONFIG, {"aws:a": "a"}))


def test_a_policy_without_statements_is_an_error() -> None:
    with pytest.raises(PolicyError, match="no statement"):
        judge([{"Version": "2012-10-17"}], Request(CREATE, CONFIG))


def test_a_key_with_several_values_needs_a_quantifier() -> None:
    with pytest.raises(PolicyError, match="several values"):
        _holds("StringEquals", "a", ["a", "b"])


# -- invariants

_PATTERNS = st.text("ab:*?", max_size=6)
_NAMES = st.text("ab:", max_size=4)
_OPERATORS = st.sampled_from(
    ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIfExists"]
)
_CONDITIONS = st.dictionaries(
    _OPERATORS,
    st.dictionaries(
        st.sampled_from(["aws:a", "aws:b"]), st.lists(_NAMES, min_size=1, max_size=2), min_size=1
    ),
    max_size=2,
)
_STATEMENTS = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Action": st.one_of(st.just("*"), _PATTERNS),
        "Resource": st.one_of(st.just("*"), _PATTERNS),
        "Condition": _CONDITIONS,
    }
)
_POLICIES = st.lists(st.fixed_dictionaries({"Statement": st.lists(_STATEMENTS, max_size=3)}), max_size=3)
_REQUESTS = st.builds(
    Request, _NAMES, _NAMES, st.dictionaries(st.sampled_from(["aws:a", "aws:b"]), _NAMES, max_size=2)
)


@given(_POLICIES, _STATEMENTS, _REQUESTS)
def test_another_deny_never_allows_more_and_another_allow_never_less(
    policies: list[Policy], statement: dict[str, Any], request: Request
) -> None:
    before = judge(policies, request).decision
    after = judge([*policies, {"Statement": statement}], request).decision
    ranked = [Decision.EXPLICIT_DENY, Decision.IMPLICIT_DENY, Decision.ALLOWED]
    if statement["Effect"] == "Deny":
        assert ranked.index(after) <= ranked.index(before)
    else:
        assert after is Decision.ALLOWED or after is before
        assert (after is Decision.EXPLICIT_DENY) == (before is Decision.EXPLICIT_DENY)


@given(_POLICIES, _REQUESTS, st.randoms())
def test_neither_order_nor_packing_matters(policies: list[Policy], request: Request, random: Any) -> None:
    loose = [{"Statement": statement} for policy in policies for statement in policy["Statement"]]
    random.shuffle(loose)
    assert judge(loose, request).decision is judge(policies, request).decision


@given(st.sampled_from(["StringEquals", "StringLike", "StringEqualsIgnoreCase"]), _PATTERNS, _NAMES)
def test_a_negated_operator_says_the_opposite_of_its_own(operator: str, wanted: str, value: str) -> None:
    negated = operator.replace("String", "StringNot")
    assert _holds(negated, wanted, value) is not _holds(operator, wanted, value)
    assert _holds(f"{operator}IfExists", wanted, value) is _holds(operator, wanted, value)


@given(_PATTERNS, _NAMES)
def test_wildcards_are_those_of_a_shell(pattern: str, text: str) -> None:
    assert _holds("StringLike", pattern, text) is fnmatchcase(text, pattern)


@given(_PATTERNS, _NAMES)
def test_a_resource_pattern_covers_no_more_than_its_wildcards_say(pattern: str, text: str) -> None:
    covers = judge([_said("Allow", "*", pattern)], Request(CREATE, text)).allowed
    assert fnmatchcase(text, pattern) or not covers
    if ":" not in text:
        assert covers is fnmatchcase(text, pattern)
