"""The remediation workflow: a Step Functions Standard state machine in JSONata.

The machine holds the order, the waiting, the retries and the catches; the functions do the work. It keeps
no variables: what every step needs (who am I, for which endpoint) is in the execution's own context, and
what one step tells the next is that step's output. The error words are the exception classes in
`lambdas/remediation/errors.py`.
"""

# pyright: reportArgumentType=false
# jsii's classes don't match jsii's own protocols by pyright's rules (their parameter names differ); what is
# passed where is checked by jsii itself, on every synthesis.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from stacks.functions import Functions, LambdaFunction
from stacks.settings import Settings

# The server stops taking decisions at the deadline; this lets the answer to the last one still arrive.
_ANSWER_GRACE = cdk.Duration.minutes(5)
_TASK_GRACE_SECONDS = 15
_FIRST_POLL_SECONDS = 15

_REMEDIATION_ID = "{% $states.context.Execution.Name %}"
_ATTEMPT = "{% $states.input.attempt %}"
_RESULT = "{% $states.result.Payload %}"
_AS_BEFORE = "{% $states.input %}"
_ERROR = {"error": "{% $states.errorOutput %}"}

_WHO = (
    '"remediationId": $states.context.Execution.Name, "executionArn": $states.context.Execution.Id, '
    '"endpointName": $states.context.Execution.Input.endpointName, '
    '"trigger": $states.context.Execution.Input.trigger'
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


@dataclass(frozen=True, slots=True)
class _Retry:
    errors: Sequence[str]
    interval_seconds: int
    backoff_rate: float
    max_delay_seconds: int
    max_attempts: int
    jitter: bool = True


# https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception
_LAMBDA_FAULTS = _Retry(
    [
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.Unknown",
        "Sandbox.Timedout",
        "Runtime.ExitError",
    ],
    interval_seconds=2, backoff_rate=2, max_delay_seconds=60, max_attempts=6,
)  # fmt: skip
_TIMED_OUT = _Retry(
    ["States.Timeout"],
    interval_seconds=2, backoff_rate=2, max_delay_seconds=60, max_attempts=2,
)  # fmt: skip
_AWS_BUSY = _Retry(
    ["Throttled", "ServiceUnavailable"],
    interval_seconds=5, backoff_rate=2, max_delay_seconds=120, max_attempts=8,
)  # fmt: skip
_CONFIG_NOT_YET_SEEN = _Retry(
    ["EndpointConfigNotFound", "NotYetConsistent"],
    interval_seconds=3, backoff_rate=2, max_delay_seconds=30, max_attempts=6, jitter=False,
)  # fmt: skip
_ENDPOINT_BUSY = _Retry(
    ["EndpointBusy"],
    interval_seconds=30, backoff_rate=1.5, max_delay_seconds=300, max_attempts=20, jitter=False,
)  # fmt: skip
_SLACK_DOWN = _Retry(
    ["SlackUnavailable"],
    interval_seconds=10, backoff_rate=2, max_delay_seconds=300, max_attempts=8,
)  # fmt: skip


class Workflow(Construct):
    """The state machine. There is no machine-wide time-out: it would end a remediation without a word."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, functions: Functions, name: str
    ) -> None:
        super().__init__(scope, construct_id)
        self._functions = functions
        self._approval_deadline = cdk.Duration.hours(settings.approval_deadline_hours)
        log_group = logs.LogGroup(
            self,
            "Logs",
            # log groups under this prefix don't use up the account's limited log resource policies
            log_group_name=f"/aws/vendedlogs/states/{name}",
            retention=settings.log_retention,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        self.state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            state_machine_name=name,
            comment="Moves one SageMaker endpoint onto an encrypted copy of its config, if a person approves",
            query_language=sfn.QueryLanguage.JSONATA,
            definition_body=sfn.DefinitionBody.from_chainable(self._definition()),
            # execution data stays out of the log: it holds task tokens
            logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=False),
            tracing_enabled=True,
        )

    def _definition(self) -> sfn.IChainable:
        functions = self._functions
        self._close = self._close_remediation()

        check_encryption = self._task(
            "CheckEncryption",
            functions.check_encryption,
            "Read the endpoint's config and keep a copy of it; claim the endpoint if it names no KMS key",
            payload=_REMEDIATION,
            retries=[_AWS_BUSY, _CONFIG_NOT_YET_SEEN],
        )
        unencrypted = sfn.Choice.jsonata(
            self, "Unencrypted?", comment="Ask only about an endpoint whose config names no KMS key"
        )
        check_feasibility = self._task(
            "CheckFeasibility",
            functions.check_feasibility,
            "Ask nobody for what can't work: the key has to be usable, and the models to exist",
            payload={"remediationId": _REMEDIATION_ID},
            retries=[_AWS_BUSY],
        )
        request_approval = self._task(
            "RequestApproval",
            functions.request_approval,
            "Ask in Slack, and wait for the answer to the task token",
            payload={"remediationId": _REMEDIATION_ID, "taskToken": "{% $states.context.Task.Token %}"},
            wait_for_answer=self._approval_deadline.plus(_ANSWER_GRACE),
            retries=[_AWS_BUSY, _SLACK_DOWN],
        )
        expire_approval = self._task(
            "ExpireApproval",
            functions.expire_approval,
            "No answer was heard: close the question, unless the record holds an answer after all",
            payload={"remediationId": _REMEDIATION_ID},
            retries=[_AWS_BUSY],
        )
        approved = sfn.Choice.jsonata(
            self, "Approved?", comment="Anything but an approval leaves the endpoint as it is"
        )
        await_in_service = self._task(
            "AwaitInService",
            functions.await_in_service,
            "A new endpoint is still Creating when its event arrives; only InService can be updated",
            payload={"remediationId": _REMEDIATION_ID, "attempt": _ATTEMPT},
            retries=[_AWS_BUSY],
        )
        in_service = sfn.Choice.jsonata(self, "InService?", comment="Look again later while it settles")
        wait_for_service = self._wait("WaitForService", "Give the endpoint time to settle")
        create_encrypted_config = self._task(
            "CreateEncryptedConfig",
            functions.create_encrypted_config,
            "Check again what was approved, write the encrypted twin, read it back and compare",
            payload={"remediationId": _REMEDIATION_ID},
            retries=[_AWS_BUSY, _CONFIG_NOT_YET_SEEN],
        )
        update_endpoint = self._task(
            "UpdateEndpoint",
            functions.update_endpoint,
            "Move the endpoint to its twin, keeping live capacity and deployment policy",
            payload={"remediationId": _REMEDIATION_ID},
            outputs={"attempt": 0, "waitSeconds": _FIRST_POLL_SECONDS},
            retries=[_AWS_BUSY, _CONFIG_NOT_YET_SEEN, _ENDPOINT_BUSY],
        )
        wait_for_update = self._wait("WaitForUpdate", "Give SageMaker time for the update")
        poll_endpoint = self._task(
            "PollEndpoint",
            functions.poll_endpoint,
            "See how the update is doing: InService counts only on the twin",
            payload={"remediationId": _REMEDIATION_ID, "attempt": _ATTEMPT},
            retries=[_AWS_BUSY, _CONFIG_NOT_YET_SEEN],
        )
        update_ended = sfn.Choice.jsonata(
            self, "UpdateEnded?", comment="Look again later until it has an outcome"
        )

        delete_unused_twin = self._task(
            "DeleteUnusedTwin",
            functions.delete_unused_twin,
            "The endpoint did not end on its twin: delete that, if nothing needs it",
            payload={"remediationId": _REMEDIATION_ID},
            outputs=_AS_BEFORE,
            retries=[_AWS_BUSY],
        )

        for task in (check_encryption, check_feasibility, expire_approval, await_in_service):
            task.add_catch(self._close, errors=["States.ALL"], outputs=_ERROR)
        for task in (create_encrypted_config, update_endpoint, poll_endpoint):
            task.add_catch(delete_unused_twin, errors=["States.ALL"], outputs=_ERROR)
        # a twin too many is no reason to keep the outcome from anyone
        delete_unused_twin.add_catch(self._close, errors=["States.ALL"], outputs=_AS_BEFORE)
        request_approval.add_catch(expire_approval, errors=["States.Timeout"])
        request_approval.add_catch(self._close, errors=["States.ALL"], outputs=_ERROR)

        check_encryption.next(unencrypted)
        unencrypted.when(
            _when("$states.input.verdict = 'UNENCRYPTED' and $not($exists($states.input.outcome))"),
            check_feasibility,
        ).otherwise(self._close)
        check_feasibility.next(request_approval)
        request_approval.next(approved)
        expire_approval.next(approved)
        approved.when(
            _when("$states.input.decision = 'APPROVED'"), await_in_service, outputs={"attempt": 0}
        ).otherwise(self._close)
        await_in_service.next(in_service)
        in_service.when(_when("$exists($states.input.waitSeconds)"), wait_for_service)
        in_service.otherwise(create_encrypted_config)
        wait_for_service.next(await_in_service)
        create_encrypted_config.next(update_endpoint).next(wait_for_update).next(poll_endpoint).next(
            update_ended
        )
        update_ended.when(_when("$states.input.outcome = 'ENCRYPTED'"), self._close)
        update_ended.when(_when("$exists($states.input.outcome)"), delete_unused_twin)
        update_ended.otherwise(wait_for_update)
        delete_unused_twin.next(self._close)
        return check_encryption

    def _close_remediation(self) -> tasks.LambdaInvoke:
        not_closed = sfn.Fail.jsonata(
            self,
            "RemediationNotClosed",
            comment="Reported by an alarm; the failed execution is closed once more by a rule of its own",
            error="RemediationNotClosed",
            cause="{% $string($states.input.error) %}",
        )
        close = self._task(
            "CloseRemediation",
            self._functions.close_remediation,
            "Record the outcome, let the endpoint go and update the card",
            payload=_ENDING,
            retries=[_AWS_BUSY, _SLACK_DOWN],
        )
        close.add_catch(not_closed, errors=["States.ALL"], outputs=_ERROR)
        return close

    def _task(
        self,
        name: str,
        step: LambdaFunction,
        comment: str,
        *,
        payload: str | Mapping[str, str],
        retries: Sequence[_Retry],
        outputs: object = _RESULT,
        wait_for_answer: cdk.Duration | None = None,
    ) -> tasks.LambdaInvoke:
        """A step done by a function; `wait_for_answer` is how long the answer to its task token may take."""
        pattern = sfn.IntegrationPattern
        grace = cdk.Duration.seconds(_TASK_GRACE_SECONDS)
        task = tasks.LambdaInvoke.jsonata(
            self,
            name,
            comment=comment,
            lambda_function=step.alias,
            payload=(
                sfn.TaskInput.from_text(payload)
                if isinstance(payload, str)
                else sfn.TaskInput.from_object(dict(payload))
            ),
            # the answer to a task token is the result itself, without Lambda's envelope
            outputs="{% $states.result %}" if wait_for_answer else outputs,
            integration_pattern=(
                pattern.WAIT_FOR_TASK_TOKEN if wait_for_answer else pattern.REQUEST_RESPONSE
            ),
            task_timeout=sfn.Timeout.duration(wait_for_answer or step.timeout.plus(grace)),
            retry_on_service_exceptions=False,  # ours say how long, too
        )
        if not wait_for_answer:  # where a time-out means that the deadline has passed
            retries = (_TIMED_OUT, *retries)
        for retry in (_LAMBDA_FAULTS, *retries):
            task.add_retry(
                errors=retry.errors,
                interval=cdk.Duration.seconds(retry.interval_seconds),
                backoff_rate=retry.backoff_rate,
                max_delay=cdk.Duration.seconds(retry.max_delay_seconds),
                max_attempts=retry.max_attempts,
                jitter_strategy=sfn.JitterType.FULL if retry.jitter else None,
            )
        return task

    def _wait(self, name: str, comment: str) -> sfn.Wait:
        time = sfn.WaitTime.seconds("{% $states.input.waitSeconds %}")
        return sfn.Wait.jsonata(self, name, comment=comment, time=time)


def _when(condition: str) -> sfn.Condition:
    return sfn.Condition.jsonata(f"{{% {condition} %}}")
