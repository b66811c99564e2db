"""Whether a role of the account may use a KMS key, as far as that can be shown before a person is asked.

This judges the key's own policy; IAM's simulator judges the role's (policy_simulation.py). A statement
applies, does not, or can't be judged: True, False, None. What can't be shown counts as not allowed: an Allow
counts only if it certainly applies, a Deny unless it certainly doesn't.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

_ROLE_ARN = re.compile(r"arn:([^:*?]+):iam::([0-9]{12}):role/(?:[^*?]+/)?([^/*?]+)")
_ACCOUNT = re.compile(r"[0-9]{12}")
_PRINCIPAL_ARN = re.compile(r"arn:[^:*?]+:(?:iam|sts)::([0-9]{12}):([^*?]+)")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_ARN_COLONS = 5
_SID_SHOWN = 60

_Statement = Mapping[str, Any]
# The values that a condition key may have in the request; None stands for an absent key. What isn't listed is
# not known. Keys are in lower case, as IAM doesn't tell the cases apart.
_Context = Mapping[str, tuple[str | None, ...]]

# Absent where a service calls in a role's name: they belong to services' own calls, and to IAM users.
_ABSENT = (
    "aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths", "aws:principalservicename",
    "aws:principalservicenameslist", "aws:username",
)  # fmt: skip


class KeyAccess(StrEnum):
    """Who decides that a role may use a key."""

    DIRECT = "DIRECT"  # the key policy itself allows the role; its own policies must only not deny it
    DELEGATED = "DELEGATED"  # the key policy lets the account's IAM policies decide
    NOT_SHOWN = "NOT_SHOWN"


@dataclass(frozen=True, slots=True)
class Use:
    """What a role would do with the key.

    Parameters
    ----------
    role_arn
        A role of the key's own account: across accounts, a key policy alone allows nothing.
    via_service
        The value of `kms:ViaService`: ``s3.us-east-1.amazonaws.com``.
    key
        The `KeyMetadata` of KMS's DescribeKey.
    organization
        The id of the account's organization; empty if it isn't known, or there is none.
    """

    role_arn: str
    actions: tuple[str, ...]
    via_service: str
    key: Mapping[str, Any]
    organization: str = ""


@dataclass(frozen=True, slots=True)
class _Role:
    arn: str
    partition: str
    account: str
    name: str


@dataclass(frozen=True, slots=True)
class _Request:
    action: str
    key_arn: str
    role: _Role
    context: _Context
    variables: bool  # whether the policy's version knows policy variables


@dataclass(frozen=True, slots=True)
class _Condition:
    """One line of a statement's conditions; all of them must hold."""

    operator: str
    key: str
    value: Any


def judge_key_policy(policy: Mapping[str, Any], use: Use) -> tuple[KeyAccess, str]:
    """The access that a key policy gives and, where none is shown, why not: a clause for a card."""
    role = _role(use.role_arn)
    if role is None or not use.actions:
        return KeyAccess.NOT_SHOWN, "it is not clear which role would do what with it"
    statements = _statements(policy)
    if statements is None:
        return KeyAccess.NOT_SHOWN, "its key policy can't be read"
    arn, variables = str(use.key.get("Arn")), policy.get("Version") == "2012-10-17"
    judged = [
        _judge_action(statements, _Request(action, arn, role, _context(use, role, action), variables))
        for action in use.actions
    ]
    weakest_first = (KeyAccess.NOT_SHOWN, KeyAccess.DELEGATED, KeyAccess.DIRECT)
    access, why = min(judged, key=lambda one: weakest_first.index(one[0]))
    return access, why


def _context(use: Use, role: _Role, action: str) -> _Context:
    """What is known of a call that a service makes in the role's name.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
    """
    multi_region = use.key.get("MultiRegion")
    known = {
        "kms:viaservice": use.via_service,
        "kms:calleraccount": role.account,
        "kms:keyspec": use.key.get("KeySpec"),
        "kms:keyusage": use.key.get("KeyUsage"),
        "kms:keyorigin": use.key.get("Origin"),
        "kms:multiregion": None if multi_region is None else str(multi_region).lower(),
        "aws:principalaccount": role.account,
        "aws:principalarn": role.arn,
        "aws:principalorgid": use.organization,
        "aws:principaltype": "AssumedRole",
        "aws:principalisawsservice": "false",
        "aws:requestedregion": _region(use.key),
        "aws:resourceaccount": role.account,
        "aws:resourceorgid": use.organization,
        "aws:viaawsservice": "true",
    }
    return {
        **{key: (str(value),) for key, value in known.items() if value},
        **dict.fromkeys(_ABSENT, (None,)),
        # Services call KMS over TLS, but may pass nothing on about it; nobody has an MFA device for a role.
        "aws:securetransport": ("true", None),
        "aws:multifactorauthpresent": ("false", None),
        # set for CreateGrant and other calls about grants only
        "kms:grantisforawsresource": ("true",) if action == "kms:CreateGrant" else (None,),
    }


def _judge_action(statements: Sequence[_Statement], request: _Request) -> tuple[KeyAccess, str]:
    role, given, why = request.role, set[KeyAccess](), ""
    for number, statement in enumerate(statements, 1):
        applies, unknown = _applies(statement, request)
        access = _given_to(statement, role)
        sid = str(statement.get("Sid", ""))[:_SID_SHOWN]
        name = f"statement {f'“{sid}”' if sid else number} of its key policy"
        on_what = f", which depends on {' and '.join(unknown)}" if unknown and applies is None else ""
        if statement["Effect"] == "Deny":
            if applies is not False and _may_concern_role(statement, role):
                denies = "denies" if applies else "may deny"
                return KeyAccess.NOT_SHOWN, f"{name} {denies} {request.action}{on_what}"
        elif applies:
            given.add(access)
        elif applies is None and access is not KeyAccess.NOT_SHOWN:
            why = f"{name} may or may not allow {request.action}{on_what}"
    for access in (KeyAccess.DIRECT, KeyAccess.DELEGATED):
        if access in given:
            return access, ""
    allows = [item for item in statements if item["Effect"] == "Allow"]
    if all(_given_to(item, role) is KeyAccess.NOT_SHOWN for item in allows):
        return KeyAccess.NOT_SHOWN, "its key policy does not mention the role or the account"
    return KeyAccess.NOT_SHOWN, why or f"its key policy does not allow {request.action} {_through(request)}"


def _through(request: _Request) -> str:
    return f"through {request.context['kms:viaservice'][0]}"


def _applies(statement: _Statement, request: _Request) -> tuple[bool | None, list[str]]:
    """Whether a statement applies to a request, principals aside, and the unknown keys that it depends on."""

    def on_action(pattern: str) -> bool:
        return _like(pattern.lower(), request.action.lower())

    def on_resource(pattern: str) -> bool | None:
        filled = _filled_in(pattern, request)
        if pattern == "*" or filled is None:
            return True if pattern == "*" else None
        # How far a wildcard reaches over an ARN's colons matters to nobody who names a key.
        return _arn_like(filled, request.key_arn) or (None if _like(filled, request.key_arn) else False)

    # KMS takes a statement without a Resource, but it has no effect (API reference, PutKeyPolicy).
    elements = [_listed(statement, "Action", on_action), _listed(statement, "Resource", on_resource)]
    tests = _conditions(statement)
    if tests is None:
        return _all([*elements, None]), []
    held = [_holds(test, request) for test in tests]
    return _all([*elements, *held]), [
        test.key for test, holds in zip(tests, held, strict=True) if holds is None
    ]


def _listed(statement: _Statement, element: str, matches: Callable[[str], bool | None]) -> bool | None:
    """Whether an element names what is asked for, or its `Not` form leaves it in."""
    inverted = f"Not{element}"
    if (element in statement) == (inverted in statement):
        return None
    names = _strings(statement.get(element, statement.get(inverted)))
    found = None if names is None else _any(map(matches, names))
    return found if element in statement or found is None else not found


def _given_to(statement: _Statement, role: _Role) -> KeyAccess:
    """The access of a statement by its principals alone."""
    principal = statement.get("Principal")
    of_aws = principal.get("AWS") if isinstance(principal, Mapping) else None
    named = ["*"] if principal == "*" else _strings(of_aws) or []
    if "NotPrincipal" in statement:
        return KeyAccess.NOT_SHOWN
    if role.arn in named or "*" in named:
        return KeyAccess.DIRECT
    if f"arn:{role.partition}:iam::{role.account}:root" in named or role.account in named:
        return KeyAccess.DELEGATED
    return KeyAccess.NOT_SHOWN


def _may_concern_role(statement: _Statement, role: _Role) -> bool:
    principal = statement.get("Principal")
    # To spare a role, NotPrincipal has to name its sessions, of which only the caller knows the name.
    if "NotPrincipal" in statement or not isinstance(principal, Mapping) or not principal:
        return True
    return not all(_are_others(kind, _strings(names), role) for kind, names in principal.items())


def _are_others(kind: Any, names: Sequence[str] | None, role: _Role) -> bool:
    """Whether principals of a kind are certainly not the role."""
    if names is None:
        return False
    if kind == "Service":
        return not any("*" in name or "?" in name for name in names)
    return kind == "AWS" and all(_is_other(name, role) for name in names)


def _is_other(principal: str, role: _Role) -> bool:
    if _ACCOUNT.fullmatch(principal):
        return principal != role.account
    arn = _PRINCIPAL_ARN.fullmatch(principal)
    if arn is None:
        return False
    account, resource = arn.groups()
    kind, *names = resource.split("/")
    if account != role.account or kind == "user":
        return True
    # A role's name is unique in its account whatever its path, and without regard to case.
    name = {"role": names[-1:], "assumed-role": names[:1]}.get(kind)
    return bool(name) and name[0].lower() != role.name.lower()


def _holds(test: _Condition, request: _Request) -> bool | None:
    """Whether a condition is met, by every value that its key may have.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    quantifier, _, name = test.operator.rpartition(":")
    wanted = _texts(test.value)
    if test.key not in request.context or not wanted or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        return None
    met = {_met(quantifier, name, wanted, actual, request) for actual in request.context[test.key]}
    return met.pop() if len(met) == 1 else None


def _met(
    quantifier: str, name: str, wanted: Sequence[str], actual: str | None, request: _Request
) -> bool | None:
    """Whether an operator finds what it wants in a key's value; every known key has a single one, or none."""
    if name == "Null":
        asks = {text.lower() for text in wanted}
        return None if quantifier or not asks < {"true", "false"} else asks == {str(actual is None).lower()}
    base = name.removesuffix("IfExists")
    compare, negated = _COMPARISONS.get(base.replace("Not", "", 1)), "Not" in base
    if compare is None:
        return None
    if actual is None:
        # what IfExists means to ForAnyValue is not documented
        absent = {"ForAllValues": True, "ForAnyValue": None if name != base else False}
        return absent.get(quantifier, negated or name != base)
    filled = [_filled_in(text, request) for text in wanted]
    found = _any(None if text is None else compare(text, actual) for text in filled)
    return None if found is None else found != negated


def _filled_in(text: str, request: _Request) -> str | None:
    """A text with the values of its policy variables; None if any isn't known for certain."""
    names = _VARIABLE.findall(text)
    if text.count("${") != len(names) or (names and not request.variables):
        return None
    for name in names:
        match request.context.get(name.lower()):
            case (str() as value,):
                text = text.replace(f"${{{name}}}", value)
            case _:
                return None
    return text


def _role(arn: str) -> _Role | None:
    found = _ROLE_ARN.fullmatch(arn)
    return _Role(arn, *found.groups()) if found else None


def _region(key: Mapping[str, Any]) -> str:
    return "".join(str(key.get("Arn")).split(":")[3:4])


def _statements(policy: Any) -> list[_Statement] | None:
    """The statements of a policy, of which IAM takes a single one bare; None if any can't be read."""
    found: Any = policy.get("Statement") if isinstance(policy, Mapping) else None
    statements: Any = [found] if isinstance(found, Mapping) else found
    if not isinstance(statements, list):
        return None
    readable = all(
        isinstance(item, Mapping) and item.get("Effect") in ("Allow", "Deny") for item in statements
    )
    return statements if readable else None


def _conditions(statement: _Statement) -> list[_Condition] | None:
    """A statement's conditions, none if it has none; None if they can't be read."""
    conditions = statement.get("Condition", {})
    if not isinstance(conditions, Mapping) or not all(map(_is_block, conditions.values())):
        return None
    return [
        _Condition(str(operator), str(key).lower(), value)
        for operator, block in conditions.items()
        for key, value in block.items()
    ]


def _is_block(block: Any) -> bool:
    return isinstance(block, Mapping) and bool(block)


def _strings(value: Any) -> list[str] | None:
    """One string or several, as IAM lets both be written; None if it's anything else."""
    values: list[Any] = value if isinstance(value, list) else [value]
    return values if values and all(isinstance(item, str) for item in values) else None


def _texts(value: Any) -> list[str] | None:
    """As `_strings`; true and false are texts to conditions."""
    values: list[Any] = value if isinstance(value, list) else [value]
    return _strings([str(one).lower() if isinstance(one, bool) else one for one in values])


def _all(judged: Iterable[bool | None]) -> bool | None:
    found = list(judged)
    return False if False in found else None if None in found else True


def _any(judged: Iterable[bool | None]) -> bool | None:
    found = list(judged)
    return True if True in found else None if None in found else False


def _equal(expected: str, actual: str) -> bool:
    return expected == actual


def _equal_in_any_case(expected: str, actual: str) -> bool:
    return expected.lower() == actual.lower()


def _like(pattern: str, text: str) -> bool:
    """Whether a text matches IAM's wildcards, which are `*` and `?` but, unlike a shell's, not `[`."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def _arn_like(pattern: str, arn: str) -> bool:
    """As `_like`, but part by part: a wildcard doesn't reach over the first five colons."""
    patterns, parts = pattern.split(":", _ARN_COLONS), arn.split(":", _ARN_COLONS)
    return len(patterns) == len(parts) and all(map(_like, patterns, parts))


def _arn_matches(pattern: str, actual: str) -> bool | None:
    """What is no ARN can't be compared as one."""
    comparable = min(pattern.count(":"), actual.count(":")) >= _ARN_COLONS
    return _arn_like(pattern, actual) if comparable else None


def _bool_matches(expected: str, actual: str) -> bool | None:
    return expected.lower() == actual if {expected.lower(), actual} <= {"true", "false"} else None


_COMPARISONS: dict[str, Callable[[str, str], bool | None]] = {
    "StringEquals": _equal,
    "StringEqualsIgnoreCase": _equal_in_any_case,
    "StringLike": _like,
    "ArnEquals": _arn_matches,
    "ArnLike": _arn_matches,
    "Bool": _bool_matches,
}
