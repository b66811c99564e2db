"""What ends a remediation, a backout or a sweep whose execution ended without closing it."""

from __future__ import annotations

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.lambda_function import LambdaFunction
from stacks.undelivered import RETRIES, RETRY_FOR, FailedInvocations


class Unfinished(Construct):
    """A rule for the executions of one state machine that failed, timed out or were aborted.

    The function still releases the endpoint and updates the card, say.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        state_machine: sfn.StateMachine,
        closed_by: LambdaFunction,
        undelivered: sqs.Queue,
        name_as: str = "remediationId",
    ) -> None:
        """The execution's name is handed to the function as `name_as`."""
        super().__init__(scope, construct_id)
        self.rule = events.Rule(
            self,
            "Rule",
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
        status = events.EventField.from_path("$.detail.status")
        ending = {
            name_as: events.EventField.from_path("$.detail.name"),
            "executionArn": events.EventField.from_path("$.detail.executionArn"),
            "stopped": f"The execution ended as {status}.",
        }
        self.rule.add_target(
            targets.LambdaFunction(
                closed_by.alias,
                event=events.RuleTargetInput.from_object(ending),
                dead_letter_queue=undelivered,
                retry_attempts=RETRIES,
                max_event_age=RETRY_FOR,
            )
        )
        # EventBridge sends to the queue what it can't hand to Lambda, and Lambda what the function fails on.
        closed_by.alias.configure_async_invoke(on_failure=FailedInvocations(undelivered), retry_attempts=2)
