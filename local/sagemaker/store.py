"""What one region holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from local.sagemaker import lifecycle
from local.sagemaker.errors import already_exists, invalid, not_found
from local.sagemaker.lifecycle import Endpoint

Json = dict[str, Any]

MODEL = "model"
CONFIG = "endpoint configuration"
ENDPOINT = "endpoint"
_ARN_TYPES = {MODEL: "model", CONFIG: "endpoint-config", ENDPOINT: "endpoint"}
_MOST_TAGS = 50


@dataclass(frozen=True)
class Document:
    """A model or an endpoint config: immutable, its body as it was sent, without the tags."""

    name: str
    arn: str
    created: float
    body: Json


@dataclass
class Region:
    """The models, configs, endpoints and tags of one account in one region. Not thread-safe."""

    name: str
    partition: str
    account_id: str
    models: dict[str, Document] = field(default_factory=dict[str, Document])
    configs: dict[str, Document] = field(default_factory=dict[str, Document])
    tags: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    _endpoints: dict[str, Endpoint] = field(default_factory=dict[str, Endpoint])

    def arn(self, kind: str, name: str) -> str:
        resource = f"{_ARN_TYPES[kind]}/{name.lower()}"
        return f"arn:{self.partition}:sagemaker:{self.name}:{self.account_id}:{resource}"

    # -- documents

    def add(self, kind: str, name: str, request: Json, now: float) -> Document:
        """Store a model or a config as the body sent.

        Raises
        ------
        ServiceError
            The name is taken, or a tag is not the customer's to set.
        """
        documents = self._documents(kind)
        arn = self.arn(kind, name)
        # names that differ only in case would share an ARN; everything that is there has tags, be they none
        if arn in self.tags:
            raise already_exists(kind, arn)
        tags = read_tags(request.get("Tags"))
        body = {key: value for key, value in request.items() if key != "Tags"}
        documents[name] = Document(name=name, arn=arn, created=now, body=body)
        self.tags[arn] = tags
        return documents[name]

    def get(self, kind: str, name: str) -> Document:
        document = self._documents(kind).get(name)
        if document is None:
            raise not_found(kind, self.arn(kind, name))
        return document

    def remove(self, kind: str, name: str) -> None:
        document = self.get(kind, name)
        del self._documents(kind)[name]
        del self.tags[document.arn]

    def _documents(self, kind: str) -> dict[str, Document]:
        return self.models if kind == MODEL else self.configs

    # -- endpoints

    def endpoints(self, now: float) -> list[Endpoint]:
        """Every endpoint as it is now."""
        settled = [
            endpoint if endpoint.until > now else self._settle(name, now)
            for name, endpoint in list(self._endpoints.items())
        ]
        return [endpoint for endpoint in settled if endpoint]

    def endpoint(self, name: str, now: float) -> Endpoint:
        endpoint = self._settle(name, now)
        if endpoint is None:
            raise not_found(ENDPOINT, self.arn(ENDPOINT, name))
        return endpoint

    def endpoint_arn_taken(self, arn: str, now: float) -> bool:
        if arn in self.tags:
            self.endpoints(now)  # the tags of what is gone by now are gone
        return arn in self.tags

    def put(self, endpoint: Endpoint) -> None:
        self._endpoints[endpoint.name] = endpoint
        self.tags.setdefault(endpoint.arn, {})

    def _settle(self, name: str, now: float) -> Endpoint | None:
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            return None
        settled = lifecycle.settle(endpoint, now)
        if settled is None:
            del self._endpoints[name]
            del self.tags[endpoint.arn]
        else:
            self._endpoints[name] = settled
        return settled

    # -- tags

    def tags_of(self, arn: str, now: float) -> dict[str, str]:
        """The tags of a resource, to read and to change."""
        self.endpoints(now)  # the tags of what is gone by now are gone
        resource, _, name = arn.partition("/")
        normal = f"{resource}/{name.lower()}"
        if normal in self.tags:
            return self.tags[normal]
        kinds = {f":{arn_type}": kind for kind, arn_type in _ARN_TYPES.items()}
        kind = next((kind for end, kind in kinds.items() if resource.endswith(end)), "resource")
        raise not_found(kind, arn)


def read_tags(tags: list[Json] | None) -> dict[str, str]:
    """Tags as a customer may set them.

    Raises
    ------
    ServiceError
        A key starts with `aws:`, which only AWS's own services set.
    """
    read = {str(tag["Key"]): str(tag["Value"]) for tag in tags or []}
    check_tag_keys(list(read))
    return read


def check_tag_keys(keys: list[str]) -> None:
    for key in keys:
        if key.lower().startswith("aws:"):
            raise invalid(f"System prefix 'aws:' reserved for AWS usage in tag key: {key}")


def check_tag_count(tags: dict[str, str]) -> None:
    if len(tags) > _MOST_TAGS:
        raise invalid(f"The number of tags exceeds the limit of {_MOST_TAGS} per resource.")
