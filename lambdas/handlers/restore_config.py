"""RestoreConfig: check that the earlier config exists as it is on record, or create it again from there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain.encryption import twin
from lambdas.domain.errors import EndpointConfigNotFound, InvalidInput
from lambdas.domain.record import happened, required_fact
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.services.configs import require_same
from lambdas.services.observability import logger, step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    record = records().remediation(event["remediationId"])
    records().require_claim(record["endpointName"], record["remediationId"])
    snapshot = records().snapshot(required_fact(record, "backsOut"))
    if "config" not in snapshot:
        raise InvalidInput("The original config is not on record, so nothing was changed.")
    live = sagemaker().describe_config(required_fact(record, "sourceConfigName"))
    body = twin.restored_config(snapshot["config"], live)
    target = body["EndpointConfigName"]

    found = sagemaker().describe_config(target)
    if found is None:
        entry = happened(now, f"CreateEndpointConfig {target}, from the record, as it had been deleted")
        records().note(record["remediationId"], {"restoredConfigName": target}, entry)
        sagemaker().create_config(body, twin.settable_tags(snapshot.get("tags", {})))
        found = sagemaker().describe_config(target)
    if found is None:
        raise EndpointConfigNotFound(f"The restored config {target} can't be read back yet.")
    added = require_same(body, found, than="the one on record")
    same = f"Compared {target} with the record: it is the same"
    entry = happened(now, same + twin.in_addition(added))
    facts = {"restoredConfigName": target, "restoredAdditions": added}
    records().note(record["remediationId"], facts, entry)
    logger.info("config_restored", config=target, recreated=live is None)
    return {}
