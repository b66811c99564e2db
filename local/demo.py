"""`make demo`: the whole loop on this machine, from the CloudTrail event to the encrypted endpoint.

DEMO_DECISION=approve|deny|expire|rollback runs it unattended; DEMO_JSON=path writes the result as JSON.
Exit code 0 means that what should have happened did, and nothing else.
"""

from __future__ import annotations

import difflib
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.stepfunctions.parser.backend.execution import Execution
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateways.sagemaker import SageMaker
from local.clock import Clock
from local.world import World

ENDPOINT = "patient-risk"
SOURCE_CONFIG = "patient-risk-config"
_SPEED = 60.0  # simulated seconds per second: SageMaker's ten minutes in ten seconds
_PATIENCE_SECONDS = 30  # how long the demo waits for a person before it clicks for them
_GIVE_UP_SECONDS = 240
_LOOK_EVERY_SECONDS = 0.1
_FUTURE_MEMBER = {"ZeroCopyTransfer": {"Mode": "Eager"}}  # what no SDK knows yet must survive too

_EXPECTED = {
    "approve": "ENCRYPTED",
    "deny": "DENIED",
    "expire": "EXPIRED",
    "rollback": "ROLLED_BACK",
}


@dataclass
class Story:
    """What the demo saw, for the terminal and for DEMO_JSON."""

    decision: str
    started: float = field(default_factory=time.monotonic)
    notes: list[str] = field(default_factory=list[str])
    entered: list[tuple[str, float, float]] = field(default_factory=list[tuple[str, float, float]])

    def see(self, states: list[str], simulated: float) -> None:
        """Note when each newly entered state was first seen: simulated time, and real seconds so far."""
        for state in states[len(self.entered) :]:
            self.entered.append((state, simulated, time.monotonic() - self.started))

    def note(self, text: str) -> None:
        self.notes.append(f"{time.monotonic() - self.started:5.1f} s  {text}")


def main() -> int:
    console = Console(highlight=False)
    wanted = os.environ.get("DEMO_DECISION", "")
    if wanted and wanted not in _EXPECTED:
        console.print(
            f"DEMO_DECISION is '{escape(wanted)}', and must be one of {', '.join(_EXPECTED)}.", style="red"
        )
        return 2
    world = World(Path("cdk.out"), Clock(speed=_SPEED))
    try:
        return _tell(world, console, wanted)
    finally:
        world.stop()


def _tell(world: World, console: Console, wanted: str) -> int:
    story = Story(decision=wanted)
    gateway = SageMaker(world.client("sagemaker"))
    execution = _begin(world, gateway, story)
    before = _configs(gateway, SOURCE_CONFIG)
    console.print(
        Panel.fit(
            f"The endpoint [bold]{ENDPOINT}[/] was created on a config without a KMS key.\n"
            f"Slack, for this demo, is at [bold link={world.slack_url}]{world.slack_url}[/]"
            + (
                "" if wanted else f"\nClick there, or wait {_PATIENCE_SECONDS} s and the demo clicks Approve."
            ),
            title="Sealpoint",
        )
    )
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        _follow(world, execution, story, wanted, live)
    console.print(_progress(world, execution, story))
    result = _result(world, gateway, execution, before, story)
    _show_end(console, result)
    if path := os.environ.get("DEMO_JSON"):
        Path(path).write_text(json.dumps(result, indent=2, default=str) + "\n")
    problems = _problems(result)
    for problem in problems:
        console.print(f"✗ {escape(problem)}", style="bold red")
    if not problems:
        console.print(f"✓ {_SUCCESS_WORDS[result['outcome']]}", style="bold green")
    return 1 if problems else 0


_SUCCESS_WORDS = {
    "ENCRYPTED": "The endpoint is InService on a config with the key, and everything else is unchanged.",
    "DENIED": "Denied, as asked: the endpoint is untouched.",
    "EXPIRED": "Nobody decided in time: the endpoint is untouched.",
    "ROLLED_BACK": "SageMaker rolled the update back: the endpoint is InService on its old config.",
}


def _begin(world: World, gateway: SageMaker, story: Story) -> Execution:
    """An endpoint with two variants, scaled up since it was made; the event of its creation comes last."""
    world.trail_is_logging = False
    people = world.client("sagemaker")
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/risk:7"
    role = "arn:aws:iam::123456789012:role/PatientRiskExecution"
    for model in ("patient-risk-xgb", "patient-risk-nn"):
        people.create_model(ModelName=model, PrimaryContainer={"Image": image}, ExecutionRoleArn=role)
    variant = {"InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 1, "InitialVariantWeight": 1.0}
    body: dict[str, Any] = {
        "ProductionVariants": [
            {"VariantName": "champion", "ModelName": "patient-risk-xgb", **variant},
            {"VariantName": "challenger", "ModelName": "patient-risk-nn", **variant, **_FUTURE_MEMBER},
        ],
        "DataCaptureConfig": {
            "EnableCapture": True,
            "InitialSamplingPercentage": 20,
            "DestinationS3Uri": "s3://patient-risk-captures/live",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        },
    }
    gateway.create_config(
        {"EndpointConfigName": SOURCE_CONFIG, **body}, {"team": "clinical-ml", "data-class": "phi"}
    )
    people.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=SOURCE_CONFIG)
    world.clock.advance(3600)
    people.update_endpoint_weights_and_capacities(
        EndpointName=ENDPOINT,
        DesiredWeightsAndCapacities=[
            {"VariantName": "champion", "DesiredInstanceCount": 6, "DesiredWeight": 9.0},
            {"VariantName": "challenger", "DesiredInstanceCount": 2, "DesiredWeight": 1.0},
        ],
    )
    world.clock.advance(3600)
    if story.decision == "rollback":
        reason = "CapacityError: no ml.m5.xlarge instances are available"
        world.sagemaker.faults.roll_back_next_update(reason, endpoint=ENDPOINT)
    world.trail_is_logging = True
    created = next(call for call in world.sagemaker.calls if call.operation == "CreateEndpoint")
    world.report(created)
    story.note("CloudTrail reports the CreateEndpoint call to EventBridge")
    world.settle()
    return world.executions_of(ENDPOINT)[-1]


def _follow(world: World, execution: Execution, story: Story, wanted: str, live: Live) -> None:
    """Show the workflow until it ends; decide for the person who doesn't, or as DEMO_DECISION says."""
    give_up = time.monotonic() + _GIVE_UP_SECONDS
    asked_at: float | None = None
    decided = False
    while _running(execution) and time.monotonic() < give_up:
        card = _open_card(world)
        if card and not decided:
            asked_at = asked_at or time.monotonic()
            if wanted == "expire":
                world.settle()
                world.clock.advance_to_next_timer()
                story.note("Nobody answers: the clock jumps to the deadline")
                decided = True
            elif wanted or time.monotonic() - asked_at > _PATIENCE_SECONDS:
                if not wanted:
                    story.note(f"No click in {_PATIENCE_SECONDS} s: the demo clicks Approve")
                action = "deny" if wanted == "deny" else "approve"
                story.note(f"{world.approvers[0].name} clicks {action}")
                world.slack.click(
                    world.approvers[0].id, channel=world.channel_id, ts=card.ts, action_id=action
                )
                decided = True
        live.update(_progress(world, execution, story))
        time.sleep(_LOOK_EVERY_SECONDS)


def _open_card(world: World) -> Any:
    """The message that still has buttons."""
    for message in world.slack.messages(world.channel_id):
        if any(block["type"] == "actions" for block in message.blocks or []):
            return message
    return None


def _running(execution: Execution) -> bool:
    return execution.exec_status is None or execution.exec_status.value == "RUNNING"


def _progress(world: World, execution: Execution, story: Story) -> Table:
    """The states entered, with the time of the simulation and of this machine."""
    table = Table(
        "state", "after", "real", box=None, pad_edge=False, title="The workflow", title_justify="left"
    )
    story.see(world.states_entered(execution), world.clock.now())
    for index, (state, simulated, real) in enumerate(story.entered):
        last = index == len(story.entered) - 1
        mark = "[yellow]▶[/]" if last and _running(execution) else "[green]✓[/]"
        minutes = (simulated - story.entered[0][1]) / 60
        table.add_row(f"{mark} {escape(state)}", f"{minutes:,.1f} min", f"[dim]{real:.1f} s[/]")
    for note in story.notes:
        table.add_row(f"[dim]{escape(note)}[/]")
    return table


def _configs(gateway: SageMaker, name: str) -> dict[str, Any]:
    return gateway.require_config(name)


def _result(
    world: World, gateway: SageMaker, execution: Execution, before: dict[str, Any], story: Story
) -> dict[str, Any]:
    """Everything that an onlooker may want to check."""
    endpoint = gateway.describe_endpoint(ENDPOINT) or {}
    machine = world.client("stepfunctions").describe_state_machine(
        stateMachineArn=world.home.output("RemediationStateMachineArn")
    )
    messages = world.slack.messages(world.channel_id)
    output = dict(execution.output or {})
    return {
        "decision": story.decision or "interactive",
        "outcome": output.get("outcome", "none: the execution did not end"),
        "output": output,
        "endpointStatus": endpoint.get("EndpointStatus"),
        "endpoint": endpoint,
        "configBefore": before,
        "configAfter": gateway.require_config(endpoint["EndpointConfigName"]),
        "tagsBefore": gateway.list_tags(before["EndpointConfigArn"]),
        "tagsAfter": gateway.list_tags(
            gateway.require_config(endpoint["EndpointConfigName"])["EndpointConfigArn"]
        ),
        "keyArn": world.home.output("KmsKeyArn"),
        "record": world.record(execution.name),
        "card": {"text": messages[-1].text, "blocks": messages[-1].blocks} if messages else None,
        "states": world.states_entered(execution),
        "stateMachineDefinition": json.loads(machine["definition"]),
        "seconds": round(time.monotonic() - story.started, 1),
    }


def _show_end(console: Console, result: dict[str, Any]) -> None:
    diff = difflib.unified_diff(
        json.dumps(result["configBefore"], indent=2, sort_keys=True).splitlines(),
        json.dumps(result["configAfter"], indent=2, sort_keys=True).splitlines(),
        "config before",
        "config after",
        n=1,
        lineterm="",
    )
    lines = Text()
    for line in diff:
        style = "green" if line.startswith("+") else "red" if line.startswith("-") else "dim"
        lines.append(line + "\n", style=style)
    console.print(
        Panel(lines or Text("no difference: the endpoint is on the config it was on"), title="The config")
    )
    record = Table(box=None, show_header=False, title="The record", title_justify="left")
    for name in sorted(result["record"]):
        record.add_row(f"[dim]{name}[/]", escape(str(result["record"][name])))
    console.print(record)
    if result["card"]:
        console.print(f"[dim]The card says:[/] {escape(result['card']['text'])}")


def _problems(result: dict[str, Any]) -> list[str]:
    """What is not as it should be; nothing, if all is well."""
    problems: list[str] = []
    outcome, decision = result["outcome"], result["decision"]
    allowed = {_EXPECTED[decision]} if decision in _EXPECTED else {"ENCRYPTED", "DENIED"}
    if outcome not in allowed:
        problems.append(f"The outcome is {outcome}, not {' or '.join(sorted(allowed))}.")
    if result["record"].get("outcome") != outcome:
        problems.append("The record says something else than the workflow.")
    if result["endpointStatus"] != "InService":
        problems.append(f"The endpoint is {result['endpointStatus']}, not InService.")
    if result["card"] is None or any(block["type"] == "actions" for block in result["card"]["blocks"]):
        problems.append("The card still has buttons.")
    before, after = result["configBefore"], result["configAfter"]
    if outcome == "ENCRYPTED":
        problems += _unwanted_changes(before, after, result["keyArn"])
        if result["tagsBefore"].items() - result["tagsAfter"].items():
            problems.append("Tags of the config were lost.")
    elif after != before:
        problems.append("The endpoint is on another config than before.")
    counts = {
        variant["VariantName"]: variant["CurrentInstanceCount"]
        for variant in result["endpoint"].get("ProductionVariants", [])
    }
    if counts != {"champion": 6, "challenger": 2}:
        problems.append(f"The live capacity changed: {counts}.")
    return problems


def _unwanted_changes(before: dict[str, Any], after: dict[str, Any], key_arn: str) -> list[str]:
    """Compare without the product's own comparison: it may not judge itself."""
    expected = json.loads(json.dumps(before))
    expected["KmsKeyId"] = key_arn
    expected["DataCaptureConfig"]["KmsKeyId"] = key_arn
    for body in (expected, after := dict(after)):
        for member in ("EndpointConfigName", "EndpointConfigArn", "CreationTime"):
            body.pop(member)
    return (
        [] if expected == after else ["The config differs in more than its key, name and time of creation."]
    )


if __name__ == "__main__":
    sys.exit(main())
