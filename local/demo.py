"""`make demo`: the whole loop on this machine, from the CloudTrail event to the encrypted endpoint.

Whatever a person decides on the page is the expected end; at a terminal the demo then stays up, so that they
can back out, until Enter. DEMO_DECISION=approve|deny|expire|rollback runs it unattended; DEMO_JSON=path
writes the result as JSON; OPEN=1 opens the page. The exit code is 0 if the run ended exactly as expected.
"""

from __future__ import annotations

import json
import os
import sys
import time
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import requests
from moto.stepfunctions.parser.backend.execution import Execution
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from lambdas.domain.closing import UPDATE_ENDED
from lambdas.domain.messages import modals
from lambdas.domain.record import in_order
from lambdas.domain.vocabulary import Outcome
from lambdas.gateways.sagemaker import SageMaker
from local import console_pages
from local.clock import Clock
from local.keyboard import PATIENCE_SECONDS, Keyboard, Patience
from local.slack import Message
from local.timeline import Happenings, Timeline, duration
from local.world import World

ENDPOINT = "patient-risk"
SOURCE_CONFIG = "patient-risk-config"
VARIANT = "AllTraffic"  # as SageMaker's own SDK names it
LIVE_COUNT = 6  # the config says one
# Simulated seconds per second. A person sees SageMaker's ten minutes in ten seconds.
_SPEED = 60.0
_UNATTENDED_SPEED = 120.0  # any faster, and the interpreter's own work would look like time-outs
_GIVE_UP_SECONDS = 240
_POLL_SECONDS = 0.1
_STORY_LINES = 8
_LEFT_OUT = ("Waiting", UPDATE_ENDED)  # of the timeline: the line that follows says more
_STEPS = ["Ana creates an endpoint", "You decide", "The endpoint moves", "Back out"]
# Ana is one of the approvers, so that nobody needs to be told what she may not do: it can be tried
_APPROVER_NAMES = ("Ada", "Ana", "Grace", "Katherine", "Dorothy")
_INTERRUPTED = 130  # as shells have it

_EXPECTED = {
    "approve": "ENCRYPTED",
    "deny": "DENIED",
    "expire": "EXPIRED",
    "rollback": "ROLLED_BACK",
}
_DECIDED = {"APPROVED": "ENCRYPTED", "DENIED": "DENIED", "EXPIRED": "EXPIRED"}  # by a person, or by nobody
_SUCCESS_WORDS = {
    "ENCRYPTED": "InService on a config with the key. Everything else is unchanged.",
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
    console.print("Starting AWS and Slack, as this demo has them ...", style="dim")
    world = World(
        assembly, Clock(speed=_UNATTENDED_SPEED if decision else _SPEED), approver_names=_APPROVER_NAMES
    )
    try:
        with Keyboard(used=not decision) as keyboard:
            demo = Demo(world, console, decision, keyboard)
            result, problems = demo.run()
            if output:
                with output:
                    output.write(json.dumps(result, indent=2) + "\n")
            problems += demo.stay()
    except KeyboardInterrupt:
        console.print("Stopped.")
        return _INTERRUPTED
    finally:
        world.stop()
    return 1 if problems else 0


class Demo:
    """One endpoint's remediation, shown on a terminal. Without a `decision` a person decides."""

    def __init__(self, world: World, console: Console, decision: str, keyboard: Keyboard) -> None:
        self._world = world
        self._console = console
        self._decision = decision
        self._keyboard = keyboard
        self._sagemaker = SageMaker(world.client("sagemaker"))
        self._timeline = Timeline(world.clock)
        self._happenings = Happenings(world.slack, world.channel_id)
        self._started = time.monotonic()
        console_pages.install(world)

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
        names = {user.id: user.name for user in self._world.slack.users}
        for line in ending(result, names):
            self._console.print(line, no_wrap=True, overflow="ellipsis", crop=True)
        if card := result["card"]:  # it says why, in full
            words = card["text"].partition("): ")[2] or card["text"]
            self._console.print(f"[dim]the card[/]  {escape(words)}")
        _show_verdict(self._console, result["outcome"], problems)
        return result, problems

    def stay(self) -> list[str]:
        """At a terminal, keep the page alive until Enter. Returns the problems of a backout."""
        if not self._keyboard.is_there:
            return []
        backs_out = "Back out still works on the page. " if _offers(self._cards(), "backout") else ""
        self._console.print(f"\n{backs_out}[bold]Enter ends the demo.[/]")
        self._guide()
        problems: list[str] = []
        shown = False
        self._happenings.news()
        try:
            while not self._keyboard.entered(_POLL_SECONDS):
                self._guide()
                for happened in self._happenings.news():
                    self._console.print(f"[dim]·[/] {escape(happened.text)}")
                if not shown and (ended := self._backout_ended()):
                    shown = True
                    problems = [] if ended == Outcome.BACKED_OUT else [f"The backout ended as {ended}."]
                    words = f"Backed out: InService on {self._endpoint()['EndpointConfigName']} again."
                    _show_words(self._console, words, problems)
        except KeyboardInterrupt:
            self._console.print("Stopped.")
        return problems

    def _backout_ended(self) -> str:
        """The outcome of a backout; empty while there is none, or it is under way."""
        backouts = self._world.executions_of(ENDPOINT, "BackoutStateMachineArn")
        if not backouts or backouts[-1].exec_status is None or backouts[-1].exec_status.value == "RUNNING":
            return ""
        return str(dict(backouts[-1].output or {}).get("outcome", "none: it did not end"))

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
            f"Ana created [bold]{ENDPOINT}[/] on a config without a KMS key.",
            f"Slack, for this demo: [bold link={url}]{url}[/]",
        ]
        if not self._decision:
            lines += ["", *self._invitation()]
        self._console.print(Panel.fit("\n".join(lines), title="Sealpoint"), "")
        if os.environ.get("OPEN"):
            webbrowser.open(url)

    def _invitation(self) -> Iterator[str]:
        ada, others = self._world.approvers[0].name, self._world.approvers[1:]
        yield f"There you are {ada}, an approver: encrypt the endpoint, or leave it as it is."
        if any(user.email.startswith("ana@") for user in others):
            yield "Be Ana first (“You are”, at the top): an approver who made this change."
        if self._keyboard.is_there:
            yield "Or press [bold]Enter[/], and the demo clicks for you. It also does when nothing has"
            yield f"happened on the page for {PATIENCE_SECONDS} s."
        else:
            yield f"After {PATIENCE_SECONDS} s without a click, the demo clicks for you."

    def send_event(self) -> None:
        """CloudTrail sometimes delivers late: here, once the endpoint is up and scaled."""
        created = next(call for call in self._world.sagemaker.calls if call.operation == "CreateEndpoint")
        self._timeline.remark("CloudTrail reports CreateEndpoint")
        self._world.report(created)
        self._world.settle()

    def _follow(self) -> None:
        """Wait until the workflow ends. Decide as DEMO_DECISION says, or when nobody has clicked in time."""
        patience = Patience(self._world.slack, self._keyboard)
        give_up = time.monotonic() + _GIVE_UP_SECONDS
        clicks = False
        while self._is_running() and time.monotonic() < give_up:
            self._look_around()
            card = self._open_card()
            if card and self._keyboard.is_there:
                give_up = time.monotonic() + _GIVE_UP_SECONDS  # a person takes the time that they need
            if card and (self._decision or clicks or patience.is_over()):
                if not self._decision and not clicks:
                    self._timeline.remark(f"{patience.reason}: the demo clicks for you")
                clicks = True
                self._decide(card)  # a click that a busy machine answers too late is tried again
            time.sleep(_POLL_SECONDS)
        self._look_around()

    def _look_around(self) -> None:
        """Say what people did, how far the workflow is, and, on the page, what comes next."""
        self._progress()
        if not self._decision:
            self._guide()

    def _guide(self) -> None:
        step, hint = self._step()
        self._world.slack.guide(_STEPS, step, hint)

    def _step(self) -> tuple[int, str]:
        if self._open_card():
            someone = next((user.name for user in self._world.approvers if "ana@" in user.email), "")
            be = f" Or choose {someone} as who you are, and see her approval refused." if someone else ""
            return 1, f"Read the card, then decide.{be}"
        if self._is_running():
            return 2, "Follow it on the card and in its thread. A minute passes in a second."
        if _offers(self._cards(), "backout"):
            return 3, "Encrypted. Back out returns the endpoint to its earlier config."
        if self._world.executions_of(ENDPOINT, "BackoutStateMachineArn"):
            ended = self._backout_ended()
            return 3, f"{ended.replace('_', ' ').capitalize()}." if ended else "The endpoint moves back."
        return 4, "This question is closed. The thread below the card has the whole story."

    def _decide(self, card: Any) -> None:
        if self._decision == "expire":
            self._timeline.remark("Nobody answers: the clock jumps to the reminders and the deadline")
            self._world.settle()
            while self._is_running() and self._world.clock.advance_to_next_timer():
                self._world.settle()
                self._look_around()
            return
        action = "deny" if self._decision == "deny" else "approve"
        person = self._world.approvers[0]
        click = {"user": person.id, "channel": self._world.channel_id, "ts": card.ts, "action_id": action}
        if self._on_page("click", click) and action == "deny":
            reason = "The endpoint is retired next week"
            self._on_page("submit", {"user": person.id, "values": {modals.REASON_BLOCK: {"reason": reason}}})

    def _on_page(self, action: str, what: dict[str, Any]) -> bool:
        """Whether the app answered in time."""
        answer = requests.post(f"{self._world.slack_url}/page/api/{action}", json=what, timeout=30)
        return answer.json().get("ok", False)

    # -- the state of things

    def _execution(self) -> Execution | None:
        return next(iter(self._world.executions_of(ENDPOINT)), None)

    def _is_running(self) -> bool:
        execution = self._execution()
        return execution is None or execution.exec_status is None or execution.exec_status.value == "RUNNING"

    def _progress(self) -> Table:
        for happened in self._happenings.news():
            self._timeline.remark(happened.text, happened.at)
        if execution := self._execution():
            self._timeline.see(self._world.states_entered(execution))
        return self._timeline.table(running=self._is_running())

    def _open_card(self) -> Any:
        """The message that still asks."""
        return next((message for message in self._cards() if _asks(message.blocks)), None)

    def _cards(self) -> list[Message]:
        posted = self._world.slack.messages(self._world.channel_id)
        return [message for message in posted if message.thread_ts is None]

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
        cards = self._cards()
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
    """Whether a card still has the buttons of a question (not just Back out, after success)."""
    return any(block.get("block_id") == "decision" for block in blocks or [])


def _offers(cards: Sequence[Message], action: str) -> bool:
    """Whether a card has a button."""
    return any(
        element["action_id"] == action
        for card in cards
        for block in card.blocks
        if block["type"] == "actions"
        for element in block["elements"]
    )


def ending(result: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """What came of it, in a dozen lines of rich markup.

    Parameters
    ----------
    names
        What Slack's users are called, by id.
    """
    record = result["record"]
    variants = result["endpoint"].get("ProductionVariants", [])
    stated = {one["VariantName"]: one for one in result["configBefore"]["ProductionVariants"]}
    capacity = ", ".join(
        f"{one['CurrentInstanceCount']} × {stated[one['VariantName']].get('InstanceType', 'instances')} "
        f"at weight {one['CurrentWeight']:g}"
        for one in variants
    )
    lines = [f"[bold]{ENDPOINT}[/]: {record.get('verdict', '')} → [bold]{escape(result['outcome'])}[/]"]
    lines += [f"[green]+ {escape(line)}[/]" for line in differences(result)]
    others = "every other setting" if len(lines) > 1 else "the whole config"
    lines.append(f"[dim]=[/] {capacity}, {others}, {len(result['tagsBefore'])} tags: unchanged")
    if reason := record.get("decisionReason"):
        lines.append(f"[dim]=[/] the reason: {escape(reason)}")
    lines += _story(record, names)
    return lines


def _story(record: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """The record's timeline, with times since the event arrived; polls of one update are one line."""
    entries = in_order(record["timeline"])
    began = datetime.fromisoformat(entries[0]["at"])
    told: list[str] = []
    for entry, after in zip(entries, [*entries[1:], None], strict=True):
        what = entry["what"]
        if what.startswith(_LEFT_OUT) or (after and _topic(what) == _topic(after["what"])):
            continue
        by = f" · {names.get(entry['by'], entry['by'])}" if "by" in entry else ""
        since = duration((datetime.fromisoformat(entry["at"]) - began).total_seconds())
        told.append(f"[dim]{since:>10}[/]  {escape(what + by)}")
    left_out = len(told) - _STORY_LINES
    return told if left_out <= 0 else [*told[:4], *told[4 + left_out :]]


def _topic(what: str) -> str:
    """The words before an entry's details, such as `The update goes on`."""
    return what.partition(":")[0]


def differences(result: Mapping[str, Any]) -> list[str]:
    """What the config has now that it had not, a line each, with keys by their ids; without its own names."""
    before, after = (
        dict(_leaves(_without_identity(result[name]))) for name in ("configBefore", "configAfter")
    )
    added = {path: value for path, value in after.items() if before.get(path) != value}
    lost = [f"{path} is gone" for path in before if path not in after]
    width = max(map(len, added), default=0)
    return [f"{path:<{width}}  {_short(value)}" for path, value in sorted(added.items())] + lost


def _leaves(body: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a config with its path; variants go by their names."""
    if isinstance(body, dict):
        for name, value in cast("dict[str, Any]", body).items():
            yield from _leaves(value, f"{path}.{name}" if path else name)
    elif isinstance(body, list):
        for number, value in enumerate(cast("list[Any]", body)):
            named = cast("dict[str, Any]", value).get("VariantName") if isinstance(value, dict) else None
            yield from _leaves(value, f"{path}[{named or number}]")
    else:
        yield path, body


def _short(value: Any) -> str:
    """A value, an ARN as what is after its last slash."""
    text = str(value)
    return f"key {text.rpartition('/')[2][:8]}…" if text.startswith("arn:") else f"{text}, added by AWS"


def _show_verdict(console: Console, outcome: str, problems: Sequence[str]) -> None:
    _show_words(console, _SUCCESS_WORDS.get(outcome, outcome), problems)


def _show_words(console: Console, success: str, problems: Sequence[str]) -> None:
    for problem in problems:
        console.print(f"✗ {escape(problem)}", style="bold red")
    if not problems:
        console.print(f"✓ {success}", style="bold green")


def problems_of(result: dict[str, Any]) -> list[str]:
    """The problems found in a result; none if everything is as expected."""
    before, after, record = result["configBefore"], result["configAfter"], result["record"]
    outcome, decision = result["outcome"], result["decision"]
    expected = _EXPECTED.get(decision) or _DECIDED.get(record.get("decision", ""), "ENCRYPTED")
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
