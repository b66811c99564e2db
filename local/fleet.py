"""`make demo-fleet`: sweep three regions, one of which is unreachable, and decide what is found.

No event announces any of the endpoints. At a terminal a person decides on the page, and the demo approves
what they leave; elsewhere it approves everything. The exit code is 0 only if every endpoint of the reachable
regions became what was decided, and the unreachable region was reported.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from moto.stepfunctions.parser.backend.execution import Execution
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from lambdas.domain.sweep import digest
from local import console_pages
from local.aws.cloud import Deployment
from local.clock import Clock
from local.keyboard import PATIENCE_SECONDS, Keyboard, Patience
from local.slack.store import Message
from local.world import World

_SPEED = 120.0  # simulated seconds per second
_POLL_SECONDS = 0.2
_GIVE_UP_SECONDS = 300
_KEY = "arn:aws:kms:{region}:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_EXEMPT = [{"Key": "sealpoint:exempt-until", "Value": "2999-12-31"}]


@dataclass(frozen=True, slots=True)
class Fleet:
    """The endpoints of a region, none of them announced by an event."""

    unencrypted: int
    encrypted: int
    exempt: int
    answers: bool = True


# as `make demo-fleet` sets digestAbove, more than two findings share one digest; up to two get a card each
FLEETS: Mapping[str, Fleet] = {
    "us-east-1": Fleet(unencrypted=5, encrypted=2, exempt=1),
    "eu-west-1": Fleet(unencrypted=2, encrypted=1, exempt=0),
    "ap-south-1": Fleet(unencrypted=1, encrypted=1, exempt=0, answers=False),
}
_OUTCOMES = {"APPROVED": "ENCRYPTED", "DENIED": "DENIED"}  # of what was decided
_STEPS = ["Three regions are swept", "You decide", "The endpoints move"]


@dataclass(slots=True)
class _Region:
    deployment: Deployment
    fleet: Fleet
    sweep: Execution | None = None


def main() -> int:
    console = Console(highlight=False)
    console.print("Starting AWS and Slack, as this demo has them ...", style="dim")
    world = World(Path(sys.argv[1] if len(sys.argv) > 1 else "build/fleet"), Clock(speed=_SPEED))
    try:
        with Keyboard() as keyboard:
            problems = FleetDemo(world, console, keyboard).run()
            for problem in problems:
                console.print(f"✗ {escape(problem)}", style="bold red")
            if not problems:
                console.print("✓ Every endpoint is what was decided.", style="bold green")
                console.print(
                    "✓ The unreachable region was reported and delayed no other.", style="bold green"
                )
            if keyboard.is_there:
                console.print("\n[bold]Enter ends the demo.[/]")
                while not keyboard.entered(_POLL_SECONDS):
                    pass
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130
    finally:
        world.stop()
    return 1 if problems else 0


class FleetDemo:
    """The sweeps and decisions, shown on a terminal."""

    def __init__(self, world: World, console: Console, keyboard: Keyboard) -> None:
        self._world = world
        self._keyboard = keyboard
        self._console = console
        self._regions = {
            deployment.region: _Region(deployment, FLEETS[deployment.region])
            for deployment in world.deployments
        }
        self._decided: set[str] = set()
        self._person = world.approvers[0].id
        self._clicks_for_people = not keyboard.is_there
        console_pages.install(world)

    def run(self) -> list[str]:
        """Run the demo. Returns the problems found."""
        self._world.trail_is_logging = False  # no event announces anything
        for region in self._regions.values():
            self._fill(region)
        self._world.clock.advance(2700)  # an event would have come by now
        for name, region in self._regions.items():
            if not region.fleet.answers:
                self._world.sagemaker.faults.take_region_down(name)
        self._introduce()
        for region in self._regions.values():
            region.sweep = self._world.start_with({}, "SweepStateMachineArn", region.deployment)
        give_up = time.monotonic() + _GIVE_UP_SECONDS
        with Live(get_renderable=self._table, console=self._console, transient=True):
            patience = Patience(self._world.slack, self._keyboard)
            while time.monotonic() < give_up and not self._is_over():
                if self._keyboard.is_there and not self._clicks_for_people:
                    give_up = time.monotonic() + _GIVE_UP_SECONDS  # a person takes the time that they need
                    self._clicks_for_people = self._asks() and patience.is_over()
                if self._clicks_for_people:
                    self._decide()
                self._guide()
                time.sleep(_POLL_SECONDS)
        self._console.print(self._table())
        for message in self._messages():
            self._console.print(f"[dim]Slack:[/] {escape(message.text)}", soft_wrap=True)
        return self._problems()

    # -- the story

    def _introduce(self) -> None:
        url = self._world.slack_url
        lines = [
            "Three regions, whose endpoints no event announced. Each is swept:",
            "us-east-1: 5 of 8 have no KMS key. One card asks about all of them.",
            "eu-west-1: 2 of 3 have none. Each gets a card of its own.",
            "ap-south-1 does not answer. That is reported.",
            "",
            f"Slack, for this demo: [bold link={url}]{url}[/]",
        ]
        if self._keyboard.is_there:
            lines += [
                "Decide there: the first card's list takes them one by one, or all at once.",
                "Or press [bold]Enter[/], and the demo approves what is left. It also does when",
                f"nothing has happened on the page for {PATIENCE_SECONDS} s.",
            ]
        self._console.print(Panel.fit("\n".join(lines), title="Sealpoint"), "")

    def _asks(self) -> bool:
        """Whether there is something to decide."""
        return any({"approve", digest.ACTION_ID} & _actions(message) for message in self._messages())

    def _guide(self) -> None:
        if self._asks():
            self._world.slack.guide(
                _STEPS,
                1,
                "Open the list of the card that asks about five, and decide the others on their cards.",
            )
        elif any(region.sweep and region.sweep.output is None for region in self._regions.values()):
            self._world.slack.guide(_STEPS, 0, "Cards come when a region's endpoints have been read.")
        else:
            self._world.slack.guide(_STEPS, 2, "The cards follow them. Two minutes pass in a second.")

    def _fill(self, region: _Region) -> None:
        name, fleet = region.deployment.region, region.fleet
        people = self._world.client("sagemaker", name)
        people.create_model(
            ModelName="model",
            PrimaryContainer={"Image": f"123456789012.dkr.ecr.{name}.amazonaws.com/model:1"},
            ExecutionRoleArn="arn:aws:iam::123456789012:role/Execution",
        )
        variant = {
            "VariantName": "a", "ModelName": "model", "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1, "InitialVariantWeight": 1.0,
        }  # fmt: skip
        kinds = ["open"] * fleet.unencrypted + ["safe"] * fleet.encrypted + ["exempt"] * fleet.exempt
        for number, kind in enumerate(kinds):
            endpoint = f"{kind}-{number:02d}"
            key = {"KmsKeyId": _KEY.format(region=name)} if kind == "safe" else {}
            people.create_endpoint_config(
                EndpointConfigName=f"{endpoint}-config", ProductionVariants=[variant], **key
            )
            tags = _EXEMPT if kind == "exempt" else []
            people.create_endpoint(EndpointName=endpoint, EndpointConfigName=f"{endpoint}-config", Tags=tags)

    def _decide(self) -> None:
        """Approve what is asked: each card, and each page of a digest."""
        for message in self._messages():
            actions = _actions(message)
            if "approve" in actions and message.ts not in self._decided:
                self._on_page("click", ts=message.ts, channel=message.channel, action_id="approve")
                self._decided.add(message.ts)
            elif digest.ACTION_ID in actions and message.ts not in self._decided:
                self._decide_digest(message)

    def _decide_digest(self, message: Message) -> None:
        """Encrypt everything that the modal shows, once all findings can be decided."""
        (region,) = [one for one in self._regions.values() if _region_of(message) == one.deployment.region]
        findings = self._findings(region)
        if len(findings) < region.fleet.unencrypted or any("approvalId" not in one for one in findings):
            return
        self._on_page("click", ts=message.ts, channel=message.channel, action_id=digest.ACTION_ID)
        views = self._world.slack.views(self._person)
        if not views:
            return  # a busy machine answered the click too late: it is tried again
        inputs = [block for block in views[-1].content["blocks"] if block["type"] == "input"]
        everything = [block for block in inputs if block["element"]["action_id"] == "all"]
        if everything:
            self._on_page("submit", values={everything[0]["block_id"]: {"all": "encrypt"}})
        else:  # a person has decided all of them
            self._on_page("close")
        self._decided.add(message.ts)

    def _on_page(self, action: str, **what: Any) -> None:
        url = f"{self._world.slack_url}/page/api/{action}"
        requests.post(url, json={"user": self._person, **what}, timeout=30).raise_for_status()

    # -- the state of things

    def _messages(self) -> list[Message]:
        posted = self._world.slack.messages(self._world.channel_id)
        return [message for message in posted if message.thread_ts is None]

    def _findings(self, region: _Region) -> list[dict[str, Any]]:
        items = self._world.items("digest", region.deployment)
        return [item for item in items if item["sk"].startswith("finding#")]

    def _records(self, region: _Region) -> list[dict[str, Any]]:
        records = self._world.items("remediation", region.deployment)
        return [item for item in records if item["sk"] == "record"]

    def _outcomes(self, region: _Region) -> Counter[str]:
        return Counter(item.get("outcome", "under way") for item in self._records(region))

    def _is_over(self) -> bool:
        """Whether nothing goes on: no sweep, no remediation, and no digest that has news to show."""
        if any(region.sweep is None or region.sweep.output is None for region in self._regions.values()):
            return False
        found = [
            not region.fleet.answers or len(self._records(region)) == region.fleet.unencrypted
            for region in self._regions.values()
        ]
        running = [
            execution
            for execution in list(self._world.executions.values())
            # retirements wait for two weeks
            if not execution.state_machine.name.endswith("-retirement")
            and (execution.exec_status is None or execution.exec_status.value == "RUNNING")
        ]
        return all(found) and not running

    def _table(self) -> Table:
        table = Table("region", "endpoints", "swept", "found", "outcomes", title="Sweep")
        for name, region in self._regions.items():
            fleet, output = region.fleet, dict((region.sweep and region.sweep.output) or {})
            incomplete = "[red]incomplete: reported[/]" if output else "…"
            swept = "complete" if output.get("complete") else incomplete
            outcomes = ", ".join(f"{count} {outcome}" for outcome, count in self._outcomes(region).items())
            total = fleet.unencrypted + fleet.encrypted + fleet.exempt
            table.add_row(name, str(total), swept, str(output.get("found", "…")), outcomes or "–")
        return table

    def _problems(self) -> list[str]:
        found: list[str] = []
        for name, region in self._regions.items():
            output = dict((region.sweep and region.sweep.output) or {})
            if output.get("complete") is not region.fleet.answers:
                is_so = "complete" if output.get("complete") else "incomplete"
                found.append(f"The sweep of {name} is {is_so}.")
            if not region.fleet.answers:
                if not any(name in message.text for message in self._messages()):
                    found.append(f"Nobody was notified that {name} is unreachable.")
                continue
            records = self._records(region)
            if len(records) != region.fleet.unencrypted:
                found.append(f"In {name}, {region.fleet.unencrypted} had to be found, not {len(records)}.")
            found += [
                f"{record['endpointName']} in {name} was {decision or 'not decided'}, and is {outcome}."
                for record in records
                for decision, outcome in [(record.get("decision", ""), record.get("outcome"))]
                if _OUTCOMES.get(decision) != outcome
            ]
            found += self._outdated_digests(name, self._outcomes(region)["ENCRYPTED"])
            denied = {record["endpointName"] for record in records if record.get("outcome") == "DENIED"}
            found += self._unencrypted(region, denied)
        cards = [message for message in self._messages() if "approve" in _actions(message)]
        return found + [f"A card still asks: {card.text}" for card in cards]

    def _outdated_digests(self, region: str, encrypted: int) -> list[str]:
        """Digests that say another number than is on record."""
        shown = [message for message in self._messages() if _region_of(message) == region]
        digests = [message.text for message in shown if "endpoints without" in message.text]
        return [f"A card says otherwise: {text}" for text in digests if f"{encrypted} encrypted" not in text]

    def _unencrypted(self, region: _Region, denied: set[str]) -> list[str]:
        """Endpoints that are still unencrypted, and neither exempt nor denied, according to SageMaker."""
        people, name = self._world.client("sagemaker", region.deployment.region), region.deployment.region
        found: list[str] = []
        for page in people.get_paginator("list_endpoints").paginate():
            for listed in page["Endpoints"]:
                endpoint = people.describe_endpoint(EndpointName=listed["EndpointName"])
                config = people.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
                exempt = listed["EndpointName"].startswith("exempt") or listed["EndpointName"] in denied
                if bool(config.get("KmsKeyId")) is exempt or endpoint["EndpointStatus"] != "InService":
                    found.append(f"{listed['EndpointName']} in {name} is not as expected.")
        return found


def _region_of(message: Message) -> str:
    return next((region for region in FLEETS if region in message.text), "")


def _actions(message: Message) -> set[str]:
    return {
        element["action_id"]
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
    }


if __name__ == "__main__":
    sys.exit(main())
