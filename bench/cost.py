"""What Sealpoint costs, per 1,000 endpoint events, from counted transitions, invocations and requests.

`make bench-cost` writes docs/cost.md, the README's table and the page's section `counts` from what
`bench.counting` finds. What can't be counted there is an assumption: how long an invocation lasts on AWS.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import page
from bench.counting import COMMON, ROUTES, SECONDS_AN_INVOCATION, STORIES, Count, count, warm
from local.clock import Clock
from local.world import World
from tests.conftest import synthesized

_ROOT = Path(__file__).resolve().parent.parent
_PAGE = _ROOT / "docs/cost.md"
_README = _ROOT / "README.md"
_EVENTS = 1000
_DASHBOARD_DOLLARS = 3.00
# EndpointsListed, -Encrypted, -Exempt, -Unencrypted and -Unannounced, SweepComplete and SweepIncomplete
_METRICS_OF_A_SWEEP = 7
_BATCH_SECONDS = 40  # of a sweep: a hundred endpoints at half of 5 a second

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
    "event": Price(1.00 / _MILLION, "$1.00 per million", f"{_AWS}/eventbridge/pricing/"),
    "trace": Price(5.00 / _MILLION, "$5.00 per million", f"{_AWS}/xray/pricing/"),
}

_SHOWN = ("transition", "invocation", "write unit", "read unit")
_SERVICES = {
    "SageMaker": "SageMaker", "DynamoDB": "DynamoDB", "StepFunctions": "Step Functions", "KMS": "KMS",
    "SecretsManager": "Secrets Manager", "EventBridge": "EventBridge", "iam": "IAM", "Slack": "Slack",
}  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        assembly = synthesized(Path(folder) / "cdk.out", routes=ROUTES)
        template = json.loads(next(assembly.glob("*.template.json")).read_text())
        world = World(assembly, Clock(speed=0))
        try:
            sizes = {one.memory_mb for one in world.runner.functions}
            warm(world)
            counts = {story.name: count(world, story) for story in STORIES}
        finally:
            world.stop()
    _PAGE.write_text(_page(counts, template, min(sizes), max(sizes)))
    table = _table({story.name: counts[story.name] for story in COMMON})
    page.rewrite("cost", f"{_idle(template, min(sizes))}\n\n{table}", page=_README)
    page.rewrite("counts", _section(counts))
    print(_section(counts))


def _idle(template: dict[str, Any], memory_mb: int) -> str:
    total, sweeps = sum(dollars for _, _, dollars in fixed(template)), 30 * _sweep(memory_mb)
    return f"""\
An idle region costs about ${total:.2f} a month, or ${total - _DASHBOARD_DOLLARS:.2f} if its dashboard is
one of the three that an account has free of charge. A daily sweep adds ${sweeps:.2f} per 1,000 endpoints.
Each event costs, as counted on the local run:"""


def _page(counts: Mapping[str, Count], template: dict[str, Any], memory_mb: int, click_memory_mb: int) -> str:
    prices = [f"| {name} | {price.says} | <{price.source}> |" for name, price in PRICES.items()]
    monthly = "\n".join(f"| {what} | {says} | ${dollars:.2f} |" for what, says, dollars in fixed(template))
    total = sum(dollars for _, _, dollars in fixed(template))
    lines, metrics = dashboard(template)
    return f"""\
# What it costs

Made by `make bench-cost` from what the local run counts; prices: {PRICES_OF}.

## Per endpoint event

Each row is one event of CloudTrail and all that follows, up to the outcome: counts for one event, dollars
for 1,000.

{_table(counts)}

The dollars hold all of the prices below. Counted: state transitions (retries too), invocations, capacity
units (each write as if its record had grown to its last size, with its index), requests, bytes of logs.
Assumed: an invocation lasts {SECONDS_AN_INVOCATION} s at {memory_mb} MB, a click's at {click_memory_mb}.
CloudTrail's events and EventBridge's rules for them are free, and so are SageMaker's and Slack's APIs. Each
poll of an update or a creation is three transitions and one invocation; the stand-in for SageMaker takes ten
minutes or so for one. Old configs are retired later, which isn't counted here: a schedule, of which
14 million a month are free, a handful of transitions, and an invocation for each hundred endpoints.

## Per month and region, without any event

| what | | |
|---|---|--:|
{monthly}
| together | | **${total:.2f}** |

Prices: <{_AWS}/kms/pricing/>, <{_AWS}/secrets-manager/pricing/>, <{_AWS}/cloudwatch/pricing/>.
Other metrics are billed for the hours in which something was counted, at $0.30 a month each. The dashboard
shows {metrics} metrics in {lines} lines. An account has three dashboards of at most 50 metrics free of
charge: if this is one of them, the total is **${total - _DASHBOARD_DOLLARS:.2f}**.

## A sweep

For each 1,000 endpoints, at the default half of SageMaker's quotas: ten batches, each an invocation of
{_BATCH_SECONDS} s (a hundred endpoints at 2.5 a second) and two transitions of its own, and some ten
transitions around them. That is ${_sweep(memory_mb):.4f} a sweep, ${30 * _sweep(memory_mb):.2f} a month if it
is daily; computed, not counted. What it finds costs as above.

## What SageMaker bills

While an endpoint is updated, the new instances run beside the old ones: for each update, some quarter of
an hour of the endpoint's own price. It is the largest cost by far.

## Prices

| | in US dollars | source |
|---|---|---|
{chr(10).join(prices)}
"""


def _table(counts: Mapping[str, Count]) -> str:
    head = [
        "what becomes of it",
        *(f"{name}s" for name in _SHOWN),
        "SageMaker calls",
        "Slack calls",
        "1,000 events",
    ]
    rows = (
        [
            story,
            *(f"{one.billed[name]:g}" for name in _SHOWN),
            str(one.calls["SageMaker"]),
            str(one.calls["Slack"]),
            f"**{_dollars(one)}**",
        ]
        for story, one in counts.items()
    )
    return _markdown(head, rows)


def _section(counts: Mapping[str, Count]) -> str:
    head = [
        "outcome", "what becomes of it", "transitions", "of these, polls × 3", "invocations",
        *(f"{name} calls" for name in _SERVICES.values()), "largest state, bytes", "1,000 events",
    ]  # fmt: skip
    rows = (
        [
            f"`{one.outcome}`",
            story,
            f"{one.billed['transition']:g}",
            f"{one.polls} × 3",
            f"{one.billed['invocation']:g}",
            *(str(one.calls[service]) for service in _SERVICES),
            f"{one.largest_state:,}",
            _dollars(one),
        ]
        for story, one in counts.items()
    )
    most = max(one.billed["transition"] - 3 * (one.polls + one.reminders) for one in counts.values())
    encrypted = counts["already encrypted"]
    return f"""\
`make bench-cost`. One event and all that follows, up to its outcome, through the whole local loop: the
synthesized state machines, every function from its built asset. The stand-in for SageMaker takes ten minutes
for an update.

{_markdown(head, rows)}

| goal | found |
|---|---|
| an encrypted endpoint: at most 2 calls of SageMaker | {encrypted.calls["SageMaker"]} |
| an encrypted endpoint: at most 4 transitions | {encrypted.billed["transition"]:g} |
| a remediation: at most 12 transitions, and 3 a poll | at most {most:g}, and 3 for each poll or reminder |
| polls at most logarithmic until the longest wait | after 15, 45, 105, 225, 465 s, then every 240 s |

A poll is a wait, an invocation and a choice. How it comes to dollars: [what it costs](cost.md)."""


def _markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    first, *others = head
    lines = [[first, *others], *rows]
    texts = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([texts[0], f"|---|{'--:|' * len(others)}", *texts[1:]])


def _sweep(memory_mb: int) -> float:
    """Dollars for looking at 1,000 endpoints."""
    batches, around = 10, 10
    billed = {
        "transition": 2 * batches + around,
        "invocation": batches + 3,
        "GB-second": batches * _BATCH_SECONDS * memory_mb / 1024,
        "trace": batches + 3,
    }
    return sum(PRICES[name].each * number for name, number in billed.items())


def _dollars(one: Count) -> str:
    return f"${_EVENTS * sum(PRICES[name].each * number for name, number in one.billed.items()):.2f}"


def fixed(template: dict[str, Any]) -> list[tuple[str, str, float]]:
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
        ("secrets", f"{secrets} at $0.40", secrets * 0.40),
        ("metrics that alarms watch", f"{watched} at $0.10", watched * 0.10),
        (
            "metrics of a daily sweep",
            f"{_METRICS_OF_A_SWEEP}, an hour a day, at $0.30",
            _METRICS_OF_A_SWEEP * 0.30 / 24,
        ),
        ("dashboard", f"{of_type['AWS::CloudWatch::Dashboard']} at $3.00", _DASHBOARD_DOLLARS),
    ]


def dashboard(template: dict[str, Any]) -> tuple[int, int]:
    """How many lines of metrics the dashboard has, and how many metrics they are."""
    [resource] = (
        one for one in template["Resources"].values() if one["Type"] == "AWS::CloudWatch::Dashboard"
    )
    _, parts = resource["Properties"]["DashboardBody"]["Fn::Join"]
    body = json.loads(
        "".join(part if isinstance(part, str) else json.dumps(part).replace('"', "'") for part in parts)
    )
    lines = [
        tuple(text for text in metric if isinstance(text, str))
        for widget in body["widgets"]
        for metric in widget["properties"].get("metrics", [])
        if isinstance(metric[0], str)
    ]
    return len(lines), len(set(lines))


if __name__ == "__main__":
    main()
