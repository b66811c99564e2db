"""What starts the workflow, and what ends a remediation whose execution ended without closing it."""

# pyright: reportArgumentType=false
# jsii's classes don't match jsii's own protocols by pyright's rules (their parameter names differ); what is
# passed where is checked by jsii itself, on every synthesis.

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.acknowledgements import acknowledge, acknowledge_policy
from stacks.functions import LambdaFunction

# EventBridge's own limits, written down
_RETRIES = 185
_RETRY_FOR = cdk.Duration.hours(24)

_EXISTS: list[Any] = [{"exists": True}]
_ABSENT: list[Any] = [{"exists": False}]


@jsii.implements(lambda_.IDestination)
class _Queue:
    """Takes what a function fails on. CDK's own destination grants more than sending."""

    def __init__(self, queue: sqs.Queue) -> None:
        self._queue = queue

    def bind(
        self, _scope: Construct, function: lambda_.IFunction, *_: Any, **__: Any
    ) -> lambda_.DestinationConfig:
        arn = self._queue.queue_arn
        function.add_to_role_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[arn]))
        return lambda_.DestinationConfig(destination=arn)


class Trigger(Construct):
    """The EventBridge rules of one region, and the queue for what could not be delivered."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        state_machine: sfn.StateMachine,
        own_role_arn: str,
        close_remediation: LambdaFunction,
    ) -> None:
        """`own_role_arn` is the role whose UpdateEndpoint calls are this project's own."""
        super().__init__(scope, construct_id)
        self.rule_names: list[str] = []
        self.undelivered = sqs.Queue(
            self,
            "Undelivered",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        acknowledge(self.undelivered, "AwsSolutions-SQS3", reason="It is the dead-letter queue.")
        acknowledge(
            self.undelivered,
            "CKV_AWS_27",
            reason="SQS encrypts it with a key of its own; what is in it are names and ids of endpoints.",
        )
        start_role = iam.Role(self, "StartRole", assumed_by=iam.ServicePrincipal("events.amazonaws.com"))
        state_machine.grant_start_execution(start_role)
        acknowledge_policy(start_role, {})

        # Two rules, of which exactly one matches: an AWS service may call without `userIdentity.arn`
        # (DESIGN §4.2), and an input transformer that reads an absent path delivers no valid input.
        for rule_id, arn_there, principal in (
            ("EndpointChanged", _EXISTS, "$.detail.userIdentity.arn"),
            # the one member that every CloudTrail identity has; AWSService, say, instead of an ARN
            ("EndpointChangedByService", _ABSENT, "$.detail.userIdentity.type"),
        ):
            rule = events.Rule(
                self,
                rule_id,
                description="Starts a remediation when an endpoint was created or updated",
                event_pattern=_endpoint_changed(own_role_arn, arn_there),
            )
            self.rule_names.append(rule.rule_name)
            rule.add_target(
                targets.SfnStateMachine(
                    state_machine,
                    role=start_role,
                    input=_machine_input(principal),
                    dead_letter_queue=self.undelivered,
                    retry_attempts=_RETRIES,
                    max_event_age=_RETRY_FOR,
                )
            )

        self.close_what_ended_unclosed("ExecutionEndedUnclosed", state_machine, close_remediation)

    def close_what_ended_unclosed(
        self,
        rule_id: str,
        state_machine: sfn.StateMachine,
        close: LambdaFunction,
        *,
        called: str = "remediationId",
    ) -> None:
        """An execution that was aborted or failed still lets its endpoint go and updates its card.

        Its name is handed to the function as `called`.
        """
        rule = events.Rule(
            self,
            rule_id,
            description="Closes what an execution has left open that failed, timed out or was aborted",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [state_machine.state_machine_arn],
                    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                },
            ),
        )
        self.rule_names.append(rule.rule_name)
        status = events.EventField.from_path("$.detail.status")
        ending = {
            called: events.EventField.from_path("$.detail.name"),
            "executionArn": events.EventField.from_path("$.detail.executionArn"),
            "outcome": "FAILED",
            "reason": f"the execution ended as {status}",
        }
        rule.add_target(
            targets.LambdaFunction(
                close.alias,
                event=events.RuleTargetInput.from_object(ending),
                dead_letter_queue=self.undelivered,
                retry_attempts=_RETRIES,
                max_event_age=_RETRY_FOR,
            )
        )
        # the queue above gets what EventBridge can't hand to Lambda; this one what the function then fails on
        close.alias.configure_async_invoke(on_failure=_Queue(self.undelivered), retry_attempts=2)


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
    """The one shape of the state machine's input (DESIGN §6)."""
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
