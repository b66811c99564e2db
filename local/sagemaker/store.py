"""What one region holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.sagemaker import lifecycle
from local.sagemaker.errors import already_exists, invalid, not_found
from local.sagemaker.lifecycle import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.sagemaker.behaviour import Behaviour

Json = dict[str, Any]

MODEL = "model"
CONFIG = "endpoint configuration"
ENDPOINT = "endpoint"
_ARN_TYPES = {MODEL: "model", CONFIG: "endpoint-config", ENDPOINT: "endpoint"}
_MOST_TAGS = 50


@dataclass(frozen=True)
class Document:
    """A model or an endpoint config: immutable, its body as it was sent, and as it is described.

    Neither body has the tags. `created` is a stamp.
    """

    name: str
    arn: str
    created: float
    body: Json
    described: Json


@dataclass
class Region:
    """The models, configs, endpoints and tags of one account in one region. Not thread-safe.

    Names are unique whatever their case (CreateEndpoint's documentation of EndpointName; for models and
    configs, whose ARNs were in lower case as well, by inference). So everything is kept by its name or ARN
    in lower case.
    """

    name: str
    partition: str
    account_id: str
    behaviour: Behaviour
    _models: dict[str, Document] = field(default_factory=dict[str, Document])
    _configs: dict[str, Document] = field(default_factory=dict[str, Document])
    _tags: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    _endpoints: dict[str, Endpoint] = field(default_factory=dict[str, Endpoint])

    def arn(self, kind: str, name: str) -> str:
        """The ARN that a resource of that name would get now."""
        resource = name.lower() if self.behaviour.lower_case_arns else name
        return f"arn:{self.partition}:sagemaker:{self.name}:{self.account_id}:{_ARN_TYPES[kind]}/{resource}"

    # -- documents

    def add(
        self, kind: str, name: str, request: Json, created: float, describe: Callable[[Json], Json] = dict
    ) -> Document:
        """Store a model or a config as the body sent.

        Parameters
        ----------
        describe
            Makes of the body sent the one that is described.

        Raises
        ------
        ServiceError
            The name is taken, or a tag is not the customer's to set.
        """
        arn = self.arn(kind, name)
        if name.lower() in self._documents(kind):
            # where the two differ in case: which of them the message names is not recorded
            raise already_exists(kind, arn)
        tags = read_tags(request.get("Tags"))
        body = {key: value for key, value in request.items() if key != "Tags"}
        document = Document(name=name, arn=arn, created=created, body=body, described=describe(body))
        self._documents(kind)[name.lower()] = document
        self._tags[arn.lower()] = tags
        return document

    def get(self, kind: str, name: str) -> Document:
        document = self._documents(kind).get(name.lower())
        if document is None or (self.behaviour.config_names_match_case and document.name != name):
            raise not_found(kind, self.arn(kind, name))
        return document

    def remove(self, kind: str, document: Document) -> None:
        del self._documents(kind)[document.name.lower()]
        del self._tags[document.arn.lower()]

    def all(self, kind: str) -> list[Document]:
        return list(self._documents(kind).values())

    def _documents(self, kind: str) -> dict[str, Document]:
        return self._models if kind == MODEL else self._configs

    # -- endpoints

    def endpoints(self, now: float) -> list[Endpoint]:
        """Every endpoint as it is now."""
        settled = [
            endpoint if endpoint.until > now else self._settle(key, now)
            for key, endpoint in list(self._endpoints.items())
        ]
        return [endpoint for endpoint in settled if endpoint]

    def endpoint(self, name: str, now: float) -> Endpoint:
        endpoint = self._settle(name.lower(), now)
        if endpoint is None or (self.behaviour.names_match_case and endpoint.name != name):
            raise not_found(ENDPOINT, self.arn(ENDPOINT, name))
        return endpoint

    def is_endpoint_name_taken(self, name: str, now: float) -> bool:
        return self._settle(name.lower(), now) is not None

    def put(self, endpoint: Endpoint, tags: dict[str, str] | None = None) -> None:
        """Keep an endpoint as it is now; a new one comes with its tags."""
        self._endpoints[endpoint.name.lower()] = endpoint
        if tags is not None:
            self._tags[endpoint.arn.lower()] = tags

    def _settle(self, key: str, now: float) -> Endpoint | None:
        endpoint = self._endpoints.get(key)
        if endpoint is None:
            return None
        settled = lifecycle.settle(endpoint, now)
        if settled is None:
            del self._endpoints[key]
            del self._tags[endpoint.arn.lower()]
        else:
            self._endpoints[key] = settled
        return settled

    # -- tags

    def tagged_endpoints(self, now: float) -> list[tuple[str, dict[str, str]]]:
        """The ARN and the tags of every endpoint."""
        return [(e.arn, dict(self._tags[e.arn.lower()])) for e in self.endpoints(now)]

    def tags_of(self, arn: str, now: float) -> dict[str, str]:
        """The tags of a resource, to read and to change."""
        self.endpoints(now)  # the tags of what is gone by now are gone
        if arn.lower() in self._tags:
            return self._tags[arn.lower()]
        resource = arn.partition("/")[0]
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
