"""What a customer's data hangs on, as released: deploying a newer version must not replace or lose it.

CloudFormation knows a resource by its logical id and its type, and makes a new one when a property changes
that can't be changed in place. Logical ids come from the names of constructs: renaming one is enough.
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
    """A resource as it was released.

    Attributes
    ----------
    lost
        What a customer would lose with it.
    fixed
        Its properties that can't be changed in place, by AWS's own schema of the type.
    also
        Other properties that hold something of the customer's.
    """

    type: str
    lost: str
    fixed: dict[str, Any] = field(default_factory=dict[str, Any])
    also: dict[str, Any] = field(default_factory=dict[str, Any])
    retained: bool = False


_MACHINE = "AWS::StepFunctions::StateMachine"
_ROLE = "AWS::IAM::Role"
_KEY_POLICY = "the role that customers' own key policies name: the new one is shut out of their keys"

LASTING = {
    "RecordsTableC9B7A30B": Lasting(
        "AWS::DynamoDB::Table",
        "every record, and with them the evidence, open questions and ways back: the new table is empty",
        fixed={
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ]
        },
        also={
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": "S"}
                for name in ("pk", "sk", "endpointName", "startedAt")
            ],
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "byEndpoint",
                    "KeySchema": [
                        {"AttributeName": "endpointName", "KeyType": "HASH"},
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
        "the key that endpoints are encrypted with: twins would be made with another, and this one no longer "
        "counts as Sealpoint's",
        retained=True,
    ),
    "EncryptionKeyAlias1DF1C985": Lasting(
        "AWS::KMS::Alias",
        "the name by which policies and people know the key",
        fixed={"AliasName": "alias/{stack_lower}-endpoints"},
    ),
    "OperationsKeyD0717C64": Lasting(
        "AWS::KMS::Key",
        "the key that Slack's credentials and the logs so far are encrypted with",
        retained=True,
    ),
    "SlackSecret0D48E608": Lasting(
        "AWS::SecretsManager::Secret",
        "Slack's token and signing secret: nobody can approve until they are put in again",
        # CloudFormation writes this when it changes, over what a person put in
        also={"SecretString": '{"bot_token":"","signing_secret":""}'},
        retained=True,
    ),
    "ApprovalsHttpApiE1598BEC": Lasting(
        "AWS::ApiGatewayV2::Api",
        "the address that stands in the Slack app and in people's IAM policies: every click fails",
        fixed={"ProtocolType": "HTTP"},
    ),
    "WorkflowStateMachine8F1B1C15": Lasting(
        _MACHINE,
        "every remediation that runs or waits for an answer, and its history",
        fixed={"StateMachineName": "{stack}-remediation"},
    ),
    "BackoutStateMachine4F42D5E8": Lasting(
        _MACHINE, "every backout that runs, and its history", fixed={"StateMachineName": "{stack}-backout"}
    ),
    "RetirementStateMachineEBCE2FC2": Lasting(
        _MACHINE,
        "every retirement that waits out its days: those old configs are never deleted",
        fixed={"StateMachineName": "{stack}-retirement"},
    ),
    "MonitoringTopic2EDA8B02": Lasting(
        "AWS::SNS::Topic", "the subscriptions that people made: no alarm reaches them any more"
    ),
    "TriggerUndelivered1A059927": Lasting(
        "AWS::SQS::Queue", "the events that could not be delivered and wait for a person"
    ),
    "FunctionsCreateEncryptedConfigRole2C16B367": Lasting(_ROLE, _KEY_POLICY),
    "FunctionsUpdateEndpointRoleCD897C80": Lasting(_ROLE, _KEY_POLICY),
}
_OF_OUR_OWN_KEY = {"EncryptionKey3A692D6E", "EncryptionKeyAlias1DF1C985"}


@pytest.mark.parametrize("logical_id", LASTING)
def test_an_upgrade_replaces_nothing_that_lasts(
    template: Template, elsewhere: Elsewhere, logical_id: str
) -> None:
    released = LASTING[logical_id]
    loses = f"An upgrade would lose {released.lost}."
    with_a_users_key = [] if logical_id in _OF_OUR_OWN_KEY else [elsewhere.gov]
    for stack in (template, elsewhere.china, *with_a_users_key):
        found = stack.resources(released.type).get(logical_id)
        assert found, f"There is no {released.type} {logical_id} any more. {loses}"
        properties = found.get("Properties", {})
        fixed = {one: value for one, value in properties.items() if one in cannot_change(released.type)}
        assert fixed == in_stack(stack, released.fixed), f"{logical_id} would be replaced. {loses}"
        for name, value in released.also.items():
            kept = properties.get(name)
            whole = all(member in kept for member in value) if isinstance(value, list) else kept == value
            assert whole, f"{logical_id} would not keep its {name}. {loses}"


@pytest.mark.parametrize("policy", ["DeletionPolicy", "UpdateReplacePolicy"])
def test_what_outlives_the_stack_is_what_did_at_the_release(
    template: Template, elsewhere: Elsewhere, policy: str
) -> None:
    """So does our own key when a user's takes its place: it leaves the template."""
    retained = {name for name, lasting in LASTING.items() if lasting.retained}
    for stack, expected in (
        (template, retained),
        (elsewhere.china, retained),
        (elsewhere.gov, retained - _OF_OUR_OWN_KEY),
    ):
        kept = {name for name, res in stack.body["Resources"].items() if res.get(policy) == "Retain"}
        lost = "; ".join(LASTING[name].lost for name in expected - kept)
        assert kept == expected, f"Who deletes the stack, or takes another key, would lose {lost}."


def in_stack(stack: Template, values: dict[str, Any]) -> dict[str, Any]:
    """Properties as they were released, with the stack's name in them."""
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
