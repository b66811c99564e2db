"""What starts a remediation: CloudTrail's events about endpoints."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.acknowledgements import acknowledge_policy
from stacks.undelivered import RETRIES, RETRY_FOR

_EXISTS: list[Any] = [{"exists": True}]
_ABSENT: list[Any] = [{"exists": False}]


class Trigger(Construct):
    """Two EventBridge rules, of which exactly one matches.

    An AWS service may call without `userIdentity.arn`, and EventBridge delivers no valid input where an input
    transformer reads an absent path.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        state_machine: sfn.StateMachine,
        own_role_arn: str,
        undelivered: sqs.Queue,
    ) -> None:
        """`own_role_arn` is the role whose UpdateEndpoint calls are this project's own."""
        super().__init__(scope, construct_id)
        start_role = iam.Role(self, "StartRole", assumed_by=iam.ServicePrincipal("events.amazonaws.com"))
        state_machine.grant_start_execution(start_role)
        acknowledge_policy(start_role, {})
        self.rules: list[events.Rule] = []
        for rule_id, principal_arn, principal in (
            ("EndpointChanged", _EXISTS, "$.detail.userIdentity.arn"),
            # the one member that every CloudTrail identity has; AWSService, say, instead of an ARN
            ("EndpointChangedByService", _ABSENT, "$.detail.userIdentity.type"),
        ):
            rule = events.Rule(
                self,
                rule_id,
                description="Starts a remediation when an endpoint was created or updated",
                event_pattern=_endpoint_changed(own_role_arn, principal_arn),
            )
            rule.add_target(
                targets.SfnStateMachine(
                    state_machine,
                    role=start_role,
                    input=_machine_input(principal),
                    dead_letter_queue=undelivered,
                    retry_attempts=RETRIES,
                    max_event_age=RETRY_FOR,
                )
            )
            self.rules.append(rule)


def _endpoint_changed(own_role_arn: str, principal_arn: list[Any]) -> events.EventPattern:
    """CloudTrail's CreateEndpoint and UpdateEndpoint calls that succeeded and weren't ours."""
    return events.EventPattern(
        source=["aws.sagemaker"],
        detail_type=["AWS API Call via CloudTrail"],
        detail={
            "eventSource": ["sagemaker.amazonaws.com"],
            "eventName": ["CreateEndpoint", "UpdateEndpoint"],
            "errorCode": _ABSENT,
            "requestParameters": {"endpointName": _EXISTS},
            "userIdentity": {
                "arn": principal_arn,
                # an IAM user, root and an AWS service have no session issuer
                "sessionContext": {"sessionIssuer": {"arn": [{"anything-but": [own_role_arn]}, *_ABSENT]}},
            },
        },
    )


def _machine_input(principal_path: str) -> events.RuleTargetInput:
    """The one shape of the state machine's input, for every trigger."""
    field = events.EventField.from_path
    return events.RuleTargetInput.from_object(
        {
            "endpointName": field("$.detail.requestParameters.endpointName"),
            "trigger": {
                "kind": "event",
                # of the API call: a second delivery has the same one
                "eventId": field("$.detail.eventID"),
                "eventName": field("$.detail.eventName"),
                "eventTime": field("$.detail.eventTime"),
                "principalArn": field(principal_path),
                "accountId": field("$.account"),
                "region": field("$.region"),
            },
        }
    )
