"""How long an audit takes, beside Cloud Custodian, a plain boto3 loop, and what AWS's quotas allow.

A SageMaker stand-in in a process of its own answers after 40 ms; each contender is in a process of its own,
too, against a server of its own. `make bench-audit` runs both parts: `lifted` (no quotas: how fast at all)
and `quotas` (AWS's real ones: it mostly waits), some four minutes each.
"""

from __future__ import annotations

import gc
import json
import logging
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from bench import page
from lambdas.domain.vocabulary import Surface, Verdict
from lambdas.gateways.rate_limit import QUOTAS
from local.aws import resource_tags
from local.clock import Clock
from local.sagemaker import SageMakerHosting
from local.sagemaker.protocol import Incoming
from ops.audit.collect import CONCURRENCY, Plan, collect
from ops.audit.result import Audit
from ops.deployment import Deployment

_ROOT = Path(__file__).resolve().parent.parent
_CUSTODIAN = _ROOT / "build/custodian/bin/custodian"
_POLICY = _ROOT / "bench/custodian/policy.yml"
_SPAWN = multiprocessing.get_context("spawn")

_LATENCY_SECONDS = 0.04
_AT_ONCE = 32  # our calls at once where no quota holds us back; under quotas, what `ops audit` has
_PAGE = 100
_EVERY_THIRD = 3  # endpoint has no key
_KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_THROTTLED = "ThrottlingException"
_REGIONS = ("us-east-1", "eu-west-1", "ap-south-1")
_MOST_SECONDS = 280
_LAPS = 3


@dataclass(frozen=True, slots=True)
class Setting:
    """What there is to be audited, and under which conditions."""

    endpoints: int
    quotas: bool = False
    regions: tuple[str, ...] = _REGIONS[:1]

    @property
    def floor(self) -> float:
        """The seconds that the quotas set for a region: the regions are side by side."""
        return max(
            self.endpoints / QUOTAS["DescribeEndpoint"],
            self.endpoints / QUOTAS["DescribeEndpointConfig"],
            self.endpoints / _PAGE / QUOTAS["ListEndpoints"],
        )

    def floor_at(self, calls_at_once: int) -> float:
        """The seconds that the latency sets where so many calls are under way at once."""
        return 2 * self.endpoints * _LATENCY_SECONDS / calls_at_once


@dataclass(frozen=True, slots=True)
class Found:
    """What a contender says, of the endpoints or configs without a key."""

    seconds: float
    unencrypted: int
    peak_mb: float
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    setting: Setting
    found: Found
    calls: Counter[str]
    throttled: int

    @property
    def verdict(self) -> str:
        """Whether it found what is there."""
        right = len(self.setting.regions) * len(range(0, self.setting.endpoints, _EVERY_THIRD))
        return self.found.stopped or ("" if self.found.unencrypted == right else "**wrong**")


Contender = Callable[[Setting, Mapping[str, str]], Found]


def main(parts: Sequence[str]) -> None:
    for part in parts or ("lifted", "quotas"):
        text = {"lifted": _lifted, "quotas": _quotas}[part]()
        page.rewrite(f"audit-{part}", text)
        print(text)


# -- the two parts


def _lifted() -> str:
    one, ten = Setting(1000), Setting(10_000)
    with ThreadPoolExecutor() as pool:  # these two wait most of the time, and keep out of each other's way
        others = [pool.submit(measure, contender, one) for contender in (custodian, loop)]
        custodians, loops = (other.result() for other in others)
    laps = [measure(ours, one) for _ in range(_LAPS)]
    many, usual = measure(ours, ten), measure(ours_as_set, one)
    ours_seconds = median(lap.found.seconds for lap in laps)
    rows = [
        _row("Cloud Custodian", custodians, ours_seconds),
        _row("a boto3 loop", loops, ours_seconds),
        *(_row("`ops audit`", lap, ours_seconds) for lap in laps),
        _row("`ops audit`", many, None),
        _row(f"`ops audit`, {CONCURRENCY} calls at once", usual, None),
    ]
    counted = laps[0].calls
    return f"""\
`make bench-audit`. 40 ms a call, no quotas; Custodian and the loop side by side (each waits most of the
time), then `ops audit` alone: {_AT_ONCE} calls at once, and the {CONCURRENCY} it makes under AWS's quotas.
The ratio is to the median of its {_LAPS} runs.

{_table(rows)}

Custodian's time is its policy's own, start-up left out; it judges endpoint configs, used or not, lists them
ten at a time, describes three at once and reads each one's tags. Every endpoint has a config of its own. The
two others were not measured at 10,000: at the rate of their 1,000 they would take
{10 * custodians.found.seconds / 60:.0f} and {10 * loops.found.seconds / 60:.0f} minutes.

| goal | found |
|---|---|
| 15 × as fast as either, 1,000 endpoints | {custodians.found.seconds / ours_seconds:.1f} × Custodian, \
{loops.found.seconds / ours_seconds:.1f} × the loop |
| one call for an endpoint, one for a config, one for a page of 100 | {counted["DescribeEndpoint"]}, \
{counted["DescribeEndpointConfig"]} and {counted["ListEndpoints"]} |
| at most 1.3 × what the set concurrency of {CONCURRENCY} allows | \
{usual.found.seconds / one.floor_at(CONCURRENCY):.2f} × |
| linear | 10 × the endpoints, {many.found.seconds / ours_seconds:.1f} × the time |
| memory flat | 10 × the endpoints, {many.found.peak_mb / laps[0].found.peak_mb:.2f} × the peak |"""


def _quotas() -> str:
    fleet, smaller = Setting(1000, quotas=True, regions=_REGIONS), Setting(300, quotas=True)
    with ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(measure, contender, setting)
            for contender, setting in ((ours, fleet), (ours, smaller), (custodian, smaller), (loop, smaller))
        ]
        fleets, own, custodians, loops = (run.result() for run in runs)
    rows = [
        _row("`ops audit --share 1`, 3 regions", fleets, fleet.floor),
        _row("`ops audit --share 1`", own, smaller.floor),
        _row("Cloud Custodian", custodians, smaller.floor),
        _row("a boto3 loop", loops, smaller.floor),
    ]
    return f"""\
`make bench-audit`. 40 ms a call, AWS's real quotas (DescribeEndpoint and DescribeEndpointConfig 5 a second,
ListEndpoints and ListEndpointConfigs 2), all four side by side, each with an account of its own. The ratio is
to the floor: 5 endpoints a second in each region. The others are given 300 endpoints, to be done in time.

{_table(rows)}

| goal | found |
|---|---|
| 3 regions of 1,000 within 1.1 × of the floor | {fleets.found.seconds / fleet.floor:.3f} × |
| fewer than 1 % of calls throttled | {_throttled(fleets)} |"""


def _row(name: str, one: Measured, against: float | None) -> list[str]:
    return [
        name,
        f"{one.setting.endpoints:,}",
        f"{one.found.seconds:.1f} s",
        f"{one.found.seconds / against:.2f} ×" if against else "",
        f"{one.calls.total():,}",
        _throttled(one),
        f"{one.found.peak_mb:.0f} MB",
        one.verdict or "all found",
    ]


def _throttled(one: Measured) -> str:
    return f"{one.throttled} ({100 * one.throttled / one.calls.total():.1f} %)"


def _table(rows: Sequence[Sequence[str]]) -> str:
    head = ("", "endpoints", "time", "ratio", "calls", "throttled", "peak memory", "")
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ("---", *["--:"] * 6, "---"), *rows))


# -- one measurement


def measure(contender: Contender, setting: Setting) -> Measured:
    """In a process of its own, so that its memory is its own."""
    with _server(setting) as (urls, server), ProcessPoolExecutor(1, mp_context=_SPAWN) as alone:
        environment = {
            "AWS_ENDPOINT_URL_SAGEMAKER": urls[0],
            "AWS_ENDPOINT_URL": urls[1],
            "AWS_ACCESS_KEY_ID": "AKIABENCH",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_DEFAULT_REGION": setting.regions[0],
        }
        found = alone.submit(contender, setting, environment).result()
        server.send("report")
        calls, throttled = server.recv()
    return Measured(setting, found, calls, throttled)


class _Quiet:
    """Nobody watches a measurement."""

    def listed(self, region: str, count: int) -> None: ...
    def checked(self, region: str, count: int) -> None: ...
    def ended(self, region: str) -> None: ...


class _Alone(Deployment):
    """A region in which nothing but SageMaker is there to be asked."""

    @property
    def is_deployed(self) -> bool:
        return False


def ours(setting: Setting, environment: Mapping[str, str]) -> Found:
    return _ours(setting, environment, CONCURRENCY if setting.quotas else _AT_ONCE)


def ours_as_set(setting: Setting, environment: Mapping[str, str]) -> Found:
    return _ours(setting, environment, CONCURRENCY)


def _ours(setting: Setting, environment: Mapping[str, str], calls_at_once: int) -> Found:
    os.environ |= environment
    share = 1.0 if setting.quotas else None
    plan = Plan((Surface.INSTANCE_VOLUME,), lambda _: ("any",), share, calls_at_once, datetime.now(UTC))
    began = time.monotonic()
    audit = collect([_Alone(region) for region in setting.regions], plan, _Quiet())
    seconds = time.monotonic() - began
    return Found(seconds, _unencrypted(audit), _peak_mb(resource.RUSAGE_SELF), _problems(audit))


def _unencrypted(audit: Audit) -> int:
    return sum(one.verdict is Verdict.UNENCRYPTED for one in audit.endpoints)


def _problems(audit: Audit) -> str:
    return f"{len(audit.problems)} problems" if audit.problems else ""


def loop(_setting: Setting, environment: Mapping[str, str]) -> Found:
    """What many write first: boto3 as it comes, one call after the other."""
    os.environ |= environment
    client = boto3.client("sagemaker")
    unencrypted, looked_at, stopped = 0, 0, ""
    began = time.monotonic()
    try:
        for listed in client.get_paginator("list_endpoints").paginate():
            for summary in listed["Endpoints"]:
                endpoint = client.describe_endpoint(EndpointName=summary["EndpointName"])
                name = endpoint["EndpointConfigName"]
                config = client.describe_endpoint_config(EndpointConfigName=name)
                unencrypted += "KmsKeyId" not in config
                looked_at += 1
    except ClientError as error:
        stopped = f"stopped after {looked_at}: {error.response.get('Error', {}).get('Code')}"
    return Found(time.monotonic() - began, unencrypted, _peak_mb(resource.RUSAGE_SELF), stopped)


def custodian(setting: Setting, environment: Mapping[str, str]) -> Found:
    with tempfile.TemporaryDirectory() as output:
        command = [
            str(_CUSTODIAN), "run", "--cache-period", "0", "--region", setting.regions[0],
            "--output-dir", output, str(_POLICY),
        ]  # fmt: skip
        # a pinned tool, on our own policy
        ran = subprocess.run(  # noqa: S603
            command,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=_MOST_SECONDS,
        )
        peak_mb = _peak_mb(resource.RUSAGE_CHILDREN)
        told = Path(output) / "unencrypted-endpoint-configs"
        if not (told / "resources.json").exists():
            raise RuntimeError(f"Custodian said: {ran.stderr}")
        execution = json.loads((told / "metadata.json").read_text())["execution"]
        unencrypted = len(json.loads((told / "resources.json").read_text()))
    return Found(execution["duration"], unencrypted, peak_mb, "" if ran.returncode == 0 else "stopped")


def _peak_mb(whose: int) -> float:
    return resource.getrusage(whose).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


# -- what is audited


@contextmanager
def _server(setting: Setting) -> Iterator[tuple[tuple[str, str], Connection]]:
    here, there = multiprocessing.Pipe()
    server = _SPAWN.Process(target=_serve, args=(there, setting))
    server.start()
    try:
        yield here.recv(), here
    finally:
        here.send("stop")
        server.join()


def _serve(told: Connection, setting: Setting) -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it names every request
    hosting = SageMakerHosting(clock=Clock(speed=1), account_id="123456789012")
    resource_tags.install(hosting)
    elsewhere = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    elsewhere.start()
    for region in setting.regions:
        _fill(hosting, region, setting.endpoints)
    gc.freeze()  # what is there stays: looking through it again and again would be latency of ours
    hosting.faults.quotas_enforced = setting.quotas
    hosting.faults.latency_seconds = _LATENCY_SECONDS
    hosting.calls.clear()
    with hosting.serve() as server:
        told.send((server.url, "http://{}:{}".format(*elsewhere.get_host_and_port())))
        while told.recv() == "report":
            calls = Counter(call.operation for call in hosting.calls)
            told.send((calls, sum(call.error_code == _THROTTLED for call in hosting.calls)))


def _fill(hosting: SageMakerHosting, region: str, endpoints: int) -> None:
    def call(operation: str, **body: Any) -> None:
        hosting.answer(Incoming(operation, region, "AKIABENCH", "", "", json.dumps(body).encode()))

    call(
        "CreateModel",
        ModelName="model",
        PrimaryContainer={"Image": f"123456789012.dkr.ecr.{region}.amazonaws.com/m:1"},
        ExecutionRoleArn="arn:aws:iam::123456789012:role/Execution",
    )
    variant = {
        "VariantName": "a", "ModelName": "model", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
        "InitialVariantWeight": 1.0,
    }  # fmt: skip
    for number in range(endpoints):
        key = {} if number % _EVERY_THIRD == 0 else {"KmsKeyId": _KEY}
        name = f"endpoint-{number}"
        call("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=[variant], **key)
        call("CreateEndpoint", EndpointName=name, EndpointConfigName=name)


if __name__ == "__main__":
    main(sys.argv[1:])
