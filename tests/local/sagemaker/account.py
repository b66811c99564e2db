"""An AWS account whose SageMaker is the stand-in, reached through plain boto3."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config

from local.clock import Clock
from local.sagemaker import SageMakerHosting

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from botocore.exceptions import ClientError

    from local.sagemaker import ApiCall

ACCOUNT_ID = "111122223333"
REGION = "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/service/Inference"
START = 1_800_000_000.0
STAMPED = 0.4  # a call's stamp is later than the call by so many seconds

Json = dict[str, Any]
CAPTURE = {
    "InitialSamplingPercentage": 20,
    "DestinationS3Uri": "s3://captures/shop",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}
CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 60,
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
        }
    },
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "5xx"}]},
}

SageMaker = Any  # a boto3 client: its answers are read as the JSON they are


def variant(name: str = "blue", model: str | None = "churn", count: int = 2, **fields: Any) -> Any:
    stated: Json = {
        "VariantName": name,
        "ModelName": model,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": count,
        **fields,
    }
    return {key: value for key, value in stated.items() if value is not None}


def describe(account: Account, name: str = "shop") -> Json:
    return account.sagemaker.describe_endpoint(EndpointName=name)


class Account:
    """A hosting service on a clock that stands still, and what tests do with it again and again."""

    def __init__(self, on_call: Callable[[ApiCall], None] | None = None) -> None:
        self.clock = Clock(speed=0, start=START)
        self.hosting = SageMakerHosting(clock=self.clock, account_id=ACCOUNT_ID, on_call=on_call)
        self.server = self.hosting.serve()
        self._clients: list[SageMaker] = []
        self.sagemaker = self.client()

    def client(
        self, region: str = REGION, *, attempts: int = 1, access_key_id: str = "AKIAEXAMPLE"
    ) -> SageMaker:
        client = _session().client(
            "sagemaker",
            region_name=region,
            endpoint_url=self.server.url,
            aws_access_key_id=access_key_id,
            aws_secret_access_key="secret",
            config=Config(
                retries={"mode": "standard", "total_max_attempts": attempts}, parameter_validation=False
            ),
        )
        self._clients.append(client)
        return client

    def create_model(self, name: str = "churn", **fields: Any) -> str:
        image = f"{ACCOUNT_ID}.dkr.ecr.{REGION}.amazonaws.com/churn:1.4"
        containers = {"PrimaryContainer": {"Image": image}} if "Containers" not in fields else {}
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, **containers, **fields)
        return name

    def create_config(self, name: str = "plain", variants: Any = None, **fields: Any) -> str:
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=variants or [variant()], **fields
        )
        return name

    def create_endpoint(self, name: str = "shop", config: str = "plain", **fields: Any) -> str:
        """An endpoint that is in service."""
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config, **fields)
        self.clock.advance(self.hosting.timings.create)
        return name

    def status(self, name: str = "shop") -> str:
        return self.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]

    def finish_update(self) -> None:
        self.clock.advance(self.hosting.timings.update + self.hosting.timings.roll_back)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()
        self.server.stop()


def refusal(raised: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    error: Any = raised.value.response["Error"]  # pyright: ignore[reportTypedDictNotRequiredAccess] -- errors have it
    return error["Code"], error["Message"]


@cache
def _session() -> boto3.session.Session:
    return boto3.session.Session()


def send_body(client: SageMaker, operation: str, extra: Json) -> None:
    """Add fields that this SDK doesn't know to the next requests of an operation."""

    def add(params: Json, **_: object) -> None:
        body = json.loads(params["body"])
        params["body"] = json.dumps({**body, **extra}).encode()

    client.meta.events.register(f"before-call.sagemaker.{operation}", add, unique_id="send-body")


def received_bodies(client: SageMaker, operation: str) -> list[Json]:
    """The bodies of an operation's answers from now on, as they came."""
    bodies: list[Json] = []

    def keep(response_dict: Json, **_: object) -> None:
        bodies.append(json.loads(response_dict["body"]))

    client.meta.events.register(f"before-parse.sagemaker.{operation}", keep)
    return bodies
