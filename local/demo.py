"""`make demo`: the whole loop on this machine, from the CloudTrail event to the encrypted endpoint.

DEMO_DECISION=approve|deny|expire|rollback runs it unattended; DEMO_JSON=path writes the result as JSON.
The exit code is 0 if the run ended exactly as expected.
"""

from __future__ import annotations

import difflib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import requests
from moto.stepfunctions.parser.backend.execution import Execution
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from lambdas.domain.messages import modals
from lambdas.domain.record import in_order
from lambdas.gateways.sagemaker import SageMaker
from local.clock import Clock
from local.timeline import Timeline
from local.world import World

ENDPOINT = "patient-risk"
SOURCE_CONFIG = "patient-risk-config"
VARIANT = "AllTraffic"  # as SageMaker's own SDK names it
LIVE_COUNT = 6  # the config says one
# Simulated seconds per second. A person sees SageMaker's ten minutes in ten seconds.
_SPEED = 60.0
_UNATTENDED_SPEED = 120.0  # any faster, and the interpreter's own work would look like time-outs
_PATIENCE_SECONDS = 30  # how long the demo waits for a person before it clicks for them
_GIVE_UP_SECONDS = 240
_POLL_SECONDS = 0.1
_INTERRUPTED = 130  # as shells have it

_EXPECTED = {
    "approve": "ENCRYPTED",
    "deny": "DENIED",
    "expire": "EXPIRED",
    "rollback": "ROLLED_BACK",
}
_SUCCESS_WORDS = {
    "ENCRYPTED": "The endpoint is InService on a config with the key; everything else is unchanged.",
    "DENIED": "Denied: the endpoint is untouched.",
    "EXPIRED": "Nobody decided in time: the endpoint is untouched.",
    "ROLLED_BACK": "SageMaker rolled the update back: the endpoint is InService on its old config.",
}


def main() -> int:
    console = Console(highlight=False)
    decision = os.environ.get("DEMO_DECISION", "")
    if decision and decision not in _EXPECTED:
        said = f"DEMO_DECISION is '{escape(decision)}', and must be one of {', '.join(_EXPECTED)}."
        console.print(said, style="red")
        return 2
    written = os.environ.get("DEMO_JSON", "")
    try:
        output = Path(written).open("w") if written else None  # noqa: SIM115  # closed below
    except OSError as error:
        console.print(f"DEMO_JSON can't be written: {escape(str(error))}", style="red")
        return 2
    assembly = Path(sys.argv[1] if len(sys.argv) > 1 else "cdk.out")
    world = World(assembly, Clock(speed=_UNATTENDED_SPEED if decision else _SPEED))
    try:
        result, problems = Demo(world, console, decision).run()
    except KeyboardInterrupt:
        console.print("Stopped.")
        return _INTERRUPTED
    finally:
        world.stop()
    if output:
        with output:
            output.write(json.dumps(result, indent=2) + "\n")
    return 1 if problems else 0


class Demo:
    """One endpoint's remediation, shown on a terminal. Without a `decision` a person decides."""

    def __init__(self, world: World, console: Console, decision: str) -> None:
        self._world = world
        self._console = console
        self._decision = decision
        self._sagemaker = SageMaker(world.client("sagemaker"))
        self._timeline = Timeline(world.clock)
        self._started = time.monotonic()

    def run(self) -> tuple[dict[str, Any], list[str]]:
        """Run the demo. Returns the result, and the problems found in it."""
        self.make_endpoint()
        before = self._config(SOURCE_CONFIG)
        self._introduce()
        with Live(console=self._console, get_renderable=self._progress, transient=True):
            self.send_event()
            self._follow()
        self._console.print(self._progress(), "")
        result = self._result(before)
        problems = problems_of(result)
        _show_end(self._console, result, problems)
        return result, problems

    # -- the story

    def make_endpoint(self) -> None:
        """The commonest kind, one variant on instances, with data capture, scaled up since it was made."""
        self._world.trail_is_logging = False
        people = self._world.client("sagemaker")
        image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/risk:7"
        role = "arn:aws:iam::123456789012:role/PatientRiskExecution"
        people.create_model(
            ModelName="patient-risk", PrimaryContainer={"Image": image}, ExecutionRoleArn=role
        )
        people.create_endpoint_config(
            EndpointConfigName=SOURCE_CONFIG,
            ProductionVariants=[
                {
                    "VariantName": VARIANT,
                    "ModelName": "patient-risk",
                    "InstanceType": "ml.m5.xlarge",
                    "InitialInstanceCount": 1,
                    "InitialVariantWeight": 1.0,
                },
            ],
            DataCaptureConfig={
                "EnableCapture": True,
                "InitialSamplingPercentage": 20,
                "DestinationS3Uri": "s3://patient-risk-captures/live",
                "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            },
            Tags=[{"Key": "team", "Value": "clinical-ml"}, {"Key": "data-class", "Value": "phi"}],
        )
        people.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=SOURCE_CONFIG)
        self._await_in_service()
        people.update_endpoint_weights_and_capacities(
            EndpointName=ENDPOINT,
            DesiredWeightsAndCapacities=[{"VariantName": VARIANT, "DesiredInstanceCount": LIVE_COUNT}],
        )
        self._await_in_service()
        if self._decision == "rollback":
            reason = "CapacityError: no ml.m5.xlarge instances are available"
            self._world.sagemaker.faults.roll_back_next_update(reason, endpoint=ENDPOINT)
        self._world.trail_is_logging = True

    def _await_in_service(self) -> None:
        while self._endpoint().get("EndpointStatus") != "InService":
            self._world.clock.advance(60)

    def _introduce(self) -> None:
        url = self._world.slack_url
        lines = [
            f"[bold]{ENDPOINT}[/] was created on a config without a KMS key.",
            f"Slack, for this demo: [bold link={url}]{url}[/]",
        ]
        if not self._decision:
            lines.append(f"Click there, or wait {_PATIENCE_SECONDS} s and the demo clicks Approve.")
        self._console.print(Panel.fit("\n".join(lines), title="Sealpoint"), "")

    def send_event(self) -> None:
        """CloudTrail sometimes delivers late: here, once the endpoint is up and scaled."""
        created = next(call for call in self._world.sagemaker.calls if call.operation == "CreateEndpoint")
        self._timeline.remark("CloudTrail reports CreateEndpoint")
        self._world.report(created)
        self._world.settle()

    def _follow(self) -> None:
        """Wait until the workflow ends. Decide as DEMO_DECISION says, or when nobody has clicked in time."""
        give_up = time.monotonic() + _GIVE_UP_SECONDS
        decide_at = time.monotonic() + (0 if self._decision else _PATIENCE_SECONDS)
        decided = False
        while self._is_running() and time.monotonic() < give_up:
            if not decided and time.monotonic() >= decide_at and (card := self._open_card()):
                self._decide(card)
                decided = True
            time.sleep(_POLL_SECONDS)

    def _decide(self, card: Any) -> None:
        if self._decision == "expire":
            self._timeline.remark("Nobody answers: the clock jumps to the reminders and then to the deadline")
            self._world.settle()
            while self._is_running() and self._world.clock.advance_to_next_timer():
                self._world.settle()
            return
        action = "deny" if self._decision == "deny" else "approve"
        person = self._world.approvers[0]
        late = "" if self._decision else f"No click in {_PATIENCE_SECONDS} s, so the demo clicks: "
        self._timeline.remark(f"{late}{person.name}, {action}")
        click = {"user": person.id, "channel": self._world.channel_id, "ts": card.ts, "action_id": action}
        self._on_page("click", click)
        if action == "deny":
            reason = "The endpoint is retired next week"
            self._on_page("submit", {"user": person.id, "values": {modals.REASON_BLOCK: {"reason": reason}}})

    def _on_page(self, action: str, what: dict[str, Any]) -> None:
        url = f"{self._world.slack_url}/page/api/{action}"
        requests.post(url, json=what, timeout=30).raise_for_status()

    # -- the state of things

    def _execution(self) -> Execution | None:
        return next(iter(self._world.executions_of(ENDPOINT)), None)

    def _is_running(self) -> bool:
        execution = self._execution()
        return execution is None or execution.exec_status is None or execution.exec_status.value == "RUNNING"

    def _progress(self) -> Table:
        if execution := self._execution():
            self._timeline.see(self._world.states_entered(execution))
        return self._timeline.table(running=self._is_running())

    def _open_card(self) -> Any:
        """The message that still asks."""
        messages = self._world.slack.messages(self._world.channel_id)
        return next((message for message in messages if _asks(message.blocks)), None)

    def _endpoint(self) -> dict[str, Any]:
        return self._sagemaker.describe_endpoint(ENDPOINT) or {}

    def _config(self, name: str) -> dict[str, Any]:
        return self._sagemaker.require_config(name)

    def _result(self, before: dict[str, Any]) -> dict[str, Any]:
        """The facts of the run, as DEMO_JSON has them."""
        execution = self._execution()
        assert execution is not None, "an event that was delivered has started an execution"  # noqa: S101
        endpoint = self._endpoint()
        after = self._config(endpoint["EndpointConfigName"])
        machine = self._world.client("stepfunctions").describe_state_machine(
            stateMachineArn=self._world.home.output("RemediationStateMachineArn")
        )
        posted = self._world.slack.messages(self._world.channel_id)
        cards = [message for message in posted if message.thread_ts is None]
        output = dict(execution.output or {})
        return {
            "decision": self._decision or "interactive",
            "outcome": output.get("outcome", "none: the execution did not end"),
            "output": output,
            "endpointStatus": endpoint["EndpointStatus"],
            "endpoint": endpoint,
            "configBefore": before,
            "configAfter": after,
            "tagsBefore": self._sagemaker.list_tags(before["EndpointConfigArn"]),
            "tagsAfter": self._sagemaker.list_tags(after["EndpointConfigArn"]),
            "keyArn": self._world.home.output("KmsKeyArn"),
            "record": self._world.record(execution.name),
            "snapshot": self._world.evidence(execution.name),
            "card": {"text": cards[-1].text, "blocks": cards[-1].blocks} if cards else None,
            "states": self._world.states_entered(execution),
            "stateMachineDefinition": json.loads(machine["definition"]),
            "seconds": round(time.monotonic() - self._started, 1),
        }


def _asks(blocks: list[dict[str, Any]] | None) -> bool:
    """Whether a card still has the buttons of a question (not just the way back, after success)."""
    return any(block.get("block_id") == "decision" for block in blocks or [])


def _show_end(console: Console, result: dict[str, Any], problems: list[str]) -> None:
    console.print("The config, before and after", style="bold")
    console.print(_diff(result["configBefore"], result["configAfter"]), soft_wrap=True)
    console.print("The record", style="bold")
    for name, value in sorted(result["record"].items()):
        if value not in ("", [], {}) and name not in ("pk", "sk", "timeline"):
            text = value if isinstance(value, str) else json.dumps(value)
            console.print(f"[dim]{name}[/] {escape(text)}", soft_wrap=True)
    for entry in in_order(result["record"]["timeline"]):
        console.print(f"[dim]{entry['at']}[/] {escape(entry['what'])}", soft_wrap=True)
    console.print(f"[dim]the complete original[/] {' and '.join(sorted(result['snapshot']))}")
    if result["card"]:
        console.print("\nThe card", style="bold")
        console.print(escape(result["card"]["text"]), "", sep="\n", soft_wrap=True)
    for problem in problems:
        console.print(f"✗ {escape(problem)}", style="bold red")
    if not problems:
        console.print(f"✓ {_SUCCESS_WORDS[result['outcome']]}", style="bold green")


def _diff(before: dict[str, Any], after: dict[str, Any]) -> Text:
    old, new = (json.dumps(body, indent=2, sort_keys=True).splitlines() for body in (before, after))
    names = before["EndpointConfigName"], after["EndpointConfigName"]
    lines = list(difflib.unified_diff(old, new, *names, n=1, lineterm=""))
    if not lines:
        return Text(f"No difference: the endpoint is on {before['EndpointConfigName']}, as it was.\n")
    text = Text()
    for line in lines:
        style = "green" if line.startswith("+") else "red" if line.startswith("-") else "dim"
        text.append(f"{line}\n", style=style)
    return text


def problems_of(result: dict[str, Any]) -> list[str]:
    """The problems found in a result; none if everything is as expected."""
    before, after, record = result["configBefore"], result["configAfter"], result["record"]
    outcome, decision = result["outcome"], result["decision"]
    expected = _EXPECTED.get(decision, "ENCRYPTED")
    wanted = _encrypted(before, result["keyArn"]) if outcome == "ENCRYPTED" else before
    variants = result["endpoint"].get("ProductionVariants", [])
    counts = {variant["VariantName"]: variant["CurrentInstanceCount"] for variant in variants}
    as_sent = _without_added_sizes(after, before)
    card = result["card"]
    checks = {
        f"The outcome is {outcome}, not {expected}.": outcome == expected,
        "The record and the workflow disagree on the outcome.": record.get("outcome") == outcome,
        "The recorded original config differs from the real one.": result["snapshot"].get("config") == before,
        f"The endpoint is {result['endpointStatus']}, not InService.": result["endpointStatus"]
        == "InService",
        "The card is missing or still asks.": bool(card) and not _asks(card["blocks"]),
        "The endpoint's config changed although it should not have.": outcome == "ENCRYPTED"
        or before == after,
        "The config differs in more than its key, name and time of creation.": (
            _without_identity(as_sent) == _without_identity(wanted)
        ),
        "Tags of the config were lost.": result["tagsBefore"].items() <= result["tagsAfter"].items(),
        f"The live capacity changed: {counts}.": counts == {VARIANT: LIVE_COUNT},
    }
    return [problem for problem, holds in checks.items() if not holds]


def _encrypted(body: dict[str, Any], key_arn: str) -> dict[str, Any]:
    """What should become of the demo's config, computed independently of the product."""
    capture = {**body["DataCaptureConfig"], "KmsKeyId": key_arn}
    return {**body, "KmsKeyId": key_arn, "DataCaptureConfig": capture}


def _without_added_sizes(after: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """The config without the volume sizes that AWS writes into its variants once a key is named."""
    sized = {
        variant["VariantName"] for variant in before["ProductionVariants"] if "VolumeSizeInGB" in variant
    }
    variants = [
        {name: value for name, value in variant.items() if name != "VolumeSizeInGB"}
        if variant["VariantName"] not in sized
        else variant
        for variant in after["ProductionVariants"]
    ]
    return {**after, "ProductionVariants": variants}


def _without_identity(body: dict[str, Any]) -> dict[str, Any]:
    identity = ("EndpointConfigName", "EndpointConfigArn", "CreationTime")
    return {name: value for name, value in body.items() if name not in identity}


if __name__ == "__main__":
    sys.exit(main())
