"""Where a region's deployment is: its stack's outputs, read with the caller's own credentials."""

from __future__ import annotations

import json
import os
import threading
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.domain.errors import RemediationError
from lambdas.gateways.aws import CLIENT_CONFIG, error_message
from lambdas.gateways.records.records import Records
from lambdas.gateways.sagemaker import SageMaker
from lambdas.gateways.step_functions import StepFunctions
from stacks.settings import DEFAULTS, keys_that_count

_SESSIONS = threading.Lock()
_NO_STACK = "does not exist"


class NotDeployed(Exception):
    """There is no deployment to be found in the region; the message says what was looked for."""


class Deployment:
    """Sealpoint in one region of the caller's account.

    Parameters
    ----------
    region
        The AWS region; None for the one that the environment or the profile names, or else the only one of
        cdk.json.
    stack_name
        None for the name that `make deploy` gives: ``<namePrefix>-<region>``.
    """

    def __init__(self, region: str | None = None, stack_name: str | None = None) -> None:
        # botocore itself knows AWS_DEFAULT_REGION alone
        self._session = boto3.Session(region_name=region or os.environ.get("AWS_REGION"))
        if not self._session.region_name:
            self._session = boto3.Session(region_name=_only_region())
        self.region = self._session.region_name
        self.stack_name = stack_name or f"{_setting('namePrefix')}-{self.region}"

    def output(self, name: str) -> str:
        """A stack output.

        Raises
        ------
        NotDeployed
        """
        try:
            return self.outputs[name]
        except KeyError:
            raise NotDeployed(
                f"The stack {self.stack_name} in {self.region} has no output {name}: deploy it anew "
                "(`make deploy`)."
            ) from None

    @cached_property
    def caller_arn(self) -> str:
        """Who is asking."""
        return str(self._session.client("sts").get_caller_identity()["Arn"])

    @property
    def account_id(self) -> str:
        return self.caller_arn.split(":")[4]

    @cached_property
    def records(self) -> Records:
        return Records(self.output("RecordsTableName"), self._session.client("dynamodb"))

    @cached_property
    def step_functions(self) -> StepFunctions:
        return StepFunctions(self._session.client("stepfunctions"))

    def endpoint_as_named(self, typed: str) -> str:
        """An endpoint's name in the case that it was created with, by which the records know it.

        As typed where there is no such endpoint any longer, and where it can't be looked at.
        """
        try:
            found = SageMaker(self.client("sagemaker")).describe_endpoint(typed)
        except RemediationError:
            return typed
        return str(found["EndpointName"]) if found else typed

    def credentials(self) -> ReadOnlyCredentials:
        """The caller's own, for what boto3 does not sign."""
        found = self._session.get_credentials()
        if found is None:
            raise NotDeployed("No AWS credentials were found: sign in, or set AWS_PROFILE.")
        return found.get_frozen_credentials()

    def client(self, service: Any, region: str | None = None, *, config: Config = CLIENT_CONFIG) -> Any:
        """A client for a service in this region, or in another one."""
        with _SESSIONS:  # boto3's sessions make clients for one thread at a time
            return self._session.client(service, region_name=region, config=config)

    @property
    def is_deployed(self) -> bool:
        """Whether there is such a stack.

        Raises
        ------
        NotDeployed
            It can't be told.
        """
        try:
            return bool(self.outputs)
        except NotDeployed as error:
            if isinstance(error.__cause__, ClientError) and _NO_STACK in error_message(error.__cause__):
                return False
            raise

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs.

        Raises
        ------
        NotDeployed
            There is no such stack, or it can't be read; what AWS said is its cause.
        """
        try:
            stacks = self.client("cloudformation").describe_stacks(StackName=self.stack_name)
        except ClientError as error:
            raise NotDeployed(
                f"The stack {self.stack_name} in {self.region} can't be read: {error_message(error)}"
            ) from error
        except BotoCoreError as error:
            raise NotDeployed(f"AWS could not be asked for the stack {self.stack_name}: {error}") from error
        outputs = stacks["Stacks"][0].get("Outputs", [])
        return {output.get("OutputKey", ""): output.get("OutputValue", "") for output in outputs}


def all_regions(deployment: Deployment) -> list[str]:
    """The regions in which SageMaker hosts, of the caller's partition, that the account has enabled."""
    partition = deployment.caller_arn.split(":")[1]
    hosting = boto3.Session().get_available_regions("sagemaker", partition)
    enabled = {region["RegionName"] for region in deployment.client("ec2").describe_regions()["Regions"]}
    return sorted(set(hosting) & enabled)


def required_surfaces() -> list[str]:
    """The setting `requiredSurfaces` of this folder."""
    return list(_setting("requiredSurfaces"))


def encrypted_by(region: str) -> tuple[str, ...]:
    """The setting `encryptedBy` of this folder, for one region."""
    return keys_that_count(_setting("encryptedBy"), region)


def configured_regions() -> list[str]:
    """The regions that `make deploy` deploys to from this folder; none if it has no settings."""
    return [str(region) for region in _setting("regions") or []]


def _setting(key: str) -> Any:
    return _settings().get(key, DEFAULTS.get(key))


def _only_region() -> str:
    match configured_regions():
        case [region]:
            return region
        case regions:
            which = f" of {', '.join(regions)}" if regions else ""
            raise NotDeployed(f"No region is named: give --region with one{which}, or set AWS_REGION.")


def _settings() -> dict[str, Any]:
    """`context.sealpoint` of this folder's cdk.json, unchecked; empty if there is none.

    It may lack what only a deployment needs, and `make synth` checks it.
    """
    path = Path("cdk.json")
    if not path.is_file():
        return {}
    try:
        found: Any = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise NotDeployed(f"{path.resolve()} can't be read: {error}") from None
    for name in ("context", "sealpoint"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}
