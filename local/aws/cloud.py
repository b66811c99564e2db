"""AWS on this machine: moto's services behind one address, and the template's resources put onto them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import boto3
from moto import backends
from moto.core import responses
from moto.core.config import default_user_config
from moto.core.utils import method_names_from_class
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local.aws import dynamodb
from local.aws.functions import Function, function_named_in
from local.aws.http_api import Route
from local.aws.iam.calls import CONDITION_KEYS, Caller
from local.aws.iam.policy import Policy, condition_keys
from local.aws.template import ACCOUNT_ID, Template, UnresolvedError
from local.server import Server

# moto asks for these again at every request: what is in its folder, what a service's class can do
_REMEMBERED: list[tuple[ModuleType, str, Callable[..., Any]]] = [
    (backends, "list_of_moto_modules", partial(tuple, [*backends.list_of_moto_modules()])),
    (responses, "method_names_from_class", cache(method_names_from_class)),
]


class Cloud:
    """moto's server in this process."""

    def __init__(self) -> None:
        default_user_config["stepfunctions"] = {"execute_state_machine": True}
        self._server = Server(DomainDispatcherApplication(create_backend_app))
        self.url = self._server.url
        dynamodb.install()
        for owner, name, remembered in _REMEMBERED:
            replace_method(owner, name, remembered)
        self._client_lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str) -> Any:
        """A boto3 client; the same for all, since making one takes longer than most calls."""
        with self._client_lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._new_client(service, region)
            return self._clients[service, region]

    def _new_client(self, service: str, region: str) -> Any:
        return boto3.client(  # pyright: ignore[reportCallIssue]  # the service's name is known at run time only
            service,  # pyright: ignore[reportArgumentType]
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id="AKIALOCALOPERATOR",
            aws_secret_access_key="local",  # noqa: S106  # moto checks none
        )

    def stop(self) -> None:
        self._server.stop()


def replace_method(owner: type | ModuleType, name: str, replacement: Callable[..., Any]) -> None:
    """Put a method of ours in place of one of moto's, which has no setting for it."""
    setattr(owner, name, replacement)


class Deployment:
    """One stack's template, deployed."""

    def __init__(self, template: Template, cloud: Cloud) -> None:
        self.template = template
        self.region = template.region
        self._cloud = cloud
        self._name_resources()
        self._create_all("AWS::KMS::Key", self._create_key)
        self._create_all("AWS::SecretsManager::Secret", self._create_secret)
        self._create_all("AWS::DynamoDB::Table", self._create_table)
        self._create_all("AWS::DynamoDB::GlobalTable", self._create_table)
        self._create_all("AWS::SQS::Queue", self._create_queue)
        self._create_all("AWS::SNS::Topic", self._create_topic)
        self._create_all("AWS::StepFunctions::StateMachine", self._create_state_machine)
        self._create_all("AWS::Events::Rule", self._create_rule)
        self._create_all("AWS::Scheduler::ScheduleGroup", self._create_schedule_group)
        self._create_all("AWS::Scheduler::Schedule", self._create_schedule)

    def publish_outputs(self, api_url: str) -> None:
        """Let CloudFormation know the stack by its outputs, which is how the command line finds the rest.

        The HTTP API is not where its name says, but at `api_url`.
        """
        outputs = {name: self.output(name) for name in self.template.outputs}
        moved = {
            name: f"{api_url}{urlsplit(value).path}"
            for name, value in outputs.items()
            if ".execute-api." in value
        }
        template = {
            "Resources": {"Deployed": {"Type": "AWS::SNS::Topic"}},  # a stack has at least one
            "Outputs": {name: {"Value": value} for name, value in (outputs | moved).items()},
        }
        self._client("cloudformation").create_stack(
            StackName=self.template.stack_name, TemplateBody=json.dumps(template)
        )

    @property
    def machines(self) -> set[str]:
        """The state machines' ARNs."""
        machines = self.template.of_type("AWS::StepFunctions::StateMachine")
        return {self.template.physical[logical_id]["Arn"] for logical_id in machines}

    def remove(self) -> None:
        """What CloudFormation does when it deletes the stack: what is to be retained stays."""
        physical = self.template.physical
        self._remove_all("AWS::Events::Rule", lambda name: self._remove_rule(physical[name]["Ref"]))
        scheduler = self._client("scheduler")
        self._remove_all(
            "AWS::Scheduler::Schedule", lambda name: scheduler.delete_schedule(Name=physical[name]["Ref"])
        )
        self._remove_all(
            "AWS::Scheduler::ScheduleGroup",
            lambda name: scheduler.delete_schedule_group(Name=physical[name]["Ref"]),
        )
        for arn in self.machines:
            self._client("stepfunctions").delete_state_machine(stateMachineArn=arn)
        self._remove_all(
            "AWS::SQS::Queue", lambda name: self._client("sqs").delete_queue(QueueUrl=physical[name]["Ref"])
        )
        self._remove_all(
            "AWS::SNS::Topic", lambda name: self._client("sns").delete_topic(TopicArn=physical[name]["Ref"])
        )

    def _remove_all(self, resource_type: str, remove: Callable[[str], object]) -> None:
        for logical_id, resource in self.template.of_type(resource_type).items():
            if resource.get("DeletionPolicy") not in ("Retain", "RetainExceptOnCreate"):
                remove(logical_id)

    def _remove_rule(self, name: str) -> None:
        """A rule, unless it is gone already: CloudFormation doesn't mind."""
        events = self._client("events")
        if not events.list_rules(NamePrefix=name)["Rules"]:
            return
        targets = [target["Id"] for target in events.list_targets_by_rule(Rule=name)["Targets"]]
        events.remove_targets(Rule=name, Ids=targets)
        events.delete_rule(Name=name)

    def output(self, name: str) -> str:
        """A stack output's value."""
        return str(self.template.resolve(self.template.outputs[name]["Value"]))

    def functions(self) -> list[Function]:
        """The stack's Lambda functions, as the runner takes them."""
        asks = self._machine_that_asks()
        secrets_key = self.output("OperationsKeyArn")
        found: list[Function] = []
        for logical_id in self.template.of_type("AWS::Lambda::Function"):
            properties = self.template.properties(logical_id)
            if "Handler" not in properties:
                continue
            name = self.template.physical[logical_id]["Ref"]
            found.append(
                Function(
                    name=name,
                    handler=properties["Handler"],
                    asset=self._asset(properties["Code"]["S3Key"]),
                    environment=properties.get("Environment", {}).get("Variables", {}),
                    timeout_seconds=float(properties.get("Timeout", 3)),
                    memory_mb=int(properties.get("MemorySize", 128)),
                    log_group=properties["LoggingConfig"]["LogGroup"],
                    caller=Caller(
                        properties["Role"],
                        session=name,
                        region=self.region,
                        asks=asks,
                        secrets_key=secrets_key,
                    ),
                )
            )
        return found

    def roles(self) -> dict[str, list[Policy]]:
        """The policies of the roles that functions and Scheduler assume, by the roles' ARNs.

        Raises
        ------
        UnresolvedError
            A policy says what can't be enforced here.
        """
        found: dict[str, list[Policy]] = {one.caller.role_arn: [] for one in self.functions()}
        found |= {arn: [] for arn in self._schedulers_roles()}
        for logical_id in self.template.of_type("AWS::IAM::Policy"):
            policy = self.template.properties(logical_id)
            arns = {_role_arn(self.template, name) for name in policy["Roles"]} & found.keys()
            unknown = condition_keys(policy["PolicyDocument"]) - CONDITION_KEYS
            if arns and unknown:
                raise UnresolvedError(
                    f"{logical_id} asks about {', '.join(sorted(unknown))}: local/aws/iam/calls.py has to "
                    "say what a call's context holds of it."
                )
            for arn in arns:
                found[arn].append(policy["PolicyDocument"])
        return found

    def _schedulers_roles(self) -> Iterator[str]:
        """The roles that Scheduler may assume."""
        for logical_id in self.template.of_type("AWS::IAM::Role"):
            trust = self.template.properties(logical_id)["AssumeRolePolicyDocument"]
            if any(
                one["Principal"].get("Service") == "scheduler.amazonaws.com" for one in trust["Statement"]
            ):
                yield self.template.physical[logical_id]["Arn"]

    def routes(self) -> dict[str, Route]:
        """The HTTP API's routes, ``{"POST /path": …}``."""
        routes: dict[str, Route] = {}
        (stage,) = map(self.template.properties, self.template.of_type("AWS::ApiGatewayV2::Stage"))
        for logical_id in self.template.of_type("AWS::ApiGatewayV2::Route"):
            route = self.template.properties(logical_id)
            integration = self.template.properties(route["Target"].removeprefix("integrations/"))
            function = function_named_in(integration["IntegrationUri"])
            limits = stage["RouteSettings"][route["RouteKey"]]
            routes[route["RouteKey"]] = Route(
                function,
                iam=route["AuthorizationType"] == "AWS_IAM",
                per_second=limits["ThrottlingRateLimit"],
                burst=limits["ThrottlingBurstLimit"],
            )
        return routes

    def _machine_that_asks(self) -> str:
        """The state machine whose task tokens there are to answer."""
        (arn,) = (
            self.template.physical[logical_id]["Arn"]
            for logical_id in self.template.of_type("AWS::StepFunctions::StateMachine")
            if ".waitForTaskToken" in self.template.properties(logical_id)["DefinitionString"]
        )
        return arn

    def _asset(self, s3_key: str) -> Path:
        """The folder that would be zipped and uploaded under a key."""
        return self.template.asset_paths[s3_key.removesuffix(".zip")].resolve()

    def _create_all(self, resource_type: str, create: Callable[[str, dict[str, Any]], None]) -> None:
        for logical_id in self.template.of_type(resource_type):
            create(logical_id, self.template.properties(logical_id))

    def _name_resources(self) -> None:
        """Give every resource its name and ARN, so that they may refer to each other in any order."""
        for logical_id, resource in self.template.resources.items():
            namer = _NAMERS.get(resource["Type"])
            if namer:
                self.template.physical[logical_id] = namer(self.template, logical_id)

    def _create_key(self, logical_id: str, properties: dict[str, Any]) -> None:
        key = self._client("kms").create_key(
            Description=properties.get("Description", ""),
            # CloudFormation's defaults; moto leaves the usage out where it isn't given
            KeyUsage=properties.get("KeyUsage", "ENCRYPT_DECRYPT"),
            KeySpec=properties.get("KeySpec", "SYMMETRIC_DEFAULT"),
        )["KeyMetadata"]
        self.template.physical[logical_id] = {
            "Ref": key["KeyId"], "KeyId": key["KeyId"], "Arn": key["Arn"],
        }  # fmt: skip

    def _create_secret(self, logical_id: str, properties: dict[str, Any]) -> None:
        name = properties.get("Name", f"{self.template.stack_name}-{logical_id}")
        text = properties.get("SecretString", "{}")
        arn = self._client("secretsmanager").create_secret(Name=name, SecretString=text)["ARN"]
        self.template.physical[logical_id] = {"Ref": arn, "Id": arn}

    def _create_table(self, logical_id: str, properties: dict[str, Any]) -> None:
        self._client("dynamodb").create_table(
            TableName=self.template.physical[logical_id]["Ref"],
            KeySchema=properties["KeySchema"],
            AttributeDefinitions=properties["AttributeDefinitions"],
            BillingMode=properties.get("BillingMode", "PAY_PER_REQUEST"),
            GlobalSecondaryIndexes=properties.get("GlobalSecondaryIndexes", []),
        )

    def _create_queue(self, logical_id: str, _properties: dict[str, Any]) -> None:
        url = self._client("sqs").create_queue(QueueName=_name(self.template, logical_id))["QueueUrl"]
        self.template.physical[logical_id] |= {"Ref": url, "QueueUrl": url}

    def _create_topic(self, logical_id: str, _properties: dict[str, Any]) -> None:
        self._client("sns").create_topic(Name=self.template.physical[logical_id]["TopicName"])

    def _create_state_machine(self, logical_id: str, properties: dict[str, Any]) -> None:
        # Logging goes to CloudWatch, which the local run has no use for; the definition is the template's.
        self._client("stepfunctions").create_state_machine(
            name=self.template.physical[logical_id]["Name"],
            definition=properties["DefinitionString"],
            roleArn=properties["RoleArn"],
            type=properties.get("StateMachineType", "STANDARD"),
        )

    def _create_rule(self, logical_id: str, properties: dict[str, Any]) -> None:
        events = self._client("events")
        name = self.template.physical[logical_id]["Ref"]
        if "EventPattern" in properties:
            events.put_rule(
                Name=name,
                EventPattern=json.dumps(properties["EventPattern"]),
                State=properties.get("State", "ENABLED"),
            )
            events.put_targets(Rule=name, Targets=properties["Targets"])

    def _create_schedule_group(self, logical_id: str, _properties: dict[str, Any]) -> None:
        self._client("scheduler").create_schedule_group(Name=self.template.physical[logical_id]["Ref"])

    def _create_schedule(self, logical_id: str, properties: dict[str, Any]) -> None:
        """A recurring schedule, which can be looked at: nothing here fires one."""
        self._client("scheduler").create_schedule(
            Name=self.template.physical[logical_id]["Ref"],
            ScheduleExpression=properties["ScheduleExpression"],
            FlexibleTimeWindow=properties["FlexibleTimeWindow"],
            State=properties.get("State", "ENABLED"),
            Target={name: properties["Target"][name] for name in ("Arn", "RoleArn")},
        )

    def _client(self, service: str) -> Any:
        return self._cloud.client(service, self.region)


def _name(template: Template, logical_id: str) -> str:
    return f"{template.stack_name}-{logical_id}"[:80]


def _arn(template: Template, service: str, resource: str, *, regional: bool = True) -> str:
    return f"arn:aws:{service}:{template.region if regional else ''}:{ACCOUNT_ID}:{resource}"


def _named_by(template: Template, logical_id: str, property_name: str) -> str:
    properties = template.resources[logical_id].get("Properties", {})
    given = properties.get(property_name)
    return str(template.resolve(given)) if given else _name(template, logical_id)


def _name_role(template: Template, logical_id: str) -> dict[str, str]:
    name = _named_by(template, logical_id, "RoleName")
    return {"Ref": name, "Arn": _role_arn(template, name)}


def _role_arn(template: Template, name: str) -> str:
    return _arn(template, "iam", f"role/{name}", regional=False)


def _name_table(template: Template, logical_id: str) -> dict[str, str]:
    name = _named_by(template, logical_id, "TableName")
    return {"Ref": name, "Arn": _arn(template, "dynamodb", f"table/{name}")}


def _name_queue(template: Template, logical_id: str) -> dict[str, str]:
    name = _name(template, logical_id)
    return {"Arn": _arn(template, "sqs", name), "QueueName": name}


def _name_topic(template: Template, logical_id: str) -> dict[str, str]:
    name = _named_by(template, logical_id, "TopicName")
    arn = _arn(template, "sns", name)
    return {"Ref": arn, "TopicArn": arn, "TopicName": name}


def _name_function(template: Template, logical_id: str) -> dict[str, str]:
    name = _named_by(template, logical_id, "FunctionName")
    return {"Ref": name, "Arn": _arn(template, "lambda", f"function:{name}")}


def _name_version(template: Template, logical_id: str) -> dict[str, str]:
    return {"Ref": f"{_function_arn(template, logical_id)}:1", "Version": "1"}


def _name_alias(template: Template, logical_id: str) -> dict[str, str]:
    name = template.resources[logical_id]["Properties"]["Name"]
    return {"Ref": f"{_function_arn(template, logical_id)}:{name}"}


def _function_arn(template: Template, logical_id: str) -> str:
    function = template.resources[logical_id]["Properties"]["FunctionName"]["Ref"]
    return _name_function(template, function)["Arn"]


def _name_log_group(template: Template, logical_id: str) -> dict[str, str]:
    name = _named_by(template, logical_id, "LogGroupName")
    return {"Ref": name, "Arn": _arn(template, "logs", f"log-group:{name}:*")}


def _name_state_machine(template: Template, logical_id: str) -> dict[str, str]:
    name = _named_by(template, logical_id, "StateMachineName")
    arn = _arn(template, "states", f"stateMachine:{name}")
    return {"Ref": arn, "Arn": arn, "Name": name}


def _name_rule(template: Template, logical_id: str) -> dict[str, str]:
    name = _named_by(template, logical_id, "Name")[:64]
    return {"Ref": name, "Arn": _arn(template, "events", f"rule/{name}")}


def _name_schedule(template: Template, logical_id: str) -> dict[str, str]:
    name = _named_by(template, logical_id, "Name")[:64]
    return {"Ref": name, "Arn": _arn(template, "scheduler", f"schedule/default/{name}")}


def _name_schedule_group(template: Template, logical_id: str) -> dict[str, str]:
    name = _name(template, logical_id)[:64]
    return {"Ref": name, "Arn": _arn(template, "scheduler", f"schedule-group/{name}")}


def _name_reference(_template: Template, logical_id: str) -> dict[str, str]:
    return {"Ref": logical_id}


_NAMERS: dict[str, Callable[[Template, str], dict[str, str]]] = {
    "AWS::IAM::Role": _name_role,
    "AWS::DynamoDB::Table": _name_table,
    "AWS::DynamoDB::GlobalTable": _name_table,
    "AWS::SQS::Queue": _name_queue,
    "AWS::SNS::Topic": _name_topic,
    "AWS::Lambda::Function": _name_function,
    "AWS::Lambda::Version": _name_version,
    "AWS::Lambda::Alias": _name_alias,
    "AWS::Logs::LogGroup": _name_log_group,
    "AWS::StepFunctions::StateMachine": _name_state_machine,
    "AWS::Events::Rule": _name_rule,
    "AWS::Scheduler::Schedule": _name_schedule,
    "AWS::Scheduler::ScheduleGroup": _name_schedule_group,
    "AWS::ApiGatewayV2::Api": _name_reference,
    "AWS::ApiGatewayV2::Integration": _name_reference,
}
