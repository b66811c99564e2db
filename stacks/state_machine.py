"""What the state machines are made of: steps done by functions, their retries, and waiting.

The error words are the exception classes in `lambdas/domain/errors.py`.
"""

# pyright: reportArgumentType=false
# jsii's classes don't match jsii's own protocols by pyright's rules (their parameter names differ); what is
# passed where is checked by jsii itself, on every synthesis.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from stacks.acknowledgements import acknowledge_policy
from stacks.functions import Functions, LambdaFunction
from stacks.log_groups import LogGroups

_TASK_GRACE_SECONDS = 15
_FIRST_POLL_SECONDS = 15

EXECUTION_NAME = "{% $states.context.Execution.Name %}"
_ATTEMPT = "{% $states.input.attempt %}"
RESULT = "{% $states.result.Payload %}"
AS_BEFORE = "{% $states.input %}"
ERROR = {"error": "{% $states.errorOutput %}"}


@dataclass(frozen=True, slots=True)
class Retry:
    errors: Sequence[str]
    interval_seconds: int
    backoff_rate: float
    max_delay_seconds: int
    max_attempts: int
    jitter: bool = True


# https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception
_LAMBDA_FAULTS = Retry(
    [
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.Unknown",
        "Sandbox.Timedout",
        "Runtime.ExitError",
    ],
    interval_seconds=2, backoff_rate=2, max_delay_seconds=60, max_attempts=6,
)  # fmt: skip
_TIMED_OUT = Retry(
    ["States.Timeout"],
    interval_seconds=2, backoff_rate=2, max_delay_seconds=60, max_attempts=2,
)  # fmt: skip
# Thousands of endpoints may change at once, and SageMaker answers 5 calls a second for all of them; a new
# account runs ten functions at once. These add up to an hour, give or take ten minutes.
_LAMBDA_BUSY = Retry(
    ["Lambda.TooManyRequestsException"],
    interval_seconds=2, backoff_rate=2, max_delay_seconds=300, max_attempts=30,
)  # fmt: skip
AWS_BUSY = Retry(
    ["Throttled", "ServiceUnavailable"],
    interval_seconds=5, backoff_rate=2, max_delay_seconds=300, max_attempts=30,
)  # fmt: skip
CONFIG_NOT_YET_SEEN = Retry(
    ["EndpointConfigNotFound", "NotYetConsistent"],
    interval_seconds=3, backoff_rate=2, max_delay_seconds=30, max_attempts=6, jitter=False,
)  # fmt: skip
ENDPOINT_BUSY = Retry(
    ["EndpointBusy"],
    interval_seconds=30, backoff_rate=1.5, max_delay_seconds=300, max_attempts=20, jitter=False,
)  # fmt: skip
# An outage of an hour delays the news and loses nothing, and a thousand questions at once find room in a
# channel that takes one message a second: these add up to an hour and a half. Without the jitter all would
# come back at the same moments, and few would get through. A function waits out a Retry-After of 15 s itself.
SLACK_DOWN = Retry(
    ["SlackUnavailable"],
    interval_seconds=30, backoff_rate=2, max_delay_seconds=300, max_attempts=40,
)  # fmt: skip


class Machine(Construct):
    """A Standard state machine in JSONata, logged and traced.

    There is no machine-wide time-out: it would end a remediation without a word.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self._waited_for: list[LambdaFunction] = []

    def create(
        self, name: str, comment: str, definition: sfn.IChainable, log_groups: LogGroups
    ) -> sfn.StateMachine:
        # log groups under this prefix don't use up the account's limited log resource policies
        log_group = log_groups.create(self, "Logs", name=f"/aws/vendedlogs/states/{name}")
        machine = sfn.StateMachine(
            self,
            "StateMachine",
            state_machine_name=name,
            comment=comment,
            query_language=sfn.QueryLanguage.JSONATA,
            definition_body=sfn.DefinitionBody.from_chainable(definition),
            # execution data stays out of the log: it holds task tokens
            logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=False),
            tracing_enabled=True,
        )
        for step in self._waited_for:
            step.alias.grant_invoke(machine)
        why = "X-Ray and the delivery of logs know no narrower resource."
        acknowledge_policy(machine.role, {"*": why})
        return machine

    def failure(self, state: str, comment: str) -> sfn.Fail:
        cause = "{% $string($states.input.error) %}"
        return sfn.Fail.jsonata(self, state, comment=comment, error=state, cause=cause)

    def task(
        self,
        name: str,
        step: LambdaFunction,
        comment: str,
        *,
        payload: str | Mapping[str, object],
        retries: Sequence[Retry],
        outputs: object = RESULT,
    ) -> tasks.LambdaInvoke:
        """A step done by a function."""
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
            outputs=outputs,
            task_timeout=sfn.Timeout.duration(step.timeout.plus(grace)),
            retry_on_service_exceptions=False,  # ours say how long, too
        )
        _add_retries(task, (_LAMBDA_FAULTS, _LAMBDA_BUSY, _TIMED_OUT, *retries))
        return task

    def question(
        self,
        name: str,
        step: LambdaFunction,
        comment: str,
        *,
        payload: Mapping[str, object],
        timeout_seconds: str,
        retries: Sequence[Retry],
    ) -> sfn.CustomState:
        """A step that waits for the answer to its task token, for as long as a JSONata expression says.

        In the states language's own words, since CDK knows a time-out from the input for JSONPath alone. A
        time-out is no fault to retry: nobody has answered.
        """
        stack = cdk.Stack.of(self)
        state = {
            "Type": "Task",
            "Comment": comment,
            "Resource": f"arn:{stack.partition}:states:::lambda:invoke.waitForTaskToken",
            "Arguments": {"FunctionName": step.alias.function_arn, "Payload": dict(payload)},
            "TimeoutSeconds": timeout_seconds,
            "Output": "{% $states.result %}",
        }
        task = sfn.CustomState(self, name, state_json=state)
        self._waited_for.append(step)
        _add_retries(task, (_LAMBDA_FAULTS, _LAMBDA_BUSY, *retries))
        return task

    def closing(
        self, name: str, step: LambdaFunction, comment: str, *, payload: str, unclosed: str
    ) -> tasks.LambdaInvoke:
        """The last step; should even that fail, the execution fails as `unclosed`."""
        close = self.task(name, step, comment, payload=payload, retries=[AWS_BUSY, SLACK_DOWN])
        comment = "Reported by an alarm; the failed execution is closed once more by a rule of its own"
        close.add_catch(self.failure(unclosed, comment), errors=["States.ALL"], outputs=ERROR)
        return close

    def settled(
        self, functions: Functions, *, then: sfn.IChainable, on_error: sfn.IChainable
    ) -> tasks.LambdaInvoke:
        """Wait until the endpoint can be updated; begins with ``{"attempt": 0}`` as its input."""
        await_in_service = self.task(
            "AwaitInService",
            functions.await_in_service,
            "A new endpoint is still Creating when its event arrives; only InService can be updated",
            payload={"remediationId": EXECUTION_NAME, "attempt": _ATTEMPT},
            retries=[AWS_BUSY],
        )
        await_in_service.add_catch(on_error, errors=["States.ALL"], outputs=ERROR)
        in_service = sfn.Choice.jsonata(self, "InService?", comment="Look again later while it settles")
        wait_for_service = self.wait("WaitForService", "Give the endpoint time to settle")
        await_in_service.next(in_service)
        in_service.when(when("$exists($states.input.waitSeconds)"), wait_for_service)
        in_service.otherwise(then)
        wait_for_service.next(await_in_service)
        return await_in_service

    def update(
        self,
        functions: Functions,
        *,
        arrived: str,
        then: sfn.IChainable,
        otherwise: sfn.IChainable,
        comment: str,
    ) -> tasks.LambdaInvoke:
        """Update the endpoint and poll it until the update has an outcome; `arrived` is the good one."""
        update_endpoint = self.task(
            "UpdateEndpoint",
            functions.update_endpoint,
            comment,
            payload={"remediationId": EXECUTION_NAME},
            outputs={
                "attempt": 1,
                "waitSeconds": _FIRST_POLL_SECONDS,
            },  # the waits after polls go on from here
            retries=[AWS_BUSY, CONFIG_NOT_YET_SEEN, ENDPOINT_BUSY],
        )
        wait_for_update = self.wait("WaitForUpdate", "Give SageMaker time for the update")
        poll_endpoint = self.task(
            "PollEndpoint",
            functions.poll_endpoint,
            "See how the update is doing: InService counts only on the new config",
            payload={"remediationId": EXECUTION_NAME, "attempt": _ATTEMPT},
            retries=[AWS_BUSY, CONFIG_NOT_YET_SEEN],
        )
        update_ended = sfn.Choice.jsonata(
            self, "UpdateEnded?", comment="Look again later until it has an outcome"
        )
        for task in (update_endpoint, poll_endpoint):
            task.add_catch(otherwise, errors=["States.ALL"], outputs=ERROR)
        update_endpoint.next(wait_for_update).next(poll_endpoint).next(update_ended)
        update_ended.when(when(f"$states.input.outcome = '{arrived}'"), then)
        update_ended.when(when("$exists($states.input.outcome)"), otherwise)
        update_ended.otherwise(wait_for_update)
        return update_endpoint

    def wait(self, name: str, comment: str) -> sfn.Wait:
        time = sfn.WaitTime.seconds("{% $states.input.waitSeconds %}")
        return sfn.Wait.jsonata(self, name, comment=comment, time=time)


def _add_retries(task: tasks.LambdaInvoke | sfn.CustomState, retries: Sequence[Retry]) -> None:
    for retry in retries:
        task.add_retry(
            errors=retry.errors,
            interval=cdk.Duration.seconds(retry.interval_seconds),
            backoff_rate=retry.backoff_rate,
            max_delay=cdk.Duration.seconds(retry.max_delay_seconds),
            max_attempts=retry.max_attempts,
            jitter_strategy=sfn.JitterType.FULL if retry.jitter else None,
        )


def when(condition: str) -> sfn.Condition:
    return sfn.Condition.jsonata(f"{{% {condition} %}}")
