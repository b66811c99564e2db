"""What policies say to a request, as pure functions over plain data.

For policies without a principal: identity policies and service control policies. What isn't understood is an
error, since no evaluation is better than a wrong one.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

Policy = Mapping[str, Any]
Statement = Mapping[str, Any]

_ELEMENTS = frozenset({"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"})
_ARN_COLONS = 5


class PolicyError(Exception):
    """A policy says what isn't understood here, or what IAM itself would refuse."""


class Decision(StrEnum):
    """The words are those of IAM's policy simulator."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


@dataclass(frozen=True, slots=True)
class Request:
    """One action on one resource.

    Parameters
    ----------
    action
        Such as ``sagemaker:CreateEndpointConfig``.
    resource
        An ARN, or ``*`` for an action that knows none.
    context
        The condition keys that the request has. A list makes a key one of several values.
    """

    action: str
    resource: str
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict[str, str | Sequence[str]])


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The decision, and the statement that led to it; none does for an implicit deny."""

    decision: Decision
    statement: Statement | None = None

    @property
    def allowed(self) -> bool:
        return self.decision is Decision.ALLOWED


def judge(policies: Iterable[Policy], request: Request) -> Evaluation:
    """What a principal's policies, taken together, say to a request.

    Raises
    ------
    PolicyError

    Examples
    --------
    >>> key_needed = {
    ...     "Effect": "Deny",
    ...     "Action": "sagemaker:CreateEndpointConfig",
    ...     "Resource": "*",
    ...     "Condition": {"Null": {"sagemaker:VolumeKmsKey": "true"}},
    ... }
    >>> config = "arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/fraud"
    >>> judge([{"Statement": key_needed}], Request("sagemaker:CreateEndpointConfig", config)).decision.value
    'explicitDeny'
    """
    said = [statement for policy in policies for statement in _statements(policy)]
    applying = [statement for statement in said if _applies(statement, request)]
    for effect, decision in (("Deny", Decision.EXPLICIT_DENY), ("Allow", Decision.ALLOWED)):
        for statement in applying:
            if statement["Effect"] == effect:
                return Evaluation(decision, statement)
    return Evaluation(Decision.IMPLICIT_DENY)


def condition_keys(policy: Policy) -> set[str]:
    """The keys that a policy's conditions ask about, in lower case, as IAM compares them."""
    return {key.lower() for statement in _statements(policy) for _, key, _ in _tests(statement)}


def _statements(policy: Policy) -> list[Statement]:
    """A policy's statements, of which IAM takes a single one bare."""
    found = policy.get("Statement")
    statements: Any = [found] if isinstance(found, Mapping) else found
    if not isinstance(statements, list):
        raise PolicyError(f"A policy has no statement: {policy}")
    return statements


def _applies(statement: Statement, request: Request) -> bool:
    if not statement.keys() <= _ELEMENTS:
        raise PolicyError(f"Not understood: {', '.join(sorted(statement.keys() - _ELEMENTS))} in {statement}")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError(f"A statement neither allows nor denies: {statement}")
    # all of it is read before any of it counts: a mistake is found whatever is asked
    tests = list(_tests(statement))
    on_action = _listed(statement, "Action", lambda pattern: _like(pattern, request.action, any_case=True))
    on_resource = _listed(statement, "Resource", lambda pattern: covers(pattern, request.resource))
    context = {key.lower(): value for key, value in request.context.items()}
    return on_action and on_resource and all(_holds(*test, context) for test in tests)


def _listed(statement: Statement, element: str, matches: Callable[[str], bool]) -> bool:
    """Whether an element names what is asked for, or its `Not` form leaves it in."""
    inverted = f"Not{element}"
    if (element in statement) == (inverted in statement):
        raise PolicyError(f"One of {element} and {inverted} is needed: {statement}")
    if inverted in statement:
        return not any(map(matches, _texts(statement[inverted])))
    return any(map(matches, _texts(statement[element])))


def _texts(value: Any) -> list[str]:
    """One text or several, as IAM lets both be written; true and false are texts to it."""
    values: list[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | bool) for one in values):
        raise PolicyError(f"Neither a text nor texts: {value!r}")
    texts = [str(one).lower() if isinstance(one, bool) else one for one in values]
    if any("${" in text for text in texts):
        raise PolicyError(f"Policy variables are not known here: {value!r}")
    return texts


# -- patterns


@cache
def _compiled(pattern: str, any_case: bool) -> re.Pattern[str]:
    parts = ({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if any_case else 0))


def _like(pattern: str, text: str, *, any_case: bool = False) -> bool:
    """Whether a text fits IAM's wildcards, `*` and `?`."""
    return _compiled(pattern, any_case).fullmatch(text) is not None


@cache
def _resource_pattern(pattern: str) -> re.Pattern[str]:
    """A wildcard reaches over a colon only at the end of an ARN's segment.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    text = re.sub(r"\*(?=:|$)", "\0", pattern)
    translated = {"\0": ".*", "*": "[^:]*", "?": "[^:]"}
    return re.compile("".join(translated.get(letter, re.escape(letter)) for letter in text))


def covers(pattern: str, resource: str) -> bool:
    """Whether a statement's resource, which may have wildcards, includes a request's."""
    return _resource_pattern(pattern).fullmatch(resource) is not None


def _arn_like(pattern: str, arn: str) -> bool:
    """Part by part: here no wildcard reaches over the first five colons."""
    patterns, parts = pattern.split(":", _ARN_COLONS), arn.split(":", _ARN_COLONS)
    return len(patterns) == len(parts) and all(map(_like, patterns, parts))


# -- conditions


def _equal(expected: str, actual: str) -> bool:
    return expected == actual


def _equal_in_any_case(expected: str, actual: str) -> bool:
    return expected.lower() == actual.lower()


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": _equal,
    "StringEqualsIgnoreCase": _equal_in_any_case,
    "StringLike": _like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": _equal_in_any_case,
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}
_QUANTIFIERS = ("", "ForAllValues", "ForAnyValue")


@dataclass(frozen=True, slots=True)
class _Operator:
    """A condition's operator, such as ``ForAllValues:StringNotLikeIfExists``, taken apart."""

    quantifier: str
    comparison: str
    negated: bool
    if_exists: bool


def _operator(text: str) -> _Operator:
    quantifier, _, name = text.rpartition(":")
    base = name.removesuffix("IfExists")
    comparison = _NEGATED.get(base, base)
    # what a missing key means to ForAnyValue with IfExists is not documented
    unclear = quantifier == "ForAnyValue" and base != name
    if quantifier not in _QUANTIFIERS or unclear or (comparison not in _COMPARISONS and text != "Null"):
        raise PolicyError(f"The condition operator {text!r} is not known here.")
    return _Operator(quantifier, comparison, base in _NEGATED, base != name)


def _tests(statement: Statement) -> Iterator[tuple[_Operator, str, list[str]]]:
    """Each line of a statement's conditions; all of them have to hold."""
    for text, lines in statement.get("Condition", {}).items():
        operator = _operator(text)
        for key, values in lines.items():
            wanted = _texts(values)
            if not wanted or not all(_makes_sense(operator, one) for one in wanted):
                raise PolicyError(f"{values!r} is nothing that {text} could compare {key} with.")
            yield operator, key, wanted


def _makes_sense(operator: _Operator, wanted: str) -> bool:
    if operator.comparison in ("Null", "Bool"):
        return wanted.lower() in ("true", "false")
    return not operator.comparison.startswith("Arn") or wanted.count(":") >= _ARN_COLONS


def _holds(
    operator: _Operator, key: str, wanted: list[str], context: Mapping[str, str | Sequence[str]]
) -> bool:
    """Whether a condition is met.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
    """
    given = context.get(key.lower(), ())
    values = [given] if isinstance(given, str) else list(given)
    if operator.comparison == "Null":
        return str(not values).lower() in (text.lower() for text in wanted)
    compare = _COMPARISONS[operator.comparison]

    def fits(value: str) -> bool:
        return operator.negated != any(compare(one, value) for one in wanted)

    if operator.quantifier == "ForAllValues":
        return all(map(fits, values))
    if not values:
        return operator.if_exists or (operator.negated and not operator.quantifier)
    if operator.quantifier == "ForAnyValue":
        return any(map(fits, values))
    if not isinstance(given, str):
        raise PolicyError(f"{key} has several values: ForAllValues or ForAnyValue has to say which count.")
    return fits(given)
