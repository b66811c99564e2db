"""CreateEncryptedConfig: check again what was approved, write the encrypted twin, read it back, compare."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lambdas.domain.approval.decision import require_approved
from lambdas.domain.encryption import twin
from lambdas.domain.encryption.plan import paths_to_change
from lambdas.domain.errors import (
    EndpointChanged,
    EndpointConfigNotFound,
    EndpointGone,
    NotYetConsistent,
    TwinMismatch,
)
from lambdas.domain.record import happened, iso, required_fact
from lambdas.gateways.environment import required
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.services.observability import logger, step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().remediation(event["remediationId"])
    name, source_name = remediation["endpointName"], required_fact(remediation, "sourceConfigName")
    records().require_claim(name, remediation["remediationId"])

    endpoint = sagemaker().describe_endpoint(name)
    if endpoint is None:
        raise EndpointGone("The endpoint no longer exists.")
    if endpoint["EndpointConfigName"] != source_name:
        raise EndpointChanged(
            f"The endpoint is on {endpoint['EndpointConfigName']} now, not on {source_name}."
        )
    source = sagemaker().require_config(source_name)

    key_arn = required("KMS_KEY_ARN")
    paths = paths_to_change(remediation.get("surfaceKeys", []))
    plan = twin.plan_hash(source, key_arn, paths, remediation.get("updateOptions", {}))
    require_approved(remediation, records().approval(remediation.get("approvalId", "")), plan)

    body = twin.write_twin(source, key_arn, paths, name)
    tags = twin.write_tags(
        sagemaker().list_tags(source["EndpointConfigArn"]), source_name, remediation["remediationId"]
    )
    twin_name = body["EndpointConfigName"]
    if sagemaker().describe_config(twin_name) is None:
        # on record before the call: a twin whose answer is lost can still be found, and told from another's
        asked = {"twinConfigName": twin_name, "twinRequestedAt": iso(now)}
        if "twinRequestedAt" not in remediation:
            entry = happened(now, f"CreateEndpointConfig {twin_name}, a copy of {source_name} with the key")
            records().note(remediation["remediationId"], asked, entry)
        sagemaker().create_config(body, tags)
    added = _require_same(body, tags)
    seen = f"Read {twin_name} back: what was sent came back, {source_name} with the keys"
    entry = happened(now, seen + twin.in_addition(added))
    facts = {"twinConfigName": twin_name, "twinAdditions": added}
    records().note(remediation["remediationId"], facts, entry)
    logger.info("encrypted_twin_ready", twin_config=twin_name, source_config=source_name)
    return {"twinConfigName": twin_name}


def _require_same(body: Mapping[str, Any], tags: Mapping[str, str]) -> list[str]:
    """Read the twin back and compare it, field by field, with what was sent; returns what AWS added."""
    created = sagemaker().describe_config(body["EndpointConfigName"])
    if created is None:
        raise EndpointConfigNotFound("The encrypted twin can't be read back yet.")
    name = body["EndpointConfigName"]
    compared = twin.compare(body, created)
    if compared.differences:
        raise TwinMismatch(
            f"The config {name} is not the copy that was meant, so the endpoint was left alone: "
            f"{'; '.join(compared.differences)}."
        )
    if missing := twin.missing_tags(tags, sagemaker().list_tags(created["EndpointConfigArn"])):
        raise NotYetConsistent(
            f"The config {name} lacks tags of its source, so the endpoint was left alone: "
            f"{'; '.join(missing)}."
        )
    return compared.added
