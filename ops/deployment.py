"""A region's deployment, found by its stack's outputs with the caller's own credentials."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.domain.endpoint_id import EndpointId
from lambdas.domain.errors import RemediationError
from lambdas.gateways.aws import CLIENT_CONFIG, error_message
from lambdas.gateways.records.digests import Digests
from lambdas.gateways.records.records import Records
from lambdas.gateways.records.table import Table
from lambdas.gateways.sagemaker import SageMaker
from lambdas.gateways.step_functions import StepFunctions
from ops.errors import CommandFailed, NoCredentials, credentials_problem, explained
from stacks.settings import DEFAULTS, SettingsError, is_known_region, keys_that_count, region_like
from stacks.settings_file import NAME, read

_SESSIONS = threading.Lock()
_NO_STACK = "does not exist"


class UnknownRegion(CommandFailed):
    """A region was named that there isn't."""


class NotDeployed(CommandFailed):
    """No deployment was found in the region. The message says what was looked for."""


class Deployment:
    """Sealpoint in one region of the caller's account.

    Parameters
    ----------
    region
        The AWS region. None stands for the environment's or the profile's, or else the only one in
        sealpoint.yaml.
    stack_name
        None stands for the name that `make deploy` gives: ``<namePrefix>-<region>``.
    profile
        The AWS profile. None stands for the environment's.

    Raises
    ------
    UnknownRegion
    """

    def __init__(
        self, region: str | None = None, stack_name: str | None = None, profile: str | None = None
    ) -> None:
        # botocore itself knows AWS_DEFAULT_REGION alone
        named = region or os.environ.get("AWS_REGION")
        self._session = boto3.Session(region_name=named, profile_name=profile)
        if not self._session.region_name:
            self._session = boto3.Session(region_name=_only_region(), profile_name=profile)
        self.region = str(self._session.region_name)
        if not is_known_region(self.region):
            raise UnknownRegion(
                f"{self.region} is no AWS region that boto3 {boto3.__version__} knows. It has to be "
                f"{region_like(self.region)}."
            )
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
                f"The stack {self.stack_name} in {self.region} has no output {name}. Deploy it again "
                "(`make deploy`)."
            ) from None

    @cached_property
    def caller_arn(self) -> str:
        """The principal that runs the command."""
        return str(self.client("sts").get_caller_identity()["Arn"])

    @property
    def account_id(self) -> str:
        return self.caller_arn.split(":")[4]

    @cached_property
    def records(self) -> Records:
        return Records(self.output("RecordsTableName"), self.client("dynamodb"))

    @cached_property
    def digests(self) -> Digests:
        """To read: nothing is written here, so no retention counts."""
        table = Table(self.output("RecordsTableName"), self.client("dynamodb"))
        return Digests(table, retention=timedelta())

    @cached_property
    def step_functions(self) -> StepFunctions:
        return StepFunctions(self.client("stepfunctions"))

    def endpoint_id(self, name: str) -> EndpointId:
        return EndpointId(self.account_id, self.region, name)

    def endpoint_as_named(self, typed: str) -> str:
        """The endpoint's name as it was created, in whatever case it was typed.

        The name as typed if the endpoint no longer exists or can't be described.
        """
        try:
            found = SageMaker(self.client("sagemaker")).describe_endpoint(typed)
        except RemediationError:
            return typed
        return str(found["EndpointName"]) if found else typed

    def credentials(self) -> ReadOnlyCredentials:
        """The caller's own credentials, for requests that boto3 doesn't sign.

        Raises
        ------
        NoCredentials
        """
        try:
            found = self._session.get_credentials()
            frozen = found.get_frozen_credentials() if found else None
        except BotoCoreError as error:
            raise NoCredentials(credentials_problem(error) or str(error)) from error
        if frozen is None:
            raise NoCredentials
        return frozen

    def client(self, service: Any, region: str | None = None, *, config: Config = CLIENT_CONFIG) -> Any:
        """A client for a service in this region, or in another one.

        Raises
        ------
        NoCredentials
            Before anything is asked, so that every command says the same without them.
        """
        with _SESSIONS:  # boto3's sessions make clients for one thread at a time
            self.credentials()
            return self._session.client(service, region_name=region, config=config)

    @property
    def is_deployed(self) -> bool:
        """Whether the stack exists.

        Raises
        ------
        NotDeployed
            The stack can't be read.
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
            The stack doesn't exist or can't be read. AWS's error is the cause.
        """
        try:
            stacks = self.client("cloudformation").describe_stacks(StackName=self.stack_name)
        except ClientError as error:
            why = credentials_problem(error) or error_message(error)
            raise NotDeployed(f"The stack {self.stack_name} in {self.region} can't be read: {why}") from error
        except BotoCoreError as error:
            raise NotDeployed(f"The stack {self.stack_name} can't be read: {explained(error)}") from error
        outputs = stacks["Stacks"][0].get("Outputs", [])
        return {output.get("OutputKey", ""): output.get("OutputValue", "") for output in outputs}


def deployments(
    regions: Sequence[str] | None, stack_name: str | None, profile: str | None
) -> list[Deployment]:
    """The deployments in the given regions, or else in sealpoint.yaml's, or else in the environment's."""
    return [
        Deployment(region, stack_name, profile)
        for region in dict.fromkeys(regions or configured_regions() or [None])
    ]


def all_regions(deployment: Deployment) -> list[str]:
    """The regions of the caller's partition that have SageMaker hosting and are enabled for the account."""
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
            raise NotDeployed(f"No region is given. Use --region with one{which}, or set AWS_REGION.")


def _settings() -> dict[str, Any]:
    """What this folder's sealpoint.yaml sets; empty if there is none."""
    file = Path(NAME)
    if not file.exists():
        return {}
    try:
        return read(file).model_dump(mode="json", by_alias=True)
    except SettingsError as error:
        raise NotDeployed(str(error)) from None
