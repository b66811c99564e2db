"""ExemptEndpoint: tag a backed-out endpoint as exempt until a date, so that it isn't raised again at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain import backout
from lambdas.domain.encryption.assessment import EXEMPT_UNTIL_TAG
from lambdas.domain.errors import EndpointGone
from lambdas.domain.record import happened
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.gateways.settings import required_days
from lambdas.services.observability import step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    record = records().backout(event["backoutId"])
    records().require_claim(record)
    endpoint = sagemaker().describe_endpoint(record["endpointName"])
    if endpoint is None:
        raise EndpointGone("The endpoint no longer exists.")
    tags = backout.exemption_tags(now, required_days("EXEMPT_DAYS").days, record)
    if "exemptUntil" not in record:
        # recorded before the call: what to restore if the endpoint is not returned after all
        live = sagemaker().list_tags(endpoint["EndpointArn"])
        before = {key: value for key, value in live.items() if key in tags}
        facts = {"exemptUntil": tags[EXEMPT_UNTIL_TAG], "exemptionBefore": before}
        entry = happened(now, f"Tagged the endpoint as exempt until {tags[EXEMPT_UNTIL_TAG]}")
        records().note_backout(record["backoutId"], facts, entry)
    sagemaker().add_tags(endpoint["EndpointArn"], tags)
    return {}
