"""The encrypted twin: the same config in everything but its keys, its name and its tags of origin.

Bodies here are the JSON objects that the SageMaker API sends and takes, whole: a field that no SDK knows
yet is copied like any other.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NewType

from lambdas.domain.encryption.assessment import Path, variants_of
from lambdas.domain.endpoint_id import EndpointId
from lambdas.domain.record import ConfigIdentity, Model, moment

SOURCE_CONFIG_TAG = "sealpoint:source-config"
REMEDIATION_TAG = "sealpoint:remediation-id"

_NAME_LIMIT = 63  # of an endpoint config's name, in characters (API reference, CreateEndpointConfig)
_TAG_LIMIT = 50  # of a resource's tags
_SUFFIX_CHARACTERS = 10
# Members of every description of a config, and of no request for one.
_RESPONSE_ONLY = ("EndpointConfigArn", "CreationTime")

ConfigRequest = NewType("ConfigRequest", dict[str, Any])
"""The body of a CreateEndpointConfig request; from a description, only `as_request` makes one."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a config that AWS describes compares with the request that was sent for it.

    Attributes
    ----------
    differences
        Members that came back changed or not at all, and unexpected ones: a line each.
    added
        Members that AWS is known to add, which are no difference: a line each.
    """

    differences: list[str] = field(default_factory=list[str])
    added: list[str] = field(default_factory=list[str])


def twin_name(source: Mapping[str, Any], key_arn: str, paths: Collection[Path], its_own: str) -> str:
    """The twin's name: valid, at most 63 characters, and the same on every retry.

    Parameters
    ----------
    its_own
        The remediation's id, so that each writes a twin of its own and deleting it never affects another's.
        If a config has that name already: anything that nobody could know in advance.
    """
    named = {"source": source, "changes": _changes(paths, key_arn), "its_own": its_own}
    suffix = f"-kms-{fingerprint(named)[:_SUFFIX_CHARACTERS]}"
    return _with_suffix(str(source["EndpointConfigName"]), suffix)


def identity(config: Mapping[str, Any]) -> ConfigIdentity:
    """What tells a described config from any other of its name.

    SageMaker stamps the CreationTime of every config to the millisecond, and nobody else can set it.
    """
    return {
        "name": str(config["EndpointConfigName"]),
        "createdAt": moment(config["CreationTime"]).isoformat(timespec="milliseconds"),
        "sha256": fingerprint(as_request(config)),
    }


def replaced_words(expected: ConfigIdentity, config: Mapping[str, Any]) -> str | None:
    """In words, that a described config isn't the one that was compared; None if it is."""
    found = identity(config)
    if found == expected:
        return None
    return (
        f"The config {expected['name']} is not the one that Sealpoint compared, created at "
        f"{expected['createdAt']}: another one was created under its name at {found['createdAt']}."
    )


def twin_request(
    source: Mapping[str, Any], key_arn: str, paths: Collection[Path], name: str
) -> ConfigRequest:
    """The body of the CreateEndpointConfig request, without its tags.

    Parameters
    ----------
    source
        The body of DescribeEndpointConfig for the source config.
    key_arn
        The full ARN of the KMS key to name.
    paths
        Where to name it: the members of the surfaces to change. The others stay as they are.
    name
        The twin's, from `twin_name`.
    """
    twin = as_request(source)
    twin["EndpointConfigName"] = name
    for path in paths:
        *parents, member = path
        holder: Any = twin
        for step in parents:
            holder = holder[step]
        holder[member] = key_arn
    return twin


def as_request(config: Mapping[str, Any]) -> ConfigRequest:
    """The request that would create a described config again.

    DescribeEndpointConfig shows a `VolumeSizeInGB` for serverless variants, which
    CreateEndpointConfig refuses: https://github.com/aws-controllers-k8s/sagemaker-controller/pull/193
    """
    body: dict[str, Any] = copy.deepcopy(_without_nulls(config))
    for member in _RESPONSE_ONLY:
        body.pop(member, None)
    for _, variant in variants_of(body):
        if "ServerlessConfig" in variant:
            variant.pop("VolumeSizeInGB", None)
    return ConfigRequest(body)


def restored_config(snapshot: Mapping[str, Any], live: Mapping[str, Any] | None) -> ConfigRequest:
    """The request for the config to return to: the one on record, under its own name.

    If another config (`live`) has that name by now, the name is derived from it.
    """
    body = as_request(snapshot)
    if live is not None and compare(body, live).differences:
        suffix = f"-was-{fingerprint(snapshot)[:_SUFFIX_CHARACTERS]}"
        body["EndpointConfigName"] = _with_suffix(str(snapshot["EndpointConfigName"]), suffix)
    return body


def settable_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that a user can set: `aws:` ones are AWS's own."""
    return {key: value for key, value in tags.items() if not key.lower().startswith("aws:")}


def twin_tags(source_tags: Mapping[str, str], source_name: str, remediation_id: str) -> dict[str, str]:
    """The twin's tags: the source's, and tags of origin if there is room."""
    kept = settable_tags(source_tags)
    origin = {SOURCE_CONFIG_TAG: source_name, REMEDIATION_TAG: remediation_id}
    return kept | origin if len(kept.keys() | origin.keys()) <= _TAG_LIMIT else kept


def compare(sent: Mapping[str, Any], described: Mapping[str, Any]) -> Comparison:
    """Compare a config as AWS describes it with the request that was sent for it.

    Name and keys are compared like everything else: what was sent must come back unchanged.
    """
    theirs = {key: value for key, value in described.items() if key not in _RESPONSE_ONLY}
    comparison = Comparison()
    _compare(_without_nulls(sent), _without_nulls(theirs), (), comparison, _sized_by_aws(sent))
    return comparison


def in_addition(added: Collection[str]) -> str:
    """The end of a sentence about a comparison: what AWS added, if anything."""
    return f". AWS added {', '.join(added)}" if added else ""


def missing_tags(expected: Mapping[str, str], actual: Mapping[str, str]) -> list[str]:
    """The tags that a twin lacks, or has with another value: a line each.

    Tags of origin may be an earlier remediation's. Additional tags are no fault: governance tools add theirs
    within minutes.
    """
    origin = {SOURCE_CONFIG_TAG, REMEDIATION_TAG}
    return [
        f"Tags.{key} is {actual.get(key)!r}, not {value!r}"
        for key, value in sorted(expected.items())
        if key not in origin and actual.get(key) != value
    ]


def plan_hash(
    endpoint: EndpointId,
    source: Mapping[str, Any],
    key_arn: str,
    paths: Collection[Path],
    update_options: Mapping[str, Any],
    *,
    models: Collection[Model] = (),
) -> str:
    """A hash of what an approver approves, recomputed before acting: another plan is another question.

    Parameters
    ----------
    models
        None in the hash by which claims, denials and sweeps know a plan: they don't look at models.
    """
    return fingerprint(
        {
            "endpoint": str(endpoint),
            "source": source,
            "changes": _changes(paths, key_arn),
            "key": key_arn,
            "update": update_options,
            "models": {model["name"]: model["createdAt"] for model in models},
        }
    )


def keys_missing(config: Mapping[str, Any], key_arn: str, paths: Collection[Path]) -> list[str]:
    """The members among `paths` that don't name the key."""

    def named(path: Path) -> Any:
        holder: Any = config
        for step in path:
            try:
                holder = holder[step]
            except (KeyError, IndexError, TypeError):
                return None
        return holder

    return [dotted(path) for path in paths if named(path) != key_arn]


def dotted(path: Path) -> str:
    """A path as it is recorded: ``ProductionVariants.0.CoreDumpConfig.KmsKeyId``."""
    return ".".join(map(str, path))


def from_dotted(text: str) -> Path:
    return tuple(int(step) if step.isdigit() else step for step in text.split("."))


def _with_suffix(name: str, suffix: str) -> str:
    return re.sub(r"-+$", "", name[: _NAME_LIMIT - len(suffix)]) + suffix


def _changes(paths: Collection[Path], key_arn: str) -> dict[str, str]:
    return {dotted(path): key_arn for path in paths}


def fingerprint(value: Any) -> str:
    """A SHA-256 over the canonical JSON of a value, in hex; null members count as absent."""
    canonical = json.dumps(_without_nulls(value), sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _without_nulls(value: Any) -> Any:
    """Treat null members as absent, as AWS's JSON protocols do."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(member) for member in value]
    return value


def _compare(sent: Any, described: Any, path: Path, comparison: Comparison, sized: Collection[Path]) -> None:
    if isinstance(sent, Mapping) and isinstance(described, Mapping):
        for key in sorted(sent.keys() | described.keys()):
            here = (*path, key)
            if key not in described:
                comparison.differences.append(f"{_shown(here)} is missing")
            elif key in sent:
                _compare(sent[key], described[key], here, comparison, sized)
            elif _is_added_by_aws(here, described[key], sized):
                comparison.added.append(f"{_shown(here)}: {json.dumps(described[key])}")
            else:
                comparison.differences.append(f"{_shown(here)} was not sent")
    elif isinstance(sent, list) and isinstance(described, list) and len(sent) == len(described):
        for index, (ours, theirs) in enumerate(zip(sent, described, strict=True)):
            _compare(ours, theirs, (*path, index), comparison, sized)
    elif not _is_same(sent, described):
        comparison.differences.append(f"{_shown(path)} is {described!r}, not {sent!r}")


def _is_same(sent: Any, described: Any) -> bool:
    """Whether two values are equal as JSON: 1 and 1.0 are, 1 and true are not."""
    if isinstance(sent, bool) or isinstance(described, bool):
        return sent is described
    return bool(sent == described)


def _sized_by_aws(sent: Mapping[str, Any]) -> set[Path]:
    """Where AWS is known to describe a `VolumeSizeInGB` that was not sent.

    This is on serverless variants and, in a config that names a key, on variants with an instance type.
    Anywhere else someone set the size, as in a config that was created again under the same name.
    """
    return {
        (*path, "VolumeSizeInGB")
        for path, variant in variants_of(sent)
        if variant.get("ServerlessConfig") or (sent.get("KmsKeyId") and variant.get("InstanceType"))
    }


def _is_added_by_aws(path: Path, value: Any, sized: Collection[Path]) -> bool:
    """Whether AWS is known to add a member with such a value.

    - ``EnableNetworkIsolation: false``: aws/sagemaker-python-sdk, tests/integ/test_sagemaker_config.py,
      which compares strictly with AWS, since its commit 5c8f6a2cf of November 2023.
    - ``VolumeSizeInGB`` of an instance variant whose config names a key: the same test, 4 for ml.t2.medium
      and 16 for ml.m4.xlarge. Of a serverless variant, 5: aws-controllers-k8s/sagemaker-controller, PR 193.
    """
    if path == ("EnableNetworkIsolation",):
        return value is False
    return path in sized and isinstance(value, int) and not isinstance(value, bool)


def _shown(path: Path) -> str:
    """A path as people read it: ``ProductionVariants[0].CoreDumpConfig``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")
