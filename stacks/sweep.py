"""What no event announced: a sweep over every endpoint, and the digest that asks about many at once."""

# pyright: reportArgumentType=false
# jsii's classes don't match jsii's own protocols by pyright's rules (their parameter names differ); what is
# passed where is checked by jsii itself, on every synthesis.

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.acknowledgements import acknowledge_policy
from stacks.functions import Functions
from stacks.log_groups import LogGroups
from stacks.state_machine import AWS_BUSY, ERROR, EXECUTION_NAME, SLACK_DOWN, Machine, Retry, when

# The hour at which it begins is nobody's business, and every region's at once would be a burst.
_FLEXIBLE_WINDOW = cdk.Duration.minutes(15)
_RETRY_FOR = cdk.Duration.hours(6)
_RETRIES = 20

# The functions keep a pace, and back off by themselves, before they give up; and tomorrow is another sweep.
_STILL_BUSY = Retry(
    ["Throttled", "ServiceUnavailable"],
    interval_seconds=60, backoff_rate=2, max_delay_seconds=600, max_attempts=4,
)  # fmt: skip

_SWEEP_ID = f'"sweepId": {EXECUTION_NAME.removeprefix("{% ").removesuffix(" %}")}'
# One expression each, so that a member that is absent is left out instead of being an error.
_WHERE_TO_GO_ON = (
    f"{{% {{ {_SWEEP_ID}, "
    '"nextToken": $states.input.nextToken, "batchesListed": $states.input.batchesListed } %}'
)
_ENDING = f'{{% {{ {_SWEEP_ID}, "error": $states.input.error }} %}}'
# The batches have been looked at: what is handed on stays small.
_LISTED_SO_FAR = (
    '{% { "nextToken": $states.input.nextToken, "batchesListed": $states.input.batchesListed } %}'
)


class Sweep(Machine):
    """The state machine that looks at every endpoint and asks about those that nobody was asked about."""

    def __init__(
        self, scope: Construct, construct_id: str, *, log_groups: LogGroups, functions: Functions, name: str
    ) -> None:
        super().__init__(scope, construct_id)
        self.state_machine = self.create(
            name,
            "Looks at every SageMaker endpoint, and starts a remediation for what no event announced",
            self._definition(functions),
            log_groups,
        )
        name_in_arns = cdk.Arn.split(
            self.state_machine.state_machine_arn, cdk.ArnFormat.COLON_RESOURCE_NAME
        ).resource_name
        stack = cdk.Stack.of(self)
        executions = stack.format_arn(
            service="states",
            resource="execution",
            resource_name=name_in_arns,
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        why = "A batch's execution is named by Step Functions; they are this state machine's own."
        acknowledge_policy(
            self.state_machine,
            {f"{executions}:*": why, f"{executions}/*:*": why},
            policy_id="DistributedMapPolicy",
        )

    def _definition(self, functions: Functions) -> sfn.IChainable:
        close = self._close(functions)
        list_endpoints = self.task(
            "ListEndpoints",
            functions.list_endpoints,
            "Begin the sweep, unless another one is under way; then list a thousand endpoints at a time",
            payload=_WHERE_TO_GO_ON,
            retries=[_STILL_BUSY],
        )
        another = sfn.Choice.jsonata(self, "AnotherSweep?", comment="One at a time: nobody is asked twice")
        assess = self._assess(functions)
        more = sfn.Choice.jsonata(self, "MoreEndpoints?", comment="Until every endpoint was listed")
        start = self.task(
            "StartRemediations",
            functions.start_remediations,
            "Start the ordinary workflow for what was found: a card each, or a digest that asks about many",
            payload=f'{{% {{ {_SWEEP_ID}, "place": $states.input.place, "error": $states.input.error }} %}}',
            retries=[AWS_BUSY],
        )
        more_to_start = sfn.Choice.jsonata(self, "MoreToStart?", comment="A few at a time")
        pace = self.wait("PaceStarts", "As Slack allows")

        # what was found before something went wrong is asked about all the same
        list_endpoints.add_catch(start, errors=["States.ALL"], outputs=ERROR)
        assess.add_catch(start, errors=["States.ALL"], outputs=ERROR)
        start.add_catch(close, errors=["States.ALL"], outputs=ERROR)
        list_endpoints.next(another)
        another.when(
            when("$exists($states.input.underWay)"),
            sfn.Succeed.jsonata(self, "LeftToTheOther", comment="The sweep that is under way does it all"),
        ).when(when("$count($states.input.batches) = 0"), more).otherwise(assess)
        assess.next(more)
        more.when(when("$exists($states.input.nextToken)"), list_endpoints).otherwise(start)
        start.next(more_to_start)
        more_to_start.when(when("$exists($states.input.waitSeconds)"), pace).otherwise(close)
        pace.next(start)
        return list_endpoints

    def _assess(self, functions: Functions) -> sfn.DistributedMap:
        """Every batch in an execution of its own; one that fails is told at the end, and stops no other."""
        assess = sfn.DistributedMap.jsonata(
            self,
            "AssessBatches",
            comment="Look at a hundred endpoints at a time: one batch after the other, since all share AWS's "
            "quotas",
            items=sfn.ProvideItems.jsonata("{% $states.input.batches %}"),
            item_selector={"sweepId": EXECUTION_NAME, "batch": "{% $states.context.Map.Item.Value %}"},
            max_concurrency=1,
            map_execution_type=sfn.StateMachineType.STANDARD,
            outputs=_LISTED_SO_FAR,
        )
        look = self.task(
            "AssessEndpoints",
            functions.assess_endpoints,
            "Read each endpoint and its config, as the audit does; keep those that are to be asked about",
            payload="{% $states.input %}",
            retries=[_STILL_BUSY],
        )
        not_looked_at = sfn.Pass.jsonata(
            self,
            "BatchNotLookedAt",
            comment="The sweep goes on, and tells of this batch at its end",
            outputs={},
        )
        look.add_catch(not_looked_at, errors=["States.ALL"])
        return assess.item_processor(look)

    def _close(self, functions: Functions) -> sfn.IChainable:
        return self.closing(
            "CloseSweep",
            functions.close_sweep,
            "Add up what was seen, let the next sweep begin, and tell what was not looked at",
            payload=_ENDING,
            unclosed="SweepNotClosed",
        )


class DigestWatch(Machine):
    """The state machine that posts a digest's card and keeps it up to date; its name is the digest's id."""

    def __init__(
        self, scope: Construct, construct_id: str, *, log_groups: LogGroups, functions: Functions, name: str
    ) -> None:
        super().__init__(scope, construct_id)
        show = self.task(
            "ShowDigest",
            functions.show_digest,
            "Post the card, or bring it up to date and remind people, while anything in it is open",
            payload={"digestId": EXECUTION_NAME},
            retries=[AWS_BUSY, SLACK_DOWN],
        )
        comment = "Reported by an alarm; its endpoints can be decided on the command line"
        show.add_catch(self.failure("DigestNotShown", comment), errors=["States.ALL"], outputs=ERROR)
        still_open = sfn.Choice.jsonata(self, "StillOpen?", comment="Until every remediation has ended")
        wait = self.wait("WaitForDecisions", "What is decided in Slack shows at once anyway")
        show.next(still_open)
        still_open.when(when("$exists($states.input.waitSeconds)"), wait)
        still_open.otherwise(sfn.Succeed.jsonata(self, "DigestOver", comment="The card says how it ended"))
        wait.next(show)
        self.state_machine = self.create(
            name, "Shows one card for many unencrypted endpoints, until all are decided", show, log_groups
        )


class SweepSchedule(Construct):
    """When a sweep begins."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        sweep: sfn.StateMachine,
        expression: str,
        undelivered: sqs.Queue,
    ) -> None:
        """`expression` is EventBridge Scheduler's: ``rate(1 day)``, ``cron(0 6 * * ? *)``, in UTC."""
        super().__init__(scope, construct_id)
        ours = {"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}}
        principal = iam.ServicePrincipal("scheduler.amazonaws.com", conditions=ours)
        role = iam.Role(self, "Role", assumed_by=principal)
        scheduler.Schedule(
            self,
            "Schedule",
            description="Begins a sweep over every endpoint",
            schedule=scheduler.ScheduleExpression.expression(expression),
            time_window=scheduler.TimeWindow.flexible(_FLEXIBLE_WINDOW),
            target=targets.StepFunctionsStartExecution(
                sweep,
                role=role,
                input=scheduler.ScheduleTargetInput.from_object({}),
                dead_letter_queue=undelivered,
                retry_attempts=_RETRIES,
                max_event_age=_RETRY_FOR,
            ),
        )
        acknowledge_policy(role, {})
