"""`make demo-fleet`: sweep three regions, one of which is unreachable, and decide what is found.

No event announces any of the endpoints. The exit code is 0 only if every endpoint of the reachable regions is
as expected, and the unreachable region was reported.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from moto.stepfunctions.parser.backend.execution import Execution
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from lambdas.domain.sweep import digest
from local.aws.cloud import Deployment
from local.clock import Clock
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


# more than ten findings share one digest; up to ten get a card each
FLEETS: Mapping[str, Fleet] = {
    "us-east-1": Fleet(unencrypted=14, encrypted=5, exempt=1),
    "eu-west-1": Fleet(unencrypted=3, encrypted=4, exempt=0),
    "ap-south-1": Fleet(unencrypted=2, encrypted=2, exempt=0, answers=False),
}


@dataclass(slots=True)
class _Region:
    deployment: Deployment
    fleet: Fleet
    sweep: Execution | None = None
    counted: Counter[str] = field(default_factory=Counter[str])


def main() -> int:
    console = Console(highlight=False)
    world = World(Path(sys.argv[1] if len(sys.argv) > 1 else "build/fleet"), Clock(speed=_SPEED))
    try:
        problems = FleetDemo(world, console).run()
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130
    finally:
        world.stop()
    for problem in problems:
        console.print(f"✗ {escape(problem)}", style="bold red")
    if not problems:
        console.print(
            "✓ The unencrypted endpoints were found, approved and encrypted. The unreachable region was "
            "reported and delayed no other.",
            style="bold green",
            soft_wrap=True,
        )
    return 1 if problems else 0


class FleetDemo:
    """The sweeps and decisions, shown on a terminal."""

    def __init__(self, world: World, console: Console) -> None:
        self._world = world
        self._console = console
        self._regions = {
            deployment.region: _Region(deployment, FLEETS[deployment.region])
            for deployment in world.deployments
        }
        self._decided: set[str] = set()
        self._person = world.approvers[0].id

    def run(self) -> list[str]:
        """Run the demo. Returns the problems found."""
        self._world.trail_is_logging = False  # no event announces anything
        for region in self._regions.values():
            self._fill(region)
        self._world.clock.advance(2700)  # an event would have come by now
        for name, region in self._regions.items():
            if not region.fleet.answers:
                self._world.sagemaker.faults.take_region_down(name)
        self._console.print(f"Slack, for this demo: [bold]{self._world.slack_url}[/]")
        for region in self._regions.values():
            region.sweep = self._world.start_with({}, "SweepStateMachineArn", region.deployment)
        give_up = time.monotonic() + _GIVE_UP_SECONDS
        with Live(get_renderable=self._table, console=self._console, transient=True):
            while time.monotonic() < give_up and not self._is_over():
                self._decide()
                time.sleep(_POLL_SECONDS)
        self._console.print(self._table())
        for message in self._messages():
            self._console.print(f"[dim]Slack:[/] {escape(message.text)}", soft_wrap=True)
        return self._problems()

    # -- the story

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
        view = self._world.slack.views(self._person)[-1]
        (block,) = [
            block
            for block in view.content["blocks"]
            if block["type"] == "input" and block["element"]["action_id"] == "all"
        ]
        self._on_page("submit", values={block["block_id"]: {"all": "encrypt"}})
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

    def _outcomes(self, region: _Region) -> Counter[str]:
        records = self._world.items("remediation", region.deployment)
        return Counter(item.get("outcome", "under way") for item in records if item["sk"] == "record")

    def _is_over(self) -> bool:
        def over(region: _Region) -> bool:
            swept = region.sweep is not None and region.sweep.output is not None
            outcomes = self._outcomes(region)
            return (
                swept
                and not outcomes["under way"]
                and (not region.fleet.answers or outcomes.total() == region.fleet.unencrypted)
            )

        return all(over(region) for region in self._regions.values())

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
            encrypted = self._outcomes(region)
            if encrypted != Counter({"ENCRYPTED": region.fleet.unencrypted}):
                found.append(f"In {name}, {region.fleet.unencrypted} had to be encrypted: {dict(encrypted)}.")
            found += self._unencrypted(region)
        cards = [message for message in self._messages() if "approve" in _actions(message)]
        return found + [f"A card still asks: {card.text}" for card in cards]

    def _unencrypted(self, region: _Region) -> list[str]:
        """Endpoints that are still unencrypted and not exempt, according to SageMaker."""
        people, name = self._world.client("sagemaker", region.deployment.region), region.deployment.region
        found: list[str] = []
        for page in people.get_paginator("list_endpoints").paginate():
            for listed in page["Endpoints"]:
                endpoint = people.describe_endpoint(EndpointName=listed["EndpointName"])
                config = people.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
                exempt = listed["EndpointName"].startswith("exempt")
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
