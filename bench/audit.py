"""How long an audit takes beside what AWS's quotas allow: `make bench-audit`, some eight minutes.

A SageMaker stand-in in a process of its own answers after 40 ms. With AWS's real quotas, three regions of
1,000 endpoints each are audited at the full share; with the quotas lifted, one of 10,000. Each time is
beside its floor: what the quotas, or the concurrency and the latency, set.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

import boto3
from moto.server import ThreadedMotoServer
from rich.console import Console
from rich.table import Table

from gateways.pace import QUOTAS
from local import resource_tags
from local.clock import Clock
from local.sagemaker import SageMakerHosting
from ops.audit.collect import CONCURRENCY, Plan, collect
from ops.audit.result import Audit
from ops.deployment import Deployment
from remediation.vocabulary import Surface, Verdict

_LATENCY_SECONDS = 0.04
_PAGE = 100
_KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_THROTTLED = "ThrottlingException"


@dataclass(frozen=True, slots=True)
class Measured:
    seconds: float
    floor: float
    calls: int
    throttled: int
    wrong: int
    peak_mb: float


class _Quiet:
    """Nobody watches a measurement."""

    def listed(self, region: str, count: int) -> None: ...
    def looked_at(self, region: str, count: int) -> None: ...
    def ended(self, region: str) -> None: ...


class _Alone(Deployment):
    """A region in which nothing but SageMaker is there to be asked."""

    @property
    def is_deployed(self) -> bool:
        return False


def main() -> None:
    console = Console(highlight=False)
    table = Table(
        "regions × endpoints", "quotas", "seconds", "floor", "ratio", "calls", "throttled", "wrong", "peak MB"
    )
    for regions, endpoints, quotas in ((1, 1000, False), (1, 10_000, False), (3, 1000, True)):
        found = measure(["us-east-1", "eu-west-1", "ap-south-1"][:regions], endpoints, quotas=quotas)
        table.add_row(
            f"{regions} × {endpoints}",
            "AWS's" if quotas else "lifted",
            f"{found.seconds:.1f}",
            f"{found.floor:.1f}",
            f"{found.seconds / found.floor:.3f}",
            str(found.calls),
            f"{found.throttled} ({100 * found.throttled / found.calls:.2f} %)",
            str(found.wrong),
            f"{found.peak_mb:.0f}",
        )
    console.print(table)


def measure(regions: list[str], endpoints: int, *, quotas: bool) -> Measured:
    """One audit, in a process of its own, so that its memory is its own."""
    with _server(regions, endpoints, quotas=quotas) as (urls, server):
        ours, theirs = multiprocessing.Pipe()
        auditor = multiprocessing.get_context("spawn").Process(
            target=_audit, args=(theirs, urls, regions, quotas)
        )
        auditor.start()
        seconds, wrong, peak_mb = ours.recv()
        auditor.join()
        server.send("report")
        operations, throttled = server.recv()
    return Measured(
        seconds, _floor(endpoints, quotas=quotas), sum(operations.values()), throttled, wrong, peak_mb
    )


def _floor(endpoints: int, *, quotas: bool) -> float:
    """Seconds, for a region: the regions are side by side."""
    if quotas:
        return max(
            endpoints / QUOTAS["DescribeEndpoint"],
            endpoints / QUOTAS["DescribeEndpointConfig"],
            endpoints / _PAGE / QUOTAS["ListEndpoints"],
        )
    return 2 * endpoints * _LATENCY_SECONDS / CONCURRENCY


def _audit(told: Connection, urls: tuple[str, str], regions: list[str], quotas: bool) -> None:
    os.environ |= {
        "AWS_ENDPOINT_URL_SAGEMAKER": urls[0],
        "AWS_ENDPOINT_URL": urls[1],
        "AWS_ACCESS_KEY_ID": "AKIABENCH",
        "AWS_SECRET_ACCESS_KEY": "bench",
    }
    plan = Plan(
        (Surface.INSTANCE_VOLUME,),
        lambda _: ("any",),
        1.0 if quotas else None,
        CONCURRENCY,
        datetime.now(UTC),
    )
    began = time.monotonic()
    audit = collect([_Alone(region) for region in regions], plan, _Quiet())
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024 if sys.platform != "darwin" else 1024**2
    )
    told.send((seconds, _wrong(audit), peak))


def _wrong(audit: Audit) -> int:
    """Endpoints that are not judged as they were made: each third one has no key."""
    wrong = sum(
        (one.verdict is Verdict.UNENCRYPTED) != (int(one.name.rpartition("-")[2]) % 3 == 0)
        for one in audit.endpoints
    )
    return wrong + len(audit.problems)


@contextmanager
def _server(
    regions: list[str], endpoints: int, *, quotas: bool
) -> Iterator[tuple[tuple[str, str], Connection]]:
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(theirs, regions, endpoints, quotas)
    )
    server.start()
    try:
        yield ours.recv(), ours
    finally:
        ours.send("stop")
        server.join()


def _serve(told: Connection, regions: list[str], endpoints: int, quotas: bool) -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it names every request
    hosting = SageMakerHosting(clock=Clock(speed=1), account_id="123456789012")
    resource_tags.install(hosting)
    tagging = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    tagging.start()
    with hosting.serve() as server:
        for region in regions:
            _fill(server.url, region, endpoints)
        hosting.faults.quotas_enforced = quotas
        hosting.faults.latency_seconds = _LATENCY_SECONDS
        hosting.calls.clear()
        told.send((server.url, "http://{}:{}".format(*tagging.get_host_and_port())))
        while told.recv() == "report":
            calls = Counter(call.operation for call in hosting.calls)
            told.send((calls, sum(call.error_code == _THROTTLED for call in hosting.calls)))


def _fill(url: str, region: str, endpoints: int) -> None:
    client: Any = boto3.client(
        "sagemaker",
        region_name=region,
        endpoint_url=url,
        aws_access_key_id="AKIABENCH",
        aws_secret_access_key="bench",  # noqa: S106
    )
    client.create_model(
        ModelName="model",
        PrimaryContainer={"Image": f"123456789012.dkr.ecr.{region}.amazonaws.com/m:1"},
        ExecutionRoleArn="arn:aws:iam::123456789012:role/Execution",
    )
    variant = {
        "VariantName": "a", "ModelName": "model", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
        "InitialVariantWeight": 1.0,
    }  # fmt: skip
    for number in range(endpoints):
        key = {} if number % 3 == 0 else {"KmsKeyId": _KEY}
        name = f"endpoint-{number}"
        client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **key)
        client.create_endpoint(EndpointName=name, EndpointConfigName=name)


if __name__ == "__main__":
    main()
