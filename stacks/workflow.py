"""The remediation workflow: a Step Functions Standard state machine in JSONata.

The machine holds the order, the waiting, the retries and the catches; the functions do the work. It keeps
no variables: what every step needs (who am I, for which endpoint) is in the execution's own context, and
what one step tells the next is that step's output. The error words are the exception classes in
`lambdas/domain/errors.py`.
"""

# pyright: reportArgumentType=false
# jsii's classes don't match jsii's own protocols by pyright's rules (their parameter names differ); what is
# passed where is checked by jsii itself, on every synthesis.

from __future__ import annotations

from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from stacks.functions import Functions
from stacks.log_groups import LogGroups
from stacks.state_machine import (
    AS_BEFORE,
    AWS_BUSY,
    CONFIG_NOT_YET_SEEN,
    ERROR,
    EXECUTION_NAME,
    SLACK_DOWN,
    Machine,
    when,
)

_WHO = (
    '"remediationId": $states.context.Execution.Name, "executionArn": $states.context.Execution.Id, '
    '"endpointName": $states.context.Execution.Input.endpointName, '
    '"trigger": $states.context.Execution.Input.trigger, '
    # of a sweep that asks about many endpoints in one digest
    '"digestId": $states.context.Execution.Input.digestId, '
    '"findingKey": $states.context.Execution.Input.findingKey, '
    # of looks at an endpoint that is changing
    '"attempt": $states.input.attempt'
)
# One expression each, so that a member that is absent is left out instead of being an error: an input that
# isn't as documented is CheckEncryption's to refuse, in words.
_REMEDIATION = f"{{% {{ {_WHO} }} %}}"
# A decision that is no approval is the outcome of the same name.
_ENDING = (
    f"{{% {{ {_WHO}, "
    '"outcome": $exists($states.input.outcome) ? $states.input.outcome : $states.input.decision, '
    '"reason": $states.input.reason, "error": $states.input.error } %}'
)


class Workflow(Machine):
    """The remediation's state machine."""

    def __init__(
        self, scope: Construct, construct_id: str, *, log_groups: LogGroups, functions: Functions, name: str
    ) -> None:
        super().__init__(scope, construct_id)
        self._functions = functions
        self.state_machine = self.create(
            name,
            "Moves one SageMaker endpoint onto an encrypted copy of its config, if a person approves",
            self._definition(),
            log_groups,
        )

    def _definition(self) -> sfn.IChainable:
        functions = self._functions
        self._close = self._close_remediation()

        check_encryption = self.task(
            "CheckEncryption",
            functions.check_encryption,
            "Read the endpoint's config and keep a copy of it; claim the endpoint if it names no KMS key",
            payload=_REMEDIATION,
            retries=[AWS_BUSY, CONFIG_NOT_YET_SEEN],
        )
        settled = sfn.Choice.jsonata(
            self, "Settled?", comment="An update under way may be rolled back: judge what it ends on"
        )
        wait_until_settled = self.wait("WaitUntilSettled", "Give the change under way time to end")
        unencrypted = sfn.Choice.jsonata(
            self, "Unencrypted?", comment="Ask only about an endpoint whose config names no KMS key"
        )
        check_feasibility = self.task(
            "CheckFeasibility",
            functions.check_feasibility,
            "Ask nobody for what can't work: the key has to be usable, and the models to exist. It says how "
            "long to wait for an answer before reminding",
            payload={"remediationId": EXECUTION_NAME},
            retries=[AWS_BUSY],
        )
        request_approval = self.question(
            "RequestApproval",
            functions.request_approval,
            "Ask in Slack, once, and wait for the answer to the task token",
            payload={"remediationId": EXECUTION_NAME, "taskToken": "{% $states.context.Task.Token %}"},
            timeout_seconds="{% $states.input.waitSeconds %}",
            retries=[AWS_BUSY, SLACK_DOWN],
        )
        remind_or_expire = self.task(
            "RemindOrExpire",
            functions.remind_or_expire,
            "No answer was heard: remind people, or at the deadline close the question, unless the record "
            "holds an answer after all",
            payload={"remediationId": EXECUTION_NAME},
            retries=[AWS_BUSY],
        )
        still_open = sfn.Choice.jsonata(self, "StillOpen?", comment="After a reminder, wait on")
        approved = sfn.Choice.jsonata(
            self, "Approved?", comment="Anything but an approval leaves the endpoint as it is"
        )
        create_encrypted_config = self.task(
            "CreateEncryptedConfig",
            functions.create_encrypted_config,
            "Check again what was approved, write the encrypted twin, read it back and compare",
            payload={"remediationId": EXECUTION_NAME},
            retries=[AWS_BUSY, CONFIG_NOT_YET_SEEN],
        )
        delete_unused_twin = self.task(
            "DeleteUnusedTwin",
            functions.delete_unused_twin,
            "The endpoint did not end on its twin: delete that, if nothing needs it",
            payload={"remediationId": EXECUTION_NAME},
            outputs=AS_BEFORE,
            retries=[AWS_BUSY],
        )

        # a twin too many is no reason to keep the outcome from anyone
        delete_unused_twin.add_catch(self._close, errors=["States.ALL"], outputs=AS_BEFORE)
        update_endpoint = self.update(
            functions,
            arrived="ENCRYPTED",
            then=self._close,
            otherwise=delete_unused_twin,
            comment="Move the endpoint to its twin, keeping live capacity and deployment policy",
        )
        await_in_service = self.settled(functions, then=create_encrypted_config, on_error=self._close)

        for task in (check_encryption, check_feasibility, remind_or_expire):
            task.add_catch(self._close, errors=["States.ALL"], outputs=ERROR)
        create_encrypted_config.add_catch(delete_unused_twin, errors=["States.ALL"], outputs=ERROR)
        request_approval.add_catch(remind_or_expire, errors=["States.Timeout"])
        # CDK keeps no catch's output on a state in the states language's own words
        not_asked = sfn.Pass.jsonata(
            self, "NotAsked", comment="The question could not be asked", outputs={"error": AS_BEFORE}
        )
        request_approval.add_catch(not_asked, errors=["States.ALL"])
        not_asked.next(self._close)

        check_encryption.next(settled)
        settled.when(when("$exists($states.input.waitSeconds)"), wait_until_settled).otherwise(unencrypted)
        wait_until_settled.next(check_encryption)
        unencrypted.when(
            when("$states.input.verdict = 'UNENCRYPTED' and $not($exists($states.input.outcome))"),
            check_feasibility,
        ).otherwise(self._close)
        check_feasibility.next(request_approval)
        request_approval.next(approved)
        remind_or_expire.next(still_open)
        still_open.when(when("$exists($states.input.waitSeconds)"), request_approval).otherwise(approved)
        approved.when(
            when("$states.input.decision = 'APPROVED'"), await_in_service, outputs={"attempt": 0}
        ).otherwise(self._close)
        create_encrypted_config.next(update_endpoint)
        delete_unused_twin.next(self._close)
        return check_encryption

    def _close_remediation(self) -> tasks.LambdaInvoke:
        return self.closing(
            "CloseRemediation",
            self._functions.close_remediation,
            "Record the outcome, let the endpoint go and update the card",
            payload=_ENDING,
            unclosed="RemediationNotClosed",
        )
