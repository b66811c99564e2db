"""SageMaker hosting, in whole bodies: what AWS sends is what is kept, compared and sent.

See docs/decisions/0001-twin-from-bodies.md.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError

from lambdas.domain.encryption.twin import ConfigRequest
from lambdas.domain.errors import EncryptionUnsupported, EndpointBusy, EndpointConfigNotFound, EndpointGone
from lambdas.gateways import aws
from lambdas.gateways.aws import CLIENT_CONFIG, SINGLE_ATTEMPT, error_code, error_message, pages, translated

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

_WHOLE = "WholeBody"  # not a member of SageMaker's API
_PAUSE_SECONDS = 0.4  # half of the account's five calls a second
_NO_ENDPOINT = 'Could not find endpoint "'
_NO_MODEL = "Could not find model"
_NO_CONFIG = "Could not find endpoint configuration"
_IN_PROGRESS = "Cannot update in-progress endpoint"
_NAME_TAKEN = "Cannot create already existing endpoint configuration"


class SageMaker:
    """SageMaker in one region.

    Every call may raise `Throttled`, `ServiceUnavailable` or `RequestRefused`. A caller's own `client` needs
    parameter validation off, or botocore refuses what it doesn't know. Its responses to Describe calls then
    hold the whole body under one member and nothing else.
    """

    def __init__(self, client: SageMakerClient | None = None, *, config: Config = CLIENT_CONFIG) -> None:
        # Bodies are built from AWS's own answers, not from this SDK's model of them.
        self._client = client or aws.client("sagemaker", config.merge(Config(parameter_validation=False)))
        if (spoken := self._client.meta.service_model.resolved_protocol) != "json":
            # the runtime's botocore is AWS's to change: a body that can't be read must not be guessed at
            raise RuntimeError(f"botocore speaks {spoken} with SageMaker; its bodies are only known in JSON.")
        self._to_send: Mapping[str, Any] | None = None
        events = self._client.meta.events
        for operation in ("DescribeEndpoint", "DescribeEndpointConfig"):
            events.register(f"before-parse.sagemaker.{operation}", _keep_body)
        events.register("before-call.sagemaker.CreateEndpointConfig", self._put_body)

    def describe_endpoint(self, name: str) -> dict[str, Any] | None:
        """The body of DescribeEndpoint; None if there is no such endpoint."""
        with translated("SageMaker"):
            try:
                return _whole(self._client.describe_endpoint(EndpointName=name))
            except ClientError as error:
                if _is_validation(error, _NO_ENDPOINT):
                    return None
                raise

    def describe_config(self, name: str) -> dict[str, Any] | None:
        """The body of DescribeEndpointConfig; None if there is none, or none visible yet."""
        with translated("SageMaker"):
            try:
                return _whole(self._client.describe_endpoint_config(EndpointConfigName=name))
            except ClientError as error:
                if _is_validation(error, _NO_CONFIG):
                    return None
                raise

    def require_config(self, name: str) -> dict[str, Any]:
        """Like `describe_config`.

        Raises
        ------
        EndpointConfigNotFound
        """
        config = self.describe_config(name)
        if config is None:
            raise EndpointConfigNotFound(f"SageMaker finds no endpoint config {name}.")
        return config

    def describe_model(self, name: str) -> Mapping[str, Any] | None:
        """A model; None if there is none of that name."""
        with translated("SageMaker"):
            try:
                return self._client.describe_model(ModelName=name)
            except ClientError as error:
                if _is_validation(error, _NO_MODEL):
                    return None
                raise

    def list_tags(self, arn: str) -> dict[str, str]:
        with translated("SageMaker"):
            found = pages(self._client.list_tags, {"ResourceArn": arn}, "NextToken")
            return {tag["Key"]: tag["Value"] for page in found for tag in page["Tags"]}

    def create_config(self, body: ConfigRequest, tags: Mapping[str, str]) -> None:
        """Create an endpoint config from a whole request body. One of that name may already exist.

        Raises
        ------
        EncryptionUnsupported
            AWS refuses the KMS key for what the config describes.
        """
        request = dict(body)
        if tags:
            request["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        self._to_send = request
        with translated("SageMaker"):
            try:
                # the hook supplies the body: the SDK can't serialize members that it doesn't know
                create: Any = self._client.create_endpoint_config
                create(EndpointConfigName=request["EndpointConfigName"])
            except ClientError as error:
                if _is_validation(error, _NAME_TAKEN):
                    return
                if refuses_key(error_code(error), error_message(error)):
                    raise EncryptionUnsupported(f"AWS says: {error_message(error)}") from error
                raise
            finally:
                self._to_send = None

    def delete_config(self, name: str) -> None:
        """Delete an endpoint config, even one in use. A missing config counts as deleted."""
        with translated("SageMaker"):
            try:
                self._client.delete_endpoint_config(EndpointConfigName=name)
            except ClientError as error:
                if not _is_validation(error, _NO_CONFIG):
                    raise

    def endpoints_modified_since(self, moment: datetime) -> list[tuple[str, datetime]]:
        """The endpoints that were created or changed at or after `moment`, each with when it last was.

        Scaling and patching count as changes, so an endpoint that isn't listed was certainly not updated.
        """
        with translated("SageMaker"):
            asked = {"LastModifiedTimeAfter": moment, "MaxResults": 100}
            found = pages(self._client.list_endpoints, asked, "NextToken")
            return [
                (endpoint["EndpointName"], endpoint["LastModifiedTime"])
                for page in found
                for endpoint in page["Endpoints"]
            ]

    def endpoints_page(self, token: str = "") -> tuple[list[str], str]:
        """The names of up to 100 endpoints, and the token of the next page (empty: none)."""
        more: Any = {"NextToken": token} if token else {}
        with translated("SageMaker"):
            listed = self._client.list_endpoints(MaxResults=100, **more)
        return [endpoint["EndpointName"] for endpoint in listed["Endpoints"]], listed.get("NextToken", "")

    def describe_all(self, names: Iterable[str]) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """Describe endpoints one after the other, slowly: others need the same quota."""
        for index, name in enumerate(names):
            if index:
                time.sleep(_PAUSE_SECONDS)
            yield name, self.describe_endpoint(name)

    def add_tags(self, arn: str, tags: Mapping[str, str]) -> None:
        listed: Any = [{"Key": key, "Value": value} for key, value in tags.items()]
        with translated("SageMaker"):
            self._client.add_tags(ResourceArn=arn, Tags=listed)

    def delete_tags(self, arn: str, keys: Sequence[str]) -> None:
        with translated("SageMaker"):
            self._client.delete_tags(ResourceArn=arn, TagKeys=keys)

    def update_endpoint(self, name: str, config_name: str, options: Mapping[str, Any]) -> None:
        """Move the endpoint to another config; `options` are the call's other members.

        Raises
        ------
        EndpointBusy, EndpointGone
        EndpointConfigNotFound
            The new config is not visible yet: SageMaker is eventually consistent.
        """
        with translated("SageMaker"):
            try:
                update: Any = self._client.update_endpoint
                update(EndpointName=name, EndpointConfigName=config_name, **options)
            except ClientError as error:
                if _is_validation(error, _IN_PROGRESS):
                    raise EndpointBusy("SageMaker says the endpoint is being updated.") from error
                # an old config that was deleted gives the same message, but waiting won't bring it back
                if _is_validation(error, _NO_CONFIG) and _names(error, config_name):
                    raise EndpointConfigNotFound(
                        f"SageMaker finds no endpoint config {config_name}."
                    ) from error
                if _is_validation(error, _NO_ENDPOINT):
                    raise EndpointGone("The endpoint no longer exists.") from error
                raise

    def _put_body(self, params: dict[str, Any], **_: Any) -> None:
        if self._to_send is not None:
            params["body"] = json.dumps(self._to_send).encode()


def _keep_body(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Keep a body as it came, in place of what the SDK's model would parse from it.

    Nothing uses the parsed result, and parsing is a tenth of the call's time.
    """
    is_error = response_dict["status_code"] >= HTTPStatus.MULTIPLE_CHOICES
    if not is_error and _WHOLE not in customized_response_dict:
        body = response_dict["body"]
        customized_response_dict[_WHOLE] = json.loads(body) if body else {}
        response_dict["body"] = b""


def _whole(response: Any) -> dict[str, Any]:
    return response[_WHOLE]


@cache
def sagemaker() -> SageMaker:
    return SageMaker()


@cache
def sagemaker_tried_once() -> SageMaker:
    """SageMaker without the SDK's retries, so an error is known to belong to the only request sent."""
    return SageMaker(config=SINGLE_ATTEMPT)


def refuses_key(code: str, message: str) -> bool:
    """Whether a refusal is about the KMS key and the hardware, not about permission or the rest."""
    words = message.lower()
    about_key = "kms" in words or "volume encryption" in words
    about_hardware = any(hint in words for hint in ("not support", "unsupported", "local storage", "nvme"))
    return code == "ValidationException" and about_key and about_hardware


def _is_validation(error: ClientError, words: str) -> bool:
    return error_code(error) == "ValidationException" and words.casefold() in error_message(error).casefold()


def _names(error: ClientError, name: str) -> bool:
    """Whether a message is about the resource of this name.

    Messages quote ARNs, which had names in lower case until 2023 and have kept their case since 2024.
    """
    return f'/{name}"'.casefold() in error_message(error).casefold()
