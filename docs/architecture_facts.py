"""What the template, and `ops/` for its commands, say: what starts what, the steps, and what each may do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from local.aws.template import Template

_OPS = Path(__file__).resolve().parent.parent / "ops"
# IAM's access levels "List" and "Read"
_READING = re.compile(r"(BatchGet|ConditionCheck|Decrypt|Describe|Get|Head|List|Query|Scan|Simulate)")
_HASH = re.compile(r"[0-9A-F]{8}$")  # CDK's, at the end of a logical id

_HOLDING = {
    "DynamoDB::Table": "DynamoDB table",
    "KMS::Key": "KMS key",
    "SecretsManager::Secret": "Secret",
    "SQS::Queue": "SQS queue",
    "SNS::Topic": "SNS topic",
}
_VERIFIED = {"NONE": "signature checked by the function", "AWS_IAM": "signed for AWS, checked by IAM"}


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function, and what its own role allows it: by service, the actions."""

    name: str
    allowed: Mapping[str, Sequence[str]]

    def changes(self, service: str) -> bool:
        return not all(_READING.match(action) for action in self.allowed[service])


@dataclass(frozen=True, slots=True)
class Step:
    function: Function
    waits: bool
    """Whether it waits for an answer to its task token."""


@dataclass(frozen=True, slots=True)
class Machine:
    name: str
    state_count: int
    steps: Sequence[Step]
    started_by: Sequence[str]
    """The functions that may start it."""


@dataclass(frozen=True, slots=True)
class Start:
    """Something that starts a machine or a function."""

    kind: str
    name: str
    detail: str
    target: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A resource that holds something, and what there is to know of it."""

    kind: str
    name: str
    facts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Architecture:
    starts: Sequence[Start]
    machines: Sequence[Machine]
    other_functions: Sequence[Function]
    common: Mapping[str, Sequence[str]]
    """What every function may do, by service; no function's own `allowed` repeats it."""
    kept: Sequence[Kept]

    @property
    def functions(self) -> Sequence[Function]:
        """Each once: a step may be one of several machines."""
        steps = [step.function for machine in self.machines for step in machine.steps]
        return [*{function.name: function for function in (*steps, *self.other_functions)}.values()]


class _Named(dict[str, str]):
    """A resource that isn't deployed: whatever is asked of it, the answer is its logical id."""

    def __init__(self, logical_id: str) -> None:
        super().__init__()
        self._logical_id = logical_id

    def __missing__(self, attribute: str) -> str:
        return self._logical_id


def read_architecture(template: Template) -> Architecture:
    """Everything that the picture shows."""
    return _Reader(replace(template, physical={name: _Named(name) for name in template.resources})).read()


class _Reader:
    def __init__(self, template: Template) -> None:
        self._template = template
        roles = {fn: props["Role"] for fn, props in self._all("Lambda::Function")}
        allowed = {fn: self._allowed(role) for fn, role in roles.items()}
        services = {service for actions in allowed.values() for service in actions}
        self._common = {
            service: found[0]
            for service in sorted(services)
            if len(set(found := [actions.get(service, ()) for actions in allowed.values()])) == 1
        }
        self._functions = {
            fn: Function(
                _handler_name(props["Handler"]),
                {name: actions for name, actions in allowed[fn].items() if name not in self._common},
            )
            for fn, props in self._all("Lambda::Function")
        }
        self._aliases = {
            alias: self._functions[props["FunctionName"]] for alias, props in self._all("Lambda::Alias")
        }
        self._machines = {
            machine: props["StateMachineName"].removeprefix(f"{template.stack_name}-")
            for machine, props in self._all("StepFunctions::StateMachine")
        }

    def read(self) -> Architecture:
        machines = [
            self._machine(self._machines[machine], json.loads(props["DefinitionString"]))
            for machine, props in self._all("StepFunctions::StateMachine")
        ]
        in_a_machine = {step.function.name for machine in machines for step in machine.steps}
        return Architecture(
            starts=[*self._rules(), *self._routes(), *self._commands()],
            machines=machines,
            other_functions=[fn for fn in self._functions.values() if fn.name not in in_a_machine],
            common=self._common,
            kept=self._kept(),
        )

    def _all(self, resource_type: str) -> list[tuple[str, dict[str, Any]]]:
        """The logical ids and resolved properties of a type's resources."""
        return [
            (name, self._template.properties(name))
            for name in self._template.of_type(f"AWS::{resource_type}")
        ]

    def _statements(self, role: str) -> list[dict[str, Any]]:
        return [
            statement
            for _, policy in self._all("IAM::Policy")
            if role in policy["Roles"]
            for statement in policy["PolicyDocument"]["Statement"]
        ]

    def _allowed(self, role: str) -> dict[str, tuple[str, ...]]:
        actions = sorted({action for s in self._statements(role) for action in _listed(s["Action"])})
        services = dict.fromkeys(action.split(":")[0] for action in actions)
        return {
            service: tuple(action.split(":")[1] for action in actions if action.startswith(f"{service}:"))
            for service in services
        }

    # -- the machines

    def _machine(self, name: str, definition: dict[str, Any]) -> Machine:
        states = definition["States"]
        ordered = [states[state] for state in in_order(definition)]
        return Machine(
            name,
            len(states),
            [
                # a task that is no function's has no role of its own to show: the picture must learn of it
                Step(
                    self._aliases[state["Arguments"]["FunctionName"]], "waitForTaskToken" in state["Resource"]
                )
                for state in ordered
                if state["Type"] == "Task"
            ],
            [
                self._functions[fn].name
                for fn, props in self._all("Lambda::Function")
                for statement in self._statements(props["Role"])
                if "states:StartExecution" in _listed(statement["Action"])
                and any(arn.endswith(f"-{name}") for arn in _listed(statement["Resource"]))
            ],
        )

    # -- what starts them

    def _target(self, logical_id: str) -> str:
        found = self._aliases.get(logical_id)
        return found.name if found else self._machines[logical_id]

    def _rules(self) -> list[Start]:
        return [
            # its logical id begins with the name of the construct it is in
            Start(
                "rule",
                re.sub(r"^[A-Z][a-z]+", "", _name(rule)),
                _occasion(props),
                self._target(target["Arn"]),
            )
            for rule, props in self._all("Events::Rule")
            for target in props["Targets"]
            if target["Arn"] in {*self._aliases, *self._machines}  # else it tells someone and starts nothing
        ]

    def _routes(self) -> list[Start]:
        integrations = dict(self._all("ApiGatewayV2::Integration"))
        return [
            Start(
                "HTTP API",
                props["RouteKey"],
                _VERIFIED[props["AuthorizationType"]],
                self._target(integrations[props["Target"].removeprefix("integrations/")]["IntegrationUri"]),
            )
            for _, props in self._all("ApiGatewayV2::Route")
        ]

    def _commands(self) -> list[Start]:
        """The commands of `ops/` that start a machine: that is in their code, not in the template."""
        outputs = {name: self._template.resolve(out["Value"]) for name, out in self._template.outputs.items()}
        return [
            Start("command line", f"ops {path.stem}", f"output {name}", self._machines[outputs[name]])
            for path in sorted(_OPS.rglob("*.py"))
            if "workflow.start(" in (source := path.read_text())
            for name in re.findall(r'\.output\("(\w+StateMachineArn)"\)', source)
        ]

    # -- what holds something

    def _kept(self) -> list[Kept]:
        return [
            Kept(kind, _name(logical_id), [*self._facts(logical_id, props), *self._fate(logical_id)])
            for resource_type, kind in _HOLDING.items()
            for logical_id, props in self._all(resource_type)
        ]

    def _facts(self, logical_id: str, props: Mapping[str, Any]) -> Sequence[str]:
        match self._template.resources[logical_id]["Type"]:
            case "AWS::DynamoDB::Table":
                recovery = props.get("PointInTimeRecoverySpecification", {})
                facts = {
                    "point-in-time recovery": recovery.get("PointInTimeRecoveryEnabled"),
                    "deletion protection": props.get("DeletionProtectionEnabled"),
                }
                return [fact for fact, true in facts.items() if true]
            case "AWS::KMS::Key":
                return ["rotates"] if props.get("EnableKeyRotation") else []
            case "AWS::SecretsManager::Secret":
                readers = sum("secretsmanager" in function.allowed for function in self._functions.values())
                return [f"{readers} functions read it", "and reach Slack"]
            case "AWS::SQS::Queue":
                rules = self._mentioning(logical_id, "Events::Rule", "rules")
                functions = self._mentioning(logical_id, "Lambda::EventInvokeConfig", "functions")
                return [f"{props['MessageRetentionPeriod'] // 86400} days", rules, functions]
            case _:
                return [self._mentioning(logical_id, "CloudWatch::Alarm", "alarms")]

    def _mentioning(self, logical_id: str, resource_type: str, what: str) -> str:
        resources = self._template.of_type(f"AWS::{resource_type}").values()
        return f"from {sum(logical_id in str(resource) for resource in resources)} {what}"

    def _fate(self, logical_id: str) -> Sequence[str]:
        retained = self._template.resources[logical_id].get("DeletionPolicy") == "Retain"
        return ["outlives the stack"] if retained else []


def in_order(definition: Mapping[str, Any]) -> list[str]:
    """A definition's states, each after those that lead to it (loops aside), the main path first."""
    states: Mapping[str, Any] = definition["States"]
    left: list[str] = []
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name in seen:
            return
        seen.add(name)
        for successor in reversed(successors(states[name])):
            visit(successor)
        left.append(name)

    visit(definition["StartAt"])
    return left[::-1]


def successors(state: Mapping[str, Any]) -> list[str]:
    """Where a state may lead, the usual way first."""
    rules = [*state.get("Choices", []), *state.get("Catch", [])]
    found = [state.get("Next"), *(rule["Next"] for rule in rules), state.get("Default")]
    return [name for name in found if name]


def _occasion(rule: Mapping[str, Any]) -> str:
    if "ScheduleExpression" in rule:
        return rule["ScheduleExpression"]
    pattern = rule["EventPattern"]
    detail = pattern.get("detail", {})
    return ", ".join(detail.get("eventName") or detail.get("status") or pattern["detail-type"])


def _name(logical_id: str) -> str:
    return _HASH.sub("", logical_id)


def _handler_name(handler: str) -> str:
    """``lambdas.handlers.check_encryption.handler`` as the states name it."""
    return "".join(word.title() for word in handler.split(".")[-2].split("_"))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
