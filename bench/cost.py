"""What Sealpoint costs, per 1,000 endpoint events, from counted transitions, invocations and requests.

Runs each story through the whole local loop and counts what AWS bills; `make bench-cost` writes docs/cost.md.
What can't be counted here is a stated assumption: how long an invocation lasts on AWS.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.clock import Clock
from local.world import World
from tests.workflow.loop import Loop

_ROOT = Path(__file__).resolve().parent.parent
_PAGE = _ROOT / "docs/cost.md"
_KMS_KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

_SECONDS_AN_INVOCATION = 0.5  # an assumption: a warm step waits for a few calls; a cold start bills some more
_EVENTS = 1000

PRICES_OF = "us-east-1, November 2026, without free tiers"
_AWS = "https://aws.amazon.com"
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """In US dollars, each."""

    each: float
    says: str
    source: str


PRICES: Mapping[str, Price] = {
    "transition": Price(0.025 / 1000, "$0.025 per 1,000", f"{_AWS}/step-functions/pricing/"),
    "invocation": Price(0.20 / _MILLION, "$0.20 per million", f"{_AWS}/lambda/pricing/"),
    "GB-second": Price(0.0000133334, "$0.0000133334 (arm64)", f"{_AWS}/lambda/pricing/"),
    "write unit": Price(0.625 / _MILLION, "$0.625 per million", f"{_AWS}/dynamodb/pricing/on-demand/"),
    "read unit": Price(0.125 / _MILLION, "$0.125 per million", f"{_AWS}/dynamodb/pricing/on-demand/"),
    "API request": Price(1.00 / _MILLION, "$1.00 per million", f"{_AWS}/api-gateway/pricing/"),
    "secret read": Price(0.05 / 10_000, "$0.05 per 10,000", f"{_AWS}/secrets-manager/pricing/"),
    "KMS request": Price(0.03 / 10_000, "$0.03 per 10,000", f"{_AWS}/kms/pricing/"),
    "GB of logs": Price(0.50, "$0.50 per GB", f"{_AWS}/cloudwatch/pricing/"),
    "trace": Price(5.00 / _MILLION, "$5.00 per million", f"{_AWS}/xray/pricing/"),
}
_TRANSACTION_FACTOR = 2
_TABLE_AND_INDEX = 2
_KB = 1024


Counted = Counter[str]


@dataclass(frozen=True, slots=True)
class Story:
    name: str
    happens: Callable[[Loop], None]


def _already_encrypted(loop: Loop) -> None:
    loop.make_endpoint(KmsKeyId=_KMS_KEY)


def _encrypted(loop: Loop) -> None:
    loop.encrypt()


def _encrypted_when_created(loop: Loop) -> None:
    """Approved at once, while SageMaker still creates the endpoint."""
    execution = loop.make_endpoint(in_service=False)
    loop.click("approve")
    loop.outcome(execution)


def _denied(loop: Loop) -> None:
    execution = loop.make_endpoint()
    loop.deny()
    loop.outcome(execution)


def _expired(loop: Loop) -> None:
    loop.outcome(loop.make_endpoint())


def _rolled_back(loop: Loop) -> None:
    execution = loop.make_endpoint()
    loop.world.sagemaker.faults.roll_back_next_update("CapacityError", endpoint=loop.name)
    loop.click("approve")
    loop.outcome(execution)


STORIES = (
    Story("already encrypted", _already_encrypted),
    Story("found, approved, encrypted", _encrypted),
    Story("the same, approved while the endpoint is created", _encrypted_when_created),
    Story("found, denied", _denied),
    Story("found, reminded twice, expired", _expired),
    Story("found, approved, rolled back", _rolled_back),
)


def main() -> None:
    world = World(_ROOT / "cdk.out", Clock(speed=0))
    try:
        memory = world.runner.functions[0].memory_mb
        counts = {story.name: _counted(world, story, memory) for story in STORIES}
    finally:
        world.stop()
    template = json.loads(next((_ROOT / "cdk.out").glob("*.template.json")).read_text())
    _PAGE.write_text(_page(counts, template, memory))
    print(_PAGE.read_text())


def _counted(world: World, story: Story, memory_mb: int) -> Counted:
    """What one event leads to, up to its outcome."""
    calls, logged, invoked = len(world.runner.calls), len(world.runner.logs()), len(world.runner.invoked)
    loop = Loop(world)
    story.happens(loop)
    world.settle()
    execution = loop.execution()
    invocations = world.runner.invoked[invoked:]
    record = len(json.dumps(world.record(execution.name)))
    write_units, read_units = math.ceil(record / _KB), math.ceil(record / (4 * _KB))
    found = Counted()
    found["transition"] = sum(
        event["type"].endswith("StateEntered") or event["type"] == "TaskFailed"  # which is tried again
        for event in world.history(execution)
    )
    found["invocation"] = found["trace"] = len(invocations)
    found["GB-second"] = len(invocations) * _SECONDS_AN_INVOCATION * memory_mb / _KB
    found["API request"] = sum("SlackInteractions" in name for name in invocations)
    found["GB of logs"] = (len(world.runner.logs()) - logged) / _KB**3
    for _, call in world.runner.calls[calls:]:
        service, _, operation = call.partition(".")
        match service:
            case "DynamoDB" if operation == "GetItem":
                found["read unit"] += read_units
            case "DynamoDB":
                factor = _TRANSACTION_FACTOR if operation.startswith("Transact") else 1
                found["write unit"] += factor * _TABLE_AND_INDEX * write_units
            case "SecretsManager":
                found["secret read"] += 1
                found["KMS request"] += 1
            case "KMS":
                found["KMS request"] += 1
            case _:
                found[f"{service} call"] += 1
    return found


def _page(counts: Mapping[str, Counted], template: dict[str, Any], memory_mb: int) -> str:
    shown = ("transition", "invocation", "write unit", "read unit", "SageMaker call", "Slack call")
    head = " | ".join(f"{name}s" for name in shown)
    rows = [_row(story, count, shown) for story, count in counts.items()]
    prices = [f"| {name} | {price.says} | <{price.source}> |" for name, price in PRICES.items()]
    monthly = "\n".join(f"| {what} | {says} | ${dollars:.2f} |" for what, says, dollars in _fixed(template))
    total = sum(dollars for _, _, dollars in _fixed(template))
    return f"""\
# What it costs

Made by `make bench-cost` from what the local run counts; prices: {PRICES_OF}.

## Per endpoint event

Each row is one event of CloudTrail and all that follows, up to the outcome: counts for one event, dollars
for 1,000.

| what becomes of it | {head} | 1,000 events |
|---|{"--:|" * (len(shown) + 1)}
{chr(10).join(rows)}

The dollars hold all of the prices below. Counted: state transitions (retries too), invocations, capacity
units (each write as if its record had grown to its last size, with its index), requests, bytes of logs.
Assumed: an invocation lasts {_SECONDS_AN_INVOCATION} s at {memory_mb} MB. CloudTrail's events and
EventBridge's rules for them are free, and so are SageMaker's and Slack's APIs. Each look at an update or a
creation is three transitions and one invocation; the stand-in for SageMaker takes ten minutes or so for one.

## Per month and region, without any event

| what | | |
|---|---|--:|
{monthly}
| together | | **${total:.2f}** |

A metric is billed for the hours in which something was counted, at $0.30 a month each; a quiet month has
none. The dashboard is free as one of an account's first three that show at most 50 metrics; else it is $3.

## What SageMaker bills

While an endpoint is updated, the new instances run beside the old ones: for each update, some quarter of
an hour of the endpoint's own price. It is the largest cost by far.

## Prices

| | in US dollars | source |
|---|---|---|
{chr(10).join(prices)}
"""


def _row(story: str, count: Counted, shown: Sequence[str]) -> str:
    numbers = [f"{count[name]:g}" for name in shown]
    return f"| {' | '.join([story, *numbers, f'**${_EVENTS * _price(count):.2f}**'])} |"


def _price(count: Counted) -> float:
    return sum(PRICES[name].each * number for name, number in count.items() if name in PRICES)


def _fixed(template: dict[str, Any]) -> list[tuple[str, str, float]]:
    """What is billed by its being there: what, how many, dollars a month."""
    resources = template["Resources"].values()
    of_type = Counter(resource["Type"] for resource in resources)
    watched = sum(
        len([one for one in resource["Properties"].get("Metrics", [{}]) if "Expression" not in one])
        for resource in resources
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    )
    keys, secrets = of_type["AWS::KMS::Key"], of_type["AWS::SecretsManager::Secret"]
    return [
        ("customer-managed KMS keys", f"{keys} at $1.00", keys * 1.00),
        ("secret", f"{secrets} at $0.40", secrets * 0.40),
        ("metrics that alarms watch", f"{watched} at $0.10", watched * 0.10),
    ]


if __name__ == "__main__":
    main()
