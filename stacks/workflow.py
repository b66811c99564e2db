"""A workflow: the Step Functions state machine of a file in ``workflows/``, and what it may do."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.acknowledgements import acknowledge_policy
from stacks.lambda_function import LambdaFunction
from stacks.log_groups import LogGroups
from stacks.names import execution_arn, workflow_arn, workflow_name
from stacks.workflow_definition import filled_in, function_of, has_distributed_map, read_definition, states

# A function that runs into its own time-out says so itself before its task does.
_TASK_MARGIN_SECONDS = 15


class Workflow(Construct):
    """A Standard state machine in JSONata, logged and traced."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        workflow: str,
        functions: Mapping[str, LambdaFunction],
        log_groups: LogGroups,
    ) -> None:
        """`workflow` names the file, without its ending, and the state machine, after the stack's name."""
        super().__init__(scope, construct_id)
        definition = read_definition(workflow)
        tasks = (state for _, state in states(definition) if state["Type"] == "Task")
        invoked = {name: functions[name] for name in map(function_of, tasks)}
        arns = {name: function.alias.function_arn for name, function in invoked.items()}
        timeouts = {
            name: int(function.timeout.to_seconds()) + _TASK_MARGIN_SECONDS
            for name, function in invoked.items()
        }
        filled = filled_in(definition, {"Partition": cdk.Aws.PARTITION, **arns}, timeouts)
        name = workflow_name(self, workflow)
        # log groups under this prefix don't use up the account's limited log resource policies
        log_group = log_groups.create(self, "Logs", name=f"/aws/vendedlogs/states/{name}")
        self.state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            state_machine_name=name,
            definition_body=sfn.DefinitionBody.from_string(cdk.Stack.of(self).to_json_string(filled)),
            # execution data stays out of the log: it holds task tokens
            logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=False),
            tracing_enabled=True,
        )
        for function in invoked.values():
            function.alias.grant_invoke(self.state_machine)
        wildcards = {"*": "X-Ray and the delivery of logs know no narrower resource."}
        if has_distributed_map(definition):
            wildcards |= self._allow_distributed_map(workflow)
        acknowledge_policy(self.state_machine.role, wildcards)

    def _allow_distributed_map(self, workflow: str) -> dict[str, str]:
        """Let the machine run a Map's items as executions of its own; return the reasons for the wildcards.

        https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
        """
        executions = execution_arn(self, workflow)
        for actions, resource in (
            (["states:StartExecution"], workflow_arn(self, workflow)),
            (["states:DescribeExecution", "states:StopExecution"], f"{executions}:*"),
            (["states:RedriveExecution"], f"{executions}/*:*"),
        ):
            statement = iam.PolicyStatement(actions=actions, resources=[resource])
            self.state_machine.add_to_role_policy(statement)
        why = "A batch's execution is named by Step Functions; they are this state machine's own."
        return {f"{executions}:*": why, f"{executions}/*:*": why}
