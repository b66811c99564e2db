"""CreateEncryptedConfig: check again what was approved, write the encrypted twin, read it back, compare."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain.approval.decision import require_approved
from lambdas.domain.encryption import twin
from lambdas.domain.encryption.plan import paths_to_change
from lambdas.domain.errors import EndpointChanged, EndpointGone
from lambdas.domain.record import TimelineEntry, endpoint_of, happened, iso, required_fact
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.gateways.settings import required
from lambdas.services.configs import name_for_twin, require_same_models, require_same_twin
from lambdas.services.observability import logger, step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().remediation(event["remediationId"])
    name, remediation_id = remediation["endpointName"], remediation["remediationId"]
    source_name = required_fact(remediation, "sourceConfigName")
    records().require_claim(remediation)

    endpoint = sagemaker().describe_endpoint(name)
    if endpoint is None:
        raise EndpointGone("The endpoint no longer exists.")
    if endpoint["EndpointConfigName"] != source_name:
        live = endpoint["EndpointConfigName"]
        raise EndpointChanged(f"The endpoint is now on {live}, no longer on {source_name}.")
    source = sagemaker().require_config(source_name)

    key_arn = required("KMS_KEY_ARN")
    paths = paths_to_change(remediation.get("surfaceKeys", []))
    options = remediation.get("updateOptions", {})
    require_same_models(remediation, source)
    models = remediation.get("models", [])
    plan = twin.plan_hash(endpoint_of(remediation), source, key_arn, paths, options, models=models)
    require_approved(remediation, records().approval(remediation.get("approvalId", "")), plan)

    source_tags = sagemaker().list_tags(source["EndpointConfigArn"])
    tags = twin.twin_tags(source_tags, source_name, remediation_id)
    twin_name, entries = name_for_twin(remediation, source, paths), list[TimelineEntry]()
    is_retry = "twinRequestedAt" in remediation
    # Recorded before the call, so that a twin whose response was lost can still be identified as ours.
    if not is_retry:
        requested = {"twinConfigName": twin_name, "twinRequestedAt": iso(now)}
        if twin_name != (planned := required_fact(remediation, "plannedTwinName")):
            entries.append(happened(now, f"A config named {planned} exists already, so the name is another"))
        what = f"CreateEndpointConfig {twin_name}, a copy of {source_name} with the key"
        entries.append(happened(now, what))
        records().note(remediation_id, requested, *entries)
    body = twin.twin_request(source, key_arn, paths, twin_name)
    if not is_retry or sagemaker().describe_config(twin_name) is None:
        sagemaker().create_config(body, tags)
    created, added = require_same_twin(body, tags)
    same = f"Read {twin_name} back: it is what was sent, {source_name} with the keys"
    entry = happened(now, same + twin.in_addition(added))
    found = {"targetIdentity": twin.identity(created), "twinAdditions": added}
    records().note(remediation_id, found, entry)
    logger.info("encrypted_twin_ready", twin_config=twin_name, source_config=source_name)
    return {"twinConfigName": twin_name}
