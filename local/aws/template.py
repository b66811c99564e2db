"""A synthesized CloudFormation template, read from the cloud assembly and resolved for this machine."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACCOUNT_ID = "123456789012"  # moto's account

Resource = dict[str, Any]

_SUBSTITUTION = re.compile(r"\$\{([^!}][^}]*)\}")


class UnresolvedError(Exception):
    """The template uses something that the local run doesn't know; it says what and where."""


@dataclass(frozen=True, slots=True)
class Template:
    """One stack's template, and where its assets are.

    `physical` gives each resource's Ref and attributes, ``{logical id: {"Ref": …, "Arn": …}}``; deploying
    adds what only the deployed resource knows.
    """

    stack_name: str
    region: str
    resources: dict[str, Resource]
    outputs: dict[str, Any]
    asset_paths: dict[str, Path]
    physical: dict[str, dict[str, str]]

    def of_type(self, resource_type: str) -> dict[str, Resource]:
        """The resources of one type, by logical id."""
        return {name: res for name, res in self.resources.items() if res["Type"] == resource_type}

    def properties(self, logical_id: str) -> dict[str, Any]:
        """A resource's properties, resolved."""
        return self.resolve(self.resources[logical_id].get("Properties", {}))

    def resolve(self, value: Any) -> Any:
        """Resolve CloudFormation's intrinsic functions.

        Raises
        ------
        UnresolvedError
        """
        if isinstance(value, list):
            resolved = [self.resolve(member) for member in value]
            return [member for member in resolved if member is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (function, argument), *_ = value.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._intrinsic(function, argument)
        members = {name: self.resolve(member) for name, member in value.items()}
        return {name: member for name, member in members.items() if member is not _NO_VALUE}

    def _intrinsic(self, function: str, argument: Any) -> Any:
        match function:
            case "Ref":
                return self._ref(argument)
            case "Fn::GetAtt":
                logical_id, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
                return self._attribute(logical_id, attribute)
            case "Fn::Join":
                separator, parts = argument
                return separator.join(str(self.resolve(part)) for part in parts)
            case "Fn::Sub":
                text, variables = argument if isinstance(argument, list) else (argument, {})
                return _SUBSTITUTION.sub(lambda match: self._substitution(match[1], variables), text)
            case "Fn::Select":
                index, parts = argument
                found = self.resolve(parts)
                # of an ARN's parts, who knows resources by their names alone has just the name, the last one
                return found[min(int(index), len(found) - 1)]
            case "Fn::Split":
                separator, text = argument
                return self.resolve(text).split(separator)
            case _:
                raise UnresolvedError(f"{self.stack_name}: {function} is not known to the local run")

    def _substitution(self, name: str, variables: Mapping[str, Any]) -> str:
        if name in variables:
            return str(self.resolve(variables[name]))
        return str(self._attribute(*name.split(".", 1)) if "." in name else self._ref(name))

    def _ref(self, name: str) -> Any:
        pseudo = {
            "AWS::AccountId": ACCOUNT_ID,
            "AWS::Region": self.region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": self.stack_name,
            "AWS::StackId": f"arn:aws:cloudformation:{self.region}:{ACCOUNT_ID}:stack/{self.stack_name}/0",
            "AWS::NoValue": _NO_VALUE,
        }
        return pseudo[name] if name in pseudo else self._attribute(name, "Ref")

    def _attribute(self, logical_id: str, attribute: str) -> str:
        try:
            return self.physical[logical_id][attribute]
        except KeyError:
            raise UnresolvedError(f"{self.stack_name}: {logical_id}.{attribute} is not known (yet)") from None


_NO_VALUE = object()


def load_assembly(cloud_assembly: Path) -> list[Template]:
    """Every stack of a cloud assembly (`cdk.out/`).

    Raises
    ------
    FileNotFoundError
        There is no assembly: run `make synth` first.
    """
    manifest_path = cloud_assembly / "manifest.json"
    if not manifest_path.exists():
        raise FileNotFoundError(f"{cloud_assembly} holds no cloud assembly: run `make synth` first.")
    artifacts = json.loads(manifest_path.read_text())["artifacts"]
    return [
        _load_stack(cloud_assembly, name, artifact)
        for name, artifact in artifacts.items()
        if artifact["type"] == "aws:cloudformation:stack"
    ]


def _load_stack(cloud_assembly: Path, name: str, artifact: Mapping[str, Any]) -> Template:
    template = json.loads((cloud_assembly / artifact["properties"]["templateFile"]).read_text())
    region = artifact["environment"].rsplit("/", 1)[-1]
    assets = json.loads((cloud_assembly / f"{name}.assets.json").read_text())["files"]
    return Template(
        stack_name=artifact["properties"].get("stackName", name),
        region=region,
        resources=template["Resources"],
        outputs=template.get("Outputs", {}),
        asset_paths={key: cloud_assembly / asset["source"]["path"] for key, asset in assets.items()},
        physical={},
    )
