"""RestoreConfig: check that the earlier config exists as it is on record, or create it again from there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain.encryption import twin
from lambdas.domain.errors import EndpointConfigNotFound
from lambdas.domain.record import happened
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.services import configs
from lambdas.services.observability import logger, step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    record = records().backout(event["backoutId"])
    records().require_claim(record)
    config, tags = configs.recorded_source(records().remediation(record["backsOut"]))
    live = sagemaker().describe_config(str(config["EndpointConfigName"]))
    body = twin.restored_config(config, live)
    target = body["EndpointConfigName"]

    found = sagemaker().describe_config(target)
    if found is None:
        entry = happened(now, f"CreateEndpointConfig {target}, from the record, as it had been deleted")
        records().note_backout(record["backoutId"], {"restoredConfigName": target}, entry)
        sagemaker().create_config(body, twin.settable_tags(tags))
        found = sagemaker().describe_config(target)
    if found is None:
        raise EndpointConfigNotFound(f"The restored config {target} can't be read back yet.")
    added = configs.require_same(body, found, than="the one on record")
    same = f"Compared {target} with the record: it is the same"
    entry = happened(now, same + twin.in_addition(added))
    facts = {"restoredConfigName": target, "restoredAdditions": added, "targetIdentity": twin.identity(found)}
    records().note_backout(record["backoutId"], facts, entry)
    logger.info("config_restored", config=target, recreated=live is None)
    return {}
