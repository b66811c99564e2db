"""CheckFeasibility: a person is asked only for what can work, and told what the key won't cover."""

from __future__ import annotations

from typing import Any

from gateways.environment import required
from gateways.kms import kms
from gateways.records import records
from gateways.sagemaker import sagemaker
from handlers.observability import step
from remediation import feasibility
from remediation.record import required_fact


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    remediation = records().remediation(event["remediationId"])
    config = records().snapshot(remediation["remediationId"])["config"]
    key_arn, region = required("KMS_KEY_ARN"), required_fact(remediation, "endpointArn").split(":")[3]
    feasibility.require_usable_key(kms().describe_key(key_arn), key_arn, region)
    models = feasibility.model_names(config)
    feasibility.require_models([name for name in models if not sagemaker().model_exists(name)])

    notes = remediation.get("notes", [])
    note = feasibility.local_storage_note(config)
    if note and note not in notes:
        records().note(remediation["remediationId"], {"notes": [*notes, note]})
    return {}
