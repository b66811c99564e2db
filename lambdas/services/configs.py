"""Endpoint configs: written, read back and compared; who uses one, and whether an old one may be deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from lambdas.domain.encryption import twin
from lambdas.domain.encryption.progress import uses
from lambdas.domain.encryption.twin import ConfigRequest, as_request, compare
from lambdas.domain.errors import EndpointConfigNotFound, NotYetConsistent, TwinMismatch
from lambdas.domain.record import Remediation
from lambdas.domain.vocabulary import Outcome
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
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


def require_same_twin(body: ConfigRequest, tags: Mapping[str, str]) -> list[str]:
    """Read the twin back and compare it, field by field, with what was sent; returns what AWS added.

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
    return added


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


def reason_to_keep(remediation: Remediation, old: str) -> str | None:
    """Why an old config must not be deleted, whoever uses it; None if it may be."""
    if required("RETIRE_OLD_CONFIG") != "true":
        return "The settings keep old configs."
    if remediation.get("backoutId") and remediation.get("backoutOutcome") in ("", Outcome.BACKED_OUT):
        return "The endpoint was returned to it."
    live = sagemaker().describe_config(old)
    if live is None:
        return "It was deleted already."
    kept = records().snapshot(remediation["remediationId"]).get("config")
    if kept and kept["CreationTime"] != live["CreationTime"]:
        return "It is not the config on record: another one was created later under its name."
    if kept is None or compare(as_request(kept), live).differences:
        return "It is not the config on record."
    return None
