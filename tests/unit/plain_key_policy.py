"""IAM's evaluation of a key policy for one request of which everything is known, written from its user guide.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Context = Mapping[str, list[str]]


@dataclass(frozen=True)
class Call:
    """A role's session that asks one action of a key; absent condition keys are not in the context."""

    role_arn: str
    session_arn: str
    account: str
    action: str
    key_arn: str
    context: Context


def allows(policy: Mapping[str, Any], call: Call) -> str:
    """Whom the policy allows: `role`, `account` (its IAM policies decide), or nobody: an empty text."""
    said = [(one["Effect"], _who(one, call)) for one in policy["Statement"] if _matches(policy, one, call)]
    if any(effect == "Deny" and who for effect, who in said):
        return ""
    allowed = {who for effect, who in said if effect == "Allow"}
    return "role" if "role" in allowed else "account" if "account" in allowed else ""


def _who(statement: Mapping[str, Any], call: Call) -> str:
    named = _list(statement["Principal"]["AWS"]) if statement["Principal"] != "*" else ["*"]
    if {"*", call.role_arn, call.session_arn} & set(named):
        return "role"
    root = re.sub(r":role/.*", ":root", call.role_arn)
    return "account" if {root, call.account} & set(named) else ""


def _matches(policy: Mapping[str, Any], statement: Mapping[str, Any], call: Call) -> bool:
    def lists(element: str, text: str, *, any_case: bool) -> bool:
        negated = f"Not{element}" in statement
        names = [_fill(policy, one, call.context) for one in _list(statement[f"{'Not' * negated}{element}"])]
        return negated != any(_glob(one, text, any_case=any_case) for one in names)

    return (
        lists("Action", call.action, any_case=True)
        and lists("Resource", call.key_arn, any_case=False)
        and all(
            _condition(policy, operator, _list(values), call.context.get(key.lower(), []), call.context)
            for operator, block in statement.get("Condition", {}).items()
            for key, values in block.items()
        )
    )


def _condition(
    policy: Mapping[str, Any], operator: str, wanted: list[str], actual: list[str], context: Context
) -> bool:
    if operator == "Null":
        return ("false" if actual else "true") in wanted
    parts = re.fullmatch(r"(?:(ForAnyValue|ForAllValues):)?(\w+?)(IfExists)?", operator)
    assert parts
    quantifier, name, if_exists = parts.groups()
    negative = "Not" in name
    texts = [_fill(policy, one, context) for one in wanted]

    def one_holds(value: str) -> bool:
        return negative != any(_compare(name.replace("Not", ""), text, value) for text in texts)

    if quantifier == "ForAllValues":
        return all(one_holds(value) for value in actual)
    if quantifier == "ForAnyValue":
        return any(one_holds(value) for value in actual)
    return one_holds(actual[0]) if actual else bool(if_exists) or negative


def _compare(name: str, text: str, value: str) -> bool:
    if name == "StringLike":
        return _glob(text, value)
    if name.startswith("Arn"):
        ours, theirs = text.split(":", 5), value.split(":", 5)
        return len(ours) == len(theirs) == 6 and all(_glob(*pair) for pair in zip(ours, theirs, strict=True))
    return text.lower() == value.lower() if name in ("Bool", "StringEqualsIgnoreCase") else text == value


def _fill(policy: Mapping[str, Any], text: str, context: Context) -> str:
    """The text with its variables' values. One without a value matches nothing."""
    if policy.get("Version") != "2012-10-17":
        return text
    return re.sub(r"\$\{(.*?)\}", lambda found: (context.get(found[1].lower()) or ["\0"])[0], text)


def _glob(pattern: str, text: str, *, any_case: bool = False) -> bool:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return bool(re.fullmatch(expression, text, re.IGNORECASE if any_case else 0))


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
