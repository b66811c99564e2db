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

from remediation.assessment import missing_keys, surface_keys
from remediation.vocabulary import Surface

SOURCE_CONFIG_TAG = "sealpoint:source-config"
REMEDIATION_TAG = "sealpoint:remediation-id"

_NAME_LIMIT = 63  # of an endpoint config's name, in characters (API reference, CreateEndpointConfig)
_TAG_LIMIT = 50  # of a resource's tags
_DIGEST_CHARACTERS = 10
# What DescribeEndpointConfig adds to the request it answers for.
_RESPONSE_ONLY = ("EndpointConfigArn", "CreationTime")


def twin_name(
    source: Mapping[str, Any], key_arn: str, surfaces: Collection[Surface], endpoint_name: str
) -> str:
    """The twin's name: valid, at most 63 characters, and the same on every retry.

    The digest covers the source's whole body, so that a config deleted and made anew under its old name
    gets a twin of its own; and the endpoint, so that two endpoints on one config each get a twin of their
    own, of which neither can be deleted under the other.
    """
    named = {"source": source, "key": key_arn, "surfaces": sorted(surfaces), "endpoint": endpoint_name}
    digest = fingerprint(named)
    suffix = f"-kms-{digest[:_DIGEST_CHARACTERS]}"
    stem = str(source["EndpointConfigName"])[: _NAME_LIMIT - len(suffix)]
    return re.sub(r"-+$", "", stem) + suffix


def write_twin(
    source: Mapping[str, Any], key_arn: str, surfaces: Collection[Surface], endpoint_name: str
) -> dict[str, Any]:
    """The body of the CreateEndpointConfig request, without its tags.

    Parameters
    ----------
    source
        The body of DescribeEndpointConfig's answer for the source config.
    key_arn
        The full ARN of the KMS key to name on every surface that has none.
    surfaces
        The surfaces to give the key; the others stay as they are.
    endpoint_name
        The endpoint that the twin is for.
    """
    twin = copy.deepcopy(_without_nulls(source))
    for member in _RESPONSE_ONLY:
        twin.pop(member, None)
    twin["EndpointConfigName"] = twin_name(source, key_arn, surfaces, endpoint_name)
    for missing in missing_keys(source, surfaces):
        *parents, member = missing.path
        holder: Any = twin
        for step in parents:
            holder = holder[step]
        holder[member] = key_arn
    return twin


def write_tags(source_tags: Mapping[str, str], source_name: str, remediation_id: str) -> dict[str, str]:
    """The twin's tags: the source's (`aws:` ones can't be set), and where it came from if there's room."""
    kept = {key: value for key, value in source_tags.items() if not key.lower().startswith("aws:")}
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
    source: Mapping[str, Any], key_arn: str, surfaces: Collection[Surface], update_options: Mapping[str, Any]
) -> str:
    """What an approver approves (DESIGN §4.21), as a hash: another plan is another question."""
    changes = {".".join(map(str, key.path)): key_arn for key in missing_keys(source, surfaces)}
    return fingerprint({"source": source, "changes": changes, "key": key_arn, "update": update_options})


def keys_in_place(config: Mapping[str, Any], key_arn: str, surfaces: Collection[Surface]) -> bool:
    """Whether every one of `surfaces` names a key, the instance volume ours."""
    keys = [key for key in surface_keys(config) if key.surface in surfaces]
    volume = config.get("KmsKeyId")
    return all(key.key_id for key in keys) and volume == key_arn


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
