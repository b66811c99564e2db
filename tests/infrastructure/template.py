"""A synthesized template, for asking questions about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ACCOUNT_ID = "123456789012"


@dataclass(frozen=True)
class Template:
    """One stack's template. Intrinsic functions resolve to readable stand-ins, such as ``Key.Arn``.

    It is read once: whoever changes something in it, works on a copy.
    """

    path: Path
    region: str
    partition: str = "aws"

    @cached_property
    def body(self) -> dict[str, Any]:
        return json.loads(self.path.read_text())

    @property
    def outputs(self) -> dict[str, Any]:
        return {name: self.resolve(output["Value"]) for name, output in self.body["Outputs"].items()}

    def resources(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """The resources of one type, by logical id, resolved."""
        return self._resources.get(resource_type, {})

    @cached_property
    def _resources(self) -> dict[str, dict[str, dict[str, Any]]]:
        by_type: dict[str, dict[str, dict[str, Any]]] = {}
        for name, resource in self.body["Resources"].items():
            by_type.setdefault(resource["Type"], {})[name] = self.resolve(resource)
        return by_type

    def only(self, resource_type: str) -> dict[str, Any]:
        """The properties of the one resource of a type."""
        (resource,) = self.resources(resource_type).values()
        return resource["Properties"]

    def functions(self) -> dict[str, dict[str, Any]]:
        """The functions' properties, by the name of their handler's module."""
        properties = [res["Properties"] for res in self.resources("AWS::Lambda::Function").values()]
        return {function["Handler"].split(".")[-2]: function for function in properties}

    def statements_of(self, role: str) -> list[dict[str, Any]]:
        """What the policies of a role, given as ``<logical id>.Arn``, say."""
        role_id = role.removesuffix(".Arn")
        return [
            {**statement, "Action": _listed(statement["Action"]), "Resource": _listed(statement["Resource"])}
            for policy in self.resources("AWS::IAM::Policy").values()
            if role_id in policy["Properties"]["Roles"]
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        ]

    def machine(self, name: str = "remediation") -> dict[str, Any]:
        """The properties of the state machine of that name."""
        machines = [res["Properties"] for res in self.resources("AWS::StepFunctions::StateMachine").values()]
        (found,) = [machine for machine in machines if machine["StateMachineName"].endswith(f"-{name}")]
        return found

    def definition(self, name: str = "remediation") -> dict[str, Any]:
        return json.loads(self.machine(name)["DefinitionString"])

    def rules(self) -> list[dict[str, Any]]:
        return [rule["Properties"] for rule in self.resources("AWS::Events::Rule").values()]

    def resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.resolve(member) for member in value]
        if not isinstance(value, dict):
            return value
        match value:
            case {"Ref": name, **rest} if not rest:
                return self._pseudo().get(name, name)
            case {"Fn::GetAtt": [logical_id, attribute], **rest} if not rest:
                return f"{logical_id}.{attribute}"
            case {"Fn::Join": [separator, parts], **rest} if not rest:
                return separator.join(str(self.resolve(part)) for part in parts)
            case _:
                return {name: self.resolve(member) for name, member in value.items()}

    def _pseudo(self) -> dict[str, str]:
        suffix = "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"
        return {
            "AWS::AccountId": ACCOUNT_ID,
            "AWS::Region": self.region,
            "AWS::Partition": self.partition,
            "AWS::URLSuffix": suffix,
        }


def strings(value: Any) -> Iterator[str]:
    """Every string in a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for member in value:
            yield from strings(member)
    elif isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from strings(member)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
