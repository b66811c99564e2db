"""What may follow an encryption: the way back, and, when its time is over, the old config's retirement."""

# pyright: reportArgumentType=false
# jsii's classes don't match jsii's own protocols by pyright's rules (their parameter names differ); what is
# passed where is checked by jsii itself, on every synthesis.

from __future__ import annotations

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.functions import Functions
from stacks.log_groups import LogGroups
from stacks.state_machine import (
    AWS_BUSY,
    CONFIG_NOT_YET_SEEN,
    ENDPOINT_BUSY,
    ERROR,
    EXECUTION_NAME,
    SLACK_DOWN,
    Machine,
    when,
)

_WHO = (
    '"remediationId": $states.context.Execution.Name, "executionArn": $states.context.Execution.Id, '
    '"endpointName": $states.context.Execution.Input.endpointName, '
    '"backsOut": $states.context.Execution.Input.remediationId, '
    '"requestedBy": $states.context.Execution.Input.requestedBy'
)
_BACKOUT = f"{{% {{ {_WHO} }} %}}"
_ENDING = (
    f"{{% {{ {_WHO}, "
    '"outcome": $states.input.outcome, "reason": $states.input.reason, "error": $states.input.error } %}'
)
_RETIREMENT = (
    '{% { "remediationId": $states.context.Execution.Input.remediationId, '
    '"nextToken": $states.input.nextToken, "scanFrom": $states.input.scanFrom } %}'
)


class Backout(Machine):
    """The state machine that returns an encrypted endpoint to its earlier config."""

    def __init__(
        self, scope: Construct, construct_id: str, *, log_groups: LogGroups, functions: Functions, name: str
    ) -> None:
        super().__init__(scope, construct_id)
        self.state_machine = self.create(
            name,
            "Returns one SageMaker endpoint to the config it had before it was encrypted",
            self._definition(functions),
            log_groups,
        )

    def _definition(self, functions: Functions) -> sfn.IChainable:
        close = self._close(functions)
        begin = self.task(
            "BeginBackout",
            functions.begin_backout,
            "See that the endpoint is still on its twin, and hold it",
            payload=_BACKOUT,
            retries=[AWS_BUSY],
        )
        restore_config = self.task(
            "RestoreConfig",
            functions.restore_config,
            "See that the earlier config is there as it is on record, or create it again from the record",
            payload={"remediationId": EXECUTION_NAME},
            retries=[AWS_BUSY, CONFIG_NOT_YET_SEEN],
        )
        exempt_endpoint = self.task(
            "ExemptEndpoint",
            functions.exempt_endpoint,
            "Leave an exemption with an end, so that nobody is asked about the endpoint at once",
            payload={"remediationId": EXECUTION_NAME},
            retries=[AWS_BUSY],
        )
        for task in (begin, restore_config, exempt_endpoint):
            task.add_catch(close, errors=["States.ALL"], outputs=ERROR)
        update_endpoint = self.update(
            functions,
            arrived="BACKED_OUT",
            then=close,
            otherwise=close,
            comment="Move the endpoint back to its earlier config, keeping live capacity",
        )
        begin.next(self.settled(functions, then=restore_config, on_error=close))
        restore_config.next(exempt_endpoint).next(update_endpoint)
        return begin

    def _close(self, functions: Functions) -> sfn.IChainable:
        return self.closing(
            "CloseBackout",
            functions.close_backout,
            "Record the outcome, let the endpoint go and update the card",
            payload=_ENDING,
            unclosed="BackoutNotClosed",
        )


class Retirement(Machine):
    """The state machine that deletes an old config when the time for backing out is over."""

    def __init__(
        self, scope: Construct, construct_id: str, *, log_groups: LogGroups, functions: Functions, name: str
    ) -> None:
        super().__init__(scope, construct_id)
        wait = self.wait("WaitForBackout", "As long as the card offers the way back")
        retire = self.task(
            "RetireOldConfig",
            functions.retire_old_config,
            "Look at one page of endpoints; with the last one, delete the old config if nothing uses it",
            payload=_RETIREMENT,
            retries=[AWS_BUSY, SLACK_DOWN, ENDPOINT_BUSY],
        )
        comment = "Reported by an alarm; the old config is still there"
        retire.add_catch(self.failure("OldConfigNotRetired", comment), errors=["States.ALL"], outputs=ERROR)
        more = sfn.Choice.jsonata(self, "MoreEndpoints?", comment="Until every endpoint was looked at")
        more.when(when("$exists($states.input.nextToken)"), retire)
        more.otherwise(sfn.Succeed.jsonata(self, "Retired", comment="Or kept, for the reason on record"))
        wait.next(retire).next(more)
        self.state_machine = self.create(
            name, "Retires the config that an endpoint had before it was encrypted", wait, log_groups
        )
