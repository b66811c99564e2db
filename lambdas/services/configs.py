"""Endpoint configs: written, read back and compared; who uses one, and whether an old one may be deleted."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from lambdas.domain.encryption import feasibility, twin
from lambdas.domain.encryption.assessment import Path
from lambdas.domain.encryption.plan import paths_to_change
from lambdas.domain.encryption.progress import Move, uses
from lambdas.domain.encryption.twin import ConfigRequest, as_request, compare
from lambdas.domain.errors import (
    EndpointChanged,
    EndpointConfigNotFound,
    InvalidInput,
    NotYetConsistent,
    TwinMismatch,
)
from lambdas.domain.record import Approval, Remediation, required_fact
from lambdas.domain.vocabulary import Outcome
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker, sagemaker_tried_once
from lambdas.gateways.settings import required


def user_of(config: str, names: Iterable[str]) -> str | None:
    """The first of some endpoints that uses a config, or may have to go back to it."""
    described = sagemaker().describe_all(names)
    return next((name for name, endpoint in described if uses(endpoint, config)), None)


def latest_user_of(config: str, since: datetime) -> str | None:
    """The first user of a config among the endpoints that were created or changed since a moment.

    They are listed again until a list has nothing new: describing takes some 0.4 s each, in which another
    endpoint may come to use the config. What remains open until it is deleted is the time of one call.
    """
    seen: set[tuple[str, datetime]] = set()
    while new := {*sagemaker().endpoints_modified_since(since)} - seen:
        if user := user_of(config, sorted({name for name, _ in new})):
            return user
        seen |= new
    return None


def recorded_source(remediation: Remediation) -> tuple[dict[str, Any], dict[str, str]]:
    """The config to go back to and its tags, as kept before the endpoint was encrypted.

    Raises
    ------
    InvalidInput
        The evidence isn't what the record vouches for.
    TwinMismatch
        The endpoint's twin isn't the copy of this config that Sealpoint made.
    """
    source = required_fact(remediation, "sourceConfigName")
    evidence = records().evidence(remediation["remediationId"])
    if not evidence.sha256 or evidence.sha256 != remediation.get("evidenceSha256"):
        raise InvalidInput("The evidence of the original config isn't what was kept, so nothing was changed.")
    config, tags = evidence.bodies["config"], evidence.bodies["tags"]
    name = required_fact(remediation, "twinConfigName")
    paths = paths_to_change(remediation.get("surfaceKeys", []))
    if "targetReplaced" in remediation:  # what the endpoint is on was never ours to copy from
        return config, tags
    copy = twin.twin_request(config, required_fact(remediation, "keyArn"), paths, name)
    live = sagemaker().require_config(name)
    require_same(copy, live, than=f"{source} with the key")
    origin = twin.twin_tags(tags, source, "").get(twin.SOURCE_CONFIG_TAG)  # None: there was no room for it
    if origin and sagemaker().list_tags(live["EndpointConfigArn"]).get(twin.SOURCE_CONFIG_TAG) != origin:
        raise TwinMismatch(f"The config {name} isn't tagged as Sealpoint's copy of {source}.")
    return config, tags


def described_models(config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The models that a config names.

    Raises
    ------
    ModelGone
        One was deleted.
    """
    described = {name: sagemaker().describe_model(name) for name in feasibility.model_names(config)}
    feasibility.require_models([name for name, model in described.items() if model is None])
    return {name: model for name, model in described.items() if model is not None}


def require_same_models(remediation: Remediation, config: Mapping[str, Any]) -> None:
    """Raise `EndpointChanged` if a model was created again since people were asked."""
    asked = {model["name"]: model["createdAt"] for model in remediation.get("models", [])}
    found = described_models(config)
    if changed := [name for name, model in found.items() if feasibility.created_at(model) != asked.get(name)]:
        raise EndpointChanged(
            f"The model {', '.join(changed)} was created again since this was asked, so what was approved is "
            "not what would be deployed. Nothing was changed."
        )


def name_for_twin(remediation: Remediation, source: Mapping[str, Any], paths: Sequence[Path]) -> str:
    """The name that an earlier try recorded, the planned one, or, if that is taken, one that nobody knew."""
    if "twinRequestedAt" in remediation:
        return required_fact(remediation, "twinConfigName")
    planned = required_fact(remediation, "plannedTwinName")
    if sagemaker().describe_config(planned) is None:
        return planned
    return twin.twin_name(source, required("KMS_KEY_ARN"), paths, secrets.token_hex())


def require_same_twin(body: ConfigRequest, tags: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Read the twin back and compare it, field by field, with what was sent; also returns what AWS added.

    Raises
    ------
    EndpointConfigNotFound, NotYetConsistent
        Try again later.
    TwinMismatch
    """
    name = body["EndpointConfigName"]
    created = sagemaker().describe_config(name)
    if created is None:
        raise EndpointConfigNotFound("The encrypted twin can't be read back yet.")
    added = require_same(body, created, than="the copy that was sent")
    if missing := twin.missing_tags(tags, sagemaker().list_tags(created["EndpointConfigArn"])):
        raise NotYetConsistent(
            f"The config {name} lacks tags of its source, so the endpoint was left alone: "
            f"{'; '.join(missing)}."
        )
    return created, added


def require_compared(move: Move) -> None:
    """Raise `TwinMismatch` unless the config to move to is still the one that was compared."""
    if replaced := twin.replaced_words(move.identity, sagemaker_tried_once().require_config(move.target)):
        raise TwinMismatch(f"{replaced} The endpoint was left alone.")


def require_same(body: ConfigRequest, described: Mapping[str, Any], *, than: str) -> list[str]:
    """Compare a config with what was sent for it, field by field; returns what AWS added.

    Raises
    ------
    TwinMismatch
        It differs, and the message says from what.
    """
    compared = compare(body, described)
    if compared.differences:
        raise TwinMismatch(
            f"The config {body['EndpointConfigName']} differs from {than}, so the endpoint was left alone: "
            f"{'; '.join(compared.differences)}."
        )
    return compared.added


def reason_to_keep(remediation: Remediation, approval: Approval | None, old: str) -> str | None:
    """Why an old config must not be deleted, even if nothing uses it; None if it may be."""
    if required("RETIRE_OLD_CONFIG") != "true":
        return "The settings keep old configs."
    if approval and "backout" in approval:
        backout = records().requested_backout(approval)
        if backout is None or backout.get("outcome", Outcome.BACKED_OUT) == Outcome.BACKED_OUT:
            return "The endpoint was returned to it."
    live = sagemaker().describe_config(old)
    if live is None:
        return "It was deleted already."
    kept = records().evidence(remediation["remediationId"]).config
    if kept and kept["CreationTime"] != live["CreationTime"]:
        return "It is not the config on record: another one was created later under its name."
    if kept is None or compare(as_request(kept), live).differences:
        return "It is not the config on record."
    return None
