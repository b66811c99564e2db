"""Many events at once, under AWS's and Slack's own limits: `make bench-burst`, and `make bench-thousand`.

The whole local stack, on a clock that is driven: the limits cost simulated time, the work costs real time.
Each burst has a world of its own. Nobody answers; what counts is that every endpoint is asked about, once.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from bench.machine import today
from bench.page import rewrite
from local.clock import Clock
from local.sagemaker.faults import CALLS_PER_SECOND
from local.world import World

_ROOT = Path(__file__).resolve().parent.parent
_FEW, _MANY = (10, 100), (10, 100, 1000)
_STEP_SECONDS = 1.0  # the stand-in's quotas hold one second's worth of calls
_NO_RETRY_SECONDS = 1800  # a longer wait is for an answer, not for another try
_LONGEST_STEPS = 20_000


@dataclass(frozen=True, slots=True)
class Burst:
    """What became of so many events at once."""

    events: int
    asked: int
    cards: int
    twice: int  # endpoints with more than one card
    lost: int  # events that started nothing
    outcomes: Mapping[str, int]  # of those that are not waiting for an answer
    simulated_seconds: float  # until the last one was asked
    seconds: float
    cpu_seconds: float  # of this process: the state machines, the stand-ins, the record
    invocations: int
    calls: int  # of SageMaker
    throttled: int
    refused_messages: int  # by Slack, with 429

    @property
    def problems(self) -> list[str]:
        """What must not be, in words."""
        checks = {
            f"{self.events - self.asked} endpoints are not asked about {dict(self.outcomes)}": (
                self.asked == self.events
            ),
            f"{self.cards} cards for {self.asked} questions": self.cards == self.asked,
            f"{self.twice} endpoints have a second card": self.twice == 0,
            f"{self.lost} events were lost": self.lost == 0,
        }
        return [problem for problem, holds in checks.items() if not holds]


def main(thousand: bool) -> None:
    bursts = [_measured(size) for size in (_MANY if thousand else _FEW)]
    for burst in bursts:
        print(burst)
    if thousand:
        rewrite("burst-thousand", _with_work(bursts))
    else:
        rewrite("burst", f"`make bench-burst`: {_WHAT}\n\n{_table(_columns(bursts))}\n\n{_FLOOR}")
    if problems := [f"{burst.events}: {problem}" for burst in bursts for problem in burst.problems]:
        sys.exit("\n".join(problems))


def _measured(events: int) -> Burst:
    world = World(_ROOT / "cdk.out", Clock(speed=0))
    try:
        return run(world, events)
    finally:
        world.stop()


def run(world: World, events: int) -> Burst:
    """So many endpoints, whose events come in one moment, until each of them is asked about or has ended."""
    names = _endpoints(world, events)
    calls_before, said_before = len(world.sagemaker.calls), len(world.slack.calls)
    invoked_before, executions_before = len(world.runner.invoked), set(world.executions)
    created = {
        call.request["EndpointName"]: call
        for call in world.sagemaker.calls
        if call.operation == "CreateEndpoint"
    }
    world.sagemaker.faults.quotas_enforced = world.slack.faults.posting_limited = True
    began, worked, simulated = time.monotonic(), time.process_time(), world.clock.now()
    try:
        for name in names:
            world.report(created[name])
        last = _until_asked(world)
    finally:
        world.sagemaker.faults.quotas_enforced = world.slack.faults.posting_limited = False
    seconds, cpu_seconds = time.monotonic() - began, time.process_time() - worked
    calls, said = world.sagemaker.calls[calls_before:], world.slack.calls[said_before:]
    started = [one for arn, one in world.executions.items() if arn not in executions_before]
    waiting = [one for one in started if one.exec_status is not None and one.exec_status.value == "RUNNING"]
    posted = {item["endpointName"] for item in world.items("approval") if "ts" in item}
    cards = _cards(world, names)
    return Burst(
        events=events,
        asked=len({one.input_data["endpointName"] for one in waiting} & posted),
        cards=sum(cards.values()),
        twice=sum(count > 1 for count in cards.values()),
        lost=len(set(names) - {one.input_data["endpointName"] for one in started}),
        outcomes=Counter(
            str((one.output or {}).get("outcome") or one.error) for one in started if one not in waiting
        ),
        simulated_seconds=last - simulated,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        invocations=len(world.runner.invoked) - invoked_before,
        calls=len(calls),
        throttled=sum(call.error_code == "ThrottlingException" for call in calls),
        refused_messages=sum(call.status == HTTPStatus.TOO_MANY_REQUESTS for call in said),
    )


def _endpoints(world: World, count: int) -> list[str]:
    """Endpoints in service without a KMS key, of which no event has come yet."""
    people, prefix = world.client("sagemaker"), f"burst-{count}-"
    people.create_model(
        ModelName=f"{prefix}model",
        PrimaryContainer={"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/m:1"},
        ExecutionRoleArn="arn:aws:iam::123456789012:role/Execution",
    )
    variant = {
        "VariantName": "a", "ModelName": f"{prefix}model", "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1, "InitialVariantWeight": 1.0,
    }  # fmt: skip
    world.trail_is_logging = False
    names = [f"{prefix}{number:04}" for number in range(count)]
    for name in names:
        people.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        people.create_endpoint(EndpointName=name, EndpointConfigName=name)
    world.trail_is_logging = True
    world.clock.advance(700)
    return names


def _until_asked(world: World) -> float:
    """Let time pass while someone waits for another try; returns when the last one had one."""
    for _ in range(_LONGEST_STEPS):
        world.settle(real_seconds=600)
        wait = (world.clock.timers() or [float("inf")])[0] - world.clock.now()
        if wait > _NO_RETRY_SECONDS:
            return world.clock.now()
        world.clock.advance(max(_STEP_SECONDS, wait))
    raise TimeoutError("someone is still being tried again")


def _cards(world: World, names: list[str]) -> Counter[str]:
    """How many questions were posted about each endpoint."""
    texts = [message.text for message in world.slack.messages(world.channel_id) if message.thread_ts is None]
    return Counter({name: sum(name in text for text in texts) for name in names})


_WHAT = f"""\
so many endpoints without a key are changed in the same moment, under AWS's quotas
({CALLS_PER_SECOND["DescribeEndpoint"]:g} DescribeEndpoint a second) and Slack's (one message a second in a
channel)."""
_FLOOR = "The floor is a second for each message. The time is the simulated one."
_Columns = dict[str, list[str]]  # by their heads


def _with_work(bursts: list[Burst]) -> str:
    first, last = bursts[0], bursts[-1]
    work = [burst.cpu_seconds / burst.events for burst in bursts]
    columns = _columns(bursts) | {
        f"work per event, × that of {first.events}": [f"{one / work[0]:.2f}" for one in work]
    }
    return f"""\
`make bench-thousand`, on {today()}, apart from the rest: the last one took {last.seconds / 60:.0f} minutes.

{_table(columns)}

The work is the CPU time of the process that holds the state machines and the stand-ins."""


def _columns(bursts: list[Burst]) -> _Columns:
    return {
        "events": [f"{one.events:,}" for one in bursts],
        "asked": [f"{one.asked:,}" for one in bursts],
        "cards": [f"{one.cards:,}" for one in bursts],
        "lost": [str(one.lost) for one in bursts],
        "invocations each": [f"{one.invocations / one.events:.1f}" for one in bursts],
        "SageMaker calls each": [f"{one.calls / one.events:.1f}" for one in bursts],
        "throttled": [f"{100 * one.throttled / one.calls:.0f} %" for one in bursts],
        "time until the last is asked, × the floor": [
            f"{one.simulated_seconds / _floor(one.events):.1f}" for one in bursts
        ],
    }


def _table(columns: _Columns) -> str:
    rows = [columns, ["--:"] * len(columns), *zip(*columns.values(), strict=True)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _floor(events: int) -> float:
    """Seconds until the last of so many questions can be in one channel."""
    return max(float(events), events / CALLS_PER_SECOND["DescribeEndpoint"])


if __name__ == "__main__":
    main(thousand=sys.argv[1:] == ["thousand"])
