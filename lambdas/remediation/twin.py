"""The encrypted twin: the same config in everything but its keys, its name and its tags of origin.

Bodies here are the JSON objects that the SageMaker API sends and takes, whole: a field that no SDK knows
yet is carried over like any other (DESIGN §4.12).
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from remediation.assessment import Path

SOURCE_CONFIG_TAG = "sealpoint:source-config"
REMEDIATION_TAG = "sealpoint:remediation-id"

_NAME_LIMIT = 63  # of an endpoint config's name, in characters (API reference, CreateEndpointConfig)
_TAG_LIMIT = 50  # of a resource's tags
_DIGEST_CHARACTERS = 10
# What DescribeEndpointConfig adds to the request it answers for.
_RESPONSE_ONLY = ("EndpointConfigArn", "CreationTime")


def twin_name(source: Mapping[str, Any], key_arn: str, paths: Collection[Path], endpoint_name: str) -> str:
    """The twin's name: valid, at most 63 characters, and the same on every retry.

    The digest covers the source's whole body, so that a config deleted and made anew under its old name
    gets a twin of its own; and the endpoint, so that two endpoints on one config each get a twin of their
    own, of which neither can be deleted under the other.
    """
    named = {"source": source, "changes": _changes(paths, key_arn), "endpoint": endpoint_name}
    digest = fingerprint(named)
    return _with_suffix(str(source["EndpointConfigName"]), f"-kms-{digest[:_DIGEST_CHARACTERS]}")


def write_twin(
    source: Mapping[str, Any], key_arn: str, paths: Collection[Path], endpoint_name: str
) -> dict[str, Any]:
    """The body of the CreateEndpointConfig request, without its tags.

    Parameters
    ----------
    source
        The body of DescribeEndpointConfig's answer for the source config.
    key_arn
        The full ARN of the KMS key to name.
    paths
        Where to name it: the members of the surfaces to be changed. The others stay as they are.
    endpoint_name
        The endpoint that the twin is for.
    """
    twin = as_request(source)
    twin["EndpointConfigName"] = twin_name(source, key_arn, paths, endpoint_name)
    for path in paths:
        *parents, member = path
        holder: Any = twin
        for step in parents:
            holder = holder[step]
        holder[member] = key_arn
    return twin


def as_request(config: Mapping[str, Any]) -> dict[str, Any]:
    """The request that would create a config again, from the answer that described it."""
    body: dict[str, Any] = copy.deepcopy(_without_nulls(config))
    for member in _RESPONSE_ONLY:
        body.pop(member, None)
    return body


def restored_config(snapshot: Mapping[str, Any], live: Mapping[str, Any] | None) -> dict[str, Any]:
    """The request for the config to go back to: the one on record, under its own name.

    If another config has taken that name meanwhile (`live`), under a name derived from it.
    """
    body = as_request(snapshot)
    if live is not None and differences(body, live):
        suffix = f"-was-{fingerprint(snapshot)[:_DIGEST_CHARACTERS]}"
        body["EndpointConfigName"] = _with_suffix(str(snapshot["EndpointConfigName"]), suffix)
    return body


def settable_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that a user can set: `aws:` ones are AWS's own."""
    return {key: value for key, value in tags.items() if not key.lower().startswith("aws:")}


def write_tags(source_tags: Mapping[str, str], source_name: str, remediation_id: str) -> dict[str, str]:
    """The twin's tags: the source's, and where it came from if there's room."""
    kept = settable_tags(source_tags)
    origin = {SOURCE_CONFIG_TAG: source_name, REMEDIATION_TAG: remediation_id}
    return kept | origin if len(kept.keys() | origin.keys()) <= _TAG_LIMIT else kept


def differences(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[str]:
    """Where a config as read back differs from the one that was sent: a line each, empty if nowhere.

    Name and keys are compared like everything else; only what AWS adds to its answer is left out.
    """
    ours = {key: value for key, value in expected.items() if key not in _RESPONSE_ONLY}
    theirs = {key: value for key, value in actual.items() if key not in _RESPONSE_ONLY}
    return _differences(_without_nulls(ours), _without_nulls(theirs), "")


def missing_tags(expected: Mapping[str, str], actual: Mapping[str, str]) -> list[str]:
    """The tags that a twin lacks, or has with another value: a line each.

    Those of origin may be an earlier remediation's, and others may add tags of their own, as governance
    tools do within minutes.
    """
    origin = {SOURCE_CONFIG_TAG, REMEDIATION_TAG}
    return [
        f"Tags.{key} is {actual.get(key)!r}, not {value!r}"
        for key, value in sorted(expected.items())
        if key not in origin and actual.get(key) != value
    ]


def plan_hash(
    source: Mapping[str, Any], key_arn: str, paths: Collection[Path], update_options: Mapping[str, Any]
) -> str:
    """What an approver approves (DESIGN §4.21), as a hash: another plan is another question."""
    changes = _changes(paths, key_arn)
    return fingerprint({"source": source, "changes": changes, "key": key_arn, "update": update_options})


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
    """A path as it is written on record: ``ProductionVariants.0.CoreDumpConfig.KmsKeyId``."""
    return ".".join(map(str, path))


def from_dotted(text: str) -> Path:
    return tuple(int(step) if step.isdigit() else step for step in text.split("."))


def _with_suffix(name: str, suffix: str) -> str:
    return re.sub(r"-+$", "", name[: _NAME_LIMIT - len(suffix)]) + suffix


def _changes(paths: Collection[Path], key_arn: str) -> dict[str, str]:
    return {dotted(path): key_arn for path in paths}


def fingerprint(value: Any) -> str:
    """A SHA-256 over the canonical JSON of a value, in hex; absent and null are the same."""
    canonical = json.dumps(_without_nulls(value), sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _without_nulls(value: Any) -> Any:
    """A member that is null is one that isn't there: AWS's JSON protocols don't tell them apart."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(member) for member in value]
    return value


def _differences(expected: Any, actual: Any, path: str) -> list[str]:
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        found: list[str] = []
        for key in sorted(expected.keys() | actual.keys()):
            where = f"{path}.{key}" if path else str(key)
            if key not in actual:
                found.append(f"{where} is missing")
            elif key not in expected:
                found.append(f"{where} was not asked for")
            else:
                found += _differences(expected[key], actual[key], where)
        return found
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = zip(expected, actual, strict=True)
        return [
            line
            for index, (ours, theirs) in enumerate(pairs)
            for line in _differences(ours, theirs, f"{path}[{index}]")
        ]
    if type(expected) is bool or type(actual) is bool:
        return [] if expected is actual else [f"{path} is {actual!r}, not {expected!r}"]
    return [] if expected == actual else [f"{path} is {actual!r}, not {expected!r}"]
