"""What lasts from 1.0 on: deploying a newer version must neither replace nor lose it.

CloudFormation identifies a resource by its logical id and type, and replaces it when a property changes that
can't be changed in place. Logical ids come from the names of constructs: renaming one is enough.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from tests.infrastructure.conftest import Elsewhere
from tests.infrastructure.template import Template


@dataclass(frozen=True)
class Lasting:
    """A resource that people's data, credentials or settings elsewhere depend on.

    Attributes
    ----------
    lost
        What people would lose with it.
    fixed
        Its properties that can't be changed in place, by AWS's own schema of the type.
    also
        Other properties that keep something.
    retained
        Whether it outlives the stack.
    """

    type: str
    lost: str
    fixed: dict[str, Any] = field(default_factory=dict[str, Any])
    also: dict[str, Any] = field(default_factory=dict[str, Any])
    retained: bool = False


_MACHINE = "AWS::StepFunctions::StateMachine"
_ROLE = "AWS::IAM::Role"
_KEY_POLICY = "the role that the policies of users' own keys name: a new one has no access to those keys"

LASTING = {
    "RecordsTableC9B7A30B": Lasting(
        "AWS::DynamoDB::Table",
        "every record, and with them the evidence, open questions and backouts: a new table is empty",
        fixed={
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ]
        },
        also={
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": "S"}
                for name in ("pk", "sk", "endpointId", "startedAt")
            ],
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "byEndpointId",
                    "KeySchema": [
                        {"AttributeName": "endpointId", "KeyType": "HASH"},
                        {"AttributeName": "startedAt", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        },
        retained=True,
    ),
    "EncryptionKey3A692D6E": Lasting(
        "AWS::KMS::Key",
        "the key that endpoints are encrypted with: new twins would get another one, and this one would no "
        "longer count as Sealpoint's",
        retained=True,
    ),
    "EncryptionKeyAlias1DF1C985": Lasting(
        "AWS::KMS::Alias",
        "the name that policies and people use for the key",
        fixed={"AliasName": "alias/{stack_lower}-endpoints"},
    ),
    "OperationsKeyD0717C64": Lasting(
        "AWS::KMS::Key",
        "the key that Slack's credentials and the logs so far are encrypted with",
        retained=True,
    ),
    "SlackBotToken81C52CEC": Lasting(
        "AWS::SecretsManager::Secret",
        "Slack's bot token: nobody is asked until it is entered again",
        # when this changes, CloudFormation writes it over what a person entered
        also={"SecretString": '{"bot_token":""}'},
        retained=True,
    ),
    "SlackSigningSecret5C23C9B0": Lasting(
        "AWS::SecretsManager::Secret",
        "Slack's signing secret: every click fails until it is entered again",
        also={"SecretString": '{"signing_secret":""}'},
        retained=True,
    ),
    "ApprovalsHttpApiE1598BEC": Lasting(
        "AWS::ApiGatewayV2::Api",
        "the address that the Slack app and people's IAM policies name: every click fails",
        fixed={"ProtocolType": "HTTP"},
    ),
    "RemediationStateMachineF6399E87": Lasting(
        _MACHINE,
        "every remediation that runs or waits for a decision, and its history",
        fixed={"StateMachineName": "{stack}-remediation"},
    ),
    "BackoutStateMachine4F42D5E8": Lasting(
        _MACHINE, "every backout that runs, and its history", fixed={"StateMachineName": "{stack}-backout"}
    ),
    "RetirementStateMachineEBCE2FC2": Lasting(
        _MACHINE,
        "every retirement that is waiting: its old config is never deleted",
        fixed={"StateMachineName": "{stack}-retirement"},
    ),
    "DigestStateMachineE5FCB560": Lasting(
        _MACHINE,
        "every digest's card, which is no longer updated",
        fixed={"StateMachineName": "{stack}-digest"},
    ),
    "MonitoringTopic2EDA8B02": Lasting(
        "AWS::SNS::Topic", "the subscriptions that people made: alarms no longer reach them"
    ),
    "UndeliveredQueue47FA64CB": Lasting(
        "AWS::SQS::Queue", "the events that could not be delivered and await a person"
    ),
    "FunctionsCreateEncryptedConfigRole2C16B367": Lasting(_ROLE, _KEY_POLICY),
    "FunctionsUpdateEndpointRoleCD897C80": Lasting(_ROLE, _KEY_POLICY),
}
_OF_OUR_OWN_KEY = {"EncryptionKey3A692D6E", "EncryptionKeyAlias1DF1C985"}


@pytest.mark.parametrize("logical_id", LASTING)
def test_an_upgrade_replaces_nothing_that_lasts(
    template: Template, elsewhere: Elsewhere, logical_id: str
) -> None:
    lasting = LASTING[logical_id]
    loses = f"An upgrade would lose {lasting.lost}."
    with_a_users_key = [] if logical_id in _OF_OUR_OWN_KEY else [elsewhere.gov]
    for stack in (template, elsewhere.china, *with_a_users_key):
        found = stack.resources(lasting.type).get(logical_id)
        assert found, f"There is no longer a {lasting.type} {logical_id}. {loses}"
        properties = found.get("Properties", {})
        fixed = {one: value for one, value in properties.items() if one in cannot_change(lasting.type)}
        assert fixed == in_stack(stack, lasting.fixed), f"{logical_id} would be replaced. {loses}"
        for name, value in lasting.also.items():
            kept = properties.get(name)
            whole = all(member in kept for member in value) if isinstance(value, list) else kept == value
            assert whole, f"{logical_id} would not keep its {name}. {loses}"


@pytest.mark.parametrize("policy", ["DeletionPolicy", "UpdateReplacePolicy"])
def test_what_outlives_the_stack_is_what_is_listed(
    template: Template, elsewhere: Elsewhere, policy: str
) -> None:
    """That goes for our own key, too, when a user's key takes its place and it leaves the template."""
    retained = {name for name, lasting in LASTING.items() if lasting.retained}
    for stack, expected in (
        (template, retained),
        (elsewhere.china, retained),
        (elsewhere.gov, retained - _OF_OUR_OWN_KEY),
    ):
        lasting = ("Retain", "RetainExceptOnCreate")
        kept = {name for name, res in stack.body["Resources"].items() if res.get(policy) in lasting}
        lost = "; ".join(LASTING[name].lost for name in expected - kept)
        assert kept == expected, f"Deleting the stack, or choosing another key, would lose {lost}."


def in_stack(stack: Template, values: dict[str, Any]) -> dict[str, Any]:
    """Properties with the stack's name filled in."""
    name = stack.path.name.removesuffix(".template.json")
    return {
        one: value.format(stack=name, stack_lower=name.lower()) if isinstance(value, str) else value
        for one, value in values.items()
    }


def test_awss_schemas_say_what_cannot_be_changed() -> None:
    assert {"TableName", "KeySchema"} <= cannot_change("AWS::DynamoDB::Table")
    assert "StateMachineName" in cannot_change(_MACHINE)


def cannot_change(resource_type: str) -> set[str]:
    """A type's properties whose change makes a new resource, as CloudFormation's registry has them."""
    schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
    listed = [*schema.get("createOnlyProperties", []), *schema.get("conditionalCreateOnlyProperties", [])]
    return {pointer.split("/")[2] for pointer in listed}
