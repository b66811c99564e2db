"""Writes what each role may do into docs/permissions.md, from the synthesized templates: `make docs`."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.assemblies import synthesized
from tests.infrastructure.conftest import ELSEWHERE, ROOT, gov_template, home_template
from tests.infrastructure.template import Template

PAGE = ROOT / "docs/permissions.md"

_BEGIN, _END = "<!-- permissions -->", "<!-- /permissions -->"
_NAMES = {
    "AWS::DynamoDB::Table": "the records table",
    "SlackBotToken": "Slack's bot token",
    "SlackSigningSecret": "Slack's signing secret",
    "AWS::KMS::Key": "Sealpoint's own KMS key",
    "AWS::SQS::Queue": "the queue of what was not delivered",
    "AWS::Logs::LogGroup": "its own log group",
}
_BY_SETTING = """\
With a KMS key of your own (`kmsKeyArns`), keys that are looked at (`encryptedBy`) and more surfaces than the
volume (`requiredSurfaces`), the roles differ in:"""
_OPERATORS = {
    "StringEquals": "is", "ArnEquals": "is", "ForAllValues:StringEquals": "are",
    "ForAllValues:StringLike": "are",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Permission:
    """One action that a role is allowed."""

    role: str
    action: str
    resources: tuple[str, ...]
    conditions: tuple[str, ...]


def written(page: str, usual: Template, by_setting: Template) -> str:
    """The page with its tables as the templates have them."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    allowed = permissions(usual)
    besides = [one for one in permissions(by_setting) if one not in allowed]
    return "\n\n".join((before + _BEGIN, _table(allowed), _BY_SETTING, _table(besides), _END + after))


def permissions(template: Template) -> list[Permission]:
    """What each role may do; what every function may is said once."""
    by_role = [_allowed(template, role) for role in template.resources("AWS::IAM::Role")]
    functions = {_called(function["Role"].removesuffix(".Arn")) for function in template.functions().values()}
    of_functions = [{_anyones(one) for one in allowed} for allowed in by_role if allowed[0].role in functions]
    common = set[Permission].intersection(*of_functions)
    return [
        *sorted(common, key=lambda one: one.action),
        *(one for allowed in by_role for one in allowed if _anyones(one) not in common),
    ]


def _anyones(permission: Permission) -> Permission:
    return replace(permission, role="every function")


def _table(allowed: Iterable[Permission]) -> str:
    rows: dict[tuple[str, ...], list[str]] = {}
    for one in allowed:
        said = (one.role, "<br>".join(one.resources), "<br>".join(one.conditions))
        rows.setdefault(said, []).append(f"`{one.action}`")
    lines = (f"| {role} | {'<br>'.join(may)} | {on} | {when} |" for (role, on, when), may in rows.items())
    return "\n".join(("| role | may | on | if |", "|---|---|---|---|", *lines))


def _allowed(template: Template, role: str) -> list[Permission]:
    found: list[Permission] = []
    for statement in template.statements_of(role):
        assert statement["Effect"] == "Allow"
        resources = tuple(dict.fromkeys(_thing(template, arn) for arn in statement["Resource"]))
        conditions = tuple(
            _condition(template, operator, key, value)
            for operator, lines in statement.get("Condition", {}).items()
            for key, value in lines.items()
        )
        found += [Permission(_called(role), action, resources, conditions) for action in statement["Action"]]
    return found


def _called(logical_id: str) -> str:
    """`CheckEncryption` of `FunctionsCheckEncryptionRole1234ABCD`, say: what it is of."""
    return re.sub(r"^Functions|(Function|StateMachine)?(Role|Aliaslive)?[0-9A-F]{8}$", "", logical_id)


def _condition(template: Template, operator: str, key: str, value: str | list[str]) -> str:
    if (operator, value) == ("Null", "false"):
        return f"`{key}` is given"
    values = [value] if isinstance(value, str) else value
    return f"`{key}` {_OPERATORS[operator]} {' or '.join(_thing(template, one) for one in values)}"


def _thing(template: Template, text: str) -> str:
    """A resource, or what a condition compares with, as one would call it, the region left open."""
    if text == template.outputs["KmsKeyArn"]:
        return "the endpoints' KMS key"
    for group in template.resources("AWS::Scheduler::ScheduleGroup"):
        text = text.replace(group, "<retirements>")
    if arn := re.fullmatch(r"arn:[^:]+:([^:]+):[^:]*:([^:]*):(.+)", text):
        service, account, resource = arn.groups()
        text = f"{service} `{resource}`" + (" of any account" if account == "*" else "")
    elif named := template.body["Resources"].get(re.split("[.:]", text)[0]):
        called = _called(re.split("[.:]", text)[0])
        text = _NAMES.get(called) or _NAMES.get(named["Type"]) or called
    else:
        text = f"`{text}`"
    stack = template.path.name.removesuffix(".template.json")
    return text.replace(stack, "<stack>").replace(template.region, "<region>")


def main() -> None:
    with tempfile.TemporaryDirectory() as made:
        usual = home_template(synthesized(Path(made) / "usual"))
        by_setting = gov_template(synthesized(Path(made) / "elsewhere", **ELSEWHERE))
        PAGE.write_text(written(PAGE.read_text(), usual, by_setting))


if __name__ == "__main__":
    main()
